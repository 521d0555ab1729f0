//! Runs that end at random moments, on clusters whose API servers stumble. PROPTEST_CASES says how many; [`CASES`] without it.

use std::{sync::Arc, time::Duration};

use meshproof::{journal::entries, safety::recover};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::site::{Going, Site, as_before, site_with_theirs};

/// So many runs by default.
const CASES: u32 = 16;

/// Changes of each kind, and a wait that never ends.
const CHANGES: &str = "
- name: makes
  do:
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: beside, namespace: default}}]}
    - label: {kind: Namespace, name: theirs, set: {ours: 'yes', shared: ours}}
- name: changes
  needs: [makes]
  do:
    - apply: {force: true, objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: beside, namespace: default}, data: {a: b}}]}
    - label: {kind: Namespace, name: theirs, set: {shared: again}}
    - delete: {of: {kind: ConfigMap, name: inside, namespace: made}}
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: theirs, annotations: {note: ours}}}]}
- name: waits
  needs: [changes]
  expect: [{object: {of: {kind: ConfigMap, name: never, namespace: kube-public}}, within: 10m}]";

/// How a run ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// As by SIGKILL.
    Killed,
    /// By a signal.
    Interrupted,
    /// By a second one.
    GivenUp,
}

/// Faults as any API server may have, each so seldom that whoever tries again gets through.
fn rule() -> impl Strategy<Value = Value> {
    let effects = [
        json!({"tooManyRequests": 1}),
        json!("internalError"),
        json!("serviceUnavailable"),
        json!({"slow": 2}),
        json!("reset"),
        json!("answerLost"),
        json!("watchDropped"),
        json!("gone"),
        json!("duplicated"),
        json!("reordered"),
    ];
    let verbs = [vec![], vec!["get"], vec!["list"], vec!["watch"], vec!["create"], vec!["patch"], vec!["delete"]];
    let (verbs, effects) = (prop::sample::select(verbs.to_vec()), prop::sample::select(effects.to_vec()));
    (verbs, effects, 0..10_u64, 1..6_u64).prop_map(
        |(verbs, effect, after, times)| json!({"match": {"verbs": verbs}, "effect": effect, "after": after, "times": times}),
    )
}

fn config() -> ProptestConfig {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { CASES };
    // What is found is told whole; to look for less of it takes as long again.
    ProptestConfig { cases, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whenever_a_run_ends_its_cluster_is_as_before(
        moment in 0..800_u64,
        end in prop::sample::select(vec![End::Killed, End::Interrupted, End::GivenUp]),
        rules in prop::collection::vec(rule(), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(ends(Duration::from_millis(moment), end, &rules));
    }
}

async fn ends(moment: Duration, end: End, rules: &[Value]) {
    let (site, theirs) = site_with_theirs().await;
    let cleaner = Arc::new(Site::connect(&site.simulated.kubeconfig, site.folder.path()).await);
    let going = site.go(CHANGES).await;
    site.faults(rules).await;
    tokio::time::sleep(moment).await;
    over(going, end).await;
    // Whoever cleans up meets the faults that are left, and tries again without them.
    for rules in [None, Some(&[][..])] {
        if let Some(rules) = rules {
            site.faults(rules).await;
        }
        for entry in entries(&site.state()).unwrap() {
            let cleaned =
                recover(&cleaner, &entry, &site.state(), unbounded_channel().0, &CancellationToken::new()).await;
            assert!(rules.is_none() || cleaned.as_ref().is_ok_and(Vec::is_empty), "{cleaned:?}");
        }
    }
    as_before(&site, &theirs).await;
}

async fn over(going: Going, end: End) {
    match end {
        End::Killed => going.kill().await,
        End::Interrupted => {
            going.signals.interrupt.cancel();
            going.end().await;
        }
        End::GivenUp => {
            going.signals.interrupt.cancel();
            going.signals.give_up.cancel();
            going.end().await;
        }
    }
}
