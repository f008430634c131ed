//! The REST API: one door for every call, then one function per method.
//!
//! Order of the checks: faults, key, budget, language, permission, path (lightspeed-ecom.md §9.1).

mod answer;
mod body;
mod checkouts;
mod collections;
mod later;
mod nested;
mod plain;
mod query;
mod read;
mod trouble;
mod write;
mod write_carts;
mod write_goods;
mod write_orders;
mod write_small;

pub(crate) use later::PutOff;
pub(crate) use query::pairs;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::faults::RestFault;
use super::language::Language;
use super::limits::Standing;
use super::wall::http_date;
use super::{Burst, Simulator, auth, json, locked};

/// Bodies of calls are read up to this size, in bytes. The reference knows no limit; pictures come in the body.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Names of paths that are counted under their own name.
const COUNTED: [&str; 24] = [
    "account",
    "permissions",
    "ratelimit",
    "shop",
    "company",
    "website",
    "limits",
    "languages",
    "countries",
    "customers",
    "groups",
    "subscriptions",
    "orders",
    "events",
    "products",
    "images",
    "quotes",
    "invoices",
    "items",
    "shipments",
    "variants",
    "metafields",
    "webhooks",
    "checkouts",
];

/// A call that passed the door.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    /// The path below the language, without `.json`.
    pub(crate) segments: Vec<&'a str>,
    pub(crate) query: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) body: Bytes,
    pub(crate) language: Language,
    /// Which key calls.
    pub(crate) key: usize,
}

/// An answer of the API.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Answers 200.
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// Answers 201.
    pub(crate) fn created(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::CREATED,
            body,
        }
    }

    /// Answers 204, which has no body.
    pub(crate) fn gone() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Vec::new(),
        }
    }
}

/// A refusal, with the English text of its error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) u16, pub(crate) &'static str);

impl Refusal {
    pub(crate) const INVALID: Self = Self(400, "Invalid data input");
    pub(crate) const NOT_FOUND: Self = Self(404, "Resource not found.");
    pub(crate) const TOO_LONG: Self = Self(413, "Request entity too large.");
    pub(crate) const METHOD: Self = Self(405, "Method not allowed.");
}

/// The headers a refusal by rate limit may carry.
enum RetryAfter {
    Absent,
    Seconds(u32),
    Date(String),
}

impl Simulator {
    /// Returns the REST API of the shop; serve it on a socket or call it in process.
    pub fn router(&self) -> Router {
        let simulator = Self {
            burst: Burst::FULL,
            ago_s: 0,
            ..self.clone()
        };
        Router::new().fallback(move |request: Request<Body>| {
            let simulator = simulator.clone();
            async move { simulator.serve(request).await }
        })
    }

    /// Answers a call, and notes it in the log.
    pub(super) async fn serve(&self, request: Request<Body>) -> Response<Body> {
        self.do_due();
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let segments = below_language(&words);
        self.count_call(&segments);
        let is_order = segments.first() == Some(&"orders") && segments.len() > 1;
        let (fault, latency_ms) = {
            let mut faults = locked(&self.inner.faults);
            let fault = faults.take(&path, is_order);
            let late_ms = match fault {
                Some(RestFault::Late(late_ms)) => u64::from(late_ms),
                _ => 0,
            };
            (fault, faults.latency_ms() + late_ms)
        };
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        let body = to_bytes(body, BODY_BYTES_MAX).await;
        let answer = match (fault.and_then(trouble::instead), body) {
            (Some(response), body) => {
                if let (Some(RestFault::Later(wait_ms)), Ok(body)) = (fault, body) {
                    self.put_off(wait_ms, parts.clone(), body);
                }
                self.dated(response)
            }
            (None, Err(_)) => self.dated(refused(Refusal::TOO_LONG, &parts.method, &path)),
            (None, Ok(body)) => {
                let (answer, is_known) = self.passed(&parts, (&words, segments), body, fault);
                match fault {
                    Some(fault) => trouble::after(fault, answer, is_known).await,
                    None => answer,
                }
            }
        };
        let is_lost = matches!(fault, Some(RestFault::AnswerLost | RestFault::Reset));
        self.inner.log.note(
            self.inner.clock.now_us(),
            (&parts.method, &parts.uri),
            (!is_lost).then_some(answer.status()),
            fault.map(RestFault::name),
        );
        answer
    }

    /// Answers a call that no fault took, and says whether its key was known.
    fn passed(
        &self,
        parts: &http::request::Parts,
        (words, segments): (&[&str], Vec<&str>),
        body: Bytes,
        fault: Option<RestFault>,
    ) -> (Response<Body>, bool) {
        let path = parts.uri.path();
        if let ["apps", "install"] = segments.as_slice() {
            let answer = self.install(words[0], parts.uri.query().unwrap_or(""));
            let answer = answer.unwrap_or_else(|refusal| refused(refusal, &parts.method, path));
            return (self.dated(answer), true);
        }
        let Some(key) = self.caller(&parts.headers) else {
            let refusal = Refusal(401, "Could not authenticate you.");
            return (self.dated(refused(refusal, &parts.method, path)), false);
        };
        let standing = match self.budget(key, fault) {
            Ok(standing) => standing,
            Err((standing, retry_after)) => {
                let mut response = refused(Refusal(429, "Too many requests."), &parts.method, path);
                add_retry_after(&mut response, &retry_after);
                return (self.finished(response, standing), true);
            }
        };
        let answer = if fault == Some(RestFault::OrderNotFound) {
            Err(Refusal::NOT_FOUND)
        } else {
            self.language_of(words).and_then(|language| {
                self.answer(&Call {
                    method: &parts.method,
                    segments,
                    query: parts.uri.query().unwrap_or(""),
                    content_type: content_type(&parts.headers),
                    body,
                    language,
                    key,
                })
            })
        };
        let response = match answer {
            Ok(reply) => respond(reply.status, "application/json", Body::from(reply.body)),
            Err(refusal) => refused(refusal, &parts.method, path),
        };
        (self.finished(response, standing), true)
    }

    /// Counts the call against its key, unless a fault refuses it first.
    fn budget(&self, key: usize, fault: Option<RestFault>) -> Result<Standing, (Standing, RetryAfter)> {
        let now_s = self.now_s();
        let mut budgets = locked(&self.inner.budgets);
        let budget = &mut budgets[key];
        let retry_after = match fault {
            Some(RestFault::TooManySeconds(wait_s)) => RetryAfter::Seconds(wait_s),
            Some(RestFault::TooManyDate(wait_s)) => RetryAfter::Date(http_date(now_s + i64::from(wait_s))),
            Some(RestFault::TooManyBare) => RetryAfter::Absent,
            _ => {
                let taken = budget.take(&self.inner.wall, now_s);
                return taken.map_err(|standing| (standing, RetryAfter::Absent));
            }
        };
        Err((budget.peek(&self.inner.wall, now_s), retry_after))
    }

    /// Reads the language and the suffix of a path `/{language}/….json`.
    fn language_of(&self, words: &[&str]) -> Result<Language, Refusal> {
        let last = words.last().copied().unwrap_or("");
        if last.ends_with(".xml") {
            return Err(Refusal(501, "XML is not offered by this simulator."));
        }
        let language = Language::of(words.first().copied().unwrap_or(""));
        let active = language.filter(|language| locked(&self.inner.switches).languages.contains(language));
        let is_lower = words
            .first()
            .is_some_and(|word| !word.bytes().any(|byte| byte.is_ascii_uppercase()));
        match active {
            Some(language) if is_lower && last.ends_with(".json") => Ok(language),
            Some(_) if is_lower => Err(Refusal::NOT_FOUND),
            _ => Err(Refusal(404, "Unknown or inactive language.")),
        }
    }

    fn answer(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let section = auth::section(&call.segments);
        let permissions = locked(&self.inner.switches).permissions[call.key];
        if !auth::may(&permissions, section, call.method) {
            return Err(Refusal(self.rules().refusal_status, "Access denied."));
        }
        match *call.method {
            Method::GET => self.read(call).map(|reply| self.off_count(&call.segments, reply)),
            Method::POST | Method::PUT | Method::DELETE => {
                let answer = self.write(call);
                self.shop().revision += u64::from(answer.is_ok());
                answer
            }
            _ => Err(Refusal::METHOD),
        }
    }

    /// Lets a count lie, when it was told to.
    fn off_count(&self, segments: &[&str], reply: Reply) -> Reply {
        let Some((&"count", list)) = segments.split_last() else {
            return reply;
        };
        let by = locked(&self.inner.switches)
            .count_offsets
            .get(&list.join("/"))
            .copied();
        match (by, answer::count_of(&reply.body)) {
            (Some(by), Some(count)) => Reply::ok(answer::counted(count.saturating_add_signed(by))),
            _ => reply,
        }
    }

    fn count_call(&self, segments: &[&str]) {
        let names: Vec<&str> = segments
            .iter()
            .copied()
            .filter(|segment| COUNTED.contains(segment))
            .collect();
        let name = if names.is_empty() {
            "other".to_owned()
        } else {
            names.join("/")
        };
        let mut calls = locked(&self.inner.calls);
        // Names come from a closed list, but their combinations do not.
        if calls.len() < 256 || calls.contains_key(&name) {
            *calls.entry(name).or_default() += 1;
        }
    }

    fn finished(&self, mut response: Response<Body>, standing: Standing) -> Response<Body> {
        let [limit, remaining, reset] = standing.headers();
        for (name, value) in [
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", reset),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        self.dated(response)
    }

    /// Adds the `Date` of the simulator's own clock.
    fn dated(&self, mut response: Response<Body>) -> Response<Body> {
        if let Ok(date) = HeaderValue::from_str(&http_date(self.now_s())) {
            response.headers_mut().insert(header::DATE, date);
        }
        response
    }
}

/// Returns the path below the language, without its suffix.
fn below_language<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut segments: Vec<&str> = words.iter().skip(1).copied().collect();
    if let Some(last) = segments.last_mut() {
        *last = last.strip_suffix(".json").unwrap_or(last);
    }
    segments
}

fn content_type(headers: &http::HeaderMap) -> &str {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// Makes the error body of lightspeed-ecom.md §2.2.
fn refused(refusal: Refusal, method: &Method, path: &str) -> Response<Body> {
    let Refusal(code, message) = refusal;
    let mut body = format!(r#"{{"error":{{"code":{code},"method":"{method}","request":""#).into_bytes();
    json::push_escaped(&mut body, path);
    body.extend_from_slice(b"\",\"message\":\"");
    json::push_escaped(&mut body, message);
    body.extend_from_slice(b"\"}}");
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    respond(status, "application/json", Body::from(body))
}

fn add_retry_after(response: &mut Response<Body>, retry_after: &RetryAfter) {
    let value = match retry_after {
        RetryAfter::Absent => return,
        RetryAfter::Seconds(wait_s) => wait_s.to_string(),
        RetryAfter::Date(date) => date.clone(),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
}
