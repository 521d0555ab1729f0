//! What kubeadm is told: pure.

use std::fmt::Write;

/// Pods' and services' addresses, as kind has them.
pub const POD_SUBNET: &str = "10.244.0.0/16";
const SERVICE_SUBNET: &str = "10.96.0.0/16";
pub const API_PORT: u16 = 6443;

/// One node, as kubeadm must know it.
#[derive(Debug, Clone)]
pub struct NodeFacts<'a> {
    /// Of Kubernetes: `v1.28.15`.
    pub version: &'a str,
    pub cluster: &'a str,
    pub name: &'a str,
    pub address: &'a str,
    /// The control plane's address: its own for the first node.
    pub control_plane: &'a str,
    /// With which further nodes join; it is of no use to anybody who cannot reach the node's own network.
    pub token: &'a str,
}

/// The file for `kubeadm init` and `kubeadm join`: it has both, and each reads its own. Its version, v1beta3, is read by kubeadm 1.22 to 1.30 and beyond.
pub fn config(facts: &NodeFacts) -> String {
    let NodeFacts { version, cluster, name, address, control_plane, token } = facts;
    let registration = format!(
        "nodeRegistration:
  name: {name}
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: {{node-ip: \"{address}\", provider-id: \"kind://docker/{cluster}/{name}\"}}
"
    );
    let mut text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: {version}
clusterName: {cluster}
controlPlaneEndpoint: \"{control_plane}:{API_PORT}\"
apiServer:
  certSANs: [localhost, 127.0.0.1, \"{address}\"]
controllerManager:
  extraArgs: {{enable-hostpath-provisioner: \"true\"}}
networking: {{podSubnet: {POD_SUBNET}, serviceSubnet: {SERVICE_SUBNET}}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
bootstrapTokens: [{{token: {token}}}]
localAPIEndpoint: {{advertiseAddress: \"{address}\", bindPort: {API_PORT}}}
skipPhases: [preflight]
{registration}---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
discovery:
  bootstrapToken: {{apiServerEndpoint: \"{control_plane}:{API_PORT}\", token: {token}, unsafeSkipCAVerification: true}}
skipPhases: [preflight]
{registration}---
"
    );
    // The disk belongs to others, and what was loaded can come from nowhere else: nothing is cleared away for want of room.
    let _ = write!(
        text,
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
cgroupRoot: /kubelet
failSwapOn: false
imageGCHighThresholdPercent: 100
evictionHard: {{nodefs.available: \"0%\", nodefs.inodesFree: \"0%\", imagefs.available: \"0%\"}}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {{minSyncPeriod: 1s}}
# The limit of connections is the host's own, and not this node's to change.
conntrack: {{maxPerCore: 0}}
"
    );
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_document_is_read_and_knows_the_node() {
        let facts = NodeFacts {
            version: "v1.28.15",
            cluster: "c",
            name: "c-worker",
            address: "172.17.0.3",
            control_plane: "172.17.0.2",
            token: "abcdef.0123456789abcdef",
        };
        let documents: Vec<Value> = serde_saphyr::from_multiple(&config(&facts)).unwrap();
        let of = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
        assert_eq!(of("ClusterConfiguration")["controlPlaneEndpoint"], "172.17.0.2:6443");
        assert_eq!(of("ClusterConfiguration")["kubernetesVersion"], "v1.28.15");
        assert_eq!(of("InitConfiguration")["localAPIEndpoint"]["advertiseAddress"], "172.17.0.3");
        assert_eq!(of("JoinConfiguration")["discovery"]["bootstrapToken"]["token"], "abcdef.0123456789abcdef");
        assert_eq!(of("JoinConfiguration")["nodeRegistration"]["kubeletExtraArgs"]["node-ip"], "172.17.0.3");
        assert_eq!(of("KubeletConfiguration")["cgroupRoot"], "/kubelet");
        assert_eq!(of("KubeProxyConfiguration")["conntrack"]["maxPerCore"], 0);
    }
}
