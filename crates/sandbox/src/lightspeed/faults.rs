//! Faults on demand: what goes wrong with answers and with webhooks, and how often.

use std::collections::BTreeMap;

use crate::door::Seed;
use crate::shares;

/// Something that goes wrong with the answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestFault {
    /// An order that exists is answered with 404 (lightspeed-ecom.md §9.1 #20).
    OrderNotFound,
    /// This status, 500, 502 or 503, with a page of HTML; nothing is done.
    ServerError(u16),
    /// This status with a page of HTML, but the call is done.
    ServerErrorAfter(u16),
    /// 429 with `Retry-After` in seconds.
    TooManySeconds(u32),
    /// 429 with `Retry-After` as a date, this many seconds ahead.
    TooManyDate(u32),
    /// 429 without `Retry-After`.
    TooManyBare,
    /// The connection breaks in the middle of an answer; nothing is done.
    Cut,
    /// The call is done, then the connection breaks in the middle of its answer: a half-read page.
    Half,
    /// The connection breaks before a byte of an answer; nothing is done.
    Reset,
    /// The call is done, then the connection breaks before a byte of the answer.
    AnswerLost,
    /// 200 with a page of HTML; nothing is done.
    HtmlOk,
    /// 503 with the page of a load balancer; nothing is done.
    LoadBalancer,
    /// The call is done; its answer comes in ten parts, this many milliseconds apart.
    Drip(u32),
    /// The call waits this many milliseconds and is then done.
    Late(u32),
    /// A 504 page at once; the call is done this many milliseconds later on the clock of the shop.
    Later(u32),
}

impl RestFault {
    /// Every kind, with the figures the control port gives them.
    pub const ALL: [Self; 15] = [
        Self::TooManySeconds(2),
        Self::TooManyDate(2),
        Self::TooManyBare,
        Self::ServerError(500),
        Self::ServerErrorAfter(500),
        Self::AnswerLost,
        Self::Reset,
        Self::Cut,
        Self::Half,
        Self::HtmlOk,
        Self::LoadBalancer,
        Self::Drip(100),
        Self::Late(500),
        Self::Later(2_000),
        Self::OrderNotFound,
    ];

    /// Returns the name of the kind on the control port.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderNotFound => "order not found",
            Self::ServerError(_) => "500 before",
            Self::ServerErrorAfter(_) => "500 after",
            Self::TooManySeconds(_) => "429 with Retry-After",
            Self::TooManyDate(_) => "429 with Retry-After as a date",
            Self::TooManyBare => "429",
            Self::Cut => "cut answer",
            Self::Half => "half an answer",
            Self::Reset => "connection reset",
            Self::AnswerLost => "answer lost",
            Self::HtmlOk => "HTML with 200",
            Self::LoadBalancer => "load balancer 503",
            Self::Drip(_) => "slow drip",
            Self::Late(_) => "latency",
            Self::Later(_) => "delayed, 504",
        }
    }
}

/// Standing faults of the API.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RestFaults {
    /// Every answer takes this long, in milliseconds.
    pub latency_ms: u64,
    /// Answers of this kind, in percent of the calls; a call goes wrong in one way at most.
    pub percent: Vec<(RestFault, f64)>,
}

/// Standing faults of webhooks; each in percent of the deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookFaults {
    /// Never sent.
    pub lost_percent: u8,
    /// Sent a second time, later.
    pub duplicated_percent: u8,
    /// Sent late, and so out of order.
    pub delayed_percent: u8,
    /// How late at most, in milliseconds.
    pub delay_ms_max: u64,
    /// Signed with a wrong secret.
    pub wrong_signature_percent: u8,
    /// Sent without a signature.
    pub unsigned_percent: u8,
    /// Accompanied by one that a stranger sends, once: with other e-mail addresses and a signature of no secret.
    pub forged_too_percent: u8,
    /// Every delivery is sent twice, at the same time.
    pub send_twice: bool,
}

/// A fault that waits for the next calls.
#[derive(Debug)]
struct Next {
    fault: RestFault,
    /// What their paths hold; empty for any call.
    at: String,
    /// How many are left, never none.
    left: u32,
}

/// The faults of the API that are waiting for a call.
#[derive(Debug)]
pub(crate) struct RestPlan {
    standing: RestFaults,
    next: Vec<Next>,
    seed: Seed,
    /// How often each kind hit.
    hits: BTreeMap<&'static str, u64>,
}

impl RestPlan {
    /// Starts without faults.
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            standing: RestFaults::default(),
            next: Vec::new(),
            seed,
            hits: BTreeMap::new(),
        }
    }

    /// Returns the standing faults.
    pub(crate) fn standing(&self) -> &RestFaults {
        &self.standing
    }

    /// Returns how often each kind hit, by its name.
    pub(crate) fn hits(&self) -> &BTreeMap<&'static str, u64> {
        &self.hits
    }

    /// Returns how many calls are still to suffer each kind, by its name.
    pub(crate) fn waiting(&self) -> BTreeMap<&'static str, u32> {
        let mut waiting = BTreeMap::new();
        for next in &self.next {
            *waiting.entry(next.fault.name()).or_default() += next.left;
        }
        waiting
    }

    /// Replaces the standing faults.
    pub(crate) fn set(&mut self, faults: RestFaults) {
        self.standing = faults;
    }

    /// Lets the next `left` calls that can suffer `fault`, and whose paths hold `at`, suffer it.
    pub(crate) fn fail_next(&mut self, fault: RestFault, at: &str, left: u32) {
        if left > 0 {
            let at = at.to_owned();
            self.next.push(Next { fault, at, left });
        }
    }

    /// Returns how long an answer takes, in milliseconds.
    pub(crate) fn latency_ms(&self) -> u64 {
        self.standing.latency_ms
    }

    /// Takes the fault of a call to `path`; `is_order` says that it asks for one order.
    pub(crate) fn take(&mut self, path: &str, is_order: bool) -> Option<RestFault> {
        let fault = self.chosen(path, is_order)?;
        *self.hits.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    fn chosen(&mut self, path: &str, is_order: bool) -> Option<RestFault> {
        let suits = |fault: RestFault| is_order || fault != RestFault::OrderNotFound;
        let hits = |next: &Next| suits(next.fault) && path.contains(&next.at);
        if let Some(place) = self.next.iter().position(hits) {
            let next = &mut self.next[place];
            let fault = next.fault;
            next.left -= 1;
            if next.left == 0 {
                self.next.remove(place);
            }
            return Some(fault);
        }
        shares::thrown(&mut self.seed, &self.standing.percent).filter(|fault| suits(*fault))
    }
}
