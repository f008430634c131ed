//! The contract of a source: a system that gives data.

use bytes::Bytes;

use super::{BoxFuture, CheckReport, ConnectorError, Cx, Page, PageAsk, Part, Span};
use crate::event::{Action, Event, Trust};
use crate::problem::Problem;
use crate::record::{Record, RecordKind};
use crate::time::Timestamp;

/// A webhook request, as far as a source may look at it.
#[derive(Debug, Clone)]
pub struct Webhook<'a> {
    /// Headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// Body, byte for byte.
    pub body: &'a Bytes,
}

impl Webhook<'_> {
    /// Gives the first header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Tells whether the header `name` (lower case) stands there more than once, so that nobody can say which one counts.
    #[must_use]
    pub fn is_ambiguous(&self, name: &str) -> bool {
        self.headers.iter().filter(|(key, _)| key == name).count() > 1
    }
}

/// What a genuine webhook is about; body and times are added by the intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The stream in the source's words.
    pub stream: String,
    /// The canonical kind; `None` for streams that are taken in but not used.
    pub kind: Option<RecordKind>,
    /// What happened.
    pub action: Action,
    /// The record's id by the header; 0 when there is none.
    pub remote_id: i64,
    /// How much of it is believed.
    pub trust: Trust,
    /// The headers worth keeping, as one JSON object (no signature, no address).
    pub headers: String,
}

/// Why a webhook is refused; the sender learns only the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Wrong or missing signature.
    #[error("signature does not fit the body")]
    Signature,
    /// The shop in the header is not the connection's.
    #[error("header names another shop")]
    OtherShop,
    /// The headers that say what it is about are missing or unreadable.
    #[error("event header missing or unreadable")]
    Headers,
}

/// What an event turned into.
#[derive(Debug, Clone, Default)]
pub struct Normalised {
    /// What the event says, about one or more things.
    pub records: Vec<Record>,
    /// Things that must be fetched, because the event is only a hint about them.
    pub wanted: Vec<(RecordKind, i64)>,
    /// What was wrong; one problem that quarantines sets the whole event aside.
    pub problems: Vec<Problem>,
}

/// The answer to a fetch.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// 200 or 404.
    pub status: u16,
    /// The body as received (several answers to one fetch: one JSON object of the bodies, each verbatim).
    pub body: Bytes,
    /// The other side's clock (`Date` header), when it said so.
    pub at: Option<Timestamp>,
}

/// What `register` found and did about webhooks (A1).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Registration {
    /// Registrations that were there and right.
    pub kept: usize,
    /// Registrations that were missing and were created.
    pub created: usize,
    /// Our own duplicates that were removed.
    pub removed: usize,
    /// Other registrations, left alone.
    pub foreign: usize,
    /// Where each of those goes. Not for outputs: it may be a secret of another program.
    #[serde(skip)]
    pub others: Vec<String>,
}

/// Translates one outside system into events and records.
pub trait Source: Send + Sync {
    /// Checks that a webhook is genuine and says what it is about. Pure; signature over the raw bytes, compared
    /// in constant time.
    ///
    /// # Errors
    /// When it is not genuine, see [`Refused`].
    fn receive(&self, hook: &Webhook<'_>) -> Result<Received, Refused>;

    /// Turns an event into records and problems. Pure, total, repeatable.
    fn normalise(&self, event: &Event) -> Normalised;

    /// Makes sure that the other side is the shop that is configured, by one call; must succeed before anything else is
    /// read, and before anything is registered. A key that may not read the shop's own data succeeds: `check` tells it.
    ///
    /// # Errors
    /// [`ConnectorError::NotOurs`] when the credentials open another shop; any other of the call.
    fn connect<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), ConnectorError>>;

    /// Fetches one thing with all that belongs to it (an order with its rows).
    ///
    /// # Errors
    /// Any [`ConnectorError`]; a 404 is an answer, not an error, unless the shop or the language is off.
    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        kind: RecordKind,
        remote_id: i64,
    ) -> BoxFuture<'a, Result<Fetched, ConnectorError>>;

    /// The parts that this source can list or count, in the order of [`Part::ALL`].
    fn parts(&self) -> &'static [Part] {
        &[]
    }

    /// Counts the things of a part that lie in `span`, by one call. For a part that [`Part::is_per_thing`]: the things
    /// that have such rows.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; [`ConnectorError::Unsupported`] for a part that is not among [`Source::parts`].
    fn count<'a>(
        &'a self,
        _cx: &'a Cx,
        _part: Part,
        _span: Span,
    ) -> BoxFuture<'a, Result<u64, ConnectorError>> {
        Box::pin(async { Err(ConnectorError::Unsupported("counting")) })
    }

    /// Reads one page of a list, by one call (a page that shifted may cost a second one).
    ///
    /// # Errors
    /// Any [`ConnectorError`]; a 404 of a list is never the end of it. [`ConnectorError::Unsupported`] for a part that
    /// is not among [`Source::parts`] or that has no list.
    fn list<'a>(&'a self, _cx: &'a Cx, _ask: PageAsk<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(async { Err(ConnectorError::Unsupported("lists")) })
    }

    /// Reads the rows of one order or cart and nothing else, one call for 250 of them; a 404 is an answer.
    ///
    /// # Errors
    /// As [`Source::list`].
    fn rows<'a>(
        &'a self,
        _cx: &'a Cx,
        _part: Part,
        _remote_id: i64,
    ) -> BoxFuture<'a, Result<Fetched, ConnectorError>> {
        Box::pin(async { Err(ConnectorError::Unsupported("rows")) })
    }

    /// Joins the body of an event about an order or cart with the rows that [`Source::rows`] gave: the body of an answer
    /// to a fetch of the whole. `None` when one of them cannot be read. Pure.
    fn with_rows(&self, _part: Part, _body: &Bytes, _rows: &Bytes) -> Option<Bytes> {
        None
    }

    /// Joins the bodies of all items of a list that belong to one thing, in any order: the body of an answer to a fetch
    /// of it. Only for [`Part::Groups`], whose items are single memberships; no bodies say that there are none. `None`
    /// when one of them cannot be read, and for every other part. Pure.
    fn join(&self, _part: Part, _bodies: &[Bytes]) -> Option<Bytes> {
        None
    }

    /// Tests credentials and permissions one by one.
    ///
    /// # Errors
    /// When the system can't be reached or refuses the credentials altogether.
    fn check<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<CheckReport, ConnectorError>>;

    /// Makes sure that exactly the webhooks that we need are registered to `address`.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls.
    fn register<'a>(
        &'a self,
        cx: &'a Cx,
        address: &'a str,
    ) -> BoxFuture<'a, Result<Registration, ConnectorError>>;

    /// Removes every webhook that is registered to `address`, an old one of ours; returns how many there were.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls.
    fn unregister<'a>(&'a self, cx: &'a Cx, address: &'a str)
    -> BoxFuture<'a, Result<usize, ConnectorError>>;

    /// The number by which the source knows itself (Lightspeed: the shop id).
    fn shop_id(&self) -> i64;
}
