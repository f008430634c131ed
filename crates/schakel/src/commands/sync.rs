//! `schakel sync`: begins a sweep now, which the running hub does; one checkout is `checkout`'s.

use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Walk, sweep_span};
use schakel_engine::clock::SystemClock;
use schakel_store::Store;
use serde_json::json;

use super::begin::{Begun, Task, at_each_shop};
use super::checkout;
use super::walks::{Shop, at_once, names};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// Begins a sweep of each shop; with `--wait` shows what it found.
pub(crate) async fn run(config: &Config, args: &SyncArgs, output: Output) -> anyhow::Result<Exit> {
    if let Some(number) = args.checkout {
        return checkout::run(config, (args, number), output).await;
    }
    let task = Task {
        which: &args.which,
        job: Job::Sweep,
        wait: args.wait,
        list: "sweeps",
    };
    let now = SystemClock::new().now();
    let begin =
        async |shop: &Shop<'_>, connection, store: &Store| sweep(store, (shop, connection), args, now).await;
    at_each_shop(config, task, begin, output).await
}

async fn sweep(
    store: &Store,
    (shop, connection): (&Shop<'_>, ConnectionId),
    args: &SyncArgs,
    now: Timestamp,
) -> Result<Begun, Failure> {
    if let Some(since) = args.since.filter(|since| *since > now) {
        let text = format!(
            "`--since` lies in the future: nothing changed at {} or later yet",
            to_the_second(since)
        );
        let hint = "without it the sweep goes on where the last one came to, with an overlap";
        return Err(Failure::usage("SCH-0106", text).hint(hint));
    }
    let parts = shop.parts(Job::Sweep, &args.which)?;
    let walks = begin(store, connection, &parts, (args.since, now)).await?;
    let from = walks.iter().filter_map(|walk| walk.span.updated_from).min();
    let from = from.map_or_else(String::new, |from| format!(" since {}", to_the_second(from)));
    Ok(Begun {
        said: format!("what changed{from} is to be read: {}", names(&parts)),
        value: json!({ "walks": walks }),
        parts,
        since: now,
        exit: Exit::Good,
    })
}

/// Writes a time without the part of its second.
fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(1_000_000) * 1_000_000)
}

/// Begins a sweep of `parts`, where the one before came to, or at `since` if that is earlier.
async fn begin(
    store: &Store,
    connection: ConnectionId,
    parts: &[Part],
    (since, now): (Option<Timestamp>, Timestamp),
) -> Result<Vec<Walk>, Failure> {
    // Until the hub begins or ends none of them between the look at it and its beginning.
    loop {
        let known = store.walks(TENANT, Some(connection)).await?;
        let walks = parts.iter().map(|part| {
            let last = known
                .iter()
                .find(|walk| walk.job == Job::Sweep && walk.part == *part);
            let mut span = sweep_span(last, now);
            // A later begin would leave a gap behind the sweep before.
            span.updated_from = span.updated_from.min(since.or(span.updated_from));
            at_once(Walk::new(connection, Job::Sweep, *part, span, now))
        });
        let walks: Vec<Walk> = walks.collect();
        if store.begin_walks_as_seen(TENANT, &walks, &known).await? {
            return Ok(walks);
        }
    }
}
