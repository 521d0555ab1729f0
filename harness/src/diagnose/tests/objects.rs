//! Objects that are lacking, otherwise, or still there.

use super::*;

fn follow(evidence: &mut Evidence) {
    let read = |yaml: &str| expectation::<References>(yaml);
    let all = [
        read("{from: {kind: VirtualService}, path: '/spec/http/*/route/*/destination/host', to: {kind: Service}}"),
        read("{from: {kind: VirtualService}, path: '/spec/gateways/*', to: {kind: Gateway}, ignore: [mesh]}"),
    ];
    let looked = |kind: &str, namespace: &str| evidence.looked(kind, namespace);
    evidence.broken = all.iter().flat_map(|of| of.broken(&evidence.objects, &looked)).collect();
}

#[rstest]
#[case::absent(json!({}), "Namespace ns lacks the label mesh=on")]
#[case::other(json!({"mesh": "off"}), "Namespace ns has the label mesh=off, not mesh=on")]
fn a_label_that_is_not_so(#[case] labels: Value, #[case] sentence: &str) {
    let concern = expects("{object: {of: {kind: Namespace, name: ns}, match: {metadata: {labels: {mesh: 'on'}}}}}");
    found(&evidence(concern, vec![namespace(labels)]), "label-absent", sentence);
}

#[rstest]
#[case::service(
    "b",
    "gate",
    "reference-broken",
    "VirtualService shop refers to the Service b (spec.http[0].route[0].destination.host), and there is none in ns"
)]
#[case::whole_name(
    "b.ns.svc.cluster.local",
    "gate",
    "reference-broken",
    "VirtualService shop refers to the Service b (spec.http[0].route[0].destination.host), and there is none in ns"
)]
#[case::gateway(
    "a",
    "ns/other",
    "reference-broken",
    "VirtualService shop refers to the Gateway other (spec.gateways[0]), and there is none in ns"
)]
#[case::elsewhere(
    "shop.example.com",
    "unseen/gate",
    "unknown",
    "the evidence tells no cause beyond the reason: it is not so"
)]
#[case::whole("a", "gate", "unknown", "the evidence tells no cause beyond the reason: it is not so")]
fn references_that_lead_nowhere(
    #[case] host: &str,
    #[case] gateway: &str,
    #[case] cause: &str,
    #[case] sentence: &str,
) {
    let concern = expects("{object: {of: {kind: VirtualService, name: shop}, cel: ['false']}}");
    let gate = json!({"kind": "Gateway", "metadata": {"name": "gate", "namespace": "ns"}});
    let service = json!({"kind": "Service", "metadata": meta("a"), "spec": {}});
    let mut evidence = evidence(concern, vec![route(host, gateway), gate, service]);
    follow(&mut evidence);
    found(&evidence, cause, sentence);
}

#[test]
fn an_object_that_is_not_there_with_who_wants_it() {
    let concern = expects("{object: {of: {kind: Gateway, name: gate}}}");
    let mut evidence = evidence(concern, vec![route("a", "gate")]);
    follow(&mut evidence);
    found(&evidence, "object-missing", "there is no Gateway gate in ns, to which VirtualService shop refers");
}

/// What was not looked for, for lack of rights, cannot be said to be missing.
#[test]
fn an_object_that_nobody_looked_for_is_not_missing() {
    let concern = expects("{object: {of: {kind: Gateway, name: gate}}}");
    let mut evidence = evidence(concern, Vec::new());
    evidence.looked.clear();
    assert_eq!(judge(&evidence).cause(), "unknown");
}

#[test]
fn an_object_that_is_refused() {
    let concern = does("{apply: {objects: [{apiVersion: v1, kind: Service, metadata: {name: a}}]}}");
    let mut evidence = evidence(concern, Vec::new());
    evidence.symptom.reason = "Service a: refused: spec.ports: Required value".into();
    found(&evidence, "refused", "the API server refuses to apply Service a: spec.ports: Required value");
}

#[rstest]
#[case::held(json!({"name": "s", "namespace": "ns", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/x"]}),
    "Secret s does not go: it is held by example.com/x")]
#[case::left(json!({"name": "s", "namespace": "ns"}), "Secret s is still there")]
fn what_should_be_gone(#[case] metadata: Value, #[case] sentence: &str) {
    let evidence =
        evidence(expects("{absent: {kind: Secret, name: s}}"), vec![json!({"kind": "Secret", "metadata": metadata})]);
    found(&evidence, "still-there", sentence);
}
