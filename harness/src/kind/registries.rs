//! How the nodes' containerd speaks to the run's registries: as the run itself does.

use std::{collections::BTreeSet, fmt::Write, path::PathBuf};

use serde_json::Value;

use super::{KindError, Step, container::Node, forward::Forwards};
use crate::registry::{Settings, host_of, is_loopback};

/// Where containerd looks for what it must know of a registry, in a folder for each.
const HOSTS: &str = "/etc/containerd/certs.d";
const CONFIG: &str = "/etc/containerd/config.toml";
const AUTHORITIES: &str = "/kind/registries.pem";
/// The node's own rules for packets, by this name, so that they can be made anew.
const CHAIN: &str = "MESHPROOF";

/// What containerd does not do by itself. Nothing, if empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeRegistries {
    /// Registries, as `host` or `host:port`, that speak plain HTTP.
    plain: BTreeSet<String>,
    /// Ports of registries on this machine's loopback, which for a node is another than its own.
    loopback: BTreeSet<u16>,
    /// Files of PEM certificates that are trusted besides the image's.
    authorities: Vec<PathBuf>,
}

impl NodeRegistries {
    /// From how the run speaks to registries, and from its variables, of which those that begin with a registry on loopback name one.
    pub fn of<'a>(settings: &'a Settings, values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut plain = settings.plain_http.clone();
        let named = values.into_iter().filter_map(Value::as_str).chain(settings.map.targets());
        plain.extend(named.map(registry_of).filter(|registry| is_loopback(host_of(registry))).map(str::to_owned));
        let port = |registry: &String| {
            let (host, port) = registry.rsplit_once(':')?;
            port.parse().ok().filter(|_| is_loopback(host))
        };
        let loopback = plain.iter().filter_map(port).collect();
        Self { plain, loopback, authorities: settings.authorities.clone() }
    }

    /// Lets a node's containerd know, before anything is pulled. What leads to this machine's loopback ends with `forwards`.
    pub async fn give(&self, node: &Node, forwards: &mut Forwards) -> Result<(), KindError> {
        if *self == Self::default() {
            return Ok(());
        }
        for (registry, file) in self.files() {
            let folder = format!("{HOSTS}/{registry}");
            node.run(Step::Registries, &["mkdir", "-p", &folder]).await?;
            node.write(Step::Registries, &format!("{folder}/hosts.toml"), &file).await?;
        }
        if !self.authorities.is_empty() {
            node.write(Step::Registries, AUTHORITIES, &self.certificates()?).await?;
        }
        let config = node.run(Step::Registries, &["cat", CONFIG]).await?;
        if let Some(config) = with_hosts(&config) {
            node.write(Step::Registries, CONFIG, &config).await?;
            node.run(Step::Registries, &["systemctl", "restart", "containerd"]).await?;
        }
        let mut ways = Vec::new();
        for port in &self.loopback {
            ways.push((*port, forwards.way(node, *port).await?));
        }
        if !ways.is_empty() {
            node.run(Step::Registries, &["sh", "-ec", &rules(&ways)]).await?;
        }
        Ok(())
    }

    /// What containerd reads, by the registry's folder.
    fn files(&self) -> Vec<(String, String)> {
        let plain = self.plain.iter().map(|registry| (registry.clone(), format!("server = \"http://{registry}\"\n")));
        let trusted =
            (!self.authorities.is_empty()).then(|| ("_default".to_owned(), format!("ca = \"{AUTHORITIES}\"\n")));
        plain.chain(trusted).collect()
    }

    fn certificates(&self) -> Result<String, KindError> {
        let mut all = String::new();
        for path in &self.authorities {
            let read = std::fs::read_to_string(path);
            all += &read.map_err(|error| KindError::new(Step::Registries, format!("{}: {error}", path.display())))?;
            all.push('\n');
        }
        Ok(all)
    }
}

fn registry_of(reference: &str) -> &str {
    reference.split('/').next().unwrap_or(reference)
}

/// The configuration of a containerd that does not look there yet: images of kind's before 0.27.
fn with_hosts(config: &str) -> Option<String> {
    let looks = config.lines().any(|line| line.trim_start().starts_with("config_path"));
    (!looks)
        .then(|| format!("{config}\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"{HOSTS}\"\n"))
}

/// Leads ports of the node's loopback to where this machine's are reached: a registry keeps its name, and so its certificate.
fn rules(ways: &[(u16, (String, u16))]) -> String {
    let mut script = format!(
        "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
for table in OUTPUT POSTROUTING; do
    iptables -w -t nat -N {CHAIN}-$table 2>/dev/null || iptables -w -t nat -F {CHAIN}-$table
    iptables -w -t nat -C $table -j {CHAIN}-$table 2>/dev/null || iptables -w -t nat -I $table -j {CHAIN}-$table
done
"
    );
    for (port, (address, there)) in ways {
        let _ = write!(
            script,
            "iptables -w -t nat -A {CHAIN}-OUTPUT -d 127.0.0.0/8 -p tcp --dport {port} -j DNAT --to-destination {address}:{there}
iptables -w -t nat -A {CHAIN}-POSTROUTING -s 127.0.0.0/8 -d {address}/32 -p tcp --dport {there} -j MASQUERADE
"
        );
    }
    script
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::RegistryMap;

    #[test]
    fn registries_of_loopback_come_from_variables_rules_and_names() {
        let settings = Settings {
            map: RegistryMap::parse(["docker.io=localhost:5001/mirror", "ghcr.io=registry.example/x"]).unwrap(),
            plain_http: ["10.0.0.1:80", "127.0.0.1:5002"].map(str::to_owned).into(),
            ..Settings::default()
        };
        let values = [json!("127.0.0.1:5000/istio"), json!("registry.example/istio"), json!(5000), json!("127.0.0.1")];
        let registries = NodeRegistries::of(&settings, &values);
        assert_eq!(registries.loopback, [5000, 5001, 5002].into());
        assert!(
            registries.files().contains(&("10.0.0.1:80".to_owned(), "server = \"http://10.0.0.1:80\"\n".to_owned()))
        );
        assert!(!registries.plain.contains("registry.example"));
    }

    #[test]
    fn nothing_is_to_be_told_of_registries_that_anybody_can_reach() {
        let registries = NodeRegistries::of(&Settings::default(), &[json!("registry.example/istio")]);
        assert_eq!(registries, NodeRegistries::default());
    }

    #[test]
    fn a_containerd_that_looks_for_hosts_is_left_as_it_is() {
        assert_eq!(with_hosts("version = 2\n  config_path = \"/etc/containerd/certs.d\"\n"), None);
        let config = with_hosts("version = 2\n").unwrap();
        assert!(config.starts_with("version = 2\n") && config.contains("config_path"), "{config}");
    }

    #[test]
    fn each_port_has_its_way() {
        let script = rules(&[(5000, ("172.17.0.1".to_owned(), 40001))]);
        assert!(script.contains("--dport 5000 -j DNAT --to-destination 172.17.0.1:40001"), "{script}");
    }
}
