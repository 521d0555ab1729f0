//! How what lies beyond the API server is reached: addresses of services, registries.

use std::path::PathBuf;

/// Directly, or by a proxy into a network that is not this machine's.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    pub proxy: Option<Proxy>,
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
    pub fn lead(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, reqwest::Error> {
        let Some(proxy) = &self.proxy else { return Ok(builder) };
        let authority = reqwest::Certificate::from_pem(proxy.authority.as_bytes())?;
        Ok(builder.proxy(reqwest::Proxy::all(&proxy.url)?).tls_certs_merge([authority]))
    }

    /// Variables by which programs find their way. The API server itself is not behind the proxy.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let Some(proxy) = &self.proxy else { return Vec::new() };
        let mut variables = Vec::new();
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            variables.push((name, proxy.url.clone()));
        }
        for name in ["no_proxy", "NO_PROXY"] {
            variables.push((name, "127.0.0.1,localhost".to_owned()));
        }
        for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE"] {
            variables.push((name, proxy.authority_file.display().to_string()));
        }
        variables
    }
}
