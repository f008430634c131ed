//! `schakel reconcile`: compares ids and counts with a shop now. The running hub does it.

use schakel_core::connector::{Part, Span};
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_engine::clock::SystemClock;
use schakel_store::Store;
use serde_json::json;

use super::begin::{Begun, Task, at_each_shop};
use super::profiles;
use super::walks::{Shop, at_once, names, period_in_words};
use crate::cli::ReconcileArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Begins a reconciliation of each shop, or lets those go on that wait for consent; with `--wait` shows what they found.
pub(crate) async fn run(config: &Config, args: &ReconcileArgs, output: Output) -> anyhow::Result<Exit> {
    if args.profiles {
        return profiles::run(config, args, output).await;
    }
    let task = Task {
        which: &args.which,
        job: Job::Reconcile,
        wait: args.wait,
        list: "reconciliations",
    };
    let now = SystemClock::new().now();
    let begin = async |shop: &Shop<'_>, connection, store: &Store| {
        let parts = shop.parts(Job::Reconcile, &args.which)?;
        if args.accept_deletions {
            let (parts, since) = accept(store, connection, &parts).await?;
            return Ok(consented(parts, since));
        }
        Ok(begin(store, connection, &parts, now).await?.begun())
    };
    at_each_shop(config, task, begin, output).await
}

fn consented(parts: Vec<Part>, since: Timestamp) -> Begun {
    let said = match names(&parts) {
        nothing if nothing.is_empty() => "nothing waits for consent".to_owned(),
        parts => format!("what is missing is to be asked about: {parts}"),
    };
    Begun {
        said,
        value: json!({ "parts": words(&parts) }),
        exit: exit_of(&parts),
        parts,
        since,
    }
}

/// Nothing that begins needs a person.
const fn exit_of(parts: &[Part]) -> Exit {
    if parts.is_empty() {
        Exit::Findings
    } else {
        Exit::Good
    }
}

fn words(parts: &[Part]) -> Vec<&'static str> {
    parts.iter().map(|part| part.as_str()).collect()
}

/// What is compared at one shop.
struct Compared {
    /// What is under way or begins, each with the period of which it is compared.
    walks: Vec<(Part, Span)>,
    /// What no history ever read: all of it would be missing, and be asked for one by one.
    unread: Vec<Part>,
    /// When the first of them began.
    since: Timestamp,
}

impl Compared {
    fn begun(self) -> Begun {
        let parts: Vec<Part> = self.walks.iter().map(|(part, _)| *part).collect();
        let mut said = Vec::new();
        if !parts.is_empty() {
            said.push(format!("ids and counts are to be compared: {}", names(&parts)));
        }
        said.extend(self.periods());
        if !self.unread.is_empty() {
            let nothing = if parts.is_empty() {
                "nothing is compared: "
            } else {
                ""
            };
            said.push(format!(
                "{nothing}no history read {} yet, so all that the shop lists would be new, and be asked for one by one; \
                 `schakel backfill start` reads it, `schakel plan` says what that costs; what changes meanwhile comes by webhooks and sweeps",
                names(&self.unread)
            ));
        }
        if said.is_empty() {
            said.push("nothing to compare".to_owned());
        }
        Begun {
            said: said.join("; "),
            value: json!({ "parts": words(&parts), "not_read": words(&self.unread) }),
            exit: exit_of(&parts),
            parts,
            since: self.since,
        }
    }

    /// Says of which parts only a period is compared, for each period.
    fn periods(&self) -> Vec<String> {
        let mut periods: Vec<(String, Vec<Part>)> = Vec::new();
        for (part, span) in &self.walks {
            let Some(period) = period_in_words(span.created_from, span.created_to) else {
                continue;
            };
            match periods.iter_mut().find(|(known, _)| *known == period) {
                Some((_, parts)) => parts.push(*part),
                None => periods.push((period, vec![*part])),
            }
        }
        let say = |(period, parts): (String, Vec<Part>)| {
            format!(
                "of {} only what was created {period}, where a deletion cannot be told",
                names(&parts)
            )
        };
        periods.into_iter().map(say).collect()
    }
}

/// Begins those that are not under way, each over what histories read of it, of several periods the newest.
async fn begin(
    store: &Store,
    connection: ConnectionId,
    parts: &[Part],
    now: Timestamp,
) -> Result<Compared, Failure> {
    // Until the hub begins or ends none of them between the look at it and its beginning.
    loop {
        let known = store.walks(TENANT, Some(connection)).await?;
        let mut compared = Compared {
            walks: Vec::new(),
            unread: Vec::new(),
            since: now,
        };
        let mut new = Vec::new();
        for part in parts {
            let of = |job: Job| known.iter().find(|walk| walk.job == job && walk.part == *part);
            if let Some(open) = of(Job::Reconcile).filter(|walk| walk.is_open()) {
                compared.since = compared.since.min(open.started_at);
                compared.walks.push((*part, open.span));
            } else if let Some(span) = of(Job::Backfill).and_then(|history| history.read.newest()) {
                new.push(at_once(Walk::new(connection, Job::Reconcile, *part, span, now)));
                compared.walks.push((*part, span));
            } else {
                compared.unread.push(*part);
            }
        }
        if store.begin_walks_as_seen(TENANT, &new, &known).await? {
            try_again(store, connection, &known).await?;
            return Ok(compared);
        }
    }
}

/// Lets those that failed before be tried at once: a person asks, who may have mended what ailed them.
async fn try_again(store: &Store, connection: ConnectionId, known: &[Walk]) -> Result<(), Failure> {
    let failing = known
        .iter()
        .filter(|walk| walk.job == Job::Reconcile && walk.has_failed());
    let parts: Vec<Part> = failing.map(|walk| walk.part).collect();
    for state in [WalkState::Waiting, WalkState::Running] {
        let change = (&[state][..], state);
        store
            .set_walks(TENANT, connection, Job::Reconcile, &parts, change)
            .await?;
    }
    Ok(())
}

/// Lets those go on that wait for consent; gives them, and when the first of them began.
async fn accept(
    store: &Store,
    connection: ConnectionId,
    parts: &[Part],
) -> Result<(Vec<Part>, Timestamp), Failure> {
    let mut known = store.walks(TENANT, Some(connection)).await?;
    known.retain(|walk| {
        walk.phase == Phase::Accept && walk.state == WalkState::Stopped && parts.contains(&walk.part)
    });
    let since = known
        .iter()
        .map(|walk| walk.started_at)
        .min()
        .unwrap_or(Timestamp::ZERO);
    let mut accepted = Vec::new();
    for job in [Job::Reconcile, Job::Backfill] {
        let own: Vec<Part> = known
            .iter()
            .filter(|walk| walk.job == job)
            .map(|walk| walk.part)
            .collect();
        let change = (&[WalkState::Stopped][..], WalkState::Waiting);
        store.set_walks(TENANT, connection, job, &own, change).await?;
        accepted.extend(own);
    }
    Ok((accepted, since))
}
