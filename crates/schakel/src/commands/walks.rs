//! What the commands about lists share: which shops and parts are meant, waiting for an end, findings in words.

use std::collections::BTreeSet;

use schakel_connectors::lightspeed::Lightspeed;
use schakel_core::budget::window_in_words;
use schakel_core::connector::{Cx, Meter, Part, Source};
use schakel_core::forecast::{Pace, Wants, sweep_calls};
use schakel_core::id::{ConnectionId, IdMaker};
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Finding, Job, Walk, WalkState, What, Why};
use schakel_engine::clock::SystemClock;
use schakel_engine::hub::WalkSettings;
use schakel_engine::report::{self, Findings, StoppedWalk, Subject};
use schakel_store::Store;
use serde_json::{Value, json};

use super::explain::counted;
use crate::cli::WhichArgs;
use crate::config::{Config, ConnectionConfig, LightspeedConfig, guess};
use crate::error::{Exit, Failure};
use crate::output::{Output, time_in_words};
use crate::wiring::{self, Outside, Parts, TENANT};

/// Findings that are shown one by one.
const SHOWN: usize = 20;

/// A shop that is meant.
pub(super) struct Shop<'a> {
    /// Its configuration.
    pub config: &'a LightspeedConfig,
    /// What speaks with it.
    pub source: Lightspeed,
    /// What its routes want.
    pub wants: Wants,
    /// How often its lists are walked.
    pub walks: WalkSettings,
    /// Whether every route marks what came from history (F4).
    pub is_marked: bool,
}

/// The shops that are meant, with the doors to them.
pub(super) struct Shops<'a> {
    /// The shops.
    pub all: Vec<Shop<'a>>,
    /// The doors; what is spent through them is in nobody's budget, see `wiring::WayIn`.
    pub cx: Cx,
}

/// Gives the shops that `which` names; all of them when it names none.
///
/// # Errors
/// `SCH-0106` when there is no such shop.
pub(super) fn shops<'a>(config: &'a Config, which: &WhichArgs) -> Result<Shops<'a>, Failure> {
    let Outside { sources, cx, .. } = wiring::outside(Parts::of_config(config));
    let known = sources
        .into_iter()
        .filter_map(|(name, source)| match config.connection(&name) {
            Some(ConnectionConfig::Lightspeed(shop)) => Some(Shop::of(config, shop, source)),
            _ => None,
        });
    let all: Vec<Shop<'_>> = known
        .filter(|shop| {
            which
                .connection
                .as_ref()
                .is_none_or(|name| *name == shop.config.name)
        })
        .collect();
    if all.is_empty() {
        let names: Vec<String> = config.sources().into_iter().collect();
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        let wanted = which.connection.as_deref().unwrap_or_default();
        let text = format!(
            "the configuration knows no shop \"{wanted}\"{}",
            guess(wanted, &words)
        );
        return Err(Failure::usage("SCH-0106", text).hint(format!("it knows {}", names.join(", "))));
    }
    Ok(Shops { all, cx })
}

impl<'a> Shop<'a> {
    fn of(config: &'a Config, shop: &'a LightspeedConfig, source: Lightspeed) -> Self {
        let routes = || config.routes.iter().filter(|route| route.from == shop.name);
        let wants = Wants {
            has_pictures: routes().any(|route| route.pictures),
            has_quotes: routes().any(|route| route.quotes),
            has_groups: routes().any(|route| route.customer_groups),
            has_quote_rows: routes().any(|route| route.quotes && route.quote_rows),
            is_hint: shop.webhook_trust == "hint",
            is_polling: !shop.webhooks,
        };
        Self {
            config: shop,
            source,
            wants,
            walks: shop.walks(),
            is_marked: routes().all(|route| route.extras.iter().any(|name| name == "history")),
        }
    }

    /// Gives its name.
    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// Gives the parts that `job` walks here; only those that `which` names, if it names any.
    ///
    /// # Errors
    /// `SCH-0106` when a part is named that is not walked here.
    pub(super) fn parts(&self, job: Job, which: &WhichArgs) -> Result<Vec<Part>, Failure> {
        let own = self.source.parts().iter().copied();
        let walked: Vec<Part> = own
            .filter(|part| self.wants.includes(*part) && job.walks(*part))
            .collect();
        let asked: BTreeSet<Part> = which.part.iter().copied().collect();
        if let Some(part) = asked.iter().find(|part| !walked.contains(part)) {
            let words: Vec<&str> = walked.iter().map(|part| part.as_str()).collect();
            let text = format!(
                "a {} of \"{}\" has no part {}",
                word(job),
                self.name(),
                part.as_str()
            );
            return Err(Failure::usage("SCH-0106", text).hint(format!(
                "its parts are {}; groups, carts and their rows are read when a route wants them",
                words.join(", ")
            )));
        }
        let is_meant = |part: &Part| asked.is_empty() || asked.contains(part);
        Ok(walked.into_iter().filter(is_meant).collect())
    }

    /// Gives how often its lists are walked, for prices.
    pub(super) const fn pace(&self) -> Pace {
        Pace {
            sweep_ms: self.walks.sweep_ms,
            checkouts_ms: self.walks.checkouts_ms,
            reconcile_ms: self.walks.reconcile_ms,
        }
    }

    /// Gives what reports need to know of it.
    pub(super) fn subject(&self, config: &Config, connection: ConnectionId) -> Subject {
        let parts = Parts::of_config(config).sources;
        let own = parts.iter().find(|part| part.name == self.name());
        let swept = self.source.parts().iter().copied();
        let swept = swept.filter(|part| self.wants.includes(*part) && Job::Sweep.walks(*part));
        Subject {
            connection,
            name: self.name().to_owned(),
            limits: own.map(|part| part.limits.limits()).unwrap_or_default(),
            sweep_per_day: sweep_calls(self.wants, swept, self.pace(), Default::default()),
        }
    }

    /// Gives its id in the database; `None` when it was never started.
    pub(super) async fn id(&self, store: &Store) -> Result<Option<ConnectionId>, Failure> {
        let rows = store.connections(TENANT).await?;
        Ok(rows.iter().find(|row| row.name == self.name()).map(|row| row.id))
    }

    /// Gives its id in the database, which may be a new one.
    pub(super) async fn id_or_new(&self, store: &Store) -> Result<ConnectionId, Failure> {
        id_or_new(store, self.name()).await
    }
}

/// Gives the id of the shop `name` in the database, which may be a new one.
///
/// # Errors
/// When the store fails.
pub(super) async fn id_or_new(store: &Store, name: &str) -> Result<ConnectionId, Failure> {
    let started = store.next_number(TENANT, "process").await?;
    let node = u16::try_from(started.rem_euclid(1024)).unwrap_or(0);
    let new = ConnectionId(IdMaker::new(node).next(SystemClock::new().now()));
    let row = store.ensure_connection(TENANT, name, "lightspeed", new);
    Ok(row.await?.id)
}

/// The word for a job.
pub(super) const fn word(job: Job) -> &'static str {
    match job {
        Job::Lookup => "look-up",
        Job::Backfill => "history",
        Job::Sweep => "sweep",
        Job::Reconcile => "reconciliation",
    }
}

/// Says which walk goes no further, and why.
pub(super) fn stopped_in_words(connection: &str, walk: &StoppedWalk) -> String {
    let (job, part) = (word(walk.job), walk.part.as_str());
    format!(
        "the {job} of {part} of \"{connection}\" goes no further: {}",
        walk.note
    )
}

/// Gives the names of parts, for lines.
pub(super) fn names(parts: &[Part]) -> String {
    let words: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    words.join(", ")
}

/// Says a period of creation in days; nothing when it has no bounds.
pub(super) fn period_in_words(from: Option<impl ToString>, to: Option<impl ToString>) -> Option<String> {
    let day = |at: String| at.get(..10).unwrap_or(&at).to_owned();
    match (
        from.map(|at| day(at.to_string())),
        to.map(|at| day(at.to_string())),
    ) {
        (None, None) => None,
        (Some(from), None) => Some(format!("{from} or later")),
        (None, Some(to)) => Some(format!("{to} or earlier")),
        (Some(from), Some(to)) => Some(format!("{from} to {to}")),
    }
}

/// What a shop's walks came to.
pub(super) struct Ended<'a> {
    /// The shop.
    pub shop: &'a Shop<'a>,
    /// Its id.
    pub connection: ConnectionId,
    /// The walks.
    pub walks: Vec<Walk>,
    /// When they began: earlier findings are not theirs.
    pub since: Timestamp,
}

impl Ended<'_> {
    /// Prints how the walks ended and what they found; findings when one stopped, or found what nothing explains.
    pub(super) async fn say(&self, store: &Store, output: Output) -> Result<(Value, Exit), Failure> {
        let all = report::findings(store, TENANT, self.connection, 10_000).await?;
        let found = Findings {
            newest: own_findings(&all.newest, &self.walks, self.since),
            lines: all.lines.clone(),
        };
        let stopped: Vec<&Walk> = self
            .walks
            .iter()
            .filter(|walk| walk.state == WalkState::Stopped)
            .collect();
        let calls = self.walks.iter().map(|walk| walk.calls).sum::<i64>();
        let calls = usize::try_from(calls).unwrap_or(0);
        output.line(format!(
            "{}: {}, {}, {}",
            self.shop.name(),
            counted(self.walks.len(), "list"),
            counted(calls, "call"),
            counted(found.newest.len(), "difference")
        ));
        for walk in &stopped {
            output.line(format!("  {} stopped: {}", walk.part.as_str(), walk.note));
        }
        say_findings(&found, output);
        let is_odd = found
            .newest
            .iter()
            .any(|finding| matches!(finding.why, Why::Missed | Why::Unexplained));
        let exit = if is_odd || !stopped.is_empty() {
            Exit::Findings
        } else {
            Exit::Good
        };
        let value = json!({
            "connection": self.shop.name(),
            "walks": self.walks,
            "found": found.newest,
            "findings_ever": found.lines,
        });
        Ok((value, exit))
    }
}

/// Gives the findings of `walks` since they began: walks for other reasons go on beside them.
fn own_findings(all: &[Finding], walks: &[Walk], since: Timestamp) -> Vec<Finding> {
    let is_own = |finding: &&Finding| {
        let of = |walk: &Walk| walk.job == finding.job && walk.part == finding.part;
        finding.at >= since && walks.iter().any(of)
    };
    all.iter().filter(is_own).copied().collect()
}

/// Prints findings, counted by kind, and the newest one by one.
pub(super) fn say_findings(found: &Findings, output: Output) {
    let rows = found.lines.iter().map(|line| {
        let what =
            What::parse(&line.what).map_or_else(|| line.what.clone(), |what| what_in_words(what).to_owned());
        let why = Why::parse(&line.why).map_or_else(|| line.why.clone(), |why| why_in_words(why).to_owned());
        vec![line.part.clone(), what, why, line.count.to_string()]
    });
    output.table(&["part", "found", "why", "ever"], &rows.collect::<Vec<_>>());
    let rows = found.newest.iter().take(SHOWN).map(|finding| {
        vec![
            finding.at.to_string(),
            finding.part.as_str().to_owned(),
            finding.remote_id.to_string(),
            what_in_words(finding.what).to_owned(),
            why_in_words(finding.why).to_owned(),
        ]
    });
    output.table(&["at", "part", "id", "found", "why"], &rows.collect::<Vec<_>>());
}

const fn what_in_words(what: What) -> &'static str {
    match what {
        What::New => "was not known",
        What::Changed => "is newer than what was known",
        What::Missing => "is not listed any more",
        What::Back => "is listed although it was gone",
    }
}

const fn why_in_words(why: Why) -> &'static str {
    match why {
        Why::BeforeStart => "older than the first webhook",
        Why::Underway => "its webhook may be on its way",
        Why::Untold => "the shop tells nobody of such things",
        Why::SameSecond => "webhooks of one second differed",
        Why::Gap => "webhooks stayed away then",
        Why::Missed => "its webhook never came",
        Why::Untimed => "the shop gives no time for it",
        Why::Unexplained => "nothing explains it",
    }
}

/// Writes a time, as JSON has it, without the part of its second.
pub(super) fn to_the_second(at: &str) -> String {
    at.get(..19).map_or_else(|| at.to_owned(), |at| format!("{at}Z"))
}

/// Lets a walk that a person begins wait out nothing that failed before ([`Walk::due_at`]).
pub(super) fn at_once(mut walk: Walk) -> Walk {
    walk.due_at = Timestamp::ZERO;
    walk
}

/// Joins how several shops ended: the gravest counts.
pub(super) fn gravest(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
        (Exit::Findings, _) | (_, Exit::Findings) => Exit::Findings,
        (Exit::Unended, _) | (_, Exit::Unended) => Exit::Unended,
        _ => Exit::Good,
    }
}

/// Says when something ends, as a range with the window that decides.
pub(super) fn end_in_words(end: &report::End, now: Timestamp) -> String {
    let day = |us: i64| {
        let at = now.plus_ms(us / 1_000).to_string();
        at.get(..16).unwrap_or(&at).replace('T', " ")
    };
    let why = match end.binding_us {
        Some(window) => format!("{} decides", window_in_words(window)),
        None => "no limit makes it wait".to_owned(),
    };
    format!(
        "in {} to {} (between {} and {} UTC); {why}",
        time_in_words(end.earliest_us),
        time_in_words(end.latest_us),
        day(end.earliest_us),
        day(end.latest_us),
    )
}

#[cfg(test)]
mod tests {
    use schakel_core::connector::Span;

    use super::*;

    #[test]
    fn what_other_walks_found_meanwhile_is_theirs() {
        let at = Timestamp::from_micros;
        let found = |job, part, second| Finding {
            connection: ConnectionId(1),
            job,
            part,
            remote_id: 1,
            at: at(second),
            what: What::New,
            why: Why::Missed,
        };
        let own = found(Job::Sweep, Part::Orders, 5);
        let all = [
            found(Job::Reconcile, Part::Orders, 6),
            found(Job::Sweep, Part::Customers, 6),
            own,
            found(Job::Sweep, Part::Orders, 4),
        ];
        let walk = Walk::new(ConnectionId(1), Job::Sweep, Part::Orders, Span::default(), at(5));
        assert_eq!(own_findings(&all, &[walk], at(5)), [own]);
    }
}
