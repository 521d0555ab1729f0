//! What the harness itself needs, whatever the suite.

use super::ApiVerb::{self, List};

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct OwnRule {
    pub extent: Extent,
    pub group: &'static str,
    pub resource: &'static str,
    pub verbs: &'static [ApiVerb],
}

/// Where a line of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// In all namespaces, or cluster-wide.
    Cluster,
    /// In one namespace.
    Namespace(&'static str),
    /// In each namespace in which the plan makes, changes or watches something.
    Used,
    /// Only where the plan makes claims on storage.
    Claims,
}

/// The only place where the harness' own needs stand: `plan --rbac` prints them and preflight asks
/// for them. Whoever adds a request of the harness' own adds its line.
pub const OWN: &[OwnRule] = &[
    // Preflight: whether the namespaces used are there and what pods they admit, whether there is room, whether claims are met.
    OwnRule { extent: Extent::Cluster, group: "", resource: "namespaces", verbs: &[List] },
    OwnRule { extent: Extent::Cluster, group: "", resource: "nodes", verbs: &[List] },
    OwnRule { extent: Extent::Cluster, group: "", resource: "pods", verbs: &[List] },
    OwnRule { extent: Extent::Cluster, group: "", resource: "services", verbs: &[List] },
    OwnRule { extent: Extent::Used, group: "", resource: "resourcequotas", verbs: &[List] },
    OwnRule { extent: Extent::Claims, group: "storage.k8s.io", resource: "storageclasses", verbs: &[List] },
];
