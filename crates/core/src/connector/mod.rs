//! The connector contract: what a source and a sink must be, and the doors they get.
//!
//! Small on purpose. The engine owns loops, checkpoints, retries and transactions; a connector never sleeps,
//! never retries, never spawns and keeps no state but what it read of the other side's structure. See
//! docs/spec/connector.md.

mod error;
mod http;
mod listing;
mod meter;
mod sink;
mod source;

pub use error::ConnectorError;
pub use http::{Class, Http, HttpError, Method, Request, Response};
pub use listing::{Item, Page, PageAsk, Part, Span};
pub use meter::{Meter, Unmetered};
pub use sink::{Lack, Newcomers, Receipt, RemoteState, SetupStep, Sink, StepState, Structure, Work};
pub use source::{Fetched, Normalised, Received, Refused, Registration, Source, Webhook};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::time::Clock;

/// A future in a box, so that connectors can be used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The doors that a connector gets with every call.
#[derive(Clone)]
pub struct Cx {
    /// The one door to the network; it counts, limits and redacts.
    pub http: Arc<dyn Http>,
    /// The one door to time.
    pub clock: Arc<dyn Clock>,
    /// Who the calls are made for, unless a connector knows better (a look-up after a lost answer is a retry).
    pub class: Class,
}

impl Cx {
    /// Takes the doors, for live calls.
    #[must_use]
    pub fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>) -> Self {
        Self {
            http,
            clock,
            class: Class::Live,
        }
    }

    /// Gives the same doors for calls of `class`.
    #[must_use]
    pub fn for_class(&self, class: Class) -> Self {
        Self {
            class,
            ..self.clone()
        }
    }
}

/// One line of a report on credentials and permissions (A10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// What was tested, such as `orders: read`.
    pub subject: String,
    /// Whether the connector needs it to work; optional ones only switch something off.
    pub is_required: bool,
    /// Whether it was tested: some rights show only when they are used.
    pub is_tested: bool,
    /// Whether it is granted; not known of what was not tested.
    pub is_granted: bool,
    /// What to do when it is not, or what was found; empty when there is nothing to say.
    pub note: String,
}

/// What `check` found at one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Who answered, such as the shop's or account's name and number.
    pub identity: String,
    /// The tests, one by one.
    pub lines: Vec<CheckLine>,
    /// What is missing and `schakel setup` makes. No reason not to run it.
    pub lacking: Vec<CheckLine>,
}

impl CheckReport {
    /// Tells whether everything that is required is granted, and nothing is missing that setup makes.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.is_permitted() && self.lacking.is_empty()
    }

    /// Tells whether everything that is required is granted.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        self.lines.iter().all(|line| line.is_granted || !line.is_required)
    }
}
