//! Waiting for something that a hub goes on with: at all connections at once, past a database that is away for a moment, and
//! no longer than a minute while no hub runs, or than a hold-up leaves any sense in it.

pub(super) mod hold;
pub(super) mod lists;

use std::time::Duration;

use indicatif::ProgressBar;
use schakel_core::time::{Clock, wait_in_words};
use schakel_engine::apply;
use schakel_store::Store;
use serde_json::{Value, json};

use self::hold::{Ailing, HoldUp, Lasting};
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// How often a command that waits looks again.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// How often it looks whether a hub runs and what holds it up, in looks: every five seconds.
const LOOKS_PER_HUB: u32 = 20;

/// How often it says how far it is where there is no bar, in looks: every half minute, if that changed.
const LOOKS_PER_LINE: u32 = 120;

/// After how many looks for a hub without one it gives up: a minute.
const HUB_LOOKS_MAX: u32 = 12;

/// After how many such looks at a hold-up that lasts it gives up: ten seconds, in which a hub that just started shows that
/// what an earlier one wrote down is over.
const LONG_LOOKS_MAX: u32 = 2;

/// How long a command that waits leaves a database alone that was away.
pub(super) const AWAY: Duration = Duration::from_secs(5);

/// After how many looks in a row at a database that is away it gives up: half a minute where that is told at once.
const AWAY_MAX: u32 = 6;

/// Something that a hub goes on with, and that a command waits for.
pub(super) trait Awaited {
    /// What tells one state from the next.
    type Mark: PartialEq;

    /// The connection at which it happens.
    fn name(&self) -> &str;

    /// Reads where it stands.
    async fn look(&mut self, store: &Store) -> Result<(), Failure>;

    /// Tells whether a hub runs that goes on with it.
    async fn is_served(&self, store: &Store) -> Result<bool, Failure>;

    /// Tells whether nothing of it goes on by itself any more.
    fn is_over(&self) -> bool;

    /// Tells this state from others.
    fn mark(&self) -> Self::Mark;

    /// Tells whether a hub has begun with it.
    fn is_begun(&self) -> bool;

    /// Tells what keeps a hub from going on with it.
    async fn held_up(&self, store: &Store, ailing: &Ailing) -> Result<Option<HoldUp>, Failure>;

    /// How much of it is done, and how much it is.
    fn done(&self) -> (u64, u64);

    /// Where it is, for a bar.
    fn place(&self) -> String;

    /// What of it is left, as a thing that waits.
    fn left(&self) -> String;
}

/// How waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing of it goes on by itself any more.
    Over,
    /// No hub runs that would go on with it.
    NoHub,
    /// The hub goes on with it later.
    HeldUp(HoldUp),
    /// It took longer than the command was to wait.
    TimedOut,
}

impl End {
    /// The word in JSON.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::NoHub => "no_hub",
            Self::HeldUp(_) => "held_up",
            Self::TimedOut => "timed_out",
        }
    }

    /// How the command ends; `None` where that depends on what it waited for.
    pub(super) const fn exit(&self) -> Option<Exit> {
        match self {
            Self::Over => None,
            Self::NoHub => Some(Exit::Findings),
            Self::HeldUp(_) | Self::TimedOut => Some(Exit::Unended),
        }
    }
}

/// How a command waits.
pub(super) struct How<'c> {
    /// Tells how long it waited.
    pub clock: &'c dyn Clock,
    /// How long it waits at most; `None` for as long as it makes sense.
    pub timeout: Option<Duration>,
    /// What the steps of the bar are.
    pub word: &'c str,
    /// Where it says what it sees.
    pub output: Output,
}

/// Something that is waited for.
pub(super) struct Waited<A: Awaited> {
    /// What it is, as it was at the last look.
    pub what: A,
    /// How it ended; `None` while it did not.
    pub end: Option<End>,
    /// Whether a hub ran at the last look for one, and what held it up.
    seen: Option<(bool, Option<HoldUp>)>,
    /// Whether a hub ran when that was last looked for.
    pub is_running: bool,
    watch: Watch<A::Mark>,
    /// Looks in a row that showed a hold-up.
    held: u32,
    /// The hold-up that was told last.
    told: Option<(String, &'static str)>,
    said: String,
    waited: Duration,
}

impl<A: Awaited> Waited<A> {
    /// Begins to wait.
    pub(super) fn new(what: A) -> Self {
        Self {
            what,
            end: None,
            seen: None,
            is_running: false,
            watch: Watch::default(),
            held: 0,
            told: None,
            said: String::new(),
            waited: Duration::ZERO,
        }
    }

    /// Looks where it stands, with `ailing` also whether a hub runs and what holds it up.
    async fn look(&mut self, store: &Store, ailing: Option<&Ailing>) -> Result<(), Failure> {
        self.what.look(store).await?;
        self.seen = match ailing {
            Some(ailing) => {
                let hold = self.what.held_up(store, ailing).await?;
                let is_served = self.what.is_served(store).await?;
                // Who leaves a connection alone for long lets go of it meanwhile.
                let is_left = !is_served && hold.is_some();
                let is_running = is_served || (is_left && apply::is_served(store, TENANT).await?);
                Some((is_running, hold))
            }
            None => None,
        };
        Ok(())
    }

    /// Decides whether waiting is over, and says what is new and keeps it from that.
    fn judge(&mut self, output: Output) {
        let seen = self.seen.take();
        if let Some((is_running, _)) = &seen {
            self.is_running = *is_running;
        }
        if self.what.is_over() {
            self.end = Some(End::Over);
            return;
        }
        let Some((is_running, hold)) = seen else {
            return;
        };
        match self
            .watch
            .look(self.what.mark(), self.what.is_begun(), is_running)
        {
            Sign::NoHub => self.end = Some(End::NoHub),
            Sign::Untouched => output.warning(&untouched(self.what.name())),
            Sign::Fine => {}
        }
        if self.end.is_none() && is_running {
            self.hold(hold, output);
        }
    }

    /// Says what holds it up once, and ends the waiting when that lasts.
    fn hold(&mut self, hold: Option<HoldUp>, output: Output) {
        let Some(hold) = hold else {
            self.held = 0;
            return;
        };
        let kind = (hold.connection.clone(), hold.reason);
        if self.told.as_ref() != Some(&kind) {
            output.warning(&format!("{} waits: {}", self.what.name(), hold.in_words()));
            self.told = Some(kind);
        }
        let looks_max = match hold.lasting {
            Lasting::Brief => {
                self.held = 0;
                return;
            }
            Lasting::Unknown => HUB_LOOKS_MAX,
            Lasting::Long => LONG_LOOKS_MAX,
        };
        self.held += 1;
        if self.held > looks_max {
            self.end = Some(End::HeldUp(hold));
        }
    }

    /// Says why the waiting ended before what was waited for did.
    pub(super) fn say_end(&self, output: Output) {
        let (name, left) = (self.what.name(), self.what.left());
        match &self.end {
            Some(End::HeldUp(hold)) => {
                output.line(format!("{name}: {left} waits, since {}", hold.cause()));
                output.line(match &hold.until {
                    Some(until) => format!(
                        "  the hub tries again at {until} and goes on by itself; this command waits no longer"
                    ),
                    None => {
                        "  the hub goes on by itself once it may; this command waits no longer".to_owned()
                    }
                });
                output.line(format!("  {}", hold.hint));
            }
            Some(End::TimedOut) => output.line(format!(
                "{name}: {left} came to no end in {}; so far {}; {} goes on with it by itself",
                wait_in_words(i64::try_from(self.waited.as_micros()).unwrap_or(i64::MAX)),
                self.what.place(),
                if self.is_running {
                    "the hub"
                } else {
                    "the next `schakel serve`"
                }
            )),
            _ => {}
        }
    }

    /// Tells a program how waiting ended.
    pub(super) fn put_end(&self, value: &mut Value) {
        value["outcome"] = json!(self.end.as_ref().map(End::as_str));
        if let Some(End::HeldUp(hold)) = &self.end {
            value["hold_up"] = json!(hold);
        }
    }
}

/// Waits until each of `all` has come to its end, is held up for long, or has no hub for a minute, which is the same minute
/// for all of them; shows how far they are. `pause` lets time pass.
///
/// # Errors
/// When the database is away for longer than [`Patience`] has.
pub(super) async fn wait<A: Awaited>(
    store: &Store,
    all: &mut [Waited<A>],
    how: How<'_>,
    pause: impl AsyncFn(Duration),
) -> Result<(), Failure> {
    let output = how.output;
    let bar = output.progress(all.iter().map(|one| one.what.done().1).sum(), how.word);
    let begun_us = how.clock.monotonic_us();
    let (mut patience, mut looks) = (Patience::default(), 0_u32);
    loop {
        let seen = look(
            store,
            all,
            looks.is_multiple_of(LOOKS_PER_HUB).then_some(how.clock),
        )
        .await;
        let is_seen = bar.suspend(|| patience.bear(seen, output))?.is_some();
        let waited_us = how.clock.monotonic_us() - begun_us;
        let waited = Duration::from_micros(waited_us.unsigned_abs());
        let left = how.timeout.map(|timeout| timeout.saturating_sub(waited));
        for one in all.iter_mut().filter(|one| one.end.is_none()) {
            if is_seen {
                bar.suspend(|| one.judge(output));
            }
            if one.end.is_none() && left == Some(Duration::ZERO) {
                one.end = Some(End::TimedOut);
            }
            one.waited = waited;
        }
        if all.iter().all(|one| one.end.is_some()) {
            bar.finish_and_clear();
            return Ok(());
        }
        if !is_seen {
            pause(left.map_or(AWAY, |left| left.min(AWAY))).await;
            continue;
        }
        show(&bar, all, looks, output);
        looks = looks.wrapping_add(1);
        pause(LOOK).await;
    }
}

/// Looks where each one stands that is waited for yet; with a clock also whether a hub runs for it and what holds it up.
async fn look<A: Awaited>(
    store: &Store,
    all: &mut [Waited<A>],
    clock: Option<&dyn Clock>,
) -> Result<(), Failure> {
    let ailing = match clock {
        Some(clock) => Some(Ailing::read(store, clock.now()).await?),
        None => None,
    };
    for one in all.iter_mut().filter(|one| one.end.is_none()) {
        one.look(store, ailing.as_ref()).await?;
    }
    Ok(())
}

/// Shows how far it is: on the bar, or a line for each one now and then where there is none.
fn show<A: Awaited>(bar: &ProgressBar, all: &mut [Waited<A>], looks: u32, output: Output) {
    bar.set_position(all.iter().map(|one| one.what.done().0).sum());
    let mut message = None;
    for one in all.iter_mut().filter(|one| one.end.is_none()) {
        let now_at = format!("{}: {}", one.what.name(), one.what.place());
        if looks > 0 && bar.is_hidden() && looks.is_multiple_of(LOOKS_PER_LINE) && one.said != now_at {
            output.line(format!("so far {now_at}"));
            one.said.clone_from(&now_at);
        }
        message.get_or_insert(now_at);
    }
    bar.set_message(message.unwrap_or_default());
}

/// Bears with a database that is away for a moment while somebody waits: it is started anew, or the way to it is cut.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Looks in a row that it failed.
    failed: u32,
}

impl Patience {
    /// Gives what a look showed; `None` when it is to be repeated after [`AWAY`], which is said once.
    ///
    /// # Errors
    /// After [`AWAY_MAX`] looks in a row, and at once what does not go away.
    pub(super) fn bear<T>(&mut self, look: Result<T, Failure>, output: Output) -> Result<Option<T>, Failure> {
        match look {
            Ok(seen) => {
                self.failed = 0;
                Ok(Some(seen))
            }
            Err(failure) if failure.is_of_database() && self.failed < AWAY_MAX => {
                if self.failed == 0 {
                    output.warning("the database does not answer; looking again");
                }
                self.failed += 1;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Says that a hub runs and leaves alone what somebody waits for.
fn untouched(shop: &str) -> String {
    format!(
        "a hub runs, but it has touched nothing of this for a minute: it waits for room (`schakel budget` shows it), or it was started before \"{shop}\" was configured and must be started anew"
    )
}

/// What a look at a hub and what it goes on with shows.
#[derive(Debug, PartialEq, Eq)]
enum Sign {
    /// Nothing to tell.
    Fine,
    /// A hub runs and has begun nothing of it for a minute; told once.
    Untouched,
    /// For a minute there was no sign of a hub.
    NoHub,
}

/// Looks whether a hub works on something, every [`LOOKS_PER_HUB`] looks.
#[derive(Debug)]
struct Watch<M> {
    /// Where it stood at the look before.
    mark: Option<M>,
    /// Looks since that changed.
    still: u32,
    /// Looks since the last sign of a hub.
    without_hub: u32,
}

impl<M> Default for Watch<M> {
    fn default() -> Self {
        Self {
            mark: None,
            still: 0,
            without_hub: 0,
        }
    }
}

impl<M: PartialEq> Watch<M> {
    fn look(&mut self, mark: M, is_begun: bool, is_running: bool) -> Sign {
        let is_touched = self.mark.as_ref().is_some_and(|before| *before != mark);
        self.mark = Some(mark);
        self.still = if is_touched {
            0
        } else {
            self.still.saturating_add(1)
        };
        // A lease is written with the clock of the hub, which may be off since it started; what goes on needs none to be
        // believed.
        self.without_hub = if is_running || is_touched {
            0
        } else {
            self.without_hub + 1
        };
        match (self.without_hub > HUB_LOOKS_MAX, is_running && !is_begun) {
            (true, _) => Sign::NoHub,
            (_, true) if self.still == HUB_LOOKS_MAX + 1 => Sign::Untouched,
            _ => Sign::Fine,
        }
    }
}

#[cfg(test)]
mod tests;
