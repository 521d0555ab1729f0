//! Addresses for services of type LoadBalancer, which in the cloud are given by the cloud: that of the node, whose kube-proxy does the rest.

use std::net::IpAddr;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::FIELD_MANAGER;

/// Gives addresses as long as it lives.
pub struct Balancer(JoinHandle<()>);

impl Drop for Balancer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Balancer {
    pub fn start(client: Client, address: IpAddr) -> Self {
        Self(tokio::spawn(async move {
            let services = watcher(Api::<Service>::all(client.clone()), watcher::Config::default());
            let served = services.default_backoff().applied_objects().try_for_each(|service| {
                let client = client.clone();
                async move {
                    if waits(&service) {
                        // Whoever waits for the address says that it does not come.
                        let _ = give(client, &service, address).await;
                    }
                    Ok(())
                }
            });
            // The watcher comes back by itself; it ends with its owner.
            let _ = served.await;
        }))
    }
}

fn waits(service: &Service) -> bool {
    let is_balanced = service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"));
    let balanced = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    is_balanced && balanced.is_none_or(|balanced| balanced.ingress.as_ref().is_none_or(Vec::is_empty))
}

async fn give(client: Client, service: &Service, address: IpAddr) -> Result<(), kube::Error> {
    let (Some(name), Some(namespace)) = (&service.metadata.name, &service.metadata.namespace) else { return Ok(()) };
    let api: Api<Service> = Api::namespaced(client, namespace);
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address.to_string()}]}}});
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    api.patch_status(name, &parameters, &Patch::Merge(status)).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(json!({"spec": {"type": "LoadBalancer"}}), true)]
    #[case(json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}), true)]
    #[case(json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}), false)]
    #[case(json!({"spec": {"type": "ClusterIP"}}), false)]
    fn a_service_waits_until_it_has_an_address(#[case] service: Value, #[case] expected: bool) {
        assert_eq!(waits(&serde_json::from_value(service).unwrap()), expected);
    }
}
