//! `services`: services with their types, ports and addresses.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Judgement, Target, Watched, enumerate, target::Namespaces};
use crate::cluster::Object;

/// That services are there and each is as described.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Services {
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    pub services: Vec<WantedService>,
    /// That there are no others in the namespace.
    #[serde(default)]
    pub only: bool,
}

/// One service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedService {
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Exactly these ports, in any order.
    pub ports: Option<Vec<ServicePort>>,
    /// Whether a load balancer has given it an address or a host name.
    pub address: Option<bool>,
}

/// One port.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    pub port: u16,
    /// `TCP` if it is not given.
    pub protocol: Option<String>,
    pub name: Option<String>,
    /// Whether it has a node port.
    pub node_port: Option<bool>,
}

impl Watched for Services {
    fn target(&self) -> Target<'_> {
        Target { namespace: Namespaces::of(self.namespace.as_deref(), false), ..Target::of("Service", None) }
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        let mut lacking = Vec::new();
        for wanted in &self.services {
            match objects.iter().find(|object| object.name == wanted.name) {
                Some(object) => lacking.extend(wanted.differences(object)),
                None => lacking.push(format!("{} is not there", wanted.name)),
            }
        }
        if self.only {
            let others = objects.iter().filter(|object| !self.services.iter().any(|wanted| wanted.name == object.name));
            lacking.extend(others.map(|object| format!("{} is there too", object.name)));
        }
        let names: Vec<&str> = self.services.iter().map(|wanted| wanted.name.as_str()).collect();
        if lacking.is_empty() {
            return Judgement::met(enumerate(&names));
        }
        let only = if self.only { " and no others" } else { "" };
        Judgement::not_yet(format!("services {} as described{only}", enumerate(&names)), lacking.join("; "))
    }
}

impl WantedService {
    fn differences(&self, service: &Object) -> Vec<String> {
        let mut differences = Vec::new();
        let kind = service.text("/spec/type").unwrap_or("ClusterIP");
        if let Some(wanted) = self.kind.as_deref().filter(|wanted| *wanted != kind) {
            differences.push(format!("{} is of type {kind}, not {wanted}", self.name));
        }
        if let Some(wanted) = &self.ports {
            differences.extend(self.port_differences(wanted, service.items("/spec/ports")));
        }
        let ingress = service.items("/status/loadBalancer/ingress");
        let has_address = ingress.iter().any(|entry| entry["ip"].is_string() || entry["hostname"].is_string());
        if self.address.is_some_and(|wanted| wanted != has_address) {
            let what = if has_address { "has an external address" } else { "has no external address yet" };
            differences.push(format!("{} {what}", self.name));
        }
        differences
    }

    fn port_differences(&self, wanted: &[ServicePort], ports: &[Value]) -> Vec<String> {
        let name = &self.name;
        let missing = wanted.iter().filter(|port| !ports.iter().any(|seen| port.is(seen)));
        let extra = ports.iter().filter(|seen| !wanted.iter().any(|port| port.is(seen)));
        let mut differences: Vec<String> =
            missing.map(|port| format!("{name} lacks port {}", port.describe())).collect();
        differences
            .extend(extra.map(|seen| format!("{name} has port {}/{} too", seen["port"], text(seen, "protocol"))));
        for port in wanted {
            let Some(seen) = ports.iter().find(|seen| port.is(seen)) else { continue };
            if let Some(wanted) = port.name.as_deref().filter(|wanted| *wanted != text(seen, "name")) {
                differences.push(format!("{name}'s port {} is called {}, not {wanted}", port.port, text(seen, "name")));
            }
            let has = seen["nodePort"].as_u64().is_some_and(|number| number > 0);
            if port.node_port.is_some_and(|wanted| wanted != has) {
                let what = if has { "has a node port" } else { "has no node port" };
                differences.push(format!("{name}'s port {} {what}", port.port));
            }
        }
        differences
    }
}

impl ServicePort {
    fn is(&self, seen: &Value) -> bool {
        seen["port"].as_u64() == Some(u64::from(self.port))
            && text(seen, "protocol") == self.protocol.as_deref().unwrap_or("TCP")
    }

    fn describe(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        format!("{}/{}{name}", self.port, self.protocol.as_deref().unwrap_or("TCP"))
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    let default = if key == "protocol" { "TCP" } else { "" };
    value[key].as_str().unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::{expectation, object};

    fn service(kind: &str, ports: Value, ip: Option<&str>) -> Arc<Object> {
        let ingress: Vec<Value> = ip.iter().map(|ip| json!({"ip": ip})).collect();
        object(json!({"kind": "Service", "metadata": {"name": "a"}, "spec": {"type": kind, "ports": ports},
            "status": {"loadBalancer": {"ingress": ingress}}}))
    }

    #[rstest]
    #[case("{name: a, type: LoadBalancer}", "a is of type NodePort, not LoadBalancer")]
    #[case("{name: a, ports: [{port: 80}, {port: 443}]}", "a lacks port 443/TCP")]
    #[case("{name: a, ports: []}", "a has port 80/TCP too")]
    #[case("{name: a, ports: [{port: 80, name: web}]}", "a's port 80 is called http2, not web")]
    #[case("{name: a, ports: [{port: 80, nodePort: false}]}", "a's port 80 has a node port")]
    #[case("{name: a, address: true}", "a has no external address yet")]
    #[case("{name: b}", "b is not there")]
    fn what_differs_is_named(#[case] yaml: &str, #[case] seen: &str) {
        let wanted: Services = expectation(&format!("{{services: [{yaml}]}}"));
        let ports = json!([{"port": 80, "name": "http2", "protocol": "TCP", "nodePort": 30080}]);
        let judgement = wanted.judge(&[service("NodePort", ports, None)]);
        let Judgement::NotYet(mismatch) = judgement else { panic!("{judgement:?}") };
        assert_eq!(mismatch.seen, seen);
    }

    #[test]
    fn a_service_as_described_is_met() {
        let wanted: Services = expectation(
            "{services: [{name: a, type: LoadBalancer, ports: [{port: 80, nodePort: true}], address: true}], only: true}",
        );
        let ports = json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}]);
        assert!(wanted.judge(&[service("LoadBalancer", ports, Some("192.0.2.1"))]).is_met());
    }
}
