//! `schakel reconcile`: compares ids and counts with a shop now. The running hub does it.

use schakel_core::connector::{Part, Span};
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_engine::clock::SystemClock;
use schakel_store::{OpenOptions, Store};
use serde_json::json;

use super::open;
use super::walks::{Ended, gravest, names, shops, wait};
use crate::cli::ReconcileArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Begins a reconciliation of each shop, or lets those go on that wait for consent; with `--wait` shows what they found.
pub(crate) async fn run(config: &Config, args: &ReconcileArgs, output: Output) -> anyhow::Result<Exit> {
    let shops = shops(config, &args.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let now = SystemClock::new().now();
    let mut exit = Exit::Good;
    let mut begun = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        let parts = shop.parts(Job::Reconcile, &args.which)?;
        let (parts, since) = if args.accept_deletions {
            accept(&store, connection, &parts).await?
        } else {
            begin(&store, connection, &parts, now).await?
        };
        output.line(match (parts.is_empty(), args.accept_deletions) {
            (true, true) => format!("{}: nothing waits for consent", shop.name()),
            (true, false) => format!("{}: nothing to compare", shop.name()),
            (false, true) => format!(
                "{}: the running hub asks about what is missing: {}",
                shop.name(),
                names(&parts)
            ),
            (false, false) => format!(
                "{}: the running hub compares ids and counts: {}",
                shop.name(),
                names(&parts)
            ),
        });
        if parts.is_empty() {
            exit = gravest(exit, Exit::Findings);
        }
        if args.wait {
            let ended = Ended {
                shop,
                connection,
                walks: wait(&store, connection, (Job::Reconcile, &parts)).await?,
                since,
            };
            let (value, end) = ended.say(&store, output).await?;
            exit = gravest(exit, end);
            begun.push(value);
        } else {
            let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
            begun.push(json!({ "connection": shop.name(), "parts": parts }));
        }
    }
    output.value(&json!({ "reconciliations": begun }));
    store.close().await;
    Ok(exit)
}

/// Begins those that are not under way; gives all of them, and when the first of them began.
async fn begin(
    store: &Store,
    connection: ConnectionId,
    parts: &[Part],
    now: Timestamp,
) -> Result<(Vec<Part>, Timestamp), Failure> {
    let known = store.walks(TENANT, Some(connection)).await?;
    let open: Vec<&Walk> = known
        .iter()
        .filter(|walk| walk.job == Job::Reconcile && walk.is_open())
        .collect();
    let since = open
        .iter()
        .map(|walk| walk.started_at)
        .min()
        .unwrap_or(now)
        .min(now);
    let new = parts
        .iter()
        .filter(|part| open.iter().all(|walk| walk.part != **part));
    let walks: Vec<Walk> = new
        .map(|part| Walk::new(connection, Job::Reconcile, *part, Span::default(), now))
        .collect();
    store.begin_walks(TENANT, &walks).await?;
    Ok((parts.to_vec(), since))
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
