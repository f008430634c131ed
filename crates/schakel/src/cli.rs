//! The command line: every command with its arguments, and nothing of what they do.

mod walks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use schakel_core::delivery::ObjectKind;

pub(crate) use walks::{BackfillCommand, PeriodArgs, PlanArgs, ReconcileArgs, SyncArgs, WaitArgs, WhichArgs};

/// What stands below the help.
const AFTER: &str = "\
Exit codes:
  0  all is well
  1  it did not work; the error says why and what to do
  2  the command line or the configuration is wrong
  3  it worked, and found something that needs a person
  4  it was begun and goes on by itself; --wait ended before it did

Configuration is read from schakel.toml in this folder; `schakel config default` prints every key.";

/// Connects webshops with marketing automation.
#[derive(Debug, Parser)]
#[command(name = "schakel", version, about, after_help = AFTER, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SCHAKEL_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Value over the configuration, such as hub.log=debug; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work: a simulated shop and mailing tool with the hub between them
    Demo(DemoArgs),
    /// Run the hub
    Serve(ServeArgs),
    /// Prepare the outside: permissions, structure in the mailing tool, webhooks in the shop
    Setup(SetupArgs),
    /// Test the configuration, the credentials and what they permit
    Check,
    /// Show the hub in numbers
    Status,
    /// Show who spends how many calls of each shop, and what is left
    Budget,
    /// Show one person: who it is, why it is one person, and what each sink holds
    Explain(ExplainArgs),
    /// Show what a delivery would do now; nothing is sent
    Preview(PreviewArgs),
    /// Events that were set aside: list, show, release
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Deliveries that were given up: list, show, redrive
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Say what a history costs in calls and when it ends; asks the shop for counts, nothing else
    Plan(PlanArgs),
    /// The history of a shop: start, status, pause, resume, cancel
    #[command(subcommand)]
    Backfill(BackfillCommand),
    /// Ask a shop now what changed, as the running hub does now and then
    Sync(SyncArgs),
    /// Compare ids and counts with a shop now, to find what was deleted or never came
    Reconcile(ReconcileArgs),
    /// Look for trouble in this installation
    Doctor,
    /// Run simulators of the outside systems
    Sandbox(SandboxArgs),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Orders to place; without --exit the traffic goes on after them
    #[arg(long, value_name = "N")]
    pub orders: Option<u64>,
    /// Seed of the simulated shop: one seed, one world
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// End when everything is delivered; exit code 0 only if both ends agree
    #[arg(long)]
    pub exit: bool,
    /// Folder for the database; a temporary one by default
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the database; SQLite in the folder by default
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How long the simulated mailing tool takes for each answer, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub sink_latency_ms: u64,
    /// Send every webhook two times at once
    #[arg(long)]
    pub twice: bool,
    /// Let so many of 100 calls to both simulated systems go wrong in each of these ways while orders run: latency,
    /// 429 with and without Retry-After, 500 before and after the call is done, answer lost, done later than answered,
    /// HTML with 200, slow drip, connection reset, page of a load balancer; and so many of 100 webhooks come twice,
    /// late, and beside a forged one. At most 8, as a call goes wrong in one way; 5 already spoils every other call. The
    /// settle delay is 1 s instead of 2. Faults stay on to the end: both ends are compared without any call
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 0,
        conflicts_with_all = ["sink_latency_ms", "twice"],
        value_parser = clap::value_parser!(u8).range(0..=8)
    )]
    pub faults: u8,
}

/// Arguments of `serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Folder for the database file
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the database
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Address with port for webhooks
    #[arg(long, value_name = "ADDR")]
    pub hooks_listen: Option<String>,
    /// Address with port for the pages
    #[arg(long, value_name = "ADDR")]
    pub pages_listen: Option<String>,
    /// File to write when the hub listens, with the same line as on standard output
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

impl ServeArgs {
    /// Gives the flags as values over the configuration.
    pub(crate) fn over_config(&self) -> Vec<(String, String)> {
        let data = self.data.as_ref().map(|path| path.display().to_string());
        let given = [
            ("hub.data", data),
            ("hub.database", self.database.clone()),
            ("hub.hooks_listen", self.hooks_listen.clone()),
            ("hub.pages_listen", self.pages_listen.clone()),
        ];
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }
}

/// Arguments of `setup`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SetupArgs {
    /// Replace the secret path of this shop's webhooks; the old one stays open for a day after its webhooks are moved
    #[arg(long, value_name = "CONNECTION")]
    pub rotate_hook: Option<String>,
    /// Remove the webhooks of this shop that go to secret paths of this hub which it does not open: those of a hub key before or of an address before
    #[arg(long, value_name = "CONNECTION")]
    pub remove_old_hooks: Option<String>,
    /// Go on above the RelationIDs that stand in this account, although this database did not give them. The profiles that
    /// have them are left alone for good, and everybody gets a new one beside them; see docs/errors/SCH-0506.md first
    #[arg(long, value_name = "CONNECTION")]
    pub adopt: Option<String>,
    /// Deliver everything anew into the account and database that this connection names now, after another one was filled
    /// before. Nobody may stand there yet, and the hub must be stopped; see docs/errors/SCH-0507.md first
    #[arg(long = "move", value_name = "CONNECTION")]
    pub move_to: Option<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArgs {
    /// E-mail address, RelationID, order number, or the shop's id of an order, customer, cart or checkout; `customer ID` where
    /// an id is also another number
    #[arg(value_name = "EMAIL|RELATION|ORDER|CUSTOMER|CART|CHECKOUT")]
    pub who: String,
    /// Show at most this many events
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub events: usize,
}

/// Arguments of `preview`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PreviewArgs {
    /// Show at most this many samples of each kind
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub samples: usize,
}

/// What to do with events that were set aside.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List them by reason, without what they say
    List {
        /// Which ones
        #[command(flatten)]
        filter: QuarantineArgs,
        /// Show at most this many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Leave out this many
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: usize,
    },
    /// Show one with everything that was wrong with it
    Show {
        /// Its id, such as evt_7
        #[arg(value_parser = id)]
        event: i64,
        /// Print also what it says; that may be personal data
        #[arg(long)]
        content: bool,
    },
    /// Let them be applied again, after what was wrong is mended
    Release {
        /// Ids, such as evt_7
        #[arg(value_name = "EVENT", value_parser = id, required_unless_present_any = ["all", "reason", "connection"])]
        events: Vec<i64>,
        /// All of them
        #[arg(long, conflicts_with_all = ["events", "reason", "connection"])]
        all: bool,
        /// Which ones
        #[command(flatten)]
        filter: QuarantineArgs,
    },
}

/// Which events that were set aside are meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct QuarantineArgs {
    /// Only those set aside for this reason, such as no_id
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// Only those of this connection
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
}

/// What to do with deliveries that were given up.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DeadCommand {
    /// List them, newest first, with what the sink said
    List {
        /// Which ones
        #[command(flatten)]
        filter: DeadArgs,
        /// Show at most this many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Show one with its attempts
    Show {
        /// Its id, such as dlv_7
        #[arg(value_parser = id)]
        delivery: i64,
    },
    /// Deliver them again, after what was wrong is mended
    Redrive {
        /// Ids, such as dlv_7
        #[arg(value_name = "DELIVERY", value_parser = id, required_unless_present_any = ["all", "sink", "kind"])]
        deliveries: Vec<i64>,
        /// All of them
        #[arg(long, conflicts_with_all = ["deliveries", "sink", "kind"])]
        all: bool,
        /// Which ones
        #[command(flatten)]
        filter: DeadArgs,
    },
}

/// Which deliveries that were given up are meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DeadArgs {
    /// Only those to this connection
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// Only objects of this kind, such as order_row
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Option<ObjectKind>,
}

/// Which simulators run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SandboxSystem {
    /// A Lightspeed shop
    Lightspeed,
    /// A Copernica account
    Copernica,
    /// Both
    All,
}

/// Arguments of `sandbox`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SandboxArgs {
    /// Which simulators to run
    pub system: SandboxSystem,
    /// Address with port of the first simulator, the next one takes the next port; port 0 picks free ones
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8470")]
    pub listen: std::net::SocketAddr,
    /// Address with port of the first control port, the next one takes the next port; by default five ports behind
    /// --listen, on this machine only
    #[arg(long, value_name = "ADDR")]
    pub control: Option<std::net::SocketAddr>,
    /// Seed of the simulated world
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// File that keeps the state between runs, for `all` a folder; without it the state ends with the process
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Orders that shoppers place per second, with everything around them
    #[arg(long, value_name = "RATE")]
    pub traffic: Option<u32>,
    /// Calls that the shop allows per five minutes, hour and day; without it far more than any plan
    #[arg(long, value_name = "A,B,C", value_parser = three)]
    pub limits: Option<[u32; 3]>,
    /// Page of an app that the shop can install; without it the shop knows no app
    #[arg(long, value_name = "URL")]
    pub app_url: Option<String>,
}

/// What to show of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key as it counts, with where it was written; secrets are hidden
    Show,
    /// The commented reference of all keys
    Default,
}

/// Reads an id as it is printed, such as `evt_7`, or its number alone.
fn id(text: &str) -> Result<i64, String> {
    let number = text.rsplit('_').next().unwrap_or(text);
    number
        .parse()
        .map_err(|_| "write an id as the list prints it, such as evt_7".to_owned())
}

/// Reads the word for a kind of object.
fn kind(text: &str) -> Result<ObjectKind, String> {
    ObjectKind::parse(text).ok_or_else(|| {
        let words = ObjectKind::ALL.map(ObjectKind::as_str).join(", ");
        format!("the kinds are {words}")
    })
}

/// Reads three numbers, as this option or as the configuration writes them.
fn three(text: &str) -> Result<[u32; 3], String> {
    let words = text.split([',', '/']);
    let numbers: Option<Vec<u32>> = words.map(|word| word.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| {
        "write the calls per five minutes, hour and day as whole numbers, such as 300,3000,12000 or 300/3000/12000"
            .to_owned()
    })
}

/// Reads `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write KEY=VALUE, such as hub.log=debug")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
