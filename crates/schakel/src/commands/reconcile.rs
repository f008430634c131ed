//! `schakel reconcile`: compares ids and counts with a shop now. The running hub does it.

use schakel_core::connector::{Part, Span};
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_engine::clock::SystemClock;
use schakel_store::Store;
use serde_json::json;

use super::begin::{Begun, Task, at_each_shop};
use super::walks::{Shop, names};
use crate::cli::ReconcileArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Begins a reconciliation of each shop, or lets those go on that wait for consent; with `--wait` shows what they found.
pub(crate) async fn run(config: &Config, args: &ReconcileArgs, output: Output) -> anyhow::Result<Exit> {
    let task = Task {
        which: &args.which,
        job: Job::Reconcile,
        is_waited: args.wait,
        list: "reconciliations",
    };
    let now = SystemClock::new().now();
    let begin = async |shop: &Shop<'_>, connection, store: &Store| {
        let parts = shop.parts(Job::Reconcile, &args.which)?;
        let (parts, since) = if args.accept_deletions {
            accept(store, connection, &parts).await?
        } else {
            begin(store, connection, &parts, now).await?
        };
        Ok(begun(parts, since, args.accept_deletions))
    };
    at_each_shop(config, task, begin, output).await
}

fn begun(parts: Vec<Part>, since: Timestamp, is_consent: bool) -> Begun {
    let said = match (parts.is_empty(), is_consent) {
        (true, true) => "nothing waits for consent".to_owned(),
        (true, false) => "nothing to compare".to_owned(),
        (false, true) => format!("the running hub asks about what is missing: {}", names(&parts)),
        (false, false) => format!("the running hub compares ids and counts: {}", names(&parts)),
    };
    let words: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    Begun {
        said,
        value: json!({ "parts": words }),
        exit: if parts.is_empty() {
            Exit::Findings
        } else {
            Exit::Good
        },
        parts,
        since,
    }
}

/// Begins those that are not under way; gives all of them, and when the first of them began.
async fn begin(
    store: &Store,
    connection: ConnectionId,
    parts: &[Part],
    now: Timestamp,
) -> Result<(Vec<Part>, Timestamp), Failure> {
    // Until the hub begins or ends none of them between the look at it and its beginning.
    loop {
        let known = store.walks(TENANT, Some(connection)).await?;
        let open: Vec<&Walk> = known
            .iter()
            .filter(|walk| walk.job == Job::Reconcile && walk.is_open())
            .collect();
        let first = open.iter().map(|walk| walk.started_at).min();
        let since = first.unwrap_or(now).min(now);
        let new = parts
            .iter()
            .filter(|part| open.iter().all(|walk| walk.part != **part));
        let walks: Vec<Walk> = new
            .map(|part| Walk::new(connection, Job::Reconcile, *part, Span::default(), now))
            .collect();
        if store.begin_walks_as_seen(TENANT, &walks, &known).await? {
            return Ok((parts.to_vec(), since));
        }
    }
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
