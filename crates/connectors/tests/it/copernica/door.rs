//! Doors to the network for tests: one that goes through a real socket, one that reads from a script.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use schakel_core::connector::{BoxFuture, Cx, Http, HttpError, Request, Response};
use schakel_core::time::ManualClock;

use super::START;

/// Sends calls to a simulator on a socket.
pub(super) struct Socket(Client<HttpConnector, Full<Bytes>>);

impl Socket {
    pub(super) fn new() -> Self {
        // One connection per call: a fault that breaks a connection must not hit the next call.
        Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
        )
    }

    async fn exchange(&self, request: Request) -> Result<Response, HttpError> {
        let mut call = http::Request::builder()
            .method(request.method.as_str())
            .uri(&request.url);
        for (name, value) in &request.headers {
            call = call.header(*name, value);
        }
        let call = call
            .body(Full::new(request.body))
            .expect("the connector writes valid requests");
        let answer = self.0.request(call).await.map_err(|error| {
            if error.is_connect() {
                HttpError::NotSent(error.to_string())
            } else {
                HttpError::Lost(error.to_string())
            }
        })?;
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| HttpError::Lost(error.to_string()))?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (
                name.as_str().to_owned(),
                value.to_str().unwrap_or_default().to_owned(),
            )
        };
        Ok(Response {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(header).collect(),
            body: body.to_bytes(),
        })
    }
}

impl Http for Socket {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let patience = Duration::from_millis(request.timeout_ms);
            match tokio::time::timeout(patience, self.exchange(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(HttpError::Lost("no answer in time".to_owned())),
            }
        })
    }
}

/// Answers from a script, and keeps what was asked.
#[derive(Default)]
pub(super) struct Script {
    answers: Mutex<VecDeque<Result<Response, HttpError>>>,
    requests: Mutex<Vec<Request>>,
}

impl Script {
    pub(super) fn new(answers: impl IntoIterator<Item = Result<Response, HttpError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            requests: Mutex::default(),
        })
    }

    /// Adds answers.
    pub(super) fn then(&self, answers: impl IntoIterator<Item = Result<Response, HttpError>>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Takes the requests since the last time, as `METHOD url body`, without the base of the URL.
    pub(super) fn taken(&self) -> Vec<String> {
        let requests = std::mem::take(&mut *self.requests.lock().unwrap());
        let shown = |request: &Request| {
            let url = request.url.trim_start_matches("http://copernica.test");
            let body = String::from_utf8_lossy(&request.body);
            format!("{} {url} {body}", request.method.as_str())
                .trim_end()
                .to_owned()
        };
        requests.iter().map(shown).collect()
    }

    /// Gives the requests themselves.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Http for Script {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.expect("the script has an answer for every call") })
    }
}

/// Gives the doors of a test.
pub(super) fn cx(http: Arc<dyn Http>) -> Cx {
    Cx::new(http, Arc::new(ManualClock::at(START)))
}
