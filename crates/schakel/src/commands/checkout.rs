//! `schakel sync --checkout`: has one unfinished checkout fetched, and with `--wait` follows it to the mailing tools.

use std::time::Duration;

use indicatif::ProgressBar;
use schakel_core::connector::Class;
use schakel_core::id::ConnectionId;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Clock;
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{Asked, CartAt, Stage};
use schakel_store::rows::FetchRow;
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::begin::{Hub, no_hub};
use super::open;
use super::wait::{AWAY, HUB_LOOKS_MAX, LOOK, LOOKS_PER_HUB, LOOKS_PER_LINE, Patience, untouched};
use super::walks::{gravest, shops};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// A checkout that is asked for at one shop.
struct At {
    shop: String,
    connection: ConnectionId,
    asked: Asked,
    stage: Stage,
    is_running: bool,
    /// Looks for a hub in a row that found none, or that found the checkout untouched.
    idle: u32,
    /// Whether no hub came.
    is_left: bool,
}

/// Has the checkout `number` fetched at each shop that is meant; with `--wait` says what became of it.
pub(super) async fn run(
    config: &Config,
    (args, number): (&SyncArgs, i64),
    output: Output,
) -> anyhow::Result<Exit> {
    let shops = shops(config, &args.which)?;
    let store = open(config, OpenOptions::default()).await?;
    let mut all = Vec::new();
    for shop in &shops.all {
        let connection = shop.id_or_new(&store).await?;
        all.push(begin(&store, (shop.name(), connection), number).await?);
        output.line(format!(
            "{}: the running hub asks the shop for checkout {number}{}",
            shop.name(),
            if args.wait {
                ""
            } else {
                "; when there is none nothing comes of it, and it is asked for once more some minutes later"
            }
        ));
    }
    let hubs = all.iter().map(|at| Hub {
        shop: &at.shop,
        is_running: at.is_running,
        is_waited: args.wait,
    });
    if let Some(said) = no_hub(&hubs.collect::<Vec<_>>()) {
        output.warning(&said);
    }
    let mut exit = Exit::Good;
    if args.wait {
        wait(&store, &mut all, output, tokio::time::sleep).await?;
        for at in &all {
            output.line(format!("{}: {}", at.shop, ended(at, number)));
            exit = gravest(
                exit,
                if at.stage.is_good() {
                    Exit::Good
                } else {
                    Exit::Findings
                },
            );
        }
    }
    let values = all.iter().map(|at| value(at, number, args.wait));
    output.value(&json!({ "sweeps": values.collect::<Vec<_>>() }));
    store.close().await;
    Ok(exit)
}

/// Writes the wish down, with what was known before it.
async fn begin(store: &Store, (shop, connection): (&str, ConnectionId), number: i64) -> Result<At, Failure> {
    let key = RecordKey::new(connection, RecordKind::Checkout, number);
    let asked = Asked::before(store, TENANT, key).await?;
    let wish = FetchRow {
        key,
        reason: "hint".to_owned(),
        due_at: SystemClock::new().now(),
        attempts: 0,
        wanted: 0,
        class: Class::Live,
    };
    let mut tx = store.write().await?;
    tx.want_fetches(TENANT, &[wish]).await?;
    tx.commit().await?;
    Ok(At {
        shop: shop.to_owned(),
        connection,
        asked,
        stage: Stage::Waiting,
        is_running: is_served(store, connection).await?,
        idle: 0,
        is_left: false,
    })
}

impl At {
    fn is_open(&self) -> bool {
        !self.is_left && !self.stage.is_over()
    }

    /// Takes in where it stands, and whether a hub runs if that was asked for; tells whether a hub leaves it untouched.
    fn look(&mut self, stage: Stage, is_running: Option<bool>) -> bool {
        let is_moved = self.stage != stage;
        self.stage = stage;
        if is_moved {
            self.idle = 0;
        }
        let Some(is_running) = is_running else {
            return false;
        };
        let is_same = self.is_running == is_running && !is_moved;
        self.is_running = is_running;
        self.idle = if is_same { self.idle.saturating_add(1) } else { 0 };
        self.is_left = !is_running && self.idle > HUB_LOOKS_MAX && self.is_open();
        is_running && self.stage == Stage::Waiting && self.idle == HUB_LOOKS_MAX + 1
    }
}

/// Waits until each checkout came to its end, or has no hub for a minute; `pause` lets time pass.
async fn wait(
    store: &Store,
    all: &mut [At],
    output: Output,
    pause: impl AsyncFn(Duration),
) -> Result<(), Failure> {
    let bar = output.progress(all.len() as u64, "checkout");
    let (mut patience, mut looks, mut said) = (Patience::default(), 0_u32, String::new());
    loop {
        let seen = look(store, all, looks.is_multiple_of(LOOKS_PER_HUB)).await;
        let Some(seen) = bar.suspend(|| patience.bear(seen, output))? else {
            pause(AWAY).await;
            continue;
        };
        let open = all.iter_mut().filter(|at| at.is_open());
        for (at, (stage, is_running)) in open.zip(seen) {
            if at.look(stage, is_running) {
                bar.suspend(|| output.warning(&untouched(&at.shop)));
            }
        }
        let Some(next) = all.iter().find(|at| at.is_open()) else {
            bar.finish_and_clear();
            return Ok(());
        };
        let now_at = format!("{}: {}", next.shop, in_words(&next.stage));
        if looks > 0 && bar.is_hidden() && looks.is_multiple_of(LOOKS_PER_LINE) && said != now_at {
            output.line(format!("so far {now_at}"));
            said.clone_from(&now_at);
        }
        show(&bar, all, now_at);
        looks = looks.wrapping_add(1);
        pause(LOOK).await;
    }
}

fn show(bar: &ProgressBar, all: &[At], now_at: String) {
    bar.set_position(all.iter().filter(|at| !at.is_open()).count() as u64);
    bar.set_message(now_at);
}

/// Looks where each open one stands, and with `is_asked` whether a hub runs for it.
async fn look(store: &Store, all: &[At], is_asked: bool) -> Result<Vec<(Stage, Option<bool>)>, Failure> {
    let mut seen = Vec::new();
    for at in all.iter().filter(|at| at.is_open()) {
        let stage = at.asked.stage(store, TENANT).await?;
        let is_running = if is_asked {
            Some(is_served(store, at.connection).await?)
        } else {
            None
        };
        seen.push((stage, is_running));
    }
    Ok(seen)
}

/// Says how it ended.
fn ended(at: &At, number: i64) -> String {
    if at.is_left {
        return format!(
            "no hub came; checkout {number} is asked for, or goes on, with the next `schakel serve`"
        );
    }
    format!("checkout {number}: {}", in_words(&at.stage))
}

fn in_words(stage: &Stage) -> String {
    match stage {
        Stage::Waiting => "the shop was not asked yet".to_owned(),
        Stage::Failed { error, again_at } => format!(
            "the shop gave no usable answer ({error}); it is asked again at {}, also when nobody waits",
            to_the_second(again_at)
        ),
        Stage::Applying => "the shop's answer is not applied yet".to_owned(),
        Stage::Aside { event, problems } => format!(
            "the shop's answer was set aside{}; `schakel quarantine show {event}` says what is wrong with it",
            match problems.as_slice() {
                [] => String::new(),
                problems => format!(" ({})", problems.join(", ")),
            }
        ),
        Stage::Missing { again_at: None } => "the shop has none with this number".to_owned(),
        Stage::Missing {
            again_at: Some(again_at),
        } => format!(
            "the shop has none with this number; to be sure it is asked once more at {}",
            to_the_second(again_at)
        ),
        Stage::NoCart => "it names no cart, so there is nothing to deliver".to_owned(),
        Stage::Nobody { cart } => {
            format!("its cart {cart} belongs to nobody whom the hub knows; `schakel explain {cart}` says why")
        }
        Stage::Cart {
            cart,
            relation,
            sinks,
        } if sinks.is_empty() => format!(
            "its cart {cart} belongs to relation {relation}; no route takes carts, so it is not delivered"
        ),
        Stage::Cart {
            cart,
            relation,
            sinks,
        } => {
            let sinks: Vec<String> = sinks.iter().map(sink_in_words).collect();
            format!(
                "its cart {cart} belongs to relation {relation}: {}",
                sinks.join("; ")
            )
        }
    }
}

/// Writes a time without the part of its second.
fn to_the_second(at: &str) -> String {
    at.get(..19).map_or_else(|| at.to_owned(), |at| format!("{at}Z"))
}

fn sink_in_words(at: &CartAt) -> String {
    let CartAt {
        sink,
        state,
        profile,
        held_until,
        ..
    } = at;
    match (*state, held_until) {
        ("clean", _) => format!("{sink} holds it"),
        (_, Some(until)) => format!(
            "{sink} gets it at {}, when it was left alone for `cart_hold_off`",
            to_the_second(until)
        ),
        ("dead", _) => format!("{sink} refused it (`schakel dead list` shows why)"),
        ("unplaced", _) => format!("{sink} has no place for carts (`schakel setup` makes one)"),
        ("parent", _) => format!(
            "it waits for its person's profile in {sink}, which is {}",
            profile.unwrap_or("not planned")
        ),
        (state, _) => format!("it is on its way to {sink} ({state})"),
    }
}

fn value(at: &At, number: i64, is_waited: bool) -> Value {
    let mut value = json!({
        "connection": at.shop,
        "checkout": number,
        "is_hub_running": at.is_running,
    });
    if is_waited {
        value["outcome"] = json!(if at.is_left { "no_hub" } else { "over" });
        value["reached"] = json!(at.stage);
    }
    value
}

#[cfg(test)]
mod tests {
    use schakel_testkit::tempdir;

    use super::*;

    /// A checkout that is wanted in a database that no hub serves.
    async fn wanted() -> (Store, At, schakel_testkit::TempDir) {
        let folder = tempdir();
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        let store = Store::open(&url, OpenOptions::default()).await.unwrap();
        let row = store.ensure_connection(TENANT, "shop", "lightspeed", ConnectionId(1));
        let connection = row.await.unwrap().id;
        let at = begin(&store, ("shop", connection), 7).await.unwrap();
        (store, at, folder)
    }

    #[tokio::test]
    async fn without_a_hub_waiting_ends_after_a_minute_and_the_wish_stays() {
        let (store, at, _folder) = wanted().await;
        let waited = std::cell::Cell::new(Duration::ZERO);
        let pause = async |time| waited.set(waited.get() + time);
        let mut all = [at];
        wait(&store, &mut all, Output::json(), pause).await.unwrap();
        assert!(all[0].is_left && all[0].stage == Stage::Waiting);
        assert_eq!(waited.get().as_secs(), 60);
        assert_eq!(value(&all[0], 7, true)["outcome"], "no_hub");
        assert_eq!(store.fetch_count(TENANT).await.unwrap(), 1);
        store.close().await;
    }

    #[tokio::test]
    async fn a_hub_that_does_not_ask_is_told_of_once() {
        let (store, mut at, _folder) = wanted().await;
        let told = (0..200).filter(|_| at.look(Stage::Waiting, Some(true)));
        assert_eq!(told.count(), 1);
        assert!(!at.is_left && at.is_open());
        let told = (0..200).filter(|_| at.look(Stage::Applying, Some(true)));
        assert_eq!(told.count(), 0, "it asked");
        store.close().await;
    }

    #[test]
    fn a_cart_is_told_for_each_sink() {
        let at = |state, profile, held_until: Option<&str>| {
            sink_in_words(&CartAt {
                sink: "mail".to_owned(),
                state,
                profile,
                is_over: true,
                held_until: held_until.map(str::to_owned),
            })
        };
        assert_eq!(at("clean", Some("clean"), None), "mail holds it");
        assert!(
            at("held", Some("clean"), Some("2026-01-02T03:04:05.000006Z"))
                .contains(" at 2026-01-02T03:04:05Z,")
        );
        assert!(at("parent", Some("dead"), None).contains("which is dead"));
        assert!(at("parent", None, None).contains("which is not planned"));
        assert!(at("dead", None, None).contains("schakel dead list"));
    }
}
