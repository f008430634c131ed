//! Prices: what reading a source costs in calls, part by part and option by option, before anything is read (A9, F16).

use std::collections::BTreeMap;

use schakel_core::connector::{ConnectorError, Cx, Part, Source, Span};
use schakel_core::forecast::{
    Range, Traffic, Wants, drifting, history_calls, least_calls, live_calls, reconcile_calls, sweep_calls,
    swept_rows,
};
use schakel_core::time::Timestamp;
use schakel_core::walk::Job;
use serde::Serialize;

use super::history::{End, Subject, end_with, ratio};
use crate::budget::StoredBudget;

/// Days over which it is counted what happens in a shop.
const RECENT_DAYS: i64 = 30;

const DAY_MS: i64 = 86_400_000;

/// Lists whose newest things are counted apart, to tell what happens in the shop per day.
const LIVELY: [Part; 4] = [Part::Products, Part::Customers, Part::Quotes, Part::Orders];

/// What a source counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Things of each part that is asked for; rows are as many as the things that have them.
    pub things: BTreeMap<Part, i64>,
    /// What happens per day.
    pub traffic: Traffic,
    /// Parts that cannot be counted, with the reason.
    pub refused: Vec<(Part, String)>,
    /// Calls that the question cost.
    pub calls: i64,
}

/// Tells how many calls [`ask`] makes for `parts`.
#[must_use]
pub fn questions(parts: &[Part]) -> usize {
    let lists = parts.iter().filter(|part| !part.is_per_thing());
    let lively = parts.iter().filter(|part| LIVELY.contains(part));
    lists.count() + lively.count()
}

/// Counts what a source has of `parts` in `span`, and what is new lately: a call for each. A part that the key may not
/// read is noted and left out.
///
/// # Errors
/// When the source cannot be asked at all.
pub async fn ask(
    source: &dyn Source,
    cx: &Cx,
    (parts, span): (&[Part], Span),
    now: Timestamp,
) -> Result<Counts, ConnectorError> {
    let mut counts = Counts::default();
    let recent = Span {
        created_from: Some(now.plus_ms(-RECENT_DAYS * DAY_MS)),
        ..Span::default()
    };
    for part in parts.iter().copied().filter(|part| !part.is_per_thing()) {
        counts.calls += 1;
        match source.count(cx, part, span).await {
            Ok(things) => counts
                .things
                .insert(part, i64::try_from(things).unwrap_or(i64::MAX)),
            Err(error @ (ConnectorError::Rejected(_) | ConnectorError::Unsupported(_))) => {
                counts.refused.push((part, error.to_string()));
                continue;
            }
            Err(error) => return Err(error),
        };
        if LIVELY.contains(&part) {
            counts.calls += 1;
            let things = source.count(cx, part, recent).await?;
            let per_day = ratio(i64::try_from(things).unwrap_or(i64::MAX), RECENT_DAYS);
            match part {
                Part::Products => counts.traffic.products = per_day,
                Part::Customers => counts.traffic.customers = per_day,
                Part::Quotes => counts.traffic.quotes = per_day,
                _ => counts.traffic.orders = per_day,
            }
        }
    }
    for (rows, of) in [(Part::OrderRows, Part::Orders), (Part::QuoteRows, Part::Quotes)] {
        if !parts.contains(&rows) {
            continue;
        }
        if let Some(things) = counts.things.get(&of).copied() {
            counts.things.insert(rows, things);
        } else if counts.refused.iter().any(|(part, _)| *part == of) {
            let why = format!("they are as many as the {}, which cannot be counted", of.as_str());
            counts.refused.push((rows, why));
        } else if !parts.contains(&of) {
            // Asked for alone: they are as many as the things that have them.
            counts.calls += 1;
            let things = source.count(cx, of, span).await?;
            counts
                .things
                .insert(rows, i64::try_from(things).unwrap_or(i64::MAX));
        }
    }
    Ok(counts)
}

/// How often lists are walked, in milliseconds; 0 for never.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The sweep.
    pub sweep_ms: i64,
    /// The reconciliation.
    pub reconcile_ms: i64,
}

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
    /// Calls per day that it costs or would cost.
    pub calls_per_day: f64,
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
    /// Live traffic around as many new orders.
    pub live: f64,
}

/// What a history costs and when it ends.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The source's name.
    pub connection: String,
    /// The parts that are read.
    pub parts: Vec<PartPrice>,
    /// Parts that cannot be counted, with the reason. Their calls are in no sum, and the end is that of the others.
    pub refused: Vec<(&'static str, String)>,
    /// All calls of the history.
    pub calls: i64,
    /// The least possible.
    pub calls_least: i64,
    /// Calls per 1,000 orders; `None` without any order.
    pub per_thousand: Option<PerThousand>,
    /// Calls per day once the history is read: live traffic, sweeps, reconciliations.
    pub per_day: [f64; 3],
    /// Parts that are or could be options.
    pub options: Vec<OptionPrice>,
    /// When the history ends if it begins now.
    pub end: End,
    /// Persons in the history: they would be new to a campaign for new profiles.
    pub people: i64,
    /// Calls that this plan cost.
    pub asked: i64,
}

/// Puts prices on what was counted.
#[must_use]
pub fn plan(
    subject: &Subject,
    counts: &Counts,
    (wants, pace): (Wants, Pace),
    known: Option<&StoredBudget>,
) -> Plan {
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
    });
    let orders = counts.things.get(&Part::Orders).copied().unwrap_or(0);
    let per_day = desk.per_day(wants);
    Plan {
        connection: subject.name.clone(),
        parts: parts.collect(),
        refused: counts
            .refused
            .iter()
            .map(|(part, why)| (part.as_str(), why.clone()))
            .collect(),
        calls,
        calls_least: least,
        per_thousand: (orders > 0).then(|| PerThousand {
            history: ratio(calls * 1_000, orders),
            history_least: ratio(least * 1_000, orders),
            live: if counts.traffic.orders > 0.0 {
                per_day[0] * 1_000.0 / counts.traffic.orders
            } else {
                0.0
            },
        }),
        per_day,
        options: desk.options(wants),
        end: desk.end(&desk.bill(wants)),
        people: counts.things.get(&Part::Customers).copied().unwrap_or(0),
        asked: counts.calls,
    }
}

/// What prices are made of.
struct Desk<'a> {
    subject: &'a Subject,
    counts: &'a Counts,
    pace: Pace,
    known: Option<&'a StoredBudget>,
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

    /// Calls per day: live traffic, sweeps, reconciliations.
    fn per_day(&self, wants: Wants) -> [f64; 3] {
        let traffic = self.counts.traffic;
        let swept = self
            .wanted(wants)
            .filter(|(part, _)| Job::Sweep.walks(*part))
            .count();
        let listed = self.wanted(wants).filter(|(part, _)| Job::Reconcile.walks(*part));
        let things: Vec<i64> = listed.map(|(_, things)| things).collect();
        [
            live_calls(wants, traffic),
            sweep_calls(wants, swept, self.pace.sweep_ms, traffic),
            reconcile_calls(&things, self.pace.reconcile_ms),
        ]
    }

    fn bill(&self, wants: Wants) -> Bill {
        Bill {
            calls: self.history(wants),
            per_day: self.per_day(wants),
        }
    }

    fn end(&self, bill: &Bill) -> End {
        let [live, sweep, reconcile] = bill.per_day;
        let subject = Subject {
            sweep_per_day: sweep + reconcile,
            ..self.subject.clone()
        };
        let calls = drifting(bill.calls);
        end_with(&subject, self.known, (calls, Some(Range::around(live, 50.0))))
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
        vec![
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
        ]
    }

    /// The rows of orders: part of every payload, a call for each order in a history and where lists tell of it.
    fn order_rows(&self, wants: Wants) -> OptionPrice {
        let with = self.bill(wants);
        let mut without = with;
        without.calls -= self.counts.things.get(&Part::OrderRows).copied().unwrap_or(0);
        let orders = swept_rows(wants, self.counts.traffic);
        if self.pace.sweep_ms > 0 {
            without.per_day[1] -= orders;
        }
        self.option(("order_rows", Part::OrderRows), true, &with, &without)
    }

    fn option(
        &self,
        (option, of): (&'static str, Part),
        is_on: bool,
        with: &Bill,
        without: &Bill,
    ) -> OptionPrice {
        let sum = |bill: &Bill| bill.per_day.iter().sum::<f64>();
        let middle = |bill: &Bill| {
            let end = self.end(bill);
            i64::midpoint(end.earliest_us, end.latest_us)
        };
        OptionPrice {
            option,
            is_on,
            is_counted: !self.counts.refused.iter().any(|(part, _)| *part == of),
            calls_per_day: sum(with) - sum(without),
            history_calls: with.calls - without.calls,
            longer_us: (middle(with) - middle(without)).max(0),
        }
    }
}

/// What some wants cost.
#[derive(Debug, Clone, Copy)]
struct Bill {
    /// Calls of the history.
    calls: i64,
    /// Calls per day: live traffic, sweeps, reconciliations.
    per_day: [f64; 3],
}

#[cfg(test)]
mod tests {
    use schakel_core::budget::{Limit, Limits, Reserves};
    use schakel_core::id::ConnectionId;

    use super::*;

    fn desk_plan(wants: Wants) -> Plan {
        let things = [
            (Part::Products, 10_000),
            (Part::Customers, 100_000),
            (Part::Quotes, 300_000),
            (Part::Groups, 100_000),
            (Part::Orders, 250_000),
            (Part::OrderRows, 250_000),
            (Part::QuoteRows, 300_000),
        ];
        let counts = Counts {
            things: things.into_iter().collect(),
            traffic: Traffic {
                orders: 700.0,
                customers: 300.0,
                quotes: 900.0,
                products: 3.0,
            },
            refused: Vec::new(),
            calls: 12,
        };
        let subject = Subject {
            connection: ConnectionId(1),
            name: "shop".to_owned(),
            limits: Limits {
                windows: vec![
                    Limit::long(300, 300),
                    Limit::long(3_000, 3_600),
                    Limit::long(12_000, 86_400),
                ],
                reserves: Reserves::default(),
            },
            sweep_per_day: 0.0,
        };
        let pace = Pace {
            sweep_ms: 900_000,
            reconcile_ms: 7 * DAY_MS,
        };
        plan(&subject, &counts, (wants, pace), None)
    }

    fn price(plan: &Plan, option: &str) -> OptionPrice {
        plan.options
            .iter()
            .find(|one| one.option == option)
            .unwrap()
            .clone()
    }

    #[test]
    fn a_plan_names_what_it_costs_and_what_it_would_cost() {
        let wants = Wants {
            has_quotes: true,
            ..Wants::default()
        };
        let plan = desk_plan(wants);
        let parts: Vec<&str> = plan.parts.iter().map(|part| part.part).collect();
        assert_eq!(parts, ["products", "customers", "quotes", "orders", "order_rows"]);
        assert_eq!(plan.calls, 43 + 403 + 1_203 + 1_003 + 250_000);
        assert_eq!(plan.end.binding_us, Some(86_400_000_000));
        let rows = price(&plan, "quote_rows");
        assert!(!rows.is_on && rows.history_calls == 300_000 && (rows.calls_per_day - 900.0).abs() < 1.0);
        assert!(
            rows.longer_us > 30 * 86_400_000_000,
            "more calls than all others together"
        );
        let groups = price(&plan, "customer_groups");
        assert!(!groups.is_on && groups.history_calls == 403 && groups.calls_per_day > 1_000.0);
        assert!(price(&plan, "quotes").is_on);
        let rows = price(&plan, "order_rows");
        assert!(rows.is_on && rows.history_calls == 250_000 && rows.calls_per_day == 0.0);
        assert!(rows.longer_us > 20 * 86_400_000_000, "nearly all of the history");
        let pictures = price(&plan, "pictures");
        assert!(pictures.is_on && pictures.history_calls == 43);
        // A page of each sweep; payloads bring new products.
        assert!((pictures.calls_per_day - 96.0).abs() < 1e-9, "{pictures:?}");
        let thousand = plan.per_thousand.unwrap();
        assert!(thousand.history < 1.001 * thousand.history_least, "{thousand:?}");
    }

    #[test]
    fn what_is_switched_on_is_in_the_plan() {
        let wants = Wants {
            has_quotes: true,
            has_quote_rows: true,
            ..Wants::default()
        };
        let plan = desk_plan(wants);
        assert!(plan.parts.iter().any(|part| part.part == "quote_rows"));
        assert!(price(&plan, "quote_rows").is_on);
        assert!(
            price(&plan, "quotes").history_calls > 300_000,
            "rows go with their carts"
        );
        let width = plan.end.latest_us - plan.end.earliest_us;
        assert!(width * 5 <= plan.end.latest_us, "a fifth at most: {:?}", plan.end);
    }

    #[test]
    fn an_option_costs_what_it_needs_as_well() {
        let wants = Wants {
            has_pictures: false,
            is_polling: true,
            ..Wants::default()
        };
        let plan = desk_plan(wants);
        assert!(!price(&plan, "pictures").is_on && !price(&plan, "quotes").is_on);
        // Without quotes their rows bring them along, and the products in them.
        let (quotes, rows) = (price(&plan, "quotes"), price(&plan, "quote_rows"));
        assert_eq!((quotes.history_calls, rows.history_calls), (1_203, 301_246));
        // Lists tell of orders without their rows: a call when one is new, and one for each of its two changes.
        let rows = price(&plan, "order_rows");
        assert!((rows.calls_per_day - 2_100.0).abs() < 1e-9, "{rows:?}");
    }
}
