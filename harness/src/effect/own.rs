//! What the harness itself needs, whatever the suite.

use super::ApiVerb::{self, Create, Delete, Get, List, Patch, Watch};
use crate::safety::LEASE_NAMESPACE;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct OwnRule {
    pub extent: Extent,
    pub group: &'static str,
    pub resource: &'static str,
    pub verbs: &'static [ApiVerb],
}

/// Where, and of which plans, a line of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// In all namespaces, or cluster-wide; of every plan.
    Cluster,
    /// In one namespace; of every plan.
    Namespace(&'static str),
    /// In each namespace in which the plan does or watches something.
    Used,
    /// Cluster-wide, where the suite states how much room it needs.
    Room,
    /// In each namespace in which the suite states how much room it needs.
    RoomNamespaces,
    /// Cluster-wide, where the suite states that it needs a load balancer.
    LoadBalancer,
    /// Cluster-wide, where the plan makes claims on storage.
    Claims,
}

/// The only place where the harness' own needs stand: `plan --rbac` prints them and preflight asks for them. Whoever adds a request of
/// the harness' own adds its line.
pub const OWN: &[OwnRule] = &[
    // Preflight: which namespaces are there, and what pods they admit.
    OwnRule { extent: Extent::Cluster, group: "", resource: "namespaces", verbs: &[List] },
    // Which cluster it is: `kube-system` lives as long.
    OwnRule { extent: Extent::Cluster, group: "", resource: "namespaces", verbs: &[Get] },
    // Leases against a second run.
    OwnRule {
        extent: Extent::Namespace(LEASE_NAMESPACE),
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &[Get, List, Watch, Create, Patch, Delete],
    },
    // Whether there is room.
    OwnRule { extent: Extent::Room, group: "", resource: "nodes", verbs: &[List] },
    OwnRule { extent: Extent::Room, group: "", resource: "pods", verbs: &[List] },
    OwnRule { extent: Extent::RoomNamespaces, group: "", resource: "resourcequotas", verbs: &[List] },
    // Whether services are given addresses, and claims storage.
    OwnRule { extent: Extent::LoadBalancer, group: "", resource: "services", verbs: &[List] },
    OwnRule { extent: Extent::Claims, group: "storage.k8s.io", resource: "storageclasses", verbs: &[List] },
];

/// What a run can do without: where it may not, it says what it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Optional {
    /// What is read about a case that failed: objects, events and logs where the plan works, nodes, webhooks.
    Diagnosis,
    /// Listing every object of every kind, Secrets among them, so that the comparison before and after leaves out nothing.
    Inventory,
}

/// The harness' own optional needs; what suites want to be collected comes to it. As with [`OWN`], whoever adds a request adds its line.
pub const OPTIONAL: &[(Optional, OwnRule)] = &[
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "", resource: "pods", verbs: &[List] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "", resource: "pods/log", verbs: &[Get] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "", resource: "services", verbs: &[List] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "", resource: "events", verbs: &[List] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "", resource: "resourcequotas", verbs: &[List] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "apps", resource: "replicasets", verbs: &[List] }),
    (Optional::Diagnosis, OwnRule { extent: Extent::Used, group: "apps", resource: "deployments", verbs: &[List] }),
    (
        Optional::Diagnosis,
        OwnRule { extent: Extent::Used, group: "discovery.k8s.io", resource: "endpointslices", verbs: &[List] },
    ),
    (Optional::Diagnosis, OwnRule { extent: Extent::Cluster, group: "", resource: "nodes", verbs: &[List] }),
    (
        Optional::Diagnosis,
        OwnRule {
            extent: Extent::Cluster,
            group: "admissionregistration.k8s.io",
            resource: "mutatingwebhookconfigurations",
            verbs: &[List],
        },
    ),
    // Webhooks without a server are told before the run, too.
    (
        Optional::Diagnosis,
        OwnRule {
            extent: Extent::Cluster,
            group: "admissionregistration.k8s.io",
            resource: "validatingwebhookconfigurations",
            verbs: &[List],
        },
    ),
    (Optional::Diagnosis, OwnRule { extent: Extent::Cluster, group: "", resource: "services", verbs: &[Get] }),
    (Optional::Inventory, OwnRule { extent: Extent::Cluster, group: "*", resource: "*", verbs: &[List] }),
];
