//! What `sync` and `reconcile` share: something begins at each shop, the hub does it, and whoever waits is told how far it
//! is, and that nothing happens while no hub runs.

use std::time::Duration;

use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::budget::is_served;
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

/// How often it says how far it is where there is no bar, in looks: every half minute, if that changed.
const LOOKS_PER_LINE: u32 = 120;

/// After how many looks for a hub without one it gives up: a minute.
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

/// Begins `task` at each shop that is meant, then waits for all of them with `--wait`, and shows what they found.
pub(super) async fn at_each_shop(
    config: &Config,
    task: Task<'_>,
    begin: impl AsyncFn(&Shop<'_>, ConnectionId, &Store) -> Result<Begun, Failure>,
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, task.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let mut begun_at = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        let begun = begin(shop, connection, &store).await?;
        output.line(format!("{}: {}", shop.name(), begun.said));
        begun_at.push((shop, connection, begun));
    }
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    for (shop, connection, begun) in begun_at {
        let is_running = is_served(&store, connection).await?;
        let is_waited = task.is_waited && !begun.parts.is_empty();
        if !is_running {
            output.warning(no_hub(is_waited));
        }
        let (mut value, end) = if is_waited {
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
    let waited = wait(store, (shop, connection), (task.job, &begun.parts), output).await?;
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
    (shop, connection): (&Shop<'_>, ConnectionId),
    (job, parts): (Job, &[Part]),
    output: Output,
) -> Result<Waited, Failure> {
    let bar = output.progress(parts.len() as u64, word(job));
    let mut watch = Watch::default();
    let (mut looks, mut said) = (0_u32, String::new());
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
            let now_at = place(walk);
            if bar.is_hidden() && looks.is_multiple_of(LOOKS_PER_LINE) && said != now_at {
                output.line(format!("{}: {now_at}", shop.name()));
                said.clone_from(&now_at);
            }
            bar.set_message(now_at);
        }
        if looks.is_multiple_of(LOOKS_PER_HUB) {
            let is_running = is_served(store, connection).await?;
            match watch.look(&walks, is_running) {
                Sign::Fine => {}
                Sign::Untouched => bar.suspend(|| output.warning(&untouched(shop.name()))),
                Sign::NoHub => {
                    bar.finish_and_clear();
                    return Ok(Waited::NoHub(walks));
                }
            }
        }
        looks = looks.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

fn untouched(shop: &str) -> String {
    format!(
        "a hub runs, but it has touched nothing of this for a minute: it waits for room (`schakel budget` shows it), or it was started before \"{shop}\" was configured and must be started anew"
    )
}

/// What a look at a hub and its walks shows.
#[derive(Debug, PartialEq, Eq)]
enum Sign {
    /// Nothing to tell.
    Fine,
    /// A hub runs and has begun none of the walks for a minute; told once.
    Untouched,
    /// For a minute there was no sign of a hub.
    NoHub,
}

/// Looks whether a hub works on walks, every [`LOOKS_PER_HUB`] looks.
#[derive(Debug, Default)]
struct Watch {
    /// When each walk was last touched.
    touched: Vec<(Part, Timestamp)>,
    /// Looks since any of them was.
    still: u32,
    /// Looks since the last sign of a hub.
    without_hub: u32,
}

impl Watch {
    fn look(&mut self, walks: &[Walk], is_running: bool) -> Sign {
        let touched: Vec<(Part, Timestamp)> = walks.iter().map(|walk| (walk.part, walk.updated_at)).collect();
        let is_touched = !self.touched.is_empty() && self.touched != touched;
        self.touched = touched;
        self.still = if is_touched {
            0
        } else {
            self.still.saturating_add(1)
        };
        // A lease is written with the clock of the hub, which may be off since it started; a walk that goes on needs none to be believed.
        self.without_hub = if is_running || is_touched {
            0
        } else {
            self.without_hub + 1
        };
        let is_begun = walks
            .iter()
            .any(|walk| walk.is_open() && walk.state != WalkState::Waiting);
        match (self.without_hub > HUB_LOOKS_MAX, is_running && !is_begun) {
            (true, _) => Sign::NoHub,
            (_, true) if self.still == HUB_LOOKS_MAX + 1 => Sign::Untouched,
            _ => Sign::Fine,
        }
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

#[cfg(test)]
mod tests {
    use schakel_core::connector::Span;

    use super::*;

    fn walk(state: WalkState, second: i64) -> Walk {
        let at = Timestamp::from_micros(second * 1_000_000);
        let mut walk = Walk::new(ConnectionId(1), Job::Sweep, Part::Orders, Span::default(), at);
        walk.state = state;
        walk
    }

    /// What `looks` looks show, beside `Fine`, with the number of the look.
    fn signs(looks: u32, is_running: bool, walk_at: impl Fn(u32) -> Walk) -> Vec<(u32, Sign)> {
        let mut watch = Watch::default();
        let all = (0..looks).map(|look| (look, watch.look(&[walk_at(look)], is_running)));
        all.filter(|(_, sign)| *sign != Sign::Fine).collect()
    }

    #[test]
    fn a_walk_that_goes_on_is_a_hub_whatever_a_clock_says() {
        let goes_on = |look| walk(WalkState::Running, i64::from(look / 10));
        assert!(signs(200, false, goes_on).is_empty());
        let stands = |look: u32| walk(WalkState::Running, i64::from(look.min(20)));
        assert_eq!(
            signs(34, false, stands),
            [(33, Sign::NoHub)],
            "a minute after the last sign"
        );
    }

    #[test]
    fn without_any_sign_of_a_hub_waiting_ends_after_a_minute() {
        assert_eq!(
            signs(13, false, |_| walk(WalkState::Waiting, 0)),
            [(12, Sign::NoHub)]
        );
    }

    #[test]
    fn a_hub_that_touches_nothing_is_told_of_once_and_one_that_waits_for_a_shop_is_not() {
        assert_eq!(
            signs(200, true, |_| walk(WalkState::Waiting, 0)),
            [(12, Sign::Untouched)]
        );
        assert!(signs(200, true, |_| walk(WalkState::Running, 0)).is_empty());
    }
}
