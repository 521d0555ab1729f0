//! From nodes to what listens on this machine's loopback only.

use std::{collections::HashMap, net::Ipv4Addr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{KindError, Step, container::Node};

/// The name by which containers of Docker Desktop reach the machine's loopback.
const DESKTOP: &str = "host.docker.internal";

/// Ports that are handed on, as long as it lives.
#[derive(Debug, Default)]
pub struct Forwards {
    tasks: JoinSet<()>,
    /// By the port of loopback: where nodes find it.
    ways: HashMap<u16, (String, u16)>,
}

impl Forwards {
    /// The address and port by which a node reaches a port of this machine's loopback.
    pub async fn way(&mut self, node: &Node, port: u16) -> Result<(String, u16), KindError> {
        if let Some(way) = self.ways.get(&port) {
            return Ok(way.clone());
        }
        let way = match TcpListener::bind((node.gateway.as_str(), 0)).await {
            Ok(listener) => {
                let there =
                    listener.local_addr().map_err(|error| KindError::new(Step::Registries, error.to_string()))?;
                self.tasks.spawn(hand_on(listener, port));
                (node.gateway.clone(), there.port())
            }
            // Docker has a machine of its own, whose gateway is not here.
            Err(error) => match node.try_run(Step::Registries, &["getent", "ahostsv4", DESKTOP]).await? {
                (0, found) => (found.split_whitespace().next().unwrap_or(DESKTOP).to_owned(), port),
                _ => {
                    let reason = format!(
                        "nodes cannot reach 127.0.0.1:{port} of this machine: neither {} ({error}) nor {DESKTOP} is their way to it; name the registry by an address that Docker's network reaches",
                        node.gateway
                    );
                    return Err(KindError::new(Step::Registries, reason));
                }
            },
        };
        self.ways.insert(port, way.clone());
        Ok(way)
    }
}

async fn hand_on(listener: TcpListener, port: u16) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut from, _)) = accepted else { return };
                connections.spawn(async move {
                    // Who finds nothing there sees its connection end.
                    if let Ok(mut to) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                        copy_bidirectional(&mut from, &mut to).await.ok();
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_comes_back() {
        let there = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let port = there.local_addr().unwrap().port();
        let handing = tokio::spawn(hand_on(listener, port));
        let mut from = TcpStream::connect(address).await.unwrap();
        from.write_all(b"ping").await.unwrap();
        let (mut to, _) = there.accept().await.unwrap();
        let mut seen = [0; 4];
        to.read_exact(&mut seen).await.unwrap();
        to.write_all(b"pong").await.unwrap();
        drop(to);
        let mut answer = String::new();
        from.read_to_string(&mut answer).await.unwrap();
        assert_eq!((&seen, answer.as_str()), (b"ping", "pong"));
        handing.abort();
    }
}
