//! Faults on demand: what can go wrong with a call, how often, and exactly when.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};

use super::body::Body;
use super::call::plain;
use crate::door::Seed;
use crate::shares;

/// One way in which a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// 429 without `Retry-After`; nothing is done.
    TooMany,
    /// 429 with `Retry-After`; nothing is done.
    TooManyRetryAfter,
    /// 500; nothing is done.
    ErrorBefore,
    /// 500, but the call is done.
    ErrorAfter,
    /// The call is done, then the connection breaks before a byte of the answer.
    AnswerLost,
    /// The connection breaks; nothing is done.
    ResetBefore,
    /// No answer ever comes; the call is done `delay_ms` later. The caller has to give up by itself.
    DelayedSilent,
    /// A 504 page at once; the call is done `delay_ms` later.
    DelayedGateway,
    /// 200 with an HTML page; nothing is done.
    HtmlPage,
    /// 503 with the page of the load balancer; nothing is done.
    Overload503,
    /// 504 with the page of the load balancer; nothing is done.
    Overload504,
    /// The call is done; its answer drips in over ten pauses of `drip_pause_ms`.
    SlowDrip,
}

impl FaultKind {
    /// Gives the name of the kind on the control port.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooMany => "429 without Retry-After",
            Self::TooManyRetryAfter => "429 with Retry-After",
            Self::ErrorBefore => "500 before",
            Self::ErrorAfter => "500 after",
            Self::AnswerLost => "answer lost",
            Self::ResetBefore => "connection reset",
            Self::DelayedSilent => "delayed, no answer",
            Self::DelayedGateway => "delayed, 504",
            Self::HtmlPage => "HTML with 200",
            Self::Overload503 => "load balancer 503",
            Self::Overload504 => "load balancer 504",
            Self::SlowDrip => "slow drip",
        }
    }

    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::TooMany,
        Self::TooManyRetryAfter,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::AnswerLost,
        Self::ResetBefore,
        Self::DelayedSilent,
        Self::DelayedGateway,
        Self::HtmlPage,
        Self::Overload503,
        Self::Overload504,
        Self::SlowDrip,
    ];
}

/// What goes wrong from now on. The default is nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// A wait before every call, in milliseconds; other calls go on meanwhile.
    pub latency_ms: u64,
    /// How many of 100 calls wait that long.
    pub latency_percent: u64,
    /// How many of 100 calls go wrong in which way; a call goes wrong in one way at most.
    pub percent: Vec<(FaultKind, f64)>,
    /// What `Retry-After` says, in seconds.
    pub retry_after_s: u64,
    /// How much later a delayed call is done, in milliseconds of the simulator's clock.
    pub delay_ms: i64,
    /// The pause between the parts of a dripping answer, in milliseconds.
    pub drip_pause_ms: u64,
    /// Whether the authentication host goes wrong too.
    pub hit_authentication: bool,
    /// Answers with more bytes than this never come; the connection closes instead (copernica.md §7).
    pub answer_bytes_max: Option<usize>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            latency_percent: 100,
            percent: Vec::new(),
            retry_after_s: 2,
            delay_ms: 2000,
            drip_pause_ms: 50,
            hit_authentication: false,
            answer_bytes_max: None,
        }
    }
}

impl Faults {
    /// Adds a kind of fault that hits `percent` of 100 calls.
    #[must_use]
    pub fn with(mut self, kind: FaultKind, percent: f64) -> Self {
        self.percent.push((kind, percent));
        self
    }
}

/// Decides which call goes wrong.
#[derive(Debug)]
pub(crate) struct Dice {
    pub(crate) faults: Faults,
    seed: Seed,
    next: VecDeque<FaultKind>,
    pub(crate) hits: BTreeMap<FaultKind, u64>,
    /// Calls that waited for a latency.
    pub(crate) slowed: u64,
}

impl Dice {
    /// Makes dice that never hit, until told.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            faults: Faults::default(),
            seed: Seed::new(seed),
            next: VecDeque::new(),
            hits: BTreeMap::new(),
            slowed: 0,
        }
    }

    /// Lets the next `times` calls go wrong in this way, before any dice are thrown.
    pub(crate) fn fail_next(&mut self, kind: FaultKind, times: usize) {
        self.next.extend(std::iter::repeat_n(kind, times));
    }

    /// Gives the names of the faults that the next calls get.
    pub(crate) fn waiting(&self) -> Vec<&'static str> {
        self.next.iter().map(|kind| kind.name()).collect()
    }

    /// Throws the dice for one call: what hits it, and the settings for that; without a latency that misses it.
    pub(crate) fn throw_all(&mut self, is_authentication: bool) -> (Option<FaultKind>, Faults) {
        let fault = self.throw(is_authentication);
        let may_wait = self.faults.latency_ms > 0 && !is_authentication;
        let waits = may_wait
            && (self.faults.latency_percent >= 100 || self.seed.percent(self.faults.latency_percent));
        self.slowed += u64::from(waits);
        let settings = fault.map(|_| self.faults.clone()).unwrap_or_default();
        let faults = Faults {
            latency_ms: if waits { self.faults.latency_ms } else { 0 },
            answer_bytes_max: self.faults.answer_bytes_max,
            ..settings
        };
        (fault, faults)
    }

    fn throw(&mut self, is_authentication: bool) -> Option<FaultKind> {
        if is_authentication && !self.faults.hit_authentication {
            return None;
        }
        let waiting = self.next.pop_front();
        let hit = waiting.or_else(|| shares::thrown(&mut self.seed, &self.faults.percent))?;
        *self.hits.entry(hit).or_default() += 1;
        Some(hit)
    }
}

/// Gives the answer of a fault that does not need the call to be done; `None` for the others.
pub(crate) fn answer(kind: FaultKind, faults: &Faults) -> Option<Response<Body>> {
    Some(match kind {
        FaultKind::TooMany => page(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", "Slow down."),
        FaultKind::TooManyRetryAfter => {
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", "Slow down.");
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(faults.retry_after_s));
            response
        }
        FaultKind::ErrorBefore => error_page(),
        FaultKind::ResetBefore => lost(),
        FaultKind::HtmlPage => page(StatusCode::OK, "Maintenance", "We will be back soon."),
        FaultKind::Overload503 => overload(StatusCode::SERVICE_UNAVAILABLE),
        FaultKind::Overload504 => overload(StatusCode::GATEWAY_TIMEOUT),
        _ => return None,
    })
}

/// The page of the load balancer (copernica.md §7).
pub(crate) fn overload(status: StatusCode) -> Response<Body> {
    page(
        status,
        "Loadbalancer Error",
        "There are too many requests to handle.",
    )
}

/// The page of a failed server.
pub(crate) fn error_page() -> Response<Body> {
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal Server Error",
        "Something went wrong.",
    )
}

fn page(status: StatusCode, title: &str, heading: &str) -> Response<Body> {
    let text = format!("<html><head><title>{title}</title></head><body><h1>{heading}</h1></body></html>");
    let mut response = Response::new(Body::whole(text.into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// Marks an answer that never reaches the caller because its connection breaks.
///
/// On a socket the caller sees the connection close without a byte; who calls the router in process finds
/// this in the extensions of the response, and an error when it reads the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLost;

/// Makes an answer that breaks the connection.
pub(crate) fn lost() -> Response<Body> {
    let mut response = plain(StatusCode::OK);
    *response.body_mut() = Body::lost();
    response.extensions_mut().insert(ConnectionLost);
    response
}

/// Makes an answer drip: its body in ten parts, or the whole of a bodyless answer after as long.
pub(crate) async fn drip(response: Response<Body>, pause: Duration) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let bytes = body.into_bytes();
    if bytes.is_empty() {
        tokio::time::sleep(pause.saturating_mul(10)).await;
        return Response::from_parts(parts, Body::whole(bytes));
    }
    Response::from_parts(parts, Body::dripping(bytes, pause))
}
