//! To services of a node whose address this machine has no route to, such as with Docker Desktop: through the API server, which forwards
//! ports of pods.

use std::{convert::Infallible, net::IpAddr};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, client, server, service::service_fn, upgrade};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, api::ListParams};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An HTTP proxy on loopback, as long as it lives.
#[derive(Debug)]
pub struct Tunnel {
    /// As in `http://127.0.0.1:PORT`.
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What stands at the other end.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Body = BoxBody<Bytes, hyper::Error>;

impl Tunnel {
    /// To the services of the cluster that a node's address stands for; any other address is reached directly.
    pub async fn start(client: Client, node: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let client = client.clone();
                let service = service_fn(move |request| {
                    let client = client.clone();
                    async move { Ok::<_, Infallible>(answer(client, node, request).await) }
                });
                let served = server::conn::http1::Builder::new()
                    .preserve_header_case(true)
                    .serve_connection(TokioIo::new(connection), service)
                    .with_upgrades();
                // Ends with its client, or with the cluster.
                tokio::spawn(served);
            }
        });
        Ok(Self { url, task })
    }
}

async fn answer(client: Client, node: IpAddr, mut request: Request<Incoming>) -> Response<Body> {
    let Some((host, port)) = target(request.uri()) else {
        return told(StatusCode::BAD_REQUEST, "this is a proxy, and the request names no host".to_owned());
    };
    let opened = match host.parse::<IpAddr>() {
        Ok(address) if address == node => forwarded(&client, node, port).await,
        _ => match TcpStream::connect((host.as_str(), port)).await {
            Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
            Err(error) => Err(format!("{host}:{port}: {error}")),
        },
    };
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(reason) => return told(StatusCode::BAD_GATEWAY, reason),
    };
    if request.method() == Method::CONNECT {
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade::on(&mut request).await {
                copy_bidirectional(&mut TokioIo::new(upgraded), &mut stream).await.ok();
            }
        });
        return Response::new(Full::default().map_err(|never| match never {}).boxed());
    }
    match passed_on(stream, request).await {
        Ok(response) => response.map(BodyExt::boxed),
        Err(error) => told(StatusCode::BAD_GATEWAY, format!("{host}:{port}: {error}")),
    }
}

fn target(uri: &Uri) -> Option<(String, u16)> {
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some((host, uri.port_u16().unwrap_or(80)))
}

fn told(status: StatusCode, reason: String) -> Response<Body> {
    let body = Full::from(reason + "\n").map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// One request and its answer: as a server gets it that is no proxy.
async fn passed_on(stream: Box<dyn Stream>, mut request: Request<Incoming>) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) =
        client::conn::http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse();
    *request.uri_mut() = path.unwrap_or_else(|_| Uri::from_static("/"));
    request.headers_mut().remove("proxy-connection");
    request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    sender.send_request(request).await
}

/// A stream to a pod of the service that has this port at the node's address.
async fn forwarded(client: &Client, node: IpAddr, port: u16) -> Result<Box<dyn Stream>, String> {
    let failed = |error: kube::Error| format!("{node}:{port}: {error}");
    let services = Api::<Service>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)?;
    let found = services.items.iter().find_map(|service| Some((service, port_of(service, node, port)?)));
    let Some((service, port_name)) = found else {
        return Err(format!("no service has port {port} at the node's address {node}"));
    };
    let (name, namespace) = (service.metadata.name.as_deref(), service.metadata.namespace.as_deref());
    let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
    let selector = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), namespace).list(&selector).await.map_err(failed)?;
    let Some((pod, target)) = slices.items.iter().find_map(|slice| ready_pod(slice, &port_name)) else {
        return Err(format!("service {namespace}/{name} has no pod that is ready"));
    };
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut forwarder = pods.portforward(&pod, &[target]).await.map_err(failed)?;
    let stream = forwarder.take_stream(target).ok_or_else(|| format!("pod {namespace}/{pod} gave no stream"))?;
    // It carries the stream until that ends.
    tokio::spawn(forwarder.join());
    Ok(Box::new(stream))
}

/// The name of the service's port that is reached at a port of the node's address, as a load balancer or as a node port.
fn port_of(service: &Service, node: IpAddr, port: u16) -> Option<String> {
    let spec = service.spec.as_ref()?;
    let ingress = service.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    let balanced = ingress.is_some_and(|all| all.iter().any(|one| one.ip.as_deref() == Some(&node.to_string())));
    let found = spec.ports.as_ref()?.iter().find(|one| {
        let is = |number: i32| number == i32::from(port);
        balanced && is(one.port) || one.node_port.is_some_and(is)
    });
    found.map(|port| port.name.clone().unwrap_or_default())
}

/// A pod that answers, and its port.
fn ready_pod(slice: &EndpointSlice, port_name: &str) -> Option<(String, u16)> {
    let port = slice.ports.as_ref()?.iter().find(|port| port.name.as_deref().unwrap_or_default() == port_name)?;
    let is_ready = |ready: Option<bool>| ready.unwrap_or(true);
    let ready = slice
        .endpoints
        .iter()
        .find(|endpoint| endpoint.conditions.as_ref().is_none_or(|conditions| is_ready(conditions.ready)))?;
    Some((ready.target_ref.as_ref()?.name.clone()?, u16::try_from(port.port?).ok()?))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{StreamExt, TryStreamExt};
    use kube::{
        api::PostParams,
        runtime::{
            WatchStreamExt,
            wait::{await_condition, conditions::is_pod_running},
            watcher,
        },
    };
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::{
        cluster::{Cluster, Reach, SimulateOptions, simulate},
        registry::testing::install_tls,
    };

    /// A server behind a service of type `LoadBalancer` at port 8080, and the service's address.
    async fn served(directory: &std::path::Path) -> (Cluster, IpAddr) {
        install_tls();
        let cluster = simulate(&SimulateOptions::default(), directory).await.unwrap();
        let pods = Api::<Pod>::namespaced(cluster.client.clone(), "default");
        let pod = json!({"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "web", "image": "docker.io/library/nginx:latest", "ports": [{"containerPort": 80}]}]}});
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        let services = Api::<Service>::namespaced(cluster.client.clone(), "default");
        let service = json!({"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 8080, "targetPort": 80}]}});
        services.create(&PostParams::default(), &serde_json::from_value(service).unwrap()).await.unwrap();
        await_condition(pods, "web", is_pod_running()).await.unwrap();
        let slices = Api::<EndpointSlice>::namespaced(cluster.client.clone(), "default");
        let slices = watcher(slices, watcher::Config::default()).applied_objects();
        let answering = slices.try_filter(|slice| std::future::ready(ready_pod(slice, "http").is_some()));
        pin!(answering).next().await.unwrap().unwrap();
        let address = |service: Option<&Service>| {
            service?.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?.first()?.ip.clone()
        };
        let balanced = await_condition(services, "web", |service: Option<&Service>| address(service).is_some()).await;
        let address = address(balanced.unwrap().as_ref()).unwrap();
        (cluster, address.parse().unwrap())
    }

    #[tokio::test]
    async fn a_service_without_a_route_answers_through_the_api_server() {
        let folder = tempfile::tempdir().unwrap();
        let (cluster, node) = served(folder.path()).await;
        let tunnel = Tunnel::start(cluster.client.clone(), node).await.unwrap();
        let reach = Reach::Tunnel { url: tunnel.url.clone(), node };
        let client = reach.lead(reqwest::Client::builder()).unwrap().build().unwrap();
        let page = client.get(format!("http://{node}:8080/")).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("nginx"));
        let nobody = client.get(format!("http://{node}:8081/")).send().await.unwrap();
        assert_eq!(nobody.status(), 502);
        assert!(nobody.text().await.unwrap().contains("no service has port 8081"));
    }

    #[tokio::test]
    async fn a_connection_is_carried_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (cluster, node) = served(folder.path()).await;
        let tunnel = Tunnel::start(cluster.client.clone(), node).await.unwrap();
        let mut stream = TcpStream::connect(tunnel.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream
            .write_all(format!("CONNECT {node}:8080 HTTP/1.1\r\nhost: {node}:8080\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
    }
}
