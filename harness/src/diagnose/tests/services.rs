//! Services that do not serve.

use super::*;

#[rstest]
#[case::port("{services: {services: [{name: a, ports: [{port: 80}, {port: 443}]}]}}", json!({"ports": [{"port": 80, "protocol": "TCP"}]}),
    "port-missing", "the Service a in ns has no port 443/TCP")]
#[case::protocol("{services: {services: [{name: a, ports: [{port: 80, protocol: UDP}]}]}}", json!({"ports": [{"port": 80}]}),
    "port-missing", "the Service a in ns has no port 80/UDP")]
#[case::no_pods("{object: {of: {kind: Service, name: a}, cel: ['false']}}", json!({"selector": {"app": "none"}}),
    "no-ready-endpoints", "the Service a in ns leads nowhere: its selector takes no pod")]
#[case::address("{services: {services: [{name: a, address: true}]}}", json!({"type": "LoadBalancer"}),
    "no-address", "no load balancer has given the Service a in ns an address")]
#[case::missing("{services: {services: [{name: b}]}}", json!({}), "object-missing", "there is no Service b in ns")]
fn services_that_do_not_serve(#[case] wanted: &str, #[case] spec: Value, #[case] cause: &str, #[case] sentence: &str) {
    found(&evidence(expects(wanted), vec![service(spec)]), cause, sentence);
}

#[test]
fn a_request_fails_where_no_pod_is_ready() {
    let concern = then(does("{http: {url: 'http://shop/'}}"), "{http: {status: 200}}");
    let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
    let evidence = evidence(concern, vec![service(json!({"selector": {"app": "a"}})), pod(status)]);
    found(
        &evidence,
        "no-ready-endpoints",
        "the Service a in ns leads nowhere: of the 1 pods that it takes, none is ready",
    );
}

/// Of several services without pods, the one that is asked.
#[rstest]
#[case::of_a_request("{exec: {selector: app=x, command: [curl, 'http://b:80/']}}", "no-ready-endpoints")]
#[case::of_a_program("{run: {program: curl, args: ['b:80']}}", "no-ready-endpoints")]
#[case::of_another_program("{run: {program: shopctl, args: [check]}}", "not-as-expected")]
fn the_service_that_is_asked(#[case] action: &str, #[case] cause: &str) {
    let concern = then(does(action), "{output: {exitCode: 0}}");
    let other =
        json!({"kind": "Service", "metadata": {"name": "b", "namespace": "ns"}, "spec": {"selector": {"app": "b"}}});
    let mut evidence = evidence(concern, vec![service(json!({"selector": {"app": "none"}})), other]);
    (evidence.symptom.expected, evidence.symptom.seen) = (Some("exit code 0".into()), Some("exit code 7".into()));
    let finding = judge(&evidence);
    assert_eq!(finding.cause(), cause);
    assert!(
        cause != "no-ready-endpoints" || finding.to_string().starts_with("the Service b in ns leads nowhere"),
        "{finding}"
    );
}
