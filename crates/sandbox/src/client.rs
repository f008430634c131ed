//! A small HTTP client for deliveries: one kept-alive connection per worker and receiver, TLS where asked for.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;

/// Answers are read up to this size, in bytes; a longer one costs the connection.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where a webhook goes.
#[derive(Debug)]
pub(crate) struct Target {
    authority: String,
    /// What the header `Host` says.
    pub(crate) host: HeaderValue,
    /// What the header `Authorization` says, when the address has a name and a password.
    credentials: Option<HeaderValue>,
    /// Path and query.
    pub(crate) path: Uri,
    /// The address without name and password.
    url: Uri,
    is_plain: bool,
}

impl Target {
    /// Reads an absolute URL; `None` when it is not one.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let is_plain = match uri.scheme_str()? {
            "http" => true,
            "https" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let whole = authority.as_str();
        let (credentials, host) = match whole.rsplit_once('@') {
            Some((credentials, host)) => (Some(basic(credentials)?), host),
            None => (None, whole),
        };
        let host = HeaderValue::from_str(host).ok()?;
        let port = authority.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            authority: format!("{}:{port}", authority.host()),
            url: format!("{}://{}{path}", uri.scheme_str()?, host.to_str().ok()?)
                .parse()
                .ok()?,
            host,
            credentials,
            path: path.parse().ok()?,
            is_plain,
        })
    }
}

/// A receiver of webhooks inside this process, in place of all that have an address: no socket is opened.
#[derive(Clone)]
pub struct Receiver(Arc<Receive>);

type Receive =
    dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Option<StatusCode>> + Send>> + Send + Sync;

impl Receiver {
    /// Takes what is called with each request, whose target is the whole address; it gives the status of the
    /// answer, or `None` for a receiver that does not answer.
    pub fn new<F, A>(receive: F) -> Self
    where
        F: Fn(Request<Bytes>) -> A + Send + Sync + 'static,
        A: Future<Output = Option<StatusCode>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(receive(request))))
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

/// Why an attempt failed before there was an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// No exchange over TLS: no connection, no trusted certificate, or no HTTP.
    #[error("exchange with receiver over TLS")]
    Tls(#[from] hyper_util::client::legacy::Error),
    /// No connection.
    #[error("connect to receiver")]
    Connect(#[from] std::io::Error),
    /// The connection broke, or the answer was no HTTP.
    #[error("exchange with receiver")]
    Exchange(#[from] hyper::Error),
    /// The receiver in this process chose not to answer.
    #[error("receiver does not answer")]
    Silent,
}

/// The connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    open: HashMap<String, SendRequest<Full<Bytes>>>,
    /// Made for the first receiver that wants TLS; it keeps connections by itself.
    tls: Option<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    /// Takes everything, when there is one.
    receiver: Option<Receiver>,
}

impl Lines {
    /// Leads to a receiver in this process, or to the addresses when there is none.
    pub(crate) fn to(receiver: Option<Receiver>) -> Self {
        Self {
            receiver,
            ..Self::default()
        }
    }

    /// Posts `body` and returns the status of the answer.
    ///
    /// # Errors
    /// When no answer came.
    pub(crate) async fn post(
        &mut self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, SendError> {
        if let Some(receiver) = &self.receiver {
            let request = posted(target, &target.url, headers, body);
            return receiver.0(request).await.ok_or(SendError::Silent);
        }
        if !target.is_plain {
            return self.post_tls(target, headers, body).await;
        }
        let mut line = self.line(target).await?;
        let request = posted(target, &target.path, headers, body).map(Full::new);
        let answer = line.send_request(request).await?;
        let status = answer.status();
        if drain(answer.into_body()).await? {
            self.open.insert(target.authority.clone(), line);
        }
        Ok(status)
    }

    async fn post_tls(
        &mut self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, SendError> {
        let request = posted(target, &target.url, headers, body).map(Full::new);
        let answer = self.tls.get_or_insert_with(tls_client).request(request).await?;
        let status = answer.status();
        drain(answer.into_body()).await?;
        Ok(status)
    }

    /// Takes the open connection out, so that one abandoned half-way is never used again.
    #[expect(
        clippy::disallowed_methods,
        reason = "a simulator is the other side: it has a network of its own"
    )]
    async fn line(&mut self, target: &Target) -> Result<SendRequest<Full<Bytes>>, SendError> {
        if let Some(mut line) = self.open.remove(&target.authority)
            && line.ready().await.is_ok()
        {
            return Ok(line);
        }
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let (line, connection) = http1::handshake(TokioIo::new(stream)).await?;
        drive(connection);
        Ok(line)
    }
}

/// Makes Basic authentication of `name:password` as an address has it.
fn basic(credentials: &str) -> Option<HeaderValue> {
    let plain: Vec<u8> = percent_decode_str(credentials).collect();
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Makes the request of a delivery.
fn posted(target: &Target, uri: &Uri, headers: HeaderMap, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    let headers = request.headers_mut();
    headers.insert(header::HOST, target.host.clone());
    if let Some(credentials) = &target.credentials {
        headers.insert(header::AUTHORIZATION, credentials.clone());
    }
    request
}

/// Makes a client that trusts the public authorities.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulator is the other side: it has a network of its own"
)]
fn tls_client() -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    // A provider that is installed already is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_only()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a simulator is a process of its own; nobody supervises it"
)]
fn drive(connection: http1::Connection<TokioIo<TcpStream>, Full<Bytes>>) {
    tokio::spawn(async move {
        let _ = connection.await;
    });
}

/// Reads the answer to its end; `false` when it is too long to be worth it.
async fn drain(mut body: hyper::body::Incoming) -> Result<bool, hyper::Error> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, Bytes::len);
        if read > ANSWER_BYTES_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}
