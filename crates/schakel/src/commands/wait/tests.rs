//! Waiting for walks, and for anything, with a clock that the pauses move.

use std::cell::Cell;

use schakel_core::connector::{Part, Span};
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::time::{ManualClock, Timestamp};
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_store::OpenOptions;
use schakel_store::rows::HealthRow;
use schakel_testkit::postgres::fresh_database;

use super::lists::Lists;
use super::*;

/// What `looks` looks show, beside `Fine`, with the number of the look.
fn signs(looks: u32, is_running: bool, look_at: impl Fn(u32) -> (bool, u32)) -> Vec<(u32, Sign)> {
    let mut watch = Watch::default();
    let all = (0..looks).map(|look| {
        let (is_begun, mark) = look_at(look);
        (look, watch.look(mark, is_begun, is_running))
    });
    all.filter(|(_, sign)| *sign != Sign::Fine).collect()
}

#[test]
fn what_goes_on_is_a_hub_whatever_a_clock_says() {
    assert!(signs(200, false, |look| (true, look / 10)).is_empty());
    assert_eq!(
        signs(34, false, |look| (true, look.min(20))),
        [(33, Sign::NoHub)],
        "a minute after the last sign"
    );
}

#[test]
fn without_any_sign_of_a_hub_waiting_ends_after_a_minute() {
    assert_eq!(signs(13, false, |_| (false, 0)), [(12, Sign::NoHub)]);
}

#[test]
fn a_hub_that_touches_nothing_is_told_of_once_and_one_that_waits_for_a_shop_is_not() {
    assert_eq!(signs(200, true, |_| (false, 0)), [(12, Sign::Untouched)]);
    assert!(signs(200, true, |_| (true, 0)).is_empty());
}

/// A clock that pauses move, and how waiting ends by it.
fn how(clock: &ManualClock, timeout: Option<Duration>) -> How<'_> {
    How {
        clock,
        timeout,
        word: "",
        output: Output::json(),
    }
}

fn pass(clock: &ManualClock, time: Duration) {
    clock.advance_ms(i64::try_from(time.as_millis()).unwrap());
}

/// What a hub that runs is held up with, by the time in seconds, until it is over.
struct Held<'c> {
    clock: &'c ManualClock,
    over_s: i64,
    lasting: fn(i64) -> Option<Lasting>,
}

impl Held<'_> {
    fn second(&self) -> i64 {
        self.clock.now().as_micros() / 1_000_000
    }
}

impl Awaited for Held<'_> {
    type Mark = ();

    fn name(&self) -> &str {
        "shop"
    }

    async fn look(&mut self, _: &Store) -> Result<(), Failure> {
        Ok(())
    }

    async fn is_served(&self, _: &Store) -> Result<bool, Failure> {
        Ok(true)
    }

    fn is_over(&self) -> bool {
        self.second() >= self.over_s
    }

    fn mark(&self) {}

    fn is_begun(&self) -> bool {
        true
    }

    async fn held_up(&self, _: &Store, _: &Ailing) -> Result<Option<HoldUp>, Failure> {
        let lasting = (self.lasting)(self.second());
        Ok(lasting.map(|lasting| HoldUp {
            lasting,
            ..HoldUp::of_answer("shop", String::new(), ("", String::new()))
        }))
    }

    fn done(&self) -> (u64, u64) {
        (0, 1)
    }

    fn place(&self) -> String {
        String::new()
    }

    fn left(&self) -> String {
        String::new()
    }
}

/// How waiting ends, and after how many seconds.
async fn ended(
    over_s: i64,
    timeout_s: Option<u64>,
    lasting: fn(i64) -> Option<Lasting>,
) -> (&'static str, i64) {
    let (store, _folder) = lite().await;
    let clock = ManualClock::at(Timestamp::ZERO);
    let held = Held {
        clock: &clock,
        over_s,
        lasting,
    };
    let mut all = [Waited::new(held)];
    let how = how(&clock, timeout_s.map(Duration::from_secs));
    let waited = wait(&store, &mut all, how, async |time| pass(&clock, time)).await;
    waited.unwrap();
    store.close().await;
    (all[0].end.as_ref().map_or("", End::as_str), all[0].what.second())
}

#[tokio::test]
async fn a_hold_up_that_lasts_ends_the_waiting_and_one_that_passes_does_not() {
    use Lasting::{Brief, Long, Unknown};
    assert_eq!(ended(900, None, |_| Some(Long)).await, ("held_up", 10));
    assert_eq!(ended(900, None, |_| Some(Unknown)).await, ("held_up", 60));
    assert_eq!(ended(900, None, |_| Some(Brief)).await, ("over", 900));
    let comes_and_goes = |second| (second % 50 < 45).then_some(Unknown);
    assert_eq!(ended(900, None, comes_and_goes).await, ("over", 900));
    let passes_first = |second| Some(if second < 300 { Brief } else { Unknown });
    assert_eq!(
        ended(900, None, passes_first).await,
        ("held_up", 360),
        "its own minute"
    );
    let passes_now_and_then = |second| Some(if second % 50 < 5 { Brief } else { Unknown });
    assert_eq!(ended(900, None, passes_now_and_then).await, ("over", 900));
    let stale = |second| (second < 10).then_some(Long);
    assert_eq!(ended(900, None, stale).await, ("over", 900));
}

#[tokio::test]
async fn nobody_waits_longer_than_was_asked_for() {
    let brief = |_| Some(Lasting::Brief);
    assert_eq!(ended(900, Some(30), brief).await, ("timed_out", 30));
    assert_eq!(ended(20, Some(30), brief).await, ("over", 20));
    assert_eq!(End::TimedOut.exit(), Some(Exit::Unended));
}

/// What ails a shop is believed of a list once that failed; it is told with the time of the next attempt.
#[tokio::test]
async fn what_ails_a_shop_holds_up_the_lists_that_met_it() {
    let (store, _folder) = lite().await;
    let waiting = begun(&store, 1).await;
    let mut lists = waiting.into_iter().next().unwrap().what;
    let row = HealthRow {
        connection: lists.connection,
        ailment: Ailment::Language,
        detail: "off".to_owned(),
        since: Timestamp::ZERO,
        next_at: Timestamp::from_micros(90_000_001),
    };
    store.put_health(TENANT, &row).await.unwrap();
    lists.look(&store).await.unwrap();
    let at = async |second: i64, lists: &Lists| {
        let ailing = Ailing::read(&store, Timestamp::from_micros(second * 1_000_000)).await;
        lists.held_up(&store, &ailing.unwrap()).await.unwrap()
    };
    assert_eq!(at(80, &lists).await, None, "no list failed");
    lists.walks[0].failures = 1;
    let hold = at(80, &lists).await.unwrap();
    assert_eq!((hold.reason, hold.lasting), ("language", Lasting::Long));
    let said = hold.in_words();
    assert!(
        said.contains("\"shop 1\" finds nothing") && said.contains("tries again at 1970-01-01T00:01:30Z"),
        "{said}"
    );
    lists.walks[0].note = "what it said".to_owned();
    let hold = at(200, &lists).await.unwrap();
    assert_eq!(
        (hold.reason, hold.detail.as_str()),
        ("failing", "what it said"),
        "the row is old"
    );
    store.close().await;
}

/// Shops whose sweeps no hub has begun.
async fn begun(store: &Store, shops: i64) -> Vec<Waited<Lists>> {
    let mut waiting = Vec::new();
    for number in 1..=shops {
        let (name, at) = (format!("shop {number}"), Timestamp::from_micros(1));
        let row = store.ensure_connection(TENANT, &name, "lightspeed", ConnectionId(number));
        let connection = row.await.unwrap().id;
        let walk = Walk::new(connection, Job::Sweep, Part::Orders, Span::default(), at);
        assert!(store.begin_walks_as_seen(TENANT, &[walk], &[]).await.unwrap());
        let meant = (Job::Sweep, vec![Part::Orders]);
        waiting.push(Waited::new(Lists::of(&name, connection, meant)));
    }
    waiting
}

async fn lite() -> (Store, schakel_testkit::TempDir) {
    let folder = schakel_testkit::tempdir();
    let url = format!("sqlite://{}", folder.path().join("hub.db").display());
    (Store::open(&url, OpenOptions::default()).await.unwrap(), folder)
}

#[tokio::test]
async fn all_shops_wait_the_same_minute_for_a_hub() {
    let (store, _folder) = lite().await;
    let mut waiting = begun(&store, 3).await;
    let clock = ManualClock::at(Timestamp::ZERO);
    let pause = async |time| pass(&clock, time);
    wait(&store, &mut waiting, how(&clock, None), pause)
        .await
        .unwrap();
    assert_eq!(clock.now(), Timestamp::from_micros(60_000_000));
    assert!(waiting.iter().all(|one| one.end == Some(End::NoHub)));
    store.close().await;
}

#[tokio::test]
async fn a_shop_that_ends_keeps_the_others_waiting_no_longer() {
    let (store, _folder) = lite().await;
    let mut waiting = begun(&store, 2).await;
    let (first, second) = (waiting[0].what.connection, waiting[1].what.connection);
    let clock = ManualClock::at(Timestamp::ZERO);
    let looks = Cell::new(0);
    let pause = async |_| {
        looks.set(looks.get() + 1);
        let ends = match looks.get() {
            5 => first,
            9 => second,
            _ => return,
        };
        let change = (&[WalkState::Waiting][..], WalkState::Cancelled);
        store
            .set_walks(TENANT, ends, Job::Sweep, &[Part::Orders], change)
            .await
            .unwrap();
    };
    wait(&store, &mut waiting, how(&clock, None), pause)
        .await
        .unwrap();
    assert_eq!(looks.get(), 9);
    assert!(waiting.iter().all(|one| one.end == Some(End::Over)));
    assert_eq!(waiting[0].what.walks[0].state, WalkState::Cancelled);
    store.close().await;
}

#[tokio::test]
async fn a_database_that_is_away_for_a_look_is_looked_at_again() {
    let Some(database) = fresh_database() else {
        return;
    };
    let store = Store::open(database.url(), OpenOptions::default()).await.unwrap();
    let mut waiting = begun(&store, 1).await;
    let connection = waiting[0].what.connection;
    let clock = ManualClock::at(Timestamp::ZERO);
    let (looks, away) = (Cell::new(0), Cell::new(0));
    let pause = async |time| {
        if time == AWAY {
            away.set(away.get() + 1);
            if away.get() % AWAY_MAX == 0 {
                database.bring_back("walk");
            }
            return;
        }
        looks.set(looks.get() + 1);
        // It goes away twice: what was borne before is forgotten.
        if [3, 5].contains(&looks.get()) {
            database.take_away("walk");
        } else if looks.get() == 7 {
            let change = (&[WalkState::Waiting][..], WalkState::Cancelled);
            store
                .set_walks(TENANT, connection, Job::Sweep, &[Part::Orders], change)
                .await
                .unwrap();
        }
    };
    wait(&store, &mut waiting, how(&clock, None), pause)
        .await
        .unwrap();
    assert_eq!((looks.get(), away.get()), (7, 2 * AWAY_MAX));
    assert_eq!(waiting[0].end, Some(End::Over));
    store.close().await;
}

#[tokio::test]
async fn a_database_that_stays_away_ends_the_waiting_with_its_error() {
    let (store, _folder) = lite().await;
    let mut waiting = begun(&store, 1).await;
    let clock = ManualClock::at(Timestamp::ZERO);
    let away = Cell::new(0);
    let pause = async |time| {
        if time == AWAY {
            away.set(away.get() + 1);
        } else {
            store.close().await;
        }
    };
    let ended = wait(&store, &mut waiting, how(&clock, None), pause).await;
    assert!(ended.unwrap_err().is_of_database());
    assert_eq!(away.get(), AWAY_MAX);

    let pause = async |time| pass(&clock, time);
    let mut waiting = [Waited::new(Lists::of(
        "shop",
        ConnectionId(1),
        (Job::Sweep, Vec::new()),
    ))];
    let how = how(&clock, Some(Duration::from_secs(12)));
    wait(&store, &mut waiting, how, pause).await.unwrap();
    assert_eq!(waiting[0].end, Some(End::TimedOut));
    assert_eq!(clock.now(), Timestamp::from_micros(12_000_000), "no later");
    let wrong = Err::<(), _>(Failure::new("SCH-0110", "not a matter of time"));
    assert!(Patience::default().bear(wrong, Output::json()).is_err());
}
