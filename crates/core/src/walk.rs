//! Walks: reading lists of a source from end to end, and what follows from what they show.
//!
//! Four jobs walk: the *backfill* (history, once) with its *look-ups* (what it refers to and lies outside it), the
//! *sweep* (what changed lately, again and again) and the *reconciliation* (ids and counts, now and then). They share
//! their states, their phases and the rules below. Sources: reliability.md §9, lightspeed-ecom.md §3.4 and §7.

use serde::{Deserialize, Serialize};

use crate::connector::{Class, Part, Span};
use crate::event::Origin;
use crate::id::ConnectionId;
use crate::periods::Periods;
use crate::time::Timestamp;

macro_rules! words {
    ($type:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every one that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in tables, commands and logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

mod finding;

pub use finding::{FINDINGS_KEPT_MS, Finding, Told, UNDERWAY_US, What, Why};

/// Why a list is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// What changed lately, with an overlap: finds what webhooks missed (A19).
    Sweep,
    /// Ids and counts: finds what was deleted or never came (A16).
    Reconcile,
    /// What a history refers to and lies outside it, where its list costs fewer calls than asking for each
    /// ([`crate::lookup`]).
    Lookup,
    /// Everything there once was (A8).
    Backfill,
}

words!(Job { Sweep => "sweep", Reconcile => "reconcile", Lookup => "lookup", Backfill => "backfill" });

impl Job {
    /// Who pays for its calls (reliability.md §7).
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Sweep | Self::Reconcile => Class::Sweep,
            Self::Lookup | Self::Backfill => Class::Backfill,
        }
    }

    /// Tells whether it walks the list of `part`: one without times cannot be swept, what is never marked as gone is not
    /// reconciled, and what costs a call per thing is read by history only.
    #[must_use]
    pub const fn walks(self, part: Part) -> bool {
        match self {
            Self::Sweep => !part.is_per_thing() && !matches!(part, Part::Groups),
            Self::Reconcile => {
                let is_never_marked = matches!(
                    part,
                    Part::Products | Part::Variants | Part::Checkouts | Part::Shipments
                );
                !part.is_per_thing() && !is_never_marked
            }
            Self::Lookup => matches!(part, Part::Products | Part::Variants | Part::Customers),
            Self::Backfill => true,
        }
    }

    /// How the events that it brings came in.
    #[must_use]
    pub const fn origin(self) -> Origin {
        match self {
            Self::Sweep | Self::Reconcile => Origin::Sweep,
            Self::Lookup | Self::Backfill => Origin::Backfill,
        }
    }
}

/// Where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkState {
    /// It is to be done; the parts of a job are done one after the other.
    Waiting,
    /// It goes on whenever its budget allows.
    Running,
    /// A person halted it.
    Paused,
    /// A person ended it; what it read is kept.
    Cancelled,
    /// It came to its end, and the counts agree.
    Done,
    /// It cannot go on, or the counts do not agree: `note` says why and what to do.
    Stopped,
}

words!(WalkState {
    Waiting => "waiting", Running => "running", Paused => "paused", Cancelled => "cancelled", Done => "done",
    Stopped => "stopped",
});

/// What a walk does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Count, so that progress can be told.
    Count,
    /// Read the next page.
    Read,
    /// Put together what pages brought in pieces (memberships by customer).
    Gather,
    /// Read the rows of what has none, a call each.
    Rows,
    /// Compare what was read with the count.
    Verify,
    /// Walk the ids once more, because the count did not agree.
    Ids,
    /// Compare the ids with a new count, and ask about what is missing unless it is too much.
    Recount,
    /// Ask about what is missing, however much: a person consented.
    Accept,
}

words!(Phase {
    Count => "count", Read => "read", Gather => "gather", Rows => "rows", Verify => "verify", Ids => "ids",
    Recount => "recount", Accept => "accept",
});

impl Phase {
    /// Tells whether it compares a list with a count.
    #[must_use]
    pub const fn is_count(self) -> bool {
        matches!(self, Self::Verify | Self::Recount)
    }

    /// Gives the first phase of a job's part.
    #[must_use]
    pub const fn first(job: Job, part: Part) -> Self {
        match job {
            Job::Lookup | Job::Backfill => Self::Count,
            Job::Sweep => Self::Read,
            // Memberships have neither times nor lasting ids: their list is read anew.
            Job::Reconcile if matches!(part, Part::Groups) => Self::Read,
            Job::Reconcile => Self::Ids,
        }
    }

    /// Gives what follows when the list came to its end.
    #[must_use]
    pub const fn after_list(job: Job, part: Part) -> Option<Self> {
        match (job, part) {
            // A list that ended too early must not end the memberships that it did not show.
            (Job::Backfill, _) | (_, Part::Groups) => Some(Self::Verify),
            // What changed is read with its rows.
            (Job::Sweep, Part::Orders | Part::Quotes) => Some(Self::Rows),
            (Job::Sweep | Job::Reconcile | Job::Lookup, _) => None,
        }
    }
}

/// One walk: a part of a source, for one reason. Everything that a restart needs stands here, and moves in the
/// transaction that stores what was read (I24).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// The source.
    pub connection: ConnectionId,
    /// Why.
    pub job: Job,
    /// What of it.
    pub part: Part,
    /// Where it stands.
    pub state: WalkState,
    /// What it does next.
    pub phase: Phase,
    /// Which things are meant.
    pub span: Span,
    /// The connector's place in the list; empty at the start.
    pub cursor: String,
    /// How many things the source counted; `None` before it was asked.
    pub expected: Option<i64>,
    /// How many things were read so far; of a look-up, those on its pages.
    pub seen: i64,
    /// How many of them became events.
    pub stored: i64,
    /// How many of them were wanted one by one, because what they show contradicts what is held.
    pub doubted: i64,
    /// How many ids the last walk over ids alone showed.
    pub listed: i64,
    /// Calls so far.
    pub calls: i64,
    /// Failures in a row.
    pub failures: i64,
    /// How often in a row it waited until what it read was applied.
    pub waits: i64,
    /// Nothing is tried before. [`Timestamp::ZERO`] once a person let it go on: then nothing that failed before is waited out.
    pub due_at: Timestamp,
    /// What it waits for or why it stopped, in words without personal data; empty when all is well.
    pub note: String,
    /// When it began, by the hub's clock; together with its state it tells one beginning from the next.
    pub started_at: Timestamp,
    /// When its list began to be read, by the hub's clock or the source's, whichever shows less: what changed later may
    /// be missing, so the next sweep goes on there. Of memberships, which have no times, and of rows when the first were asked
    /// for, by the hub's clock. Before that, when it began.
    pub asked_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
    /// When the last walk of this job and part that came to its end began; kept when the next begins, whatever becomes of
    /// that. `None` when none ever did.
    pub done_at: Option<Timestamp>,
    /// What of the list histories read to its end so far; kept when the next begins, whatever becomes of that.
    #[serde(skip_serializing_if = "Periods::is_empty")]
    pub read: Periods,
}

impl Walk {
    /// Makes a walk that waits to begin.
    #[must_use]
    pub fn new(connection: ConnectionId, job: Job, part: Part, span: Span, now: Timestamp) -> Self {
        Self {
            connection,
            job,
            part,
            state: WalkState::Waiting,
            phase: Phase::first(job, part),
            span,
            cursor: String::new(),
            expected: None,
            seen: 0,
            stored: 0,
            doubted: 0,
            listed: 0,
            calls: 0,
            failures: 0,
            waits: 0,
            due_at: now,
            note: String::new(),
            started_at: now,
            asked_at: now,
            updated_at: now,
            done_at: None,
            read: Periods::default(),
        }
    }

    /// Notes for the walks that follow that it came to its end, if it did.
    pub fn note_end(&mut self) {
        if self.state == WalkState::Done {
            self.done_at = Some(self.started_at);
        }
        if self.job != Job::Backfill || !self.was_read_whole() {
            return;
        }
        let mut span = self.span;
        // What is created from now on comes by itself.
        span.created_to = span.created_to.filter(|to| *to < self.updated_at);
        self.read.join(span);
    }

    /// Tells whether its list was read to its end: one that was cancelled or refused says nothing of what was not read.
    const fn was_read_whole(&self) -> bool {
        match self.state {
            WalkState::Done => true,
            WalkState::Stopped => matches!(self.phase, Phase::Recount | Phase::Accept),
            _ => false,
        }
    }

    /// Tells whether `later` settled why this walk stopped: it compared the list, or read it once more, to its end.
    #[must_use]
    pub fn is_settled_by(&self, later: &Self) -> bool {
        let is_compared = match self.job {
            Job::Sweep | Job::Lookup => false,
            Job::Reconcile => true,
            // What was refused was not read; what was read differed from its count.
            Job::Backfill => self.was_read_whole() || self.part == Part::Groups,
        };
        let is_same = (self.connection, self.part) == (later.connection, later.part);
        let is_as_long = later.span == Span::default() || later.span == self.span;
        let has_ended = matches!(later.job, Job::Reconcile | Job::Backfill) && later.state == WalkState::Done;
        is_compared && is_same && is_as_long && has_ended && later.started_at >= self.updated_at
    }

    /// Notes what the source's clock showed with a page: where the hub's runs ahead, the source's counts.
    pub fn note_source_time(&mut self, at: Option<Timestamp>) {
        self.asked_at = at.map_or(self.asked_at, |at| self.asked_at.min(at));
    }

    /// How long it must be left alone at `now`, in microseconds; 0 when it may go on. A time that was set by a clock that
    /// has been set back since counts for nothing (I22).
    #[must_use]
    pub fn wait_us(&self, now: Timestamp) -> i64 {
        if self.updated_at > now {
            return 0;
        }
        (self.due_at.as_micros() - now.as_micros()).max(0)
    }

    /// Tells whether the source failed it the last time that it was asked.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Tells whether it is begun and neither ended nor given up; a halted one goes on when a person says so.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.is_open() || matches!(self.state, WalkState::Paused)
    }

    /// Tells whether `span` was read, by this or an earlier history, so that nothing of it is left to begin. One that
    /// stopped begins anew.
    #[must_use]
    pub fn has_read(&self, span: Span) -> bool {
        self.state != WalkState::Stopped && self.read.cover(span)
    }

    /// Gives how many of its things are known: those read, and all that the source counted once it is done, since what was
    /// not read then had come by webhook.
    #[must_use]
    pub fn known(&self) -> i64 {
        match self.state {
            WalkState::Done => self.seen.max(self.expected.unwrap_or(0)),
            _ => self.seen,
        }
    }

    /// Tells whether a person ended it after histories had read all of its list: that is held all the same.
    #[must_use]
    pub fn is_read_all_the_same(&self) -> bool {
        self.state == WalkState::Cancelled && self.job == Job::Backfill && self.read.are_whole()
    }

    /// Tells whether it goes on by itself.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, WalkState::Waiting | WalkState::Running)
    }
}

/// How far a sweep looks back behind the one before, in milliseconds: three hours, since nobody says in which zone the
/// shop reads `updated_at_min` (lightspeed-ecom.md §3.4).
pub const OVERLAP_MS: i64 = 3 * 3_600_000;

/// How often a list that contradicts its count is counted again before its ids are walked, and once more after that: what
/// was made a moment ago is on its way.
pub const COUNTS_AGAIN: i64 = 3;

/// Wait before a list is counted again, in milliseconds; three of them outlast a sweep of five minutes.
pub const COUNT_WAIT_MS: i64 = 2 * 60_000;

/// Gives what a sweep that begins at `now` looks at: it goes on where the last one that came to its end was asked, with
/// an overlap.
#[must_use]
pub fn sweep_span(last: Option<&Walk>, now: Timestamp) -> Span {
    let from = match last {
        Some(last) if last.state == WalkState::Done => last.asked_at.min(now).plus_ms(-OVERLAP_MS),
        Some(last) => last.span.updated_from.unwrap_or(now.plus_ms(-OVERLAP_MS)),
        None => now.plus_ms(-OVERLAP_MS),
    };
    Span {
        updated_from: Some(from),
        ..Span::default()
    }
}

/// Gives which period of a list is compared by itself, and since when it is known: what histories read, whatever was begun or
/// cancelled since, of several periods the newest. `None` while one reads it, and where none did: that would be the history
/// once more, at twice the price.
#[must_use]
pub fn compared(history: &Walk) -> Option<(Timestamp, Span)> {
    let span = history.read.newest().filter(|_| !history.is_open())?;
    Some((history.done_at.unwrap_or(history.started_at), span))
}

/// Gives how long it is at `now` until a job of `part` begins by itself again: 0 when it is due, `None` while `last`, the
/// one before, is open or halted by a person. In microseconds.
#[must_use]
pub fn next_walk_us(last: Option<&Walk>, every_ms: i64, now: Timestamp) -> Option<i64> {
    let Some(last) = last else { return Some(0) };
    match last.state {
        WalkState::Waiting | WalkState::Running | WalkState::Paused => None,
        WalkState::Done | WalkState::Stopped | WalkState::Cancelled => {
            Some(next_us(last.started_at, every_ms, now))
        }
    }
}

/// Gives how long it is at `now` until what last began at `last` begins again, in microseconds: 0 when it is due.
#[must_use]
pub fn next_us(last: Timestamp, every_ms: i64, now: Timestamp) -> i64 {
    // The clock was set back since: it must not silence anything until it has caught up (I22).
    if last > now {
        return 0;
    }
    (last.plus_ms(every_ms).as_micros() - now.as_micros()).max(0)
}

/// Tells whether the history of `connection` was never begun, so that a hub begins it by itself (A8). One that a person
/// cancelled was begun.
#[must_use]
pub fn is_first_start(walks: &[Walk], connection: ConnectionId) -> bool {
    let is_history = |walk: &Walk| walk.connection == connection && walk.job == Job::Backfill;
    !walks.iter().any(is_history)
}

/// Tells whether counts show that everything was read: the source counts as many as were listed, or as many as the hub
/// holds alive (something was made or deleted during the walk, and a webhook told of it).
#[must_use]
pub fn do_counts_agree(counted: i64, listed: i64, alive: Option<i64>) -> bool {
    counted == listed || alive == Some(counted)
}

/// Most things that one walk may take for deleted without asking, as a part of all: 5% (lightspeed-ecom.md §7, rule 8).
const MISSING_PERCENT: i64 = 5;

/// As many may be missing in a small shop, whatever part of all they are.
const MISSING_FEW: i64 = 20;

/// Tells whether so many missing things need a person's consent before any of them is even asked about: a list that
/// came back half is no mass deletion.
#[must_use]
pub const fn is_mass_deletion(missing: i64, held: i64) -> bool {
    missing > MISSING_FEW && missing * 100 > held * MISSING_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for state in WalkState::ALL {
            assert_eq!(WalkState::parse(state.as_str()), Some(*state));
        }
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.as_str()), Some(*phase));
        }
        for job in Job::ALL {
            assert_eq!(Job::parse(job.as_str()), Some(*job));
        }
    }

    fn walk(job: Job, state: WalkState, started_s: i64) -> Walk {
        let at = Timestamp::from_micros(started_s * 1_000_000);
        let mut walk = Walk::new(ConnectionId(1), job, Part::Orders, Span::default(), at);
        walk.state = state;
        walk
    }

    #[test]
    fn a_sweep_goes_on_where_the_last_whole_one_began() {
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let now = Timestamp::from_micros(1_000_000_000_000);
        let done = walk(Job::Sweep, WalkState::Done, 900_000);
        assert_eq!(sweep_span(Some(&done), now).updated_from, at(900_000 - 10_800));
        let mut stopped = walk(Job::Sweep, WalkState::Stopped, 900_000);
        stopped.span.updated_from = at(7);
        assert_eq!(sweep_span(Some(&stopped), now).updated_from, at(7));
        assert_eq!(sweep_span(None, now).updated_from, at(1_000_000 - 10_800));
    }

    #[test]
    fn a_sweep_goes_on_where_the_shop_says_that_the_last_one_was() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut ahead = walk(Job::Sweep, WalkState::Done, 900_000);
        ahead.note_source_time(None);
        ahead.note_source_time(Some(at(800_000)));
        ahead.note_source_time(Some(at(800_100)));
        let from = |walk: &Walk| sweep_span(Some(walk), at(1_000_000)).updated_from;
        assert_eq!(from(&ahead), Some(at(800_000 - 10_800)));
        let mut behind = walk(Job::Sweep, WalkState::Done, 900_000);
        behind.note_source_time(Some(at(950_000)));
        assert_eq!(from(&behind), Some(at(900_000 - 10_800)));
    }

    #[test]
    fn one_at_a_time_and_a_clock_that_was_set_back_silences_nothing() {
        const EVERY_MS: i64 = 900_000;
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let wait = |state, started_s, now_s| {
            let last = walk(Job::Sweep, state, started_s);
            next_walk_us(Some(&last), EVERY_MS, at(now_s))
        };
        assert_eq!(next_walk_us(None, EVERY_MS, at(5)), Some(0));
        for state in [WalkState::Waiting, WalkState::Running, WalkState::Paused] {
            assert_eq!(wait(state, 0, 5_000), None);
        }
        for state in [WalkState::Done, WalkState::Stopped, WalkState::Cancelled] {
            assert_eq!(wait(state, 0, 100), Some(800_000_000));
            assert_eq!(wait(state, 0, 900), Some(0));
            assert_eq!(wait(state, 1_000_000, 100), Some(0), "it began in the future");
        }
    }

    #[test]
    fn a_wait_of_a_clock_that_was_set_back_is_over() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut waiting = walk(Job::Backfill, WalkState::Running, 100);
        waiting.due_at = at(160);
        assert_eq!(waiting.wait_us(at(100)), 60_000_000);
        assert_eq!(waiting.wait_us(at(200)), 0);
        assert_eq!(
            waiting.wait_us(at(99)),
            0,
            "it was set by a clock that is set back now"
        );
    }

    #[test]
    fn a_stop_is_settled_by_a_later_walk_that_compared_the_list_to_its_end() {
        let stopped = |job, phase| Walk {
            phase,
            ..walk(job, WalkState::Stopped, 100)
        };
        let done = |job, started_s| walk(job, WalkState::Done, started_s);
        let history = stopped(Job::Backfill, Phase::Recount);
        assert!(history.is_settled_by(&done(Job::Reconcile, 100)));
        assert!(history.is_settled_by(&done(Job::Backfill, 101)));
        let compared = stopped(Job::Reconcile, Phase::Ids);
        assert!(compared.is_settled_by(&done(Job::Backfill, 100)));
        let of = |change: &dyn Fn(&mut Walk)| {
            let mut later = done(Job::Reconcile, 100);
            change(&mut later);
            history.is_settled_by(&later)
        };
        assert!(!of(&|later| later.started_at = history.updated_at.plus_ms(-1)));
        assert!(!of(&|later| later.state = WalkState::Running));
        assert!(!of(&|later| later.job = Job::Sweep));
        assert!(!of(&|later| later.part = Part::Customers));
        assert!(!of(&|later| later.connection = ConnectionId(2)));
        assert!(!of(&|later| later.span.created_from = Some(Timestamp::ZERO)));
        let refused = stopped(Job::Backfill, Phase::Read);
        assert!(
            !refused.is_settled_by(&done(Job::Reconcile, 100)),
            "it was not read"
        );
        let swept = stopped(Job::Sweep, Phase::Read);
        assert!(!swept.is_settled_by(&done(Job::Reconcile, 100)));
    }

    #[test]
    fn a_history_begins_by_itself_once_for_each_source() {
        let sweep = walk(Job::Sweep, WalkState::Done, 1);
        let cancelled = walk(Job::Backfill, WalkState::Cancelled, 1);
        assert!(is_first_start(&[sweep], ConnectionId(1)));
        assert!(!is_first_start(std::slice::from_ref(&cancelled), ConnectionId(1)));
        assert!(is_first_start(&[cancelled], ConnectionId(2)));
    }

    #[test]
    fn rows_are_read_by_history_only() {
        for part in Part::ALL.into_iter().filter(|part| part.is_per_thing()) {
            let jobs: Vec<Job> = Job::ALL.iter().copied().filter(|job| job.walks(part)).collect();
            assert_eq!(jobs, [Job::Backfill]);
        }
    }

    #[test]
    fn counts_agree_with_the_list_or_with_what_lives() {
        assert!(do_counts_agree(10, 10, None));
        assert!(
            do_counts_agree(9, 10, Some(9)),
            "one was deleted and a webhook told so"
        );
        assert!(!do_counts_agree(9, 10, Some(10)));
        assert!(!do_counts_agree(9, 10, None));
    }

    #[test]
    fn many_missing_things_need_consent() {
        assert!(!is_mass_deletion(20, 21), "few in a small shop");
        assert!(is_mass_deletion(21, 100));
        assert!(!is_mass_deletion(50, 1_000));
        assert!(is_mass_deletion(51, 1_000));
    }
}
