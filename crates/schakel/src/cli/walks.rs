//! The commands that read the lists of a shop: `plan`, `backfill`, `sync`, `reconcile`.

use std::time::Duration;

use clap::{Args, Subcommand};
use schakel_core::connector::{Part, Span};
use schakel_core::time::Timestamp;

use crate::config::{guess, span_ms};
use crate::error::Failure;

/// Arguments of `plan`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PlanArgs {
    /// Which parts of which shop
    #[command(flatten)]
    pub which: WhichArgs,
    /// Which things, by when they were created
    #[command(flatten)]
    pub period: PeriodArgs,
}

/// Which parts of which shop are meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhichArgs {
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Only this part, such as orders; may be repeated
    #[arg(long, value_name = "PART", value_parser = part)]
    pub part: Vec<Part>,
}

/// A period of creation.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PeriodArgs {
    /// Only what was created on this day (UTC) or later
    #[arg(long, value_name = "DATE", value_parser = first_of_day)]
    pub from: Option<Timestamp>,
    /// Only what was created on this day (UTC) or earlier
    #[arg(long, value_name = "DATE", value_parser = last_of_day)]
    pub to: Option<Timestamp>,
}

impl PeriodArgs {
    /// Gives the period as lists are asked for it at `now`.
    ///
    /// # Errors
    /// `SCH-0106` when it ends before it begins, or begins later than now.
    pub(crate) fn span(&self, now: Timestamp) -> Result<Span, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            let text = "the period ends before it begins: `--to` is earlier than `--from`";
            return Err(Failure::usage("SCH-0106", text)
                .hint("both days are included, so one day is the same day twice"));
        }
        if let Some(from) = self.from.filter(|from| *from > now) {
            let day: String = from.to_string().chars().take(10).collect();
            let text = format!("the period begins in the future: nothing was created on {day} or later yet");
            return Err(Failure::usage("SCH-0106", text)
                .hint("what is created from now on comes by itself; a history is of what was there before"));
        }
        Ok(Span {
            created_from: self.from,
            created_to: self.to,
            updated_from: None,
        })
    }
}

/// What to do with the history.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BackfillCommand {
    /// Begin it; what is done stays done
    Start {
        /// Which parts of which shop
        #[command(flatten)]
        which: WhichArgs,
        /// Which things, by when they were created
        #[command(flatten)]
        period: PeriodArgs,
        /// Leave out this part, such as order_rows; may be repeated
        #[arg(long, value_name = "PART", value_parser = part)]
        without: Vec<Part>,
        /// Begin parts that are done once more: lists from their first page, rows where they are missing
        #[arg(long)]
        again: bool,
    },
    /// Show how far it is and when it ends
    Status {
        /// Which parts of which shop
        #[command(flatten)]
        which: WhichArgs,
        /// Show it anew until it is done or stands still
        #[arg(long)]
        watch: bool,
    },
    /// Halt it where it is
    Pause {
        /// Which parts of which shop
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Let it go on where it was halted or stopped, or try again now what waits after a failure
    Resume {
        /// Which parts of which shop
        #[command(flatten)]
        which: WhichArgs,
    },
    /// End it; what was read stays
    Cancel {
        /// Which parts of which shop
        #[command(flatten)]
        which: WhichArgs,
    },
}

/// Whether a command waits for what a hub does, and how long.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WaitArgs {
    /// Wait for its end and show what it found; ends with exit code 4 when something holds it up that lasts
    #[arg(long)]
    pub wait: bool,
    /// Wait no longer than this, such as 90s, 15m or 2h; what is left goes on, and the exit code is 4
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = length)]
    pub timeout: Option<Duration>,
}

/// Arguments of `sync`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SyncArgs {
    /// Which parts of which shop
    #[command(flatten)]
    pub which: WhichArgs,
    /// What changed at this time (RFC 3339) or later; by default since the last sweep, with an overlap
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Fetch only the unfinished checkout with this number
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["part", "since"],
        value_parser = clap::value_parser!(i64).range(1..))]
    pub checkout: Option<i64>,
    /// Whether to wait for its end
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Arguments of `reconcile`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReconcileArgs {
    /// Which parts of which shop
    #[command(flatten)]
    pub which: WhichArgs,
    /// Ask about everything that is missing, however much it is: for reconciliations that stopped for that reason
    #[arg(long)]
    pub accept_deletions: bool,
    /// Look in the mailing tools instead, for profiles that somebody removed and imported again by hand; what stood under
    /// them is delivered again. `--connection` names an account then
    #[arg(long, conflicts_with_all = ["part", "accept_deletions"])]
    pub profiles: bool,
    /// Whether to wait for its end
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Reads a length of time, as the configuration writes them.
fn length(text: &str) -> Result<Duration, String> {
    let ms = span_ms(text).filter(|ms| *ms > 0);
    let ms = ms.and_then(|ms| u64::try_from(ms).ok());
    ms.map(Duration::from_millis)
        .ok_or_else(|| "write a length of time, such as 90s, 15m or 2h".to_owned())
}

/// Reads the word for a part of a shop.
fn part(text: &str) -> Result<Part, String> {
    Part::parse(text).ok_or_else(|| {
        let words = Part::ALL.map(Part::as_str);
        format!("the parts are {}{}", words.join(", "), guess(text, &words))
    })
}

/// Reads a day as its first moment, in UTC.
fn first_of_day(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))
        .ok_or_else(|| "write a day, such as 2025-12-31".to_owned())
}

/// Reads a day as its last second, in UTC.
fn last_of_day(text: &str) -> Result<Timestamp, String> {
    first_of_day(text).map(|first| first.plus_ms(86_399_000))
}

/// Reads a time, or a day as its first moment.
fn moment(text: &str) -> Result<Timestamp, String> {
    let time = Timestamp::parse_rfc3339(text).or_else(|| first_of_day(text).ok());
    time.ok_or_else(|| "write a time, such as 2025-12-31T08:00:00Z, or a day".to_owned())
}
