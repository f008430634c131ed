//! What `sync` and `reconcile` share: something begins at each shop, the hub does it, and whoever waits is told how far it
//! is, and that nothing happens while no hub runs.

use std::time::Duration;

use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Walk};
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::open;
use super::walks::{Ended, Shop, gravest, shops, word};
use crate::cli::WhichArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// How often a command that waits looks again.
const LOOK: Duration = Duration::from_millis(250);

/// How often it looks whether a hub runs, in looks: every five seconds.
const LOOKS_PER_HUB: u32 = 20;

/// After how many of these without a hub it gives up: a minute.
const HUB_LOOKS_MAX: u32 = 12;

/// What is to begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// At which shops and of which parts.
    pub which: &'a WhichArgs,
    /// The job whose walks are waited for.
    pub job: Job,
    /// Whether the command waits for their end.
    pub is_waited: bool,
    /// The name of the list in JSON.
    pub list: &'a str,
}

/// What began at one shop.
pub(super) struct Begun {
    /// What a person is told.
    pub said: String,
    /// What a program is told, beside the name of the shop.
    pub value: Value,
    /// The walks that are to come to their end.
    pub parts: Vec<Part>,
    /// When they began: earlier findings are not theirs.
    pub since: Timestamp,
    /// How the command ends when nobody waits.
    pub exit: Exit,
}

/// How waiting ended.
enum Waited {
    /// No walk goes on by itself any more.
    Over(Vec<Walk>),
    /// No hub runs that would go on with them.
    NoHub(Vec<Walk>),
}

/// Begins `task` at each shop that is meant; with `--wait` shows what it found.
pub(super) async fn at_each_shop(
    config: &Config,
    task: Task<'_>,
    begin: impl AsyncFn(&Shop<'_>, ConnectionId, &Store) -> Result<Begun, Failure>,
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, task.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        let begun = begin(shop, connection, &store).await?;
        output.line(format!("{}: {}", shop.name(), begun.said));
        let is_running = is_served(&store, connection, SystemClock::new().now()).await?;
        if !is_running {
            output.warning(no_hub(task.is_waited));
        }
        let (mut value, end) = if task.is_waited && !begun.parts.is_empty() {
            ended(&store, (shop, connection), &task, &begun, output).await?
        } else {
            (begun.value, begun.exit)
        };
        exit = gravest(exit, end);
        value["connection"] = json!(shop.name());
        value["is_hub_running"] = json!(is_running);
        all.push(value);
    }
    output.value(&json!({ task.list: all }));
    store.close().await;
    Ok(exit)
}

const fn no_hub(is_waited: bool) -> &'static str {
    if is_waited {
        "no hub runs with this database, so nothing is read until `schakel serve` runs; waiting a minute for it (Ctrl-C ends the waiting, what was begun stays)"
    } else {
        "no hub runs with this database, so nothing is read until `schakel serve` runs"
    }
}

/// Waits for the end of what began, and says how it ended.
async fn ended(
    store: &Store,
    (shop, connection): (&Shop<'_>, ConnectionId),
    task: &Task<'_>,
    begun: &Begun,
    output: Output,
) -> anyhow::Result<(Value, Exit)> {
    let waited = wait(store, connection, (task.job, &begun.parts), output).await?;
    let (walks, is_over) = match waited {
        Waited::Over(walks) => (walks, true),
        Waited::NoHub(walks) => (walks, false),
    };
    if !is_over {
        output.warning("no hub came; what was begun waits in the database for the next `schakel serve`");
        let value = json!({ "walks": walks, "outcome": "no_hub" });
        return Ok((value, Exit::Findings));
    }
    let ended = Ended {
        shop,
        connection,
        walks,
        since: begun.since,
    };
    let (mut value, exit) = ended.say(store, output).await?;
    value["outcome"] = json!("over");
    Ok((value, exit))
}

/// Waits until none of the walks of `job` over `parts` goes on by itself, showing how far they are.
async fn wait(
    store: &Store,
    connection: ConnectionId,
    (job, parts): (Job, &[Part]),
    output: Output,
) -> Result<Waited, Failure> {
    let bar = output.progress(parts.len() as u64, word(job));
    let (mut looks, mut without_hub) = (0_u32, 0);
    loop {
        let mut walks = store.walks(TENANT, Some(connection)).await?;
        walks.retain(|walk| walk.job == job && parts.contains(&walk.part));
        let open = walks.iter().filter(|walk| walk.is_open()).count();
        if open == 0 {
            bar.finish_and_clear();
            return Ok(Waited::Over(walks));
        }
        bar.set_position(walks.len().saturating_sub(open) as u64);
        if let Some(walk) = walks.iter().find(|walk| walk.is_open()) {
            bar.set_message(place(walk));
        }
        if looks.is_multiple_of(LOOKS_PER_HUB) {
            let is_running = is_served(store, connection, SystemClock::new().now()).await?;
            without_hub = if is_running { 0 } else { without_hub + 1 };
            if without_hub > HUB_LOOKS_MAX {
                bar.finish_and_clear();
                return Ok(Waited::NoHub(walks));
            }
        }
        looks = looks.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

/// Where a walk is, for a bar.
fn place(walk: &Walk) -> String {
    let note = if walk.note.is_empty() {
        String::new()
    } else {
        format!(": {}", walk.note)
    };
    let (job, part, seen) = (word(walk.job), walk.part.as_str(), walk.seen);
    format!("{job}, {part}, {seen} read{note}")
}
