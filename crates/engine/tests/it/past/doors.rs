//! The way to both simulators without a socket, and what goes wrong on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};
use tower::ServiceExt;

/// What the shop was asked, and what is answered in its place; outlives the hub.
#[derive(Clone, Default)]
pub struct Line {
    asked: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    wrong: Arc<Mutex<Vec<Wrong>>>,
}

/// An answer that the shop did not give.
struct Wrong {
    path: String,
    times: u32,
    status: u16,
    body: String,
}

impl Line {
    /// How often the shop was asked, by label.
    pub fn asked(&self) -> BTreeMap<&'static str, u64> {
        self.asked.lock().unwrap().clone()
    }

    /// Has the next so many calls whose path contains `path` answered so.
    pub fn answer(&self, path: &str, times: u32, (status, body): (u16, &str)) {
        self.wrong.lock().unwrap().push(Wrong {
            path: path.to_owned(),
            times,
            status,
            body: body.to_owned(),
        });
    }

    fn note(&self, label: &'static str, path: &str) -> Option<Response> {
        *self.asked.lock().unwrap().entry(label).or_default() += 1;
        let mut wrong = self.wrong.lock().unwrap();
        let one = wrong
            .iter_mut()
            .find(|one| one.times > 0 && path.contains(&one.path))?;
        one.times -= 1;
        Some(Response {
            status: one.status,
            headers: Vec::new(),
            body: one.body.clone().into(),
        })
    }
}

/// Reaches both simulators, and notes what the shop was asked.
pub struct Doors {
    pub shop: Router,
    pub account: Router,
    pub line: Line,
}

impl Http for Doors {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let (router, path) = match request.url.strip_prefix("https://shop.test") {
                Some(path) => {
                    if let Some(wrong) = self.line.note(request.label, path) {
                        return Ok(wrong);
                    }
                    (&self.shop, path.to_owned())
                }
                None => (
                    &self.account,
                    request.url.trim_start_matches("https://account.test").to_owned(),
                ),
            };
            let mut call = axum::http::Request::builder()
                .method(request.method.as_str())
                .uri(path);
            for (name, value) in &request.headers {
                call = call.header(*name, value);
            }
            let call = call.body(Body::from(request.body)).unwrap();
            let lost = |_| HttpError::Lost("cut off".to_owned());
            let answer = router
                .clone()
                .oneshot(call)
                .await
                .map_err(|never| match never {})?;
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, usize::MAX).await.map_err(lost)?;
            let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
            let headers = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)));
            Ok(Response {
                status: head.status.as_u16(),
                headers: headers.collect(),
                body,
            })
        })
    }
}
