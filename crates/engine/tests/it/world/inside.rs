//! The door of stories: simulators without a socket, and a shop that is a table of answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};
use schakel_sandbox::copernica::{self as simulated, FaultKind};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A door that reaches simulators without a socket, and a shop that is a table of answers.
pub struct Inside {
    pub copernica: Router,
    pub shop: Arc<Mutex<BTreeMap<String, Value>>>,
    pub asked: Arc<Mutex<Vec<String>>>,
    pub refusal: Refusal,
    pub simulator: simulated::Simulator,
    pub fault: Fault,
}

/// What the shop answers to everything, when set: a status and seconds to wait.
pub type Refusal = Arc<Mutex<Option<(u16, u32)>>>;

/// A fault that hits the call after this many others.
pub type Fault = Arc<Mutex<Option<(usize, FaultKind)>>>;

/// How long the door waits for a simulator that never answers; a real door waits longer.
const PATIENCE: Duration = Duration::from_millis(300);

impl Http for Inside {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            if let Some(path) = request.url.strip_prefix("https://shop.test") {
                return Ok(self.shop_answer(path));
            }
            let path = request
                .url
                .trim_start_matches("https://copernica.test")
                .to_owned();
            self.arm(&path);
            let mut builder = axum::http::Request::builder()
                .method(request.method.as_str())
                .uri(path);
            for (name, value) in &request.headers {
                builder = builder.header(*name, value);
            }
            let call = builder
                .body(Body::from(request.body))
                .map_err(|e| HttpError::NotSent(e.to_string()))?;
            let answer = async {
                let answer = self
                    .copernica
                    .clone()
                    .oneshot(call)
                    .await
                    .map_err(|_| HttpError::Lost(String::new()))?;
                let (head, body) = answer.into_parts();
                let body = to_bytes(body, usize::MAX)
                    .await
                    .map_err(|_| HttpError::Lost("cut off".to_owned()))?;
                Ok((head, body))
            };
            let silent = || Err(HttpError::Lost("no answer".to_owned()));
            let (head, body) = tokio::time::timeout(PATIENCE, answer)
                .await
                .unwrap_or_else(|_| silent())?;
            let headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect();
            Ok(Response {
                status: head.status.as_u16(),
                headers,
                body,
            })
        })
    }
}

impl Inside {
    /// Lets the armed fault hit when it is this call's turn.
    fn arm(&self, path: &str) {
        let mut fault = self.fault.lock().unwrap();
        if path.starts_with("/authenticate") {
            return;
        }
        match *fault {
            Some((0, kind)) => {
                self.simulator.fail_next(kind, 1);
                *fault = None;
            }
            Some((left, kind)) => *fault = Some((left - 1, kind)),
            None => {}
        }
    }

    fn shop_answer(&self, path: &str) -> Response {
        self.asked.lock().unwrap().push(path.to_owned());
        let name = path.split('?').next().unwrap_or(path);
        if let Some((status, wait_s)) = *self.refusal.lock().unwrap() {
            return Response {
                status,
                headers: vec![("retry-after".to_owned(), wait_s.to_string())],
                body: Bytes::new(),
            };
        }
        let shop = self.shop.lock().unwrap();
        let (status, body) = shop.get(name).map_or_else(
            || {
                let error =
                    json!({"error": {"code": 404, "method": "GET", "request": name, "message": "Not found"}});
                (404, error)
            },
            |body| (200, body.clone()),
        );
        let date = ("date".to_owned(), "Tue, 12 May 2026 11:00:00 GMT".to_owned());
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Response {
            status,
            headers: vec![date, kind],
            body: Bytes::from(body.to_string()),
        }
    }
}
