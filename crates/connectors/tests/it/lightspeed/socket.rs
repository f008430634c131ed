//! Real sockets: calls to the simulator, and a receiver for the webhooks that it sends.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};
use schakel_sandbox::door::{Served, serve};
use tokio::net::TcpListener;

/// One delivery: headers in lower case, and the body.
pub type Delivery = (Vec<(String, String)>, Bytes);

/// Sends calls over the network.
pub struct Socket(Client<HttpConnector, Full<Bytes>>);

impl Socket {
    /// Makes the door.
    pub fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Http for Socket {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let lost = |error: String| HttpError::Lost(error);
            let mut call = http::Request::builder()
                .method(request.method.as_str())
                .uri(&request.url);
            for (name, value) in &request.headers {
                call = call.header(*name, value);
            }
            let call = call.body(Full::new(request.body)).unwrap();
            let answer = self
                .0
                .request(call)
                .await
                .map_err(|error| lost(error.to_string()))?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| lost(error.to_string()))?;
            Ok(Response {
                status: parts.status.as_u16(),
                headers: texts(&parts.headers),
                body: body.to_bytes(),
            })
        })
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
        .collect()
}

/// Serves `router` on a free port.
pub async fn listen(router: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(listener, router).unwrap()
}

/// Takes in webhooks, answers 200 and keeps them.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<Vec<Delivery>>>);

impl Receiver {
    /// The receiver as a service.
    pub fn router(&self) -> Router {
        let kept = self.clone();
        Router::new().fallback(move |headers: HeaderMap, body: Bytes| async move {
            kept.0.lock().unwrap().push((texts(&headers), body));
        })
    }

    /// What came since the last time, in the order of arrival.
    pub fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
