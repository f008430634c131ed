//! Prices: how many calls each way of reading costs.

use serde::Serialize;

use crate::connector::Part;

/// Most things on one page of a list (lightspeed-ecom.md §3.4).
pub const PAGE: i64 = 250;

/// Calls of a history beside its pages: a count before, so that progress can be told, and one after, to compare.
const COUNTS: i64 = 2;

/// Calls per day of the watch over registrations: one an hour.
const WATCH: f64 = 24.0;

const DAY_MS: f64 = 86_400_000.0;

/// Gives how many calls reading a list of `things` costs: a page that is full may have another one behind it.
#[must_use]
pub const fn pages(things: i64) -> i64 {
    let things = if things < 0 { 0 } else { things };
    things / PAGE + 1
}

/// Gives how many calls the history of `part` costs when it has `things`.
#[must_use]
pub const fn history_calls(part: Part, things: i64) -> i64 {
    if part.is_per_thing() {
        if things < 0 { 0 } else { things }
    } else {
        pages(things) + COUNTS
    }
}

/// Gives the least calls with which the API gives `things` of `part` at all: full pages only, nothing counted; a call
/// for each thing that has no list (lightspeed-ecom.md §2.1, §5.7).
#[must_use]
pub const fn least_calls(part: Part, things: i64) -> i64 {
    if things <= 0 {
        return if part.is_per_thing() { 0 } else { 1 };
    }
    if part.is_per_thing() {
        things
    } else {
        (things - 1) / PAGE + 1
    }
}

/// What happens in a shop, per day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Traffic {
    /// Orders that are placed.
    pub orders: f64,
    /// Customers that are new.
    pub customers: f64,
    /// Carts that are begun.
    pub quotes: f64,
    /// Products that are new.
    pub products: f64,
}

/// What is wanted of a source, as far as it changes the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Pictures and addresses of products.
    pub has_pictures: bool,
    /// Carts and unfinished checkouts.
    pub has_quotes: bool,
    /// Memberships of customer groups.
    pub has_groups: bool,
    /// The rows of carts.
    pub has_quote_rows: bool,
    /// Webhooks are hints only: what they are about is fetched.
    pub is_hint: bool,
    /// There are no webhooks: the sweep finds everything.
    pub is_polling: bool,
}

impl Default for Wants {
    /// Pictures, and nothing that costs more than a page for 250 things.
    fn default() -> Self {
        Self {
            has_pictures: true,
            ..Self::NOTHING
        }
    }
}

impl Wants {
    /// Nothing beyond persons, their orders and shipments.
    pub const NOTHING: Self = Self {
        has_pictures: false,
        has_quotes: false,
        has_groups: false,
        has_quote_rows: false,
        is_hint: false,
        is_polling: false,
    };

    /// Gives what this and `other` want together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            has_pictures: self.has_pictures || other.has_pictures,
            has_quotes: self.has_quotes || other.has_quotes,
            has_groups: self.has_groups || other.has_groups,
            has_quote_rows: self.has_quote_rows || other.has_quote_rows,
            is_hint: self.is_hint || other.is_hint,
            is_polling: self.is_polling || other.is_polling,
        }
    }

    const fn needs_products(self) -> bool {
        self.has_pictures || self.includes(Part::QuoteRows)
    }

    /// Tells whether `part` is read at all: what costs calls and goes nowhere is not (A9).
    #[must_use]
    pub const fn includes(self, part: Part) -> bool {
        match part {
            Part::Products => self.needs_products(),
            Part::Groups => self.has_groups,
            Part::Quotes | Part::Checkouts => self.has_quotes,
            Part::QuoteRows | Part::Variants => self.has_quotes && self.has_quote_rows,
            _ => true,
        }
    }
}

/// How often an order changes after it was placed, on average: it is paid and sent.
const CHANGES: f64 = 2.0;

/// The part of orders of which two payloads of one second differ, so that the shop is asked which is true: 12 of 300 in a
/// demonstration (docs/adr/0009). A shop that books payments and shipments by hand has fewer.
const TIES: f64 = 0.04;

/// Gives the calls per day for payloads of one second that differ: two for an order, whose rows have a path of their own. A
/// hint is fetched anyway.
#[must_use]
pub fn tie_calls(wants: Wants, traffic: Traffic) -> f64 {
    if wants.is_hint || wants.is_polling {
        0.0
    } else {
        traffic.orders * TIES * 2.0
    }
}

/// What believing that one thing was deleted costs, in calls (docs/spec/connector.md, What an answer is worth). How many
/// things a shop deletes it counts nowhere, so this is in no sum. Products and variants are marked nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeletionCalls {
    /// Where a webhook told of it: the thing is asked for once, and its absence is the second witness. `None` where there
    /// are no webhooks.
    pub told: Option<u32>,
    /// Where only a comparison of ids found it: the thing is asked for twice, minutes apart. Where the shop answered nothing
    /// else meanwhile its check follows, once for all that are missing then.
    pub found: u32,
}

/// Gives what a deletion costs.
#[must_use]
pub const fn deletion_calls(wants: Wants) -> DeletionCalls {
    DeletionCalls {
        told: if wants.is_polling { None } else { Some(1) },
        found: 2,
    }
}

/// Gives the calls per day of live traffic. A payload brings an order with its rows and its customer, or a product,
/// and sweeps list products where there are no webhooks; memberships and the rows of carts cost a call for each
/// customer and cart that changes, and what two payloads of one second say differently is asked for. A hint costs two
/// calls for an order, since its rows have a path of their own, and one for anything else.
#[must_use]
pub fn live_calls(wants: Wants, traffic: Traffic) -> f64 {
    let mut calls = tie_calls(wants, traffic);
    if wants.has_groups {
        calls += traffic.customers + traffic.orders;
    }
    if wants.includes(Part::QuoteRows) {
        calls += traffic.quotes;
    }
    if wants.is_hint && !wants.is_polling {
        calls += traffic.orders * (1.0 + CHANGES) * 2.0 + traffic.customers + traffic.orders + traffic.quotes;
        if wants.needs_products() {
            calls += traffic.products;
        }
    }
    calls
}

/// How often the lists of a source are walked, in milliseconds; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// The sweep.
    pub sweep_ms: i64,
    /// Checkouts, which have an interval of their own (C6).
    pub checkouts_ms: i64,
    /// The reconciliation.
    pub reconcile_ms: i64,
}

impl Pace {
    const fn sweep_of(&self, part: Part) -> i64 {
        match part {
            Part::Checkouts => self.checkouts_ms,
            _ => self.sweep_ms,
        }
    }
}

/// Gives the calls per day of sweeps over `parts`, with the watch over the webhooks. A sweep reads a page of each list;
/// where there are no webhooks it also reads the rows of each order that is new or changed.
#[must_use]
pub fn sweep_calls(wants: Wants, parts: impl IntoIterator<Item = Part>, pace: Pace, traffic: Traffic) -> f64 {
    let mut calls = if wants.is_polling { 0.0 } else { WATCH };
    for part in parts {
        let every_ms = pace.sweep_of(part);
        if every_ms <= 0 {
            continue;
        }
        calls += DAY_MS / real(every_ms);
        if part == Part::Orders {
            calls += swept_rows(wants, traffic);
        }
    }
    calls
}

/// Gives the calls per day for the rows of orders that sweeps find new or changed: a call each where there are no
/// webhooks, which bring them otherwise.
#[must_use]
pub fn swept_rows(wants: Wants, traffic: Traffic) -> f64 {
    if wants.is_polling {
        traffic.orders * (1.0 + CHANGES)
    } else {
        0.0
    }
}

/// Gives the calls per day of reconciliations of lists with so many `things` each, every `every_ms` milliseconds (0:
/// never): each reads the ids of all, and counts.
#[must_use]
pub fn reconcile_calls(things: &[i64], every_ms: i64) -> f64 {
    if every_ms <= 0 {
        return 0.0;
    }
    let once: i64 = things.iter().map(|things| pages(*things) + 1).sum();
    real(once) * DAY_MS / real(every_ms)
}

/// A count as a number to multiply; counts are far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of things and milliseconds are far below 2^52"
)]
pub(super) const fn real(count: i64) -> f64 {
    count as f64
}
