//! How what lies beyond the API server is reached: addresses of services, registries.

use std::{net::IpAddr, path::PathBuf};

use reqwest::{ClientBuilder, NoProxy, Url};

#[derive(Debug, Clone, Default)]
pub enum Reach {
    #[default]
    Directly,
    /// All of it by a proxy into a network that is not this machine's.
    Behind(Proxy),
    /// Only the address of a node, to which this machine has no route, by an HTTP proxy, as in `http://127.0.0.1:PORT`.
    Tunnel { url: String, node: IpAddr },
}

#[derive(Debug, Clone)]
pub struct Proxy {
    /// As in `http://127.0.0.1:PORT`.
    pub url: String,
    /// The authority that vouches for every host behind it, as PEM.
    pub authority: String,
    /// The same as a file, for programs.
    pub authority_file: PathBuf,
}

impl Reach {
    /// The client, led through the proxy.
    pub fn lead(&self, builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        match self {
            Self::Directly => Ok(builder),
            Self::Behind(proxy) => {
                let authority = reqwest::Certificate::from_pem(proxy.authority.as_bytes())?;
                Ok(builder.proxy(reqwest::Proxy::all(&proxy.url)?).tls_certs_merge([authority]))
            }
            Self::Tunnel { url, node } => {
                let (proxy, node) = (Url::parse(url).ok(), node.to_string());
                let led = reqwest::Proxy::custom(move |url| proxy.clone().filter(|_| url.host_str() == Some(&node)));
                // A proxy that is named is the only one: what else there is by the environment is named as well.
                environments().into_iter().try_fold(builder.proxy(led), |builder, (scheme, proxy)| {
                    let named =
                        if scheme == "http" { reqwest::Proxy::http(proxy) } else { reqwest::Proxy::https(proxy) };
                    Ok(builder.proxy(named?.no_proxy(NoProxy::from_env())))
                })
            }
        }
    }

    /// Variables by which programs find their way. The API server itself is not behind the proxy.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let (url, authority) = match self {
            Self::Directly => return Vec::new(),
            Self::Behind(proxy) => (&proxy.url, Some(proxy.authority_file.display().to_string())),
            Self::Tunnel { url, .. } => (url, None),
        };
        let proxies = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, url.clone()));
        let none = ["no_proxy", "NO_PROXY"].map(|name| (name, "127.0.0.1,localhost".to_owned()));
        let files = ["SSL_CERT_FILE", "CURL_CA_BUNDLE"].map(|name| Some((name, authority.clone()?)));
        proxies.into_iter().chain(none).chain(files.into_iter().flatten()).collect()
    }
}

/// The proxies that the environment names, by the scheme that they are for.
fn environments() -> Vec<(&'static str, String)> {
    let named = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok()).filter(|url| !url.is_empty());
    let all = [("http", named(&["http_proxy"])), ("https", named(&["https_proxy", "HTTPS_PROXY"]))];
    all.into_iter().filter_map(|(scheme, url)| Some((scheme, url?))).collect()
}
