//! The real door, on hyper.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};
use schakel_core::limits;

/// Longest time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection stays open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// A pool of connections to outside systems.
pub struct HyperDoor {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HyperDoor {
    /// Opens the door. `is_plain_allowed`: whether `http://` addresses are spoken to (simulators and tests);
    /// real systems are reached over TLS only.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door through which the network is reached"
    )]
    pub fn new(is_plain_allowed: bool) -> Self {
        // A provider that is installed already is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots();
        let tls = if is_plain_allowed {
            tls.https_or_http()
        } else {
            tls.https_only()
        };
        let connector = tls.enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(limits::CONCURRENCY_MAX)
            // A request on a connection that the other side just closed may have been executed: never resent
            // behind our back, the engine decides (I14).
            .retry_canceled_requests(false)
            .build(connector);
        Self { client }
    }
}

impl Http for HyperDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let timeout = Duration::from_millis(request.timeout_ms);
            match tokio::time::timeout(timeout, self.exchange(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(HttpError::TimedOut),
            }
        })
    }
}

/// Gives host and port of an address, without anything secret that it may hold.
fn address(uri: &http::Uri) -> String {
    let port = uri.port().map(|port| format!(":{port}"));
    format!("{}{}", uri.host().unwrap_or_default(), port.unwrap_or_default())
}

/// Says to where no connection came about and why: the innermost cause tells a closed port from a name that nobody knows.
fn unconnected(host: &str, error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("no connection to {host}: {cause}")
}

impl HyperDoor {
    async fn exchange(&self, request: Request) -> Result<Response, HttpError> {
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let outgoing = builder
            .body(Full::new(request.body))
            .map_err(|_| HttpError::NotSent("the address or a header is not valid".to_owned()))?;
        let host = address(outgoing.uri());
        let answer = self.client.request(outgoing).await.map_err(|error| {
            if error.is_connect() {
                HttpError::NotSent(unconnected(&host, &error))
            } else {
                HttpError::Lost("connection ended before the answer".to_owned())
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, limits::ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    HttpError::TooLarge
                } else {
                    HttpError::Lost("connection ended within the answer".to_owned())
                }
            })?;
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        Ok(Response {
            status: head.status.as_u16(),
            headers,
            body: body.to_bytes(),
        })
    }
}
