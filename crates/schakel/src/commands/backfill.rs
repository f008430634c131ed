//! `schakel backfill`: begins the history of a shop, shows how far it is, halts it and lets it go on.
//!
//! The commands only write down what is to be done; the running hub does it, or the next one that starts.

use std::time::Duration;

use schakel_core::connector::{Part, Span};
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{self, PartProgress, Progress};
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::open;
use super::wait::{AWAY, Patience};
use super::walks::{Shop, end_in_words, gravest, names, say_findings, shops};
use crate::cli::{BackfillCommand, WhichArgs};
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::{Output, Screen};
use crate::wiring::TENANT;

/// How often `status --watch` looks.
const LOOK: Duration = Duration::from_secs(1);

/// Width of a bar, in characters.
const BAR: usize = 24;

/// Does what was asked.
pub(crate) async fn run(config: &Config, command: BackfillCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        BackfillCommand::Status { which, watch } => status(config, (&which, watch), output).await,
        BackfillCommand::Start {
            which,
            period,
            without,
            again,
        } => {
            let order = Order {
                which,
                span: period.span()?,
                without,
                again,
            };
            start(config, &order, output).await
        }
        BackfillCommand::Pause { which } => change(config, (&which, &PAUSE), output).await,
        BackfillCommand::Resume { which } => change(config, (&which, &RESUME), output).await,
        BackfillCommand::Cancel { which } => change(config, (&which, &CANCEL), output).await,
    }
}

/// What is to be begun.
struct Order {
    which: WhichArgs,
    span: Span,
    without: Vec<Part>,
    again: bool,
}

async fn start(config: &Config, order: &Order, output: Output) -> anyhow::Result<Exit> {
    let shops = shops(config, &order.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let now = SystemClock::new().now();
    let mut exit = Exit::Good;
    let mut begun = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        let mut parts = shop.parts(Job::Backfill, &order.which)?;
        parts.retain(|part| !order.without.contains(part));
        let parts = to_begin(&store, (shop, connection), parts, order.again).await?;
        let walks: Vec<Walk> = parts
            .iter()
            .map(|part| Walk::new(connection, Job::Backfill, *part, order.span, now))
            .collect();
        store.begin_walks(TENANT, &walks).await.map_err(Failure::from)?;
        if walks.is_empty() {
            exit = gravest(exit, Exit::Findings);
            output.line(format!(
                "{}: the history is read already; `--again` reads it once more",
                shop.name()
            ));
        } else {
            output.line(format!(
                "{}: the history begins with the running hub, or at its next start: {}",
                shop.name(),
                names(&parts)
            ));
        }
        begun.push(json!({ "connection": shop.name(), "walks": walks }));
    }
    output.line("`schakel backfill status` shows how far it is, `schakel plan` when it ends");
    output.value(&json!({ "histories": begun }));
    store.close().await;
    Ok(exit)
}

/// Gives those of `parts` that begin: not what is done, unless it is read once more.
async fn to_begin(
    store: &Store,
    (shop, connection): (&Shop<'_>, ConnectionId),
    parts: Vec<Part>,
    again: bool,
) -> Result<Vec<Part>, Failure> {
    let known = store.walks(TENANT, Some(connection)).await?;
    let in_states = |states: &[WalkState]| -> Vec<Part> {
        let known = report::parts_in(&known, Job::Backfill, states);
        parts
            .iter()
            .copied()
            .filter(|part| known.contains(part))
            .collect()
    };
    let under_way = in_states(&[WalkState::Waiting, WalkState::Running, WalkState::Paused]);
    if !under_way.is_empty() {
        let text = format!(
            "the history of \"{}\" is under way: {}",
            shop.name(),
            names(&under_way)
        );
        return Err(Failure::usage("SCH-0110", text).hint(
            "`schakel backfill status` shows it, `resume` lets a halted one go on, `cancel` ends it so that it can begin anew",
        ));
    }
    let done = if again {
        Vec::new()
    } else {
        in_states(&[WalkState::Done])
    };
    Ok(parts.into_iter().filter(|part| !done.contains(part)).collect())
}

/// A change of the state of a history.
struct Change {
    from: &'static [WalkState],
    to: WalkState,
    done: &'static str,
    nothing: &'static str,
}

const PAUSE: Change = Change {
    from: &[WalkState::Waiting, WalkState::Running],
    to: WalkState::Paused,
    done: "halted; `schakel backfill resume` lets it go on",
    nothing: "nothing of the history is under way",
};

const RESUME: Change = Change {
    from: &[WalkState::Paused, WalkState::Stopped],
    to: WalkState::Waiting,
    done: "goes on where it was, with the running hub or at its next start",
    nothing: "nothing of the history is halted or stopped",
};

const CANCEL: Change = Change {
    from: &[
        WalkState::Waiting,
        WalkState::Running,
        WalkState::Paused,
        WalkState::Stopped,
    ],
    to: WalkState::Cancelled,
    done: "ended; what was read stays, here and in the mailing tool, and `schakel backfill start` begins it anew",
    nothing: "nothing of the history is under way",
};

async fn change(
    config: &Config,
    (which, change): (&WhichArgs, &Change),
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, which)?;
    let store = open(config, OpenOptions::default()).await?;
    let mut exit = Exit::Good;
    let mut changed = Vec::new();
    for shop in &shops.all {
        let meant = shop.parts(Job::Backfill, which)?;
        let parts = match shop.id(&store).await? {
            Some(connection) => changed_parts(&store, connection, (which, &meant), change).await?,
            None => Vec::new(),
        };
        if parts.is_empty() {
            exit = gravest(exit, Exit::Findings);
            output.line(format!("{}: {}", shop.name(), change.nothing));
        } else {
            output.line(format!("{}: {}: {}", shop.name(), names(&parts), change.done));
        }
        let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
        changed.push(json!({ "connection": shop.name(), "parts": parts, "state": change.to }));
    }
    output.value(&json!({ "histories": changed }));
    store.close().await;
    Ok(exit)
}

/// Changes the parts that are in one of the states, and gives them. Without names all that ever began are meant, also
/// those that no route wants any more.
async fn changed_parts(
    store: &Store,
    connection: ConnectionId,
    (which, meant): (&WhichArgs, &[Part]),
    change: &Change,
) -> Result<Vec<Part>, Failure> {
    let known = store.walks(TENANT, Some(connection)).await?;
    let mut parts = report::parts_in(&known, Job::Backfill, change.from);
    parts.retain(|part| which.part.is_empty() || meant.contains(part));
    if change.to == WalkState::Waiting {
        // To go on would be to consent to deletions, which is said with `reconcile --accept-deletions` alone.
        let asks = |walk: &&Walk| {
            walk.job == Job::Backfill && walk.state == WalkState::Stopped && walk.phase == Phase::Accept
        };
        let asking: Vec<Part> = known.iter().filter(asks).map(|walk| walk.part).collect();
        parts.retain(|part| !asking.contains(part));
    }
    let states = (change.from, change.to);
    store
        .set_walks(TENANT, connection, Job::Backfill, &parts, states)
        .await?;
    Ok(parts)
}

async fn status(
    config: &Config,
    (which, is_watched): (&WhichArgs, bool),
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, which)?;
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let seen = if is_watched {
        watch(config, (&shops.all, &store), output, tokio::time::sleep).await?
    } else {
        let now = SystemClock::new().now();
        let seen = Seen::read(config, &shops.all, &store, now).await?;
        Screen::new(output).show(&seen.lines(now), &seen.value());
        seen.say_findings(output);
        seen
    };
    store.close().await;
    Ok(seen.exit())
}

/// Shows the histories until none goes on by itself; gives the last look. `pause` lets time pass.
async fn watch(
    config: &Config,
    (shops, store): (&[Shop<'_>], &Store),
    output: Output,
    pause: impl AsyncFn(Duration),
) -> Result<Seen, Failure> {
    let (mut screen, mut patience) = (Screen::new(output), Patience::default());
    loop {
        let now = SystemClock::new().now();
        let seen = Seen::read(config, shops, store, now).await;
        let Some(seen) = patience.bear(seen, output)? else {
            pause(AWAY).await;
            continue;
        };
        screen.show(&seen.lines(now), &seen.value());
        if !seen.is_open() {
            return Ok(seen);
        }
        pause(LOOK).await;
    }
}

/// What a look at the histories of some shops showed.
struct Seen {
    shops: Vec<(String, Option<Progress>, report::Findings)>,
}

impl Seen {
    async fn read(
        config: &Config,
        shops: &[Shop<'_>],
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut seen = Vec::new();
        for shop in shops {
            let Some(connection) = shop.id(store).await? else {
                let nothing = report::Findings {
                    lines: Vec::new(),
                    newest: Vec::new(),
                };
                seen.push((shop.name().to_owned(), None, nothing));
                continue;
            };
            let subject = shop.subject(config, connection);
            let progress = report::progress(store, TENANT, &subject, Job::Backfill, now).await?;
            let findings = report::findings(store, TENANT, connection, 0).await?;
            seen.push((shop.name().to_owned(), progress, findings));
        }
        Ok(Self { shops: seen })
    }

    fn is_open(&self) -> bool {
        let known = self.shops.iter().filter_map(|(_, progress, _)| progress.as_ref());
        known.into_iter().any(|progress| progress.is_open)
    }

    fn exit(&self) -> Exit {
        let known = self.shops.iter().filter_map(|(_, progress, _)| progress.as_ref());
        let mut parts = known.flat_map(|progress| &progress.parts);
        if parts.any(|part| part.state == WalkState::Stopped.as_str()) {
            Exit::Findings
        } else {
            Exit::Good
        }
    }

    fn value(&self) -> Value {
        let shops = self.shops.iter().map(|(name, progress, findings)| {
            json!({ "connection": name, "history": progress, "findings": findings.lines })
        });
        json!({ "histories": shops.collect::<Vec<_>>() })
    }

    fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, progress, _) in &self.shops {
            match progress {
                None => lines.push(format!(
                    "{name}: the history never began; `schakel backfill start` begins it"
                )),
                Some(progress) => lines.extend(lines_of(progress, now)),
            }
        }
        lines
    }

    fn say_findings(&self, output: Output) {
        for (_, _, findings) in &self.shops {
            say_findings(findings, output);
        }
    }
}

fn lines_of(progress: &Progress, now: Timestamp) -> Vec<String> {
    let mut head = format!("{}:", progress.connection);
    match &progress.end {
        Some(end) if !progress.is_open => {
            head += &format!(" halted; when it goes on, done {}", end_in_words(end, now));
        }
        Some(end) => head += &format!(" done {}", end_in_words(end, now)),
        None if progress.is_open => {
            head += " nobody can tell yet when it is done: the orders were not counted";
        }
        None => head += " nothing is under way",
    }
    if let Some(pace) = progress.things_per_minute.filter(|_| progress.is_open) {
        head += &format!("; {pace:.0} things a minute so far");
    }
    let mut lines = vec![head];
    lines.extend(progress.parts.iter().map(line_of));
    lines
}

fn line_of(part: &PartProgress) -> String {
    let share = part.share();
    let percent = share.map_or_else(
        || "   ?".to_owned(),
        |share| format!("{:3.0}%", (share * 100.0).floor()),
    );
    let expected = part
        .expected
        .map_or_else(|| "?".to_owned(), |expected| expected.to_string());
    let note = if part.note.is_empty() {
        String::new()
    } else {
        format!(": {}", part.note)
    };
    format!(
        "  {:<13} [{}] {percent}  {} of {expected}, {} calls, {}{note}",
        part.part,
        bar(share.unwrap_or(0.0)),
        part.seen,
        part.calls,
        part.state
    )
}

/// Draws how much of something is done.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part between 0 and 1 of a small width"
)]
fn bar(share: f64) -> String {
    let full = ((share.clamp(0.0, 1.0) * BAR as f64) as usize).min(BAR);
    format!("{}{}", "#".repeat(full), ".".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_line_with_its_bar() {
        let mut walk = Walk::new(
            ConnectionId(1),
            Job::Backfill,
            Part::Orders,
            Span::default(),
            Timestamp::ZERO,
        );
        walk.state = WalkState::Running;
        let mut part = PartProgress::of(&walk);
        assert_eq!(
            line_of(&part),
            "  orders        [........................]    ?  0 of ?, 0 calls, running"
        );
        part.expected = Some(600);
        part.seen = 599;
        part.note = "a reason".to_owned();
        assert_eq!(
            line_of(&part),
            "  orders        [#######################.]  99%  599 of 600, 0 calls, running: a reason"
        );
        part.state = "done";
        assert!(
            line_of(&part).contains("100%"),
            "what came meanwhile is not missing"
        );
    }
}
