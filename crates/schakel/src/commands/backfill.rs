//! `schakel backfill`: begins the history of a shop, shows how far it is, halts it and lets it go on.
//!
//! The commands only write down what is to be done; the running hub does it, or the next one that starts.

mod start;

use std::time::Duration;

use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::{Clock, Timestamp};
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{self, PartProgress, Period, Progress};
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use self::start::Order;
use super::begin::{Hub, no_hub};
use super::explain::counted;
use super::open;
use super::wait::{AWAY, Patience};
use super::walks::{Shop, end_in_words, gravest, names, period_in_words, say_findings, shops};
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
                period,
                without,
                is_again: again,
            };
            start::start(config, &order, output).await
        }
        BackfillCommand::Pause { which } => change(config, (&which, &PAUSE), output).await,
        BackfillCommand::Resume { which } => change(config, (&which, &RESUME), output).await,
        BackfillCommand::Cancel { which } => change(config, (&which, &CANCEL), output).await,
    }
}

/// A change of the state of a history.
struct Change {
    from: &'static [WalkState],
    to: WalkState,
    done: &'static str,
    /// The states of what was changed so before, and what is said of it.
    already: (&'static [WalkState], &'static str),
    nothing: &'static str,
}

const PAUSE: Change = Change {
    from: &[WalkState::Waiting, WalkState::Running],
    to: WalkState::Paused,
    done: "halted; `schakel backfill resume` lets it go on",
    already: (
        &[WalkState::Paused],
        "halted already; `schakel backfill resume` lets it go on",
    ),
    nothing: "nothing of the history is under way",
};

const RESUME: Change = Change {
    from: &[WalkState::Paused, WalkState::Stopped],
    to: WalkState::Waiting,
    done: "goes on where it was, with the running hub or at its next start",
    already: (
        &[WalkState::Waiting, WalkState::Running],
        "under way already, with the running hub or at its next start",
    ),
    nothing: "nothing of the history is halted or stopped",
};

/// What a history that waits after failures does when it is told to go on.
const TRIED: &str = "tried again now, with the running hub or at its next start";

const CANCEL: Change = Change {
    from: &[
        WalkState::Waiting,
        WalkState::Running,
        WalkState::Paused,
        WalkState::Stopped,
    ],
    to: WalkState::Cancelled,
    done: "ended; what was read stays, here and in the mailing tool, and `schakel backfill start` begins it anew",
    already: (
        &[WalkState::Cancelled],
        "ended already; `schakel backfill start` begins it anew",
    ),
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
    let (mut changed, mut hubs) = (Vec::new(), Vec::new());
    for shop in &shops.all {
        let meant = shop.parts(Job::Backfill, which)?;
        let (
            Changed {
                parts,
                already,
                tried,
            },
            is_running,
        ) = match shop.id(&store).await? {
            Some(connection) => (
                changed_parts(&store, connection, (which, &meant), change).await?,
                is_served(&store, connection).await?,
            ),
            None => Default::default(),
        };
        if change.to == WalkState::Waiting && !(parts.is_empty() && tried.is_empty()) {
            hubs.push(Hub {
                shop: shop.name(),
                is_running,
                is_waited: false,
            });
        }
        let said = match (parts.as_slice(), already.as_slice()) {
            ([], []) => change.nothing.to_owned(),
            ([], _) if !tried.is_empty() => format!("{}: {TRIED}", names(&tried)),
            ([], already) => format!("{}: {}", names(already), change.already.1),
            (parts, _) => format!("{}: {}", names(parts), change.done),
        };
        output.line(format!("{}: {said}", shop.name()));
        if parts.is_empty() && tried.is_empty() {
            exit = gravest(exit, Exit::Findings);
        }
        let words = |parts: &[Part]| parts.iter().map(|part| part.as_str()).collect::<Vec<_>>();
        changed.push(json!({
            "connection": shop.name(),
            "parts": words(&parts),
            "already": words(&already),
            "tried_again": words(&tried),
            "state": change.to,
            "is_hub_running": is_running,
        }));
    }
    if let Some(said) = no_hub(&hubs) {
        output.warning(&said);
    }
    output.value(&json!({ "histories": changed }));
    store.close().await;
    Ok(exit)
}

/// What a change found at one shop.
#[derive(Default)]
struct Changed {
    /// The parts that were changed.
    parts: Vec<Part>,
    /// Those that were so before.
    already: Vec<Part>,
    /// Those of them that waited after a failure, and do not any more.
    tried: Vec<Part>,
}

/// Changes the parts that are in one of the states, and gives them. Without names all that ever began are meant, also
/// those that no route wants any more.
async fn changed_parts(
    store: &Store,
    connection: ConnectionId,
    (which, meant): (&WhichArgs, &[Part]),
    change: &Change,
) -> Result<Changed, Failure> {
    let known = store.walks(TENANT, Some(connection)).await?;
    let meant_in = |states| {
        let mut parts = report::parts_in(&known, Job::Backfill, states);
        parts.retain(|part| which.part.is_empty() || meant.contains(part));
        parts
    };
    let (mut parts, already) = (meant_in(change.from), meant_in(change.already.0));
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
    let mut tried = Vec::new();
    if change.to == WalkState::Waiting {
        // Who says this has mended what failed. What is counted again later on has not failed, and waits for the shop.
        let has_failed = |walk: &&Walk| walk.job == Job::Backfill && walk.has_failed();
        let failed: Vec<Part> = known.iter().filter(has_failed).map(|walk| walk.part).collect();
        tried.extend(already.iter().filter(|part| failed.contains(part)));
        let states = (change.already.0, change.to);
        store
            .set_walks(TENANT, connection, Job::Backfill, &tried, states)
            .await?;
    }
    Ok(Changed {
        parts,
        already,
        tried,
    })
}

async fn status(
    config: &Config,
    (which, is_watched): (&WhichArgs, bool),
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, which)?;
    for shop in &shops.all {
        // A part that is not read there would show nothing, as if it had never begun.
        shop.parts(Job::Backfill, which)?;
    }
    let store = open(config, OpenOptions { is_read_only: true }).await?;
    let seen = if is_watched {
        watch(
            config,
            (&shops.all, &which.part, &store),
            output,
            tokio::time::sleep,
        )
        .await?
    } else {
        let now = SystemClock::new().now();
        let seen = Seen::read(config, (&shops.all, &which.part), &store, now).await?;
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
    (shops, parts, store): (&[Shop<'_>], &[Part], &Store),
    output: Output,
    pause: impl AsyncFn(Duration),
) -> Result<Seen, Failure> {
    let (mut screen, mut patience) = (Screen::new(output), Patience::default());
    loop {
        let now = SystemClock::new().now();
        let seen = Seen::read(config, (shops, parts), store, now).await;
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
    shops: Vec<SeenShop>,
}

/// What it showed of one shop.
struct SeenShop {
    name: String,
    progress: Option<Progress>,
    findings: report::Findings,
    /// Whether a hub runs that goes on with it.
    is_running: bool,
}

impl SeenShop {
    async fn read(
        config: &Config,
        (shop, parts): (&Shop<'_>, &[Part]),
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut seen = Self {
            name: shop.name().to_owned(),
            progress: None,
            findings: report::Findings {
                lines: Vec::new(),
                newest: Vec::new(),
            },
            is_running: false,
        };
        let Some(connection) = shop.id(store).await? else {
            return Ok(seen);
        };
        let subject = shop.subject(config, connection);
        seen.progress = report::progress(store, TENANT, &subject, (Job::Backfill, parts), now).await?;
        seen.findings = report::findings(store, TENANT, connection, 0).await?;
        let is_meant = |name: &str| parts.iter().any(|part| part.as_str() == name);
        seen.findings
            .lines
            .retain(|line| parts.is_empty() || is_meant(&line.part));
        seen.is_running = is_served(store, connection).await?;
        Ok(seen)
    }

    fn hub(&self) -> Hub<'_> {
        Hub {
            shop: &self.name,
            is_running: self.is_running,
            is_waited: false,
        }
    }

    fn is_open(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.is_open)
    }
}

impl Seen {
    async fn read(
        config: &Config,
        (shops, parts): (&[Shop<'_>], &[Part]),
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut seen = Vec::new();
        for shop in shops {
            seen.push(SeenShop::read(config, (shop, parts), store, now).await?);
        }
        Ok(Self { shops: seen })
    }

    fn is_open(&self) -> bool {
        self.shops.iter().any(SeenShop::is_open)
    }

    fn exit(&self) -> Exit {
        let known = self.shops.iter().filter_map(|shop| shop.progress.as_ref());
        let mut parts = known.flat_map(|progress| &progress.parts);
        if parts.any(|part| part.state == WalkState::Stopped.as_str()) {
            Exit::Findings
        } else {
            Exit::Good
        }
    }

    fn value(&self) -> Value {
        let shops = self.shops.iter().map(|shop| {
            json!({
                "connection": shop.name,
                "history": shop.progress,
                "findings": shop.findings.lines,
                "is_hub_running": shop.is_running,
            })
        });
        json!({ "histories": shops.collect::<Vec<_>>() })
    }

    fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        for shop in &self.shops {
            match &shop.progress {
                None => lines.push(format!(
                    "{}: the history never began; `schakel backfill start` begins it",
                    shop.name
                )),
                Some(progress) => lines.extend(lines_of(progress, now)),
            }
        }
        let open = self.shops.iter().filter(|shop| shop.is_open());
        lines.extend(no_hub(&open.map(SeenShop::hub).collect::<Vec<_>>()));
        lines
    }

    fn say_findings(&self, output: Output) {
        for shop in &self.shops {
            say_findings(&shop.findings, output);
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
        None => head += standing(progress),
    }
    let mut running = progress
        .parts
        .iter()
        .filter(|part| part.state == WalkState::Running.as_str());
    if let Some((part, pace)) = running.find_map(|part| Some((part, part.things_per_minute?))) {
        head += &format!("; {pace:.0} {} a minute so far", part.part);
    }
    let mut lines = vec![head];
    lines.extend(progress.parts.iter().map(line_of));
    lines.extend(progress.lookups.iter().map(look_up_in_words));
    lines.extend(gaps(progress));
    lines
}

/// Says how a history stands that does not go on by itself, and of which nobody can tell when it would be done.
fn standing(progress: &Progress) -> &'static str {
    let any = |state: WalkState| progress.parts.iter().any(|part| part.state == state.as_str());
    if any(WalkState::Stopped) {
        " stopped, and waits for a person"
    } else if any(WalkState::Paused) {
        " halted; `schakel backfill resume` lets it go on"
    } else if any(WalkState::Cancelled) {
        " cancelled; what was read is kept"
    } else {
        " done"
    }
}

/// Says of which parts only a period was read so far, and what that means for the comparisons.
fn gaps(progress: &Progress) -> Vec<String> {
    let mut periods: Vec<(String, Vec<&str>)> = Vec::new();
    for part in progress.parts.iter().filter(|part| !part.is_all_read) {
        let words: Vec<String> = part.read.iter().filter_map(in_words).collect();
        if words.is_empty() {
            continue;
        }
        let words = words.join(", and ");
        match periods.iter_mut().find(|(known, _)| *known == words) {
            Some((_, parts)) => parts.push(part.part),
            None => periods.push((words, vec![part.part])),
        }
    }
    let mut lines: Vec<String> = periods
        .into_iter()
        .map(|(period, parts)| format!("  read so far is what was created {period}: {}", parts.join(", ")))
        .collect();
    if !lines.is_empty() {
        lines.push(
            "  reconciliations compare the newest of these periods, and cannot tell there what was deleted; `schakel backfill start` reads the rest"
                .to_owned(),
        );
    }
    lines
}

/// Says a period in days; nothing when it has no bounds.
fn in_words(period: &Period) -> Option<String> {
    period_in_words(period.from.as_deref(), period.to.as_deref())
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
    let period = in_words(&part.period).map_or_else(String::new, |period| format!(" created {period}"));
    format!(
        "  {:<13} [{}] {percent}  {} of {expected}{period}, {}, {}{note}",
        part.part,
        bar(share.unwrap_or(0.0)),
        part.seen,
        counted(usize::try_from(part.calls).unwrap_or(0), "call"),
        part.state
    )
}

/// Says what was looked up in a list, since a history refers to it.
fn look_up_in_words(part: &PartProgress) -> String {
    format!(
        "  {} that others refer to: {} found in the list, {}, {}",
        part.part,
        part.stored,
        counted(usize::try_from(part.calls).unwrap_or(0), "call"),
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
    use schakel_core::connector::Span;

    use super::*;

    #[test]
    fn what_stands_still_says_why() {
        let of = |states: &[WalkState]| {
            let part = |state: &WalkState| {
                let whole = Span::default();
                let mut walk = Walk::new(
                    ConnectionId(1),
                    Job::Backfill,
                    Part::Orders,
                    whole,
                    Timestamp::ZERO,
                );
                walk.state = *state;
                PartProgress::of(&walk)
            };
            standing(&Progress {
                connection: "shop".to_owned(),
                job: Job::Backfill.as_str(),
                parts: states.iter().map(part).collect(),
                lookups: Vec::new(),
                is_open: false,
                things_per_minute: None,
                end: None,
            })
        };
        use WalkState::{Cancelled, Done, Paused, Stopped};
        assert_eq!(of(&[Done, Done]), " done");
        assert!(of(&[Done, Cancelled]).contains("cancelled"));
        assert!(of(&[Cancelled, Paused]).contains("resume"));
        assert!(of(&[Paused, Stopped, Done]).contains("person"));
    }

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
        part.expected = Some(0);
        assert!(line_of(&part).contains("]    ?  0 of 0"), "{}", line_of(&part));
        part.expected = Some(600);
        part.seen = 599;
        part.note = "a reason".to_owned();
        assert_eq!(
            line_of(&part),
            "  orders        [#######################.]  99%  599 of 600, 0 calls, running: a reason"
        );
        part.period = Period {
            from: Some("2025-06-01T00:00:00Z".to_owned()),
            to: None,
        };
        assert!(
            line_of(&part).contains("599 of 600 created 2025-06-01 or later, 0 calls"),
            "{}",
            line_of(&part)
        );
        part.state = "done";
        assert!(
            line_of(&part).contains("100%"),
            "what came meanwhile is not missing"
        );
    }
}
