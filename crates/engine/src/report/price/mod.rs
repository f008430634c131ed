//! Prices: what reading a source costs in calls, part by part and option by option, before anything is read (A9, F16).

mod ask;
mod known;
mod left;
mod outside;

#[cfg(test)]
mod tests;

use schakel_core::connector::Part;
use schakel_core::forecast::{
    DeletionCalls, Pace, Range, Wants, Window, deletion_calls, drifting, history_calls, least_calls,
    live_calls, reconcile_calls, room_per_day, sweep_calls, swept_rows, tie_calls,
};
use schakel_core::walk::Job;
use serde::Serialize;

pub use self::ask::{Counts, Question, ask};
pub use self::known::{Known, Standing};
use self::left::calls_left;
pub use self::outside::OutsidePrice;
use self::outside::{outside, people};
use super::end::{Ahead, End, Subject, end_with, ratio};

/// What one part of a history costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartPrice {
    /// Its name.
    pub part: &'static str,
    /// Things that the source counted.
    pub things: i64,
    /// Calls to read them.
    pub calls: i64,
    /// The least calls with which the API gives them.
    pub calls_least: i64,
    /// Its part of all calls, in percent.
    pub percent: f64,
    /// How its history stands.
    pub standing: Standing,
    /// Calls that are left of it: what was read already costs nothing more.
    pub calls_left: i64,
}

/// What one option costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionPrice {
    /// Its name.
    pub option: &'static str,
    /// Whether it is on.
    pub is_on: bool,
    /// Whether its things could be counted; without that its prices say nothing.
    pub is_counted: bool,
    /// Calls per day that it costs or would cost; `None` while nobody counted what is new.
    pub calls_per_day: Option<f64>,
    /// Calls that it adds to the history.
    pub history_calls: i64,
    /// How much longer the history takes with it, in microseconds, at the most.
    pub longer_us: i64,
}

/// Calls per 1,000 orders.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerThousand {
    /// Reading the history.
    pub history: f64,
    /// The least possible for that.
    pub history_least: f64,
    /// Live traffic around as many new orders; `None` while nobody counted what is new.
    pub live: Option<f64>,
}

/// Who counted what a plan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The source, asked for this plan.
    Shop,
    /// The histories and reconciliations so far, since the source had no room for a question.
    History,
}

/// What a history costs and when it ends.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The source's name.
    pub connection: String,
    /// The parts that are read.
    pub parts: Vec<PartPrice>,
    /// Who counted them.
    pub counted_by: CountedBy,
    /// Parts that nothing has counted yet. Their calls are in no sum, and no end can be told.
    pub uncounted: Vec<&'static str>,
    /// Lists that the history refers to and nothing has counted as a whole yet: they are in neither `outside`, nor the sums,
    /// nor the end.
    pub outside_uncounted: Vec<&'static str>,
    /// Parts that cannot be counted, with the reason. Their calls are in no sum, and the end is that of the others.
    pub refused: Vec<(&'static str, String)>,
    /// What the history refers to and does not list.
    pub outside: Vec<OutsidePrice>,
    /// All calls of the history but those for what lies outside it.
    pub calls: i64,
    /// The least possible.
    pub calls_least: i64,
    /// What is left of them, as much of the history was read already.
    pub calls_left: i64,
    /// Calls per 1,000 orders; `None` without any order, and while a part is not counted.
    pub per_thousand: Option<PerThousand>,
    /// Calls per day once the history is read: live traffic, sweeps, reconciliations; `None` while nobody counted what is
    /// new.
    pub per_day: Option<[f64; 3]>,
    /// Parts that are or could be options, as far as something counted them.
    pub options: Vec<OptionPrice>,
    /// Calls per day that the limits leave for sweeps and history together; `None` without limits.
    pub room_per_day: Option<f64>,
    /// How much of that sweeps and reconciliations take, in percent; at 100 a history hardly moves. `None` like `per_day`.
    pub swept_percent: Option<f64>,
    /// Calls per day, among the live ones, for payloads of one second that differ: assumed, since nothing counts them;
    /// `None` like `per_day`.
    pub ties_per_day: Option<f64>,
    /// Calls for one deletion; how many there are nothing counts, so they are in no sum.
    pub per_deletion: DeletionCalls,
    /// When the history ends if it begins now; `None` while a part is not counted.
    pub end: Option<End>,
    /// Most persons that the history brings: they would be new to a campaign for new profiles. `None` while the customers
    /// are not counted.
    pub people: Option<i64>,
    /// As many at least; the others are customers who registered before the period and may have bought in it.
    pub people_least: Option<i64>,
    /// Calls that this plan cost.
    pub asked: i64,
}

/// Puts prices on what was counted.
#[must_use]
pub fn plan(subject: &Subject, counts: &Counts, (wants, pace): (Wants, Pace), known: &Known) -> Plan {
    let desk = Desk {
        subject,
        counts,
        pace,
        known,
    };
    let calls = desk.history(wants);
    let least = desk
        .wanted(wants)
        .map(|(part, things)| least_calls(part, things))
        .sum();
    let parts = desk.wanted(wants).map(|(part, things)| PartPrice {
        part: part.as_str(),
        things,
        calls: history_calls(part, things),
        calls_least: least_calls(part, things),
        percent: ratio(history_calls(part, things) * 100, calls.max(1)),
        standing: known.standing(part, counts.span),
        calls_left: calls_left(known, counts, (part, things)),
    });
    let outside = outside(counts, wants, known);
    let orders = counts.things.get(&Part::Orders).copied().unwrap_or(0);
    let per_day = desk.per_day(wants);
    let windows = Window::all(&subject.limits, known.budget.as_ref().map(|budget| &budget.usage));
    let room = room_per_day(&windows);
    let [people_least, people] = people(counts, known, &outside).map_or([None; 2], |both| both.map(Some));
    let names = |parts: &[Part]| parts.iter().map(|part| part.as_str()).collect();
    let is_counted = counts.uncounted.is_empty();
    Plan {
        connection: subject.name.clone(),
        parts: parts.collect(),
        counted_by: match counts.traffic {
            Some(_) => CountedBy::Shop,
            None => CountedBy::History,
        },
        uncounted: names(&counts.uncounted),
        outside_uncounted: names(&counts.wholes_uncounted),
        refused: counts
            .refused
            .iter()
            .map(|(part, why)| (part.as_str(), why.clone()))
            .collect(),
        outside,
        calls,
        calls_least: least,
        calls_left: desk.left(wants),
        per_thousand: (orders > 0 && is_counted).then(|| PerThousand {
            history: ratio(calls * 1_000, orders),
            history_least: ratio(least * 1_000, orders),
            live: per_day
                .zip(counts.traffic)
                .map(|([live, ..], traffic)| match traffic.orders {
                    orders if orders > 0.0 => live * 1_000.0 / orders,
                    _ => 0.0,
                }),
        }),
        per_day,
        options: desk.options(wants),
        room_per_day: room,
        swept_percent: room
            .zip(per_day)
            .map(|(room, [_, sweep, reconcile])| (sweep + reconcile) * 100.0 / room.max(1.0)),
        ties_per_day: counts.traffic.map(|traffic| tie_calls(wants, traffic)),
        per_deletion: deletion_calls(wants),
        end: is_counted.then(|| desk.end(&desk.bill(wants))),
        people,
        people_least,
        asked: counts.calls,
    }
}

/// What prices are made of.
struct Desk<'a> {
    subject: &'a Subject,
    counts: &'a Counts,
    pace: Pace,
    known: &'a Known,
}

impl Desk<'_> {
    fn wanted(&self, wants: Wants) -> impl Iterator<Item = (Part, i64)> {
        let things = self.counts.things.iter().map(|(part, things)| (*part, *things));
        things.filter(move |(part, _)| wants.includes(*part))
    }

    fn history(&self, wants: Wants) -> i64 {
        self.wanted(wants)
            .map(|(part, things)| history_calls(part, things))
            .sum()
    }

    /// The calls of a history that are left, without what lies outside it.
    fn left(&self, wants: Wants) -> i64 {
        let left = |of| calls_left(self.known, self.counts, of);
        self.wanted(wants).map(left).sum()
    }

    /// Calls per day: live traffic, sweeps, reconciliations; `None` while nobody counted what is new.
    fn per_day(&self, wants: Wants) -> Option<[f64; 3]> {
        let traffic = self.counts.traffic?;
        let parts = self.wanted(wants).map(|(part, _)| part);
        let swept = parts.filter(|part| Job::Sweep.walks(*part));
        let listed = self.wanted(wants).filter(|(part, _)| Job::Reconcile.walks(*part));
        let things: Vec<i64> = listed.map(|(_, things)| things).collect();
        Some([
            live_calls(wants, traffic),
            sweep_calls(wants, swept, self.pace, traffic),
            reconcile_calls(&things, self.pace.reconcile_ms),
        ])
    }

    fn bill(&self, wants: Wants) -> Bill {
        let outside = outside(self.counts, wants, self.known);
        let most: i64 = outside.iter().map(|price| price.calls_most).sum();
        let left = self.left(wants);
        Bill {
            calls: self.history(wants),
            left: Range {
                low: drifting(left).low,
                high: drifting(left + most).high,
            },
            per_day: self.per_day(wants),
        }
    }

    fn end(&self, bill: &Bill) -> End {
        let mut subject = self.subject.clone();
        if let Some([_, sweep, reconcile]) = bill.per_day {
            subject.sweep_per_day = sweep + reconcile;
        }
        let known = self.known.budget.as_ref();
        let ahead = Ahead {
            calls: bill.left,
            live: bill.per_day.map(|[live, ..]| Range::around(live, 50.0)),
            still_us: Range::default(),
        };
        end_with(&subject, known, &ahead)
    }

    /// The parts that cost calls and could be left out, each against the same without it.
    fn options(&self, wants: Wants) -> Vec<OptionPrice> {
        let groups = |has_groups| Wants { has_groups, ..wants };
        let rows = |has_quote_rows| Wants {
            has_quote_rows,
            ..wants
        };
        let quotes = |has_quotes| Wants { has_quotes, ..wants };
        let pictures = |has_pictures| Wants {
            has_pictures,
            ..wants
        };
        let cart_rows = Wants {
            has_quotes: true,
            ..rows(true)
        };
        let bill = |wants| self.bill(wants);
        let all = [
            self.order_rows(wants),
            self.option(
                ("pictures", Part::Products),
                wants.has_pictures,
                &bill(pictures(true)),
                &bill(pictures(false)),
            ),
            self.option(
                ("quotes", Part::Quotes),
                wants.has_quotes,
                &bill(quotes(true)),
                &bill(quotes(false)),
            ),
            self.option(
                ("customer_groups", Part::Groups),
                wants.has_groups,
                &bill(groups(true)),
                &bill(groups(false)),
            ),
            self.option(
                ("quote_rows", Part::QuoteRows),
                wants.includes(Part::QuoteRows),
                &bill(cart_rows),
                &bill(rows(false)),
            ),
        ];
        all.into_iter().flatten().collect()
    }

    /// The rows of orders: part of every payload, a call for each order in a history and where lists tell of it.
    fn order_rows(&self, wants: Wants) -> Option<OptionPrice> {
        let with = self.bill(wants);
        let mut without = with;
        if let Some(things) = self.counts.things.get(&Part::OrderRows).copied() {
            let left = drifting(calls_left(self.known, self.counts, (Part::OrderRows, things)));
            without.calls -= things;
            without.left.low = (without.left.low - left.low).max(0.0);
            without.left.high = (without.left.high - left.high).max(0.0);
        }
        if let (Some([_, sweep, _]), Some(traffic)) = (&mut without.per_day, self.counts.traffic)
            && self.pace.sweep_ms > 0
        {
            *sweep -= swept_rows(wants, traffic);
        }
        self.option(("order_rows", Part::OrderRows), true, &with, &without)
    }

    /// Tells whether what an option brings was counted; rows of carts bring the variants.
    fn has_counts_of(&self, of: Part) -> bool {
        let has = |part| self.counts.things.contains_key(&part);
        has(of) && (of != Part::QuoteRows || has(Part::Variants))
    }

    /// Prices one option; `None` where histories counted and did not count its things.
    fn option(
        &self,
        (option, of): (&'static str, Part),
        is_on: bool,
        with: &Bill,
        without: &Bill,
    ) -> Option<OptionPrice> {
        if self.counts.traffic.is_none() && !self.has_counts_of(of) {
            return None;
        }
        let sum = |bill: &Bill| Some(bill.per_day?.iter().sum::<f64>());
        let middle = |bill: &Bill| {
            let end = self.end(bill);
            i64::midpoint(end.earliest_us, end.latest_us)
        };
        Some(OptionPrice {
            option,
            is_on,
            is_counted: !self.counts.refused.iter().any(|(part, _)| *part == of),
            calls_per_day: sum(with).zip(sum(without)).map(|(with, without)| with - without),
            history_calls: with.calls - without.calls,
            longer_us: (middle(with) - middle(without)).max(0),
        })
    }
}

/// What some wants cost.
#[derive(Debug, Clone, Copy)]
struct Bill {
    /// Calls of the history.
    calls: i64,
    /// Those that are left of them, with what lies outside it.
    left: Range,
    /// Calls per day: live traffic, sweeps, reconciliations; `None` while nobody counted what is new.
    per_day: Option<[f64; 3]>,
}
