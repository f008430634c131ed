//! `schakel backfill start`: all shops are looked at before the history of any of them begins.

use schakel_core::connector::{Part, Span};
use schakel_core::id::ConnectionId;
use schakel_core::record::RecordKind;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Walk};
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_store::{OpenOptions, Store, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::begin::{Hub, no_hub};
use super::super::open;
use super::super::walks::{Shop, gravest, names, period_in_words, shops};
use crate::cli::{PeriodArgs, WhichArgs};
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// What is to be begun.
pub(super) struct Order {
    /// Which parts of which shop.
    pub which: WhichArgs,
    /// Which things.
    pub period: PeriodArgs,
    /// Parts that are left out.
    pub without: Vec<Part>,
    /// Whether parts that are read already begin once more.
    pub is_again: bool,
}

/// A shop, and the parts of it that are meant.
struct At<'s> {
    shop: &'s Shop<'s>,
    connection: ConnectionId,
    parts: Vec<Part>,
}

/// What became of the order at one shop.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// These parts begin.
    Begins(Vec<Part>),
    /// All that was meant is read already.
    Read,
    /// These parts are under way, so nothing begins.
    UnderWay(Vec<Part>),
}

pub(super) async fn start(config: &Config, order: &Order, output: Output) -> anyhow::Result<Exit> {
    let now = SystemClock::new().now();
    let span = order.period.span(now)?;
    let shops = shops(config, &order.which)?;
    let meant = shops.all.iter().map(|shop| Ok((shop, meant(shop, order)?)));
    let meant: Vec<(&Shop<'_>, Vec<Part>)> = meant.collect::<Result<_, Failure>>()?;
    let store = open(config, OpenOptions::default()).await?;
    let mut all = Vec::new();
    let mut under_way = Vec::new();
    for (shop, parts) in meant {
        let connection = shop.id_or_new(&store).await?;
        let known = store.walks(TENANT, Some(connection)).await?;
        if let Outcome::UnderWay(parts) = look(&known, &parts, span, order.is_again) {
            under_way.push(format!("of \"{}\" is under way: {}", shop.name(), names(&parts)));
        }
        all.push(At {
            shop,
            connection,
            parts,
        });
    }
    if under_way.len() == all.len() {
        let text = format!("the history {}", under_way.join("; that "));
        return Err(Failure::usage("SCH-0110", text).hint(HINT).into());
    }
    let mut exit = Exit::Good;
    let (mut values, mut hubs) = (Vec::new(), Vec::new());
    for at in &all {
        let (outcome, walks) = begin(&store, at, (span, now), order.is_again).await?;
        let is_running = is_served(&store, at.connection).await?;
        if matches!(outcome, Outcome::Begins(_)) {
            hubs.push(Hub {
                shop: at.shop.name(),
                is_running,
                is_waited: false,
            });
        } else {
            exit = gravest(exit, Exit::Findings);
        }
        let rows = rows_of(&store, at.connection, &outcome).await?;
        output.line(format!("{}: {}", at.shop.name(), said(&outcome, &rows, span)));
        let mut value = value(at, &outcome, &walks);
        value["rows"] = json!(rows);
        value["is_hub_running"] = json!(is_running);
        values.push(value);
    }
    if let Some(said) = no_hub(&hubs) {
        output.warning(&said);
    }
    output.line("`schakel backfill status` shows how far it is, `schakel plan` when it ends");
    output.value(&json!({ "histories": values }));
    store.close().await;
    Ok(exit)
}

const HINT: &str = "`schakel backfill status` shows it, `resume` lets a halted one go on, `cancel` ends it so that it can begin anew";

/// Gives the parts of a shop that are meant.
fn meant(shop: &Shop<'_>, order: &Order) -> Result<Vec<Part>, Failure> {
    let mut parts = shop.parts(Job::Backfill, &order.which)?;
    parts.retain(|part| !order.without.contains(part));
    if parts.is_empty() {
        let text = format!("nothing of \"{}\" is left to begin", shop.name());
        return Err(Failure::usage("SCH-0106", text).hint("`--without` names all that would begin"));
    }
    Ok(parts)
}

/// Tells what becomes of an order, as the walks of the shop stand.
fn look(known: &[Walk], parts: &[Part], span: Span, is_again: bool) -> Outcome {
    let history = |part: &Part| {
        known
            .iter()
            .find(|walk| walk.job == Job::Backfill && walk.part == *part)
    };
    let is_under_way = |part: &&Part| history(part).is_some_and(Walk::is_under_way);
    let under_way: Vec<Part> = parts.iter().filter(is_under_way).copied().collect();
    if !under_way.is_empty() {
        return Outcome::UnderWay(under_way);
    }
    let is_read = |part: &Part| !is_again && history(part).is_some_and(|walk| walk.has_read(span));
    let lists: Vec<Part> = parts.iter().filter(|part| !is_read(part)).copied().collect();
    // A list that begins brings things whose rows nobody read.
    let brings = |part: &Part| part.is_per_thing() && lists.iter().any(|list| list.kind() == part.kind());
    let begins = |part: &&Part| lists.contains(*part) || brings(part);
    match parts.iter().filter(begins).copied().collect::<Vec<Part>>() {
        parts if parts.is_empty() => Outcome::Read,
        parts => Outcome::Begins(parts),
    }
}

/// Begins what is to begin at one shop.
async fn begin(
    store: &Store,
    at: &At<'_>,
    (span, now): (Span, Timestamp),
    is_again: bool,
) -> Result<(Outcome, Vec<Walk>), Failure> {
    // Until the hub or somebody else begins or ends none of them between the look at it and its beginning.
    loop {
        let known = store.walks(TENANT, Some(at.connection)).await?;
        let outcome = look(&known, &at.parts, span, is_again);
        let Outcome::Begins(parts) = &outcome else {
            return Ok((outcome, Vec::new()));
        };
        let new = |part: &Part| Walk::new(at.connection, Job::Backfill, *part, span, now);
        let walks: Vec<Walk> = parts.iter().map(new).collect();
        if store.begin_walks_as_seen(TENANT, &walks, &known).await? {
            return Ok((outcome, walks));
        }
    }
}

/// What begins of rows: they are read of those things alone that lack them, whatever was read before.
#[derive(Debug, Serialize)]
struct Rows {
    part: &'static str,
    /// Things that are held now.
    held: i64,
    /// Those of them that lack rows.
    due: i64,
    #[serde(skip)]
    kind: RecordKind,
}

/// Gives what is held now of the things whose rows begin.
async fn rows_of(
    store: &Store,
    connection: ConnectionId,
    outcome: &Outcome,
) -> Result<Vec<Rows>, StoreError> {
    let Outcome::Begins(parts) = outcome else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for part in parts.iter().filter(|part| part.is_per_thing()) {
        let kind = part.kind();
        rows.push(Rows {
            part: part.as_str(),
            held: store.count_alive(TENANT, connection, kind).await?,
            due: store.count_rows_due(TENANT, connection, kind).await?,
            kind,
        });
    }
    Ok(rows)
}

/// Says what is read of the parts that begin.
fn read_in_words(parts: &[Part], rows: &[Rows]) -> String {
    let lists: Vec<Part> = parts
        .iter()
        .filter(|part| !part.is_per_thing())
        .copied()
        .collect();
    let mut said = Vec::new();
    if !lists.is_empty() {
        said.push(format!("{}, each from its first page", names(&lists)));
    }
    for Rows {
        part,
        held,
        due,
        kind,
    } in rows
    {
        let things = if *kind == RecordKind::Quote {
            "carts"
        } else {
            "orders"
        };
        said.push(format!(
            "{part} of the {things} that lack them by then (now {due} of the {held} that are held)"
        ));
    }
    said.join("; ")
}

/// Says what became of the order at one shop.
fn said(outcome: &Outcome, rows: &[Rows], span: Span) -> String {
    let of = period_in_words(span.created_from, span.created_to)
        .map_or_else(String::new, |period| format!(" of what was created {period}"));
    match outcome {
        Outcome::Begins(parts) => format!(
            "the history{of} begins with the running hub, or at its next start: {}",
            read_in_words(parts, rows)
        ),
        Outcome::Read => format!("the history{of} is read already; `--again` reads it once more"),
        Outcome::UnderWay(parts) => format!(
            "nothing begins, the history is under way: {}; {HINT}",
            names(parts)
        ),
    }
}

fn value(at: &At<'_>, outcome: &Outcome, walks: &[Walk]) -> Value {
    let (word, under_way) = match outcome {
        Outcome::Begins(_) => ("begins", &[][..]),
        Outcome::Read => ("read", &[][..]),
        Outcome::UnderWay(parts) => ("under_way", parts.as_slice()),
    };
    let under_way: Vec<&str> = under_way.iter().map(|part| part.as_str()).collect();
    json!({ "connection": at.shop.name(), "outcome": word, "walks": walks, "under_way": under_way })
}

#[cfg(test)]
mod tests {
    use schakel_core::walk::WalkState;

    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_micros(day * 86_400_000_000)
    }

    fn span(from: i64, to: i64) -> Span {
        Span {
            created_from: Some(at(from)),
            created_to: Some(at(to)),
            updated_from: None,
        }
    }

    fn history(part: Part, span: Span, state: WalkState) -> Walk {
        let mut walk = Walk::new(ConnectionId(1), Job::Backfill, part, span, at(100));
        walk.state = state;
        walk.note_end();
        walk
    }

    #[test]
    fn what_is_read_is_read_of_that_period_only() {
        let parts = [Part::Orders, Part::Shipments, Part::OrderRows];
        let done = |part| history(part, span(10, 20), WalkState::Done);
        let known = parts.map(done);
        let look = |span, is_again| look(&known, &parts, span, is_again);
        let all = || Outcome::Begins(parts.to_vec());
        assert_eq!(look(span(12, 18), false), Outcome::Read);
        assert_eq!(look(span(12, 18), true), all());
        assert_eq!(look(span(12, 21), false), all());
        assert_eq!(look(Span::default(), false), all());
    }

    #[test]
    fn a_later_narrower_one_takes_nothing_away_and_one_that_stopped_begins_anew() {
        let whole = |part| history(part, Span::default(), WalkState::Done);
        let cancelled = |part| Walk {
            span: span(10, 20),
            state: WalkState::Cancelled,
            ..whole(part)
        };
        let parts = [Part::Orders, Part::OrderRows];
        let look = |known: &[Walk]| look(known, &parts, Span::default(), false);
        assert_eq!(look(&parts.map(cancelled)), Outcome::Read);
        let stopped = history(Part::OrderRows, Span::default(), WalkState::Stopped);
        assert_eq!(
            look(&[whole(Part::Orders), stopped]),
            Outcome::Begins(vec![Part::OrderRows])
        );
        assert_eq!(
            look(&[whole(Part::OrderRows)]),
            Outcome::Begins(parts.to_vec()),
            "the rows of what the list brings"
        );
        let halted = history(Part::OrderRows, Span::default(), WalkState::Paused);
        assert_eq!(
            look(&[whole(Part::Orders), halted]),
            Outcome::UnderWay(vec![Part::OrderRows])
        );
    }

    #[test]
    fn rows_are_told_as_read_only_where_they_are_missing() {
        let rows = |held, due| Rows {
            part: "order_rows",
            held,
            due,
            kind: RecordKind::Order,
        };
        let both = [Part::Orders, Part::OrderRows];
        assert_eq!(
            read_in_words(&both, &[rows(60, 2)]),
            "orders, each from its first page; order_rows of the orders that lack them by then (now 2 of the 60 that are held)"
        );
        assert_eq!(
            read_in_words(&[Part::OrderRows], &[rows(0, 0)]),
            "order_rows of the orders that lack them by then (now 0 of the 0 that are held)"
        );
        assert_eq!(
            read_in_words(&[Part::Orders], &[]),
            "orders, each from its first page"
        );
    }
}
