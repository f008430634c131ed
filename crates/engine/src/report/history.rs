//! Walks for people: how far a history is, when it ends, what sweeps and reconciliations found.

use std::collections::BTreeMap;

use schakel_core::connector::{Part, Span};
use schakel_core::forecast;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::lists::Lists;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Finding, Job, Walk, WalkState};
use schakel_store::rows::ConnectionRow;
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::anew::note_held;
use super::end::{Ahead, End, Subject, end, ratio};

/// How far a job of one source is.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// The source's name.
    pub connection: String,
    /// The job.
    pub job: &'static str,
    /// Its parts, in the order in which they are read.
    pub parts: Vec<PartProgress>,
    /// What a history refers to and lies outside it, as far as lists are looked up for it.
    pub lookups: Vec<PartProgress>,
    /// Whether any of them goes on by itself.
    pub is_open: bool,
    /// Things read per minute since it began; `None` before anything was read.
    pub things_per_minute: Option<f64>,
    /// When it will be done; `None` when nothing is open or nobody can tell yet.
    pub end: Option<End>,
}

/// One part of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartProgress {
    /// Its name.
    pub part: &'static str,
    /// Where it stands.
    pub state: &'static str,
    /// What it does next.
    pub phase: &'static str,
    /// Things known ([`Walk::known`]).
    pub seen: i64,
    /// Things that the source counted; `None` before it was asked.
    pub expected: Option<i64>,
    /// Things that became events.
    pub stored: i64,
    /// Things that are fetched one by one, since what the list shows contradicts what is held.
    pub doubted: i64,
    /// Calls so far.
    pub calls: i64,
    /// Things read per minute since the first were asked for; `None` before anything was read.
    pub things_per_minute: Option<f64>,
    /// What it waits for or why it stopped; empty when all is well.
    pub note: String,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// When it last went on, in RFC 3339.
    pub updated_at: String,
    /// Which things it means, by when they were created; no bound means all.
    pub period: Period,
    /// What was read to its end so far, by this one and those before it, the oldest first.
    pub read: Vec<Period>,
    /// Whether that leaves nothing out.
    pub is_all_read: bool,
}

/// A period of creation, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Created then or later, in RFC 3339; `None` is no bound.
    pub from: Option<String>,
    /// Created then or earlier, in RFC 3339; `None` is no bound.
    pub to: Option<String>,
}

impl Period {
    /// Gives the period of a span.
    #[must_use]
    pub fn of(span: &Span) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            from: text(span.created_from),
            to: text(span.created_to),
        }
    }
}

impl PartProgress {
    /// Takes what people want to know of a walk.
    #[must_use]
    pub fn of(walk: &Walk) -> Self {
        Self {
            part: walk.part.as_str(),
            state: walk.state.as_str(),
            phase: walk.phase.as_str(),
            seen: walk.known(),
            expected: walk.expected,
            stored: walk.stored,
            doubted: walk.doubted,
            calls: walk.calls,
            things_per_minute: None,
            note: walk.note.clone(),
            started_at: walk.started_at.to_string(),
            updated_at: walk.updated_at.to_string(),
            period: Period::of(&walk.span),
            read: walk.read.all().iter().map(Period::of).collect(),
            is_all_read: walk.read.are_whole(),
        }
    }

    /// How much of it was read, from 0 to 1; `None` before it was counted, and while there is nothing yet in what goes on: that
    /// may still find something to read.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let is = |state: WalkState| self.state == state.as_str();
        match self.expected {
            _ if is(WalkState::Done) => Some(1.0),
            Some(expected @ 1..) => Some(ratio(self.seen, expected).clamp(0.0, 1.0)),
            Some(_) if is(WalkState::Cancelled) || is(WalkState::Stopped) => Some(1.0),
            _ => None,
        }
    }
}

/// Reads how far `job` of a source is, or the named `parts` of it; `None` when none of it ever began. The end counts what is
/// read before those parts.
///
/// # Errors
/// When the store fails.
pub async fn progress(
    store: &Store,
    tenant: TenantId,
    subject: &Subject,
    (job, parts): (Job, &[Part]),
    now: Timestamp,
) -> Result<Option<Progress>, StoreError> {
    let mut before = store.walks(tenant, Some(subject.connection)).await?;
    note_held(store, tenant, &mut before).await?;
    let lookups: Vec<Walk> = before
        .iter()
        .filter(|walk| walk.job == Job::Lookup && job == Job::Backfill)
        .cloned()
        .collect();
    before.retain(|walk| walk.job == job);
    let is_meant = |walk: &&Walk| parts.is_empty() || parts.contains(&walk.part);
    let walks: Vec<Walk> = before.iter().filter(is_meant).cloned().collect();
    let Some(last) = walks.iter().map(|walk| walk.part).max() else {
        return Ok(None);
    };
    before.retain(|walk| walk.part <= last);
    before.extend(lookups.iter().cloned());
    let is_open = walks.iter().chain(&lookups).any(Walk::is_open);
    let is_ahead = is_open || walks.iter().any(|walk| walk.state == WalkState::Paused);
    let end = match forecast::calls_left(&before).filter(|_| is_ahead && job == Job::Backfill) {
        Some(calls) => {
            let ahead = Ahead {
                calls,
                live: None,
                still_us: forecast::still_us(&before, now),
            };
            Some(end(store, tenant, subject, &ahead, now).await?)
        }
        None => None,
    };
    Ok(Some(Progress {
        connection: subject.name.clone(),
        job: job.as_str(),
        is_open,
        things_per_minute: pace(&walks),
        parts: parts_of(&walks),
        lookups: lookups.iter().map(PartProgress::of).collect(),
        end,
    }))
}

/// Takes what people want to know of `walks`, each with its own pace: a list brings 250 things a call, rows one. They are
/// read one after the other, so a part's own begins when its first things were asked for.
fn parts_of(walks: &[Walk]) -> Vec<PartProgress> {
    let one = |walk: &Walk| PartProgress {
        things_per_minute: per_minute(walk.seen, (walk.asked_at.max(walk.started_at), walk.updated_at)),
        ..PartProgress::of(walk)
    };
    walks.iter().map(one).collect()
}

/// So short a time says nothing of a pace, in milliseconds: a list of two pages is read in a moment.
const PACE_MS: i64 = 10_000;

fn per_minute(seen: i64, (begun, last): (Timestamp, Timestamp)) -> Option<f64> {
    (seen > 0 && last >= begun.plus_ms(PACE_MS))
        .then(|| ratio(seen, 1) * 60_000_000.0 / ratio(last.as_micros() - begun.as_micros(), 1))
}

/// Things per minute, over all that was read since the first part began.
fn pace(walks: &[Walk]) -> Option<f64> {
    let read = walks.iter().filter(|walk| walk.seen > 0);
    let begun = read.clone().map(|walk| walk.started_at).min()?;
    let last = read.clone().map(|walk| walk.updated_at).max()?;
    per_minute(read.map(|walk| walk.seen).sum(), (begun, last))
}

/// Differences of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingLine {
    /// In which list.
    pub part: String,
    /// What was found: `new`, `changed`, `missing` or `back`.
    pub what: String,
    /// Why, as far as it can be told.
    pub why: String,
    /// How many, ever.
    pub count: i64,
}

/// What walks of one source found that nobody had told.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    /// How many of each kind, ever.
    pub lines: Vec<FindingLine>,
    /// The newest ones, newest first.
    pub newest: Vec<Finding>,
}

/// Reads what walks of `connection` found, with at most `limit` of the newest.
///
/// # Errors
/// When the store fails.
pub async fn findings(
    store: &Store,
    tenant: TenantId,
    connection: ConnectionId,
    limit: usize,
) -> Result<Findings, StoreError> {
    let counts = store.finding_counts(tenant, connection).await?;
    let line = |(name, count): (String, i64)| {
        let mut words = name.split('/').map(str::to_owned);
        let mut next = || words.next().unwrap_or_default();
        FindingLine {
            part: next(),
            what: next(),
            why: next(),
            count,
        }
    };
    Ok(Findings {
        lines: counts.into_iter().map(line).collect(),
        newest: store.findings(tenant, connection, limit).await?,
    })
}

/// The walks of one source in a few numbers.
#[derive(Debug, Clone, Serialize)]
pub struct WalkLine {
    /// The source's name.
    pub connection: String,
    /// Things of the history that are known ([`Walk::known`]); `None` when it never began.
    pub history_seen: Option<i64>,
    /// Things that it counted so far.
    pub history_expected: i64,
    /// Lists of it that go on and were not counted yet: what they hold is not in `history_expected`.
    pub history_uncounted: usize,
    /// Its states, each with the number of its parts.
    pub history_states: BTreeMap<&'static str, usize>,
    /// Whether a part of it goes on by itself.
    pub is_history_open: bool,
    /// When the last sweep that came to its end began, of the list for which that is longest ago; in RFC 3339.
    pub swept_at: Option<String>,
    /// Which list that is.
    pub swept_part: Option<&'static str>,
    /// When the last reconciliation that came to its end began, of the list for which that is longest ago; in RFC 3339.
    pub reconciled_at: Option<String>,
    /// Which list that is.
    pub reconciled_part: Option<&'static str>,
    /// Walks that stopped, as long as no later one over the same list settled why.
    pub stopped: Vec<StoppedWalk>,
    /// Differences that a webhook should have told or nothing explains.
    pub unexplained: i64,
}

/// A walk that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedWalk {
    /// Why it walked.
    pub job: Job,
    /// Over what.
    pub part: Part,
    /// Why it stopped.
    pub note: String,
}

/// Reads the walks of each connection that has any, in a few numbers; of lists that no route wants any more only what was
/// read of their history.
///
/// # Errors
/// When the store fails.
pub(super) async fn walk_lines(
    store: &Store,
    tenant: TenantId,
    names: &[ConnectionRow],
) -> Result<Vec<WalkLine>, StoreError> {
    let mut walks = store.walks(tenant, None).await?;
    note_held(store, tenant, &mut walks).await?;
    let mut lines = Vec::new();
    for ConnectionRow { id, name, .. } in names {
        let own: Vec<&Walk> = walks.iter().filter(|walk| walk.connection == *id).collect();
        if own.is_empty() {
            continue;
        }
        let found = findings(store, tenant, *id, 0).await?;
        let lists = store.checkpoint(tenant, *id, Lists::CHECKPOINT).await?;
        let lists = Lists::read(lists.as_deref());
        let is_wanted = |part| lists.as_ref().is_none_or(|lists| lists.wants(part));
        lines.push(walk_line(name.clone(), (&own, &is_wanted), &found.lines));
    }
    Ok(lines)
}

fn walk_line(
    connection: String,
    (walks, is_wanted): (&[&Walk], &dyn Fn(Part) -> bool),
    found: &[FindingLine],
) -> WalkLine {
    let history = || walks.iter().filter(|walk| walk.job == Job::Backfill);
    let wanted = || walks.iter().filter(|walk| is_wanted(walk.part));
    let last = |job: Job| {
        let own = wanted().filter(|walk| walk.job == job);
        let oldest = own.min_by_key(|walk| walk.done_at);
        let at = oldest.and_then(|walk| walk.done_at).map(|at| at.to_string());
        (at, oldest.map(|walk| walk.part.as_str()))
    };
    let (swept_at, swept_part) = last(Job::Sweep);
    let (reconciled_at, reconciled_part) = last(Job::Reconcile);
    let mut states = BTreeMap::new();
    for walk in history() {
        *states.entry(walk.state.as_str()).or_default() += 1;
    }
    let is_settled = |walk: &Walk| walks.iter().any(|later| walk.is_settled_by(later));
    let stopped = wanted().filter(|walk| walk.state == WalkState::Stopped && !is_settled(walk));
    let stopped_walk = |walk: &&Walk| StoppedWalk {
        job: walk.job,
        part: walk.part,
        note: walk.note.clone(),
    };
    let is_unexplained = |line: &&FindingLine| ["missed", "unexplained"].contains(&line.why.as_str());
    WalkLine {
        connection,
        history_seen: history().next().map(|_| history().map(|walk| walk.known()).sum()),
        history_expected: history().filter_map(|walk| walk.expected).sum(),
        history_uncounted: history()
            .filter(|walk| walk.is_open() && walk.expected.is_none())
            .count(),
        history_states: states,
        is_history_open: history().any(|walk| walk.is_open()),
        swept_at,
        swept_part,
        reconciled_at,
        reconciled_part,
        stopped: stopped.map(stopped_walk).collect(),
        unexplained: found.iter().filter(is_unexplained).map(|line| line.count).sum(),
    }
}

/// Gives the parts of `walks` that are in one of `states`.
#[must_use]
pub fn parts_in(walks: &[Walk], job: Job, states: &[WalkState]) -> Vec<Part> {
    let fits = |walk: &&Walk| walk.job == job && states.contains(&walk.state);
    walks.iter().filter(fits).map(|walk| walk.part).collect()
}

#[cfg(test)]
mod tests {
    use schakel_core::walk::Phase;

    use super::*;

    /// From its first thing, also while a list before it is counted again.
    #[test]
    fn each_part_has_a_pace_of_its_own() {
        let walk = |part, (seen, first_s, last_s): (i64, i64, i64)| {
            let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
            let mut walk = Walk::new(ConnectionId(1), Job::Backfill, part, Span::default(), at(100));
            (walk.seen, walk.asked_at, walk.updated_at) = (seen, at(first_s), at(last_s));
            walk
        };
        let walks = [
            walk(Part::Customers, (0, 100, 100)),
            walk(Part::Orders, (2_500, 100, 160)),
            walk(Part::OrderRows, (30, 160, 280)),
        ];
        let paces = |walks: &[Walk]| {
            let parts = parts_of(walks).into_iter();
            parts.map(|part| part.things_per_minute).collect::<Vec<_>>()
        };
        assert_eq!(paces(&walks), [None, Some(2_500.0), Some(15.0)]);
        assert_eq!(pace(&walks), Some(2_530.0 / 3.0));
        let mut counted_again = walks;
        counted_again[1].updated_at = Timestamp::from_micros(275_000_000);
        assert_eq!(paces(&counted_again)[2], Some(15.0));
    }

    #[test]
    fn a_line_counts_what_nobody_explains_and_says_what_stopped() {
        let walk = |job, part, state| {
            let mut walk = Walk::new(ConnectionId(1), job, part, Span::default(), Timestamp::ZERO);
            walk.state = state;
            walk.expected = Some(10);
            walk.seen = 4;
            walk
        };
        let mut sweep = walk(Job::Sweep, Part::Orders, WalkState::Done);
        sweep.note_end();
        let orders = walk(Job::Backfill, Part::Orders, WalkState::Done);
        let mut rows = walk(Job::Backfill, Part::OrderRows, WalkState::Stopped);
        rows.note = "why".to_owned();
        let found = |why: &str| FindingLine {
            part: "orders".to_owned(),
            what: "new".to_owned(),
            why: why.to_owned(),
            count: 3,
        };
        let lines = [found("underway"), found("missed"), found("unexplained")];
        let mut quotes = walk(Job::Backfill, Part::Quotes, WalkState::Stopped);
        quotes.phase = Phase::Recount;
        let compared = walk(Job::Reconcile, Part::Quotes, WalkState::Done);
        let groups = walk(Job::Sweep, Part::Groups, WalkState::Stopped);
        let walks = [&sweep, &orders, &rows, &quotes, &compared, &groups];
        let is_wanted = |part| part != Part::Groups;
        let line = walk_line("shop".to_owned(), (&walks, &is_wanted), &lines);
        assert_eq!(
            (line.history_seen, line.history_expected, line.unexplained),
            (Some(18), 30, 6)
        );
        let stopped = StoppedWalk {
            job: Job::Backfill,
            part: Part::OrderRows,
            note: "why".to_owned(),
        };
        assert_eq!(
            line.stopped,
            [stopped],
            "carts were compared since, groups nobody wants"
        );
        assert_eq!(
            (line.swept_at, line.swept_part),
            (Some(Timestamp::ZERO.to_string()), Some("orders"))
        );
        assert_eq!((line.reconciled_at, line.reconciled_part), (None, Some("quotes")));
    }

    #[test]
    fn the_last_sweep_is_that_of_the_list_that_waits_longest_also_while_the_next_runs() {
        let swept = |part, second: i64, state| {
            let at = Timestamp::from_micros(second * 1_000_000);
            let mut walk = Walk::new(ConnectionId(1), Job::Sweep, part, Span::default(), at);
            walk.state = WalkState::Done;
            walk.note_end();
            walk.started_at = walk.started_at.plus_ms(900_000);
            walk.state = state;
            walk
        };
        let orders = swept(Part::Orders, 7, WalkState::Done);
        let carts = swept(Part::Quotes, 5, WalkState::Running);
        let line = walk_line("shop".to_owned(), (&[&orders, &carts], &|_| true), &[]);
        assert_eq!(
            (line.swept_at, line.swept_part),
            (
                Some(Timestamp::from_micros(5_000_000).to_string()),
                Some("quotes")
            )
        );
        let never = Walk::new(
            ConnectionId(1),
            Job::Sweep,
            Part::Checkouts,
            Span::default(),
            Timestamp::ZERO,
        );
        let line = walk_line("shop".to_owned(), (&[&orders, &never], &|_| true), &[]);
        assert_eq!((line.swept_at, line.swept_part), (None, Some("checkouts")));
    }
}
