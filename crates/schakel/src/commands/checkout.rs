//! `schakel sync --checkout`: has one unfinished checkout fetched, and with `--wait` follows it to the mailing tools.

use std::time::Duration;

use schakel_core::budget::Limits;
use schakel_core::connector::{Class, Meter};
use schakel_core::id::ConnectionId;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Clock;
use schakel_engine::budget::is_served;
use schakel_engine::clock::SystemClock;
use schakel_engine::report::{Asked, CartAt, FailedAt, Stage};
use schakel_store::rows::FetchRow;
use schakel_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::begin::{Hub, no_hub};
use super::open;
use super::wait::hold::{Ailing, HoldUp};
use super::wait::{Awaited, End, How, Waited, wait};
use super::walks::{gravest, shops, to_the_second};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::output::Output;
use crate::wiring::TENANT;

/// A checkout that is asked for at one shop.
struct At {
    shop: String,
    connection: ConnectionId,
    limits: Limits,
    /// The mailing tools to which routes lead from the shop.
    tools: Vec<String>,
    number: i64,
    asked: Asked,
    stage: Stage,
    is_running: bool,
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
        let mut at = begin(&store, (shop.name(), connection), number).await?;
        let routes = config.routes.iter().filter(|route| route.from == at.shop);
        at.tools = routes.map(|route| route.to.clone()).collect();
        at.limits = shop.config.key_limits().unwrap_or_default().limits();
        all.push(at);
        output.line(format!(
            "{}: the running hub asks the shop for checkout {number}{}",
            shop.name(),
            if args.wait.wait {
                ""
            } else {
                "; when there is none nothing comes of it, and it is asked for once more some minutes later"
            }
        ));
    }
    let hubs = all.iter().map(|at| Hub {
        shop: &at.shop,
        is_running: at.is_running,
        is_waited: args.wait.wait,
    });
    if let Some(said) = no_hub(&hubs.collect::<Vec<_>>()) {
        output.warning(&said);
    }
    let (values, exit) = if args.wait.wait {
        follow(&store, all, args.wait.timeout, output).await?
    } else {
        (all.iter().map(value).collect(), Exit::Good)
    };
    output.value(&json!({ "sweeps": values }));
    store.close().await;
    Ok(exit)
}

/// Waits for all of them; says what became of each.
async fn follow(
    store: &Store,
    all: Vec<At>,
    timeout: Option<Duration>,
    output: Output,
) -> Result<(Vec<Value>, Exit), Failure> {
    let mut all: Vec<Waited<At>> = all.into_iter().map(Waited::new).collect();
    let how = How {
        clock: &SystemClock::new(),
        timeout,
        word: "checkout",
        output,
    };
    wait(store, &mut all, how, tokio::time::sleep).await?;
    let mut exit = Exit::Good;
    let mut values = Vec::new();
    for one in &all {
        if let Some(said) = ended(one) {
            output.line(format!("{}: {said}", one.what.shop));
        }
        one.say_end(output);
        let own = match one.end.as_ref().and_then(End::exit) {
            Some(early) => early,
            None if one.what.stage.is_good() => Exit::Good,
            None => Exit::Findings,
        };
        exit = gravest(exit, own);
        let mut value = value(&one.what);
        one.put_end(&mut value);
        value["is_hub_running"] = json!(one.is_running);
        value["reached"] = json!(one.what.stage);
        values.push(value);
    }
    Ok((values, exit))
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
        limits: Limits::default(),
        tools: Vec::new(),
        number,
        asked,
        stage: Stage::Waiting,
        is_running: is_served(store, connection).await?,
    })
}

impl Awaited for At {
    type Mark = Stage;

    fn name(&self) -> &str {
        &self.shop
    }

    async fn look(&mut self, store: &Store) -> Result<(), Failure> {
        self.stage = self.asked.stage(store, TENANT).await?;
        Ok(())
    }

    async fn is_served(&self, store: &Store) -> Result<bool, Failure> {
        Ok(is_served(store, self.connection).await?)
    }

    fn is_over(&self) -> bool {
        self.stage.is_over()
    }

    fn mark(&self) -> Stage {
        self.stage.clone()
    }

    fn is_begun(&self) -> bool {
        self.stage != Stage::Waiting
    }

    async fn held_up(&self, store: &Store, ailing: &Ailing) -> Result<Option<HoldUp>, Failure> {
        let ill = |name: &String| Some(ailing.of(name)?.1);
        if let Stage::Cart {
            sinks,
            are_rows_coming,
            ..
        } = &self.stage
        {
            let mut open = sinks.iter().filter(|at| !at.is_over);
            let hold = open.find_map(|at| ill(&at.sink).or_else(|| untaken(at)));
            if hold.is_some() || !are_rows_coming {
                return Ok(hold);
            }
        }
        if let Some((what, failed)) = self.unanswered() {
            let text = format!("gave no usable answer for {what}");
            return Ok(Some(
                ill(&self.shop).unwrap_or_else(|| of_failure(&self.shop, text, failed)),
            ));
        }
        let shop = (self.shop.as_str(), self.connection, &self.limits);
        let no_room = ailing.no_room(store, shop, Class::Live).await?;
        let of_shop = no_room.or_else(|| ill(&self.shop));
        // Events wait for an account that cannot say which numbers it holds.
        let is_applying = self.stage == Stage::Applying;
        let of_tools = || self.tools.iter().filter(|_| is_applying).find_map(ill);
        Ok(of_shop.or_else(of_tools))
    }

    fn done(&self) -> (u64, u64) {
        (u64::from(self.is_over()), 1)
    }

    fn place(&self) -> String {
        in_words(&self.stage)
    }

    fn left(&self) -> String {
        format!("checkout {}", self.number)
    }
}

impl At {
    /// What the shop gave no usable answer for when it was last asked, which it is again.
    fn unanswered(&self) -> Option<(String, &FailedAt)> {
        match &self.stage {
            Stage::Failed { cart: None, failed } => Some((format!("checkout {}", self.number), failed)),
            Stage::Failed {
                cart: Some(cart),
                failed,
            } => Some((format!("cart {cart}"), failed)),
            Stage::Cart {
                cart,
                rows_failed: Some(failed),
                ..
            } => Some((format!("the rows of cart {cart}"), failed)),
            _ => None,
        }
    }
}

/// What holds up a cart for itself: its sink did not take it when it was last tried.
fn untaken(at: &CartAt) -> Option<HoldUp> {
    let text = "did not take it when it was last tried".to_owned();
    Some(of_failure(&at.sink, text, at.failed.as_ref()?))
}

fn of_failure(connection: &str, text: String, failed: &FailedAt) -> HoldUp {
    HoldUp::of_answer(connection, text, (&failed.error, to_the_second(&failed.again_at)))
}

/// Says how it ended; nothing where it did not.
fn ended(one: &Waited<At>) -> Option<String> {
    let number = one.what.number;
    match one.end {
        Some(End::NoHub) => Some(format!(
            "no hub came; checkout {number} is asked for, or goes on, with the next `schakel serve`"
        )),
        Some(End::TimedOut) => None,
        _ => Some(format!("checkout {number}: {}", in_words(&one.what.stage))),
    }
}

fn in_words(stage: &Stage) -> String {
    match stage {
        Stage::Waiting => "the shop was not asked yet".to_owned(),
        Stage::Failed { cart, failed } => format!(
            "the shop gave no usable answer{} ({}); it is asked again at {}, also when nobody waits",
            cart.map_or(String::new(), |cart| format!(" for its cart {cart}")),
            failed.error,
            to_the_second(&failed.again_at)
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
            ..
        } if sinks.is_empty() => format!(
            "its cart {cart} belongs to relation {relation}; no route takes carts, so it is not delivered"
        ),
        Stage::Cart {
            cart,
            relation,
            are_rows_coming,
            rows_failed,
            sinks,
        } => {
            let sinks: Vec<String> = sinks.iter().map(sink_in_words).collect();
            let coming = match rows_failed {
                Some(failed) => format!(
                    ", for whose rows the shop gave no usable answer ({}) and is asked again at {},",
                    failed.error,
                    to_the_second(&failed.again_at)
                ),
                None if *are_rows_coming => ", whose rows the shop is still to be asked for,".to_owned(),
                None => String::new(),
            };
            format!(
                "its cart {cart}{coming} belongs to relation {relation}: {}",
                sinks.join("; ")
            )
        }
    }
}

fn sink_in_words(at: &CartAt) -> String {
    let CartAt {
        sink,
        state,
        profile,
        held_until,
        rows,
        ..
    } = at;
    match (*state, held_until) {
        ("clean", _) if rows.delivered == rows.all => format!("{sink} holds it"),
        ("clean", _) if rows.open > 0 => {
            format!(
                "{sink} holds it with {} of {} rows so far",
                rows.delivered, rows.all
            )
        }
        ("clean", _) => format!(
            "{sink} holds it with {} of {} rows (`schakel dead list` or `schakel doctor` shows why)",
            rows.delivered, rows.all
        ),
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

fn value(at: &At) -> Value {
    json!({
        "connection": at.shop,
        "checkout": at.number,
        "is_hub_running": at.is_running,
    })
}

#[cfg(test)]
mod tests {
    use schakel_core::time::{ManualClock, Timestamp};
    use schakel_engine::report::RowsAt;
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
        let clock = ManualClock::at(Timestamp::ZERO);
        let pause = async |time: Duration| clock.advance_ms(i64::try_from(time.as_millis()).unwrap());
        let how = How {
            clock: &clock,
            timeout: None,
            word: "checkout",
            output: Output::json(),
        };
        let mut all = [Waited::new(at)];
        wait(&store, &mut all, how, pause).await.unwrap();
        assert_eq!(
            (&all[0].end, &all[0].what.stage),
            (&Some(End::NoHub), &Stage::Waiting)
        );
        assert_eq!(clock.now(), Timestamp::from_micros(60_000_000));
        assert_eq!(store.fetch_count(TENANT).await.unwrap(), 1);
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
                rows: RowsAt::default(),
                failed: None,
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
