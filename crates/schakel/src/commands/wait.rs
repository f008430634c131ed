//! Waiting for walks that a hub goes on with: at all shops at once, past a database that is away for a moment, and no longer
//! than a minute while no hub runs.

use std::time::Duration;

use indicatif::ProgressBar;
use schakel_core::connector::Part;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::budget::is_served;
use schakel_store::Store;

use super::walks::word;
use crate::error::Failure;
use crate::output::Output;
use crate::wiring::TENANT;

/// How often a command that waits looks again.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// How often it looks whether a hub runs, in looks: every five seconds.
pub(super) const LOOKS_PER_HUB: u32 = 20;

/// How often it says how far it is where there is no bar, in looks: every half minute, if that changed.
pub(super) const LOOKS_PER_LINE: u32 = 120;

/// After how many looks for a hub without one it gives up: a minute.
pub(super) const HUB_LOOKS_MAX: u32 = 12;

/// How long a command that waits leaves a database alone that was away.
pub(super) const AWAY: Duration = Duration::from_secs(5);

/// After how many looks in a row at a database that is away it gives up: half a minute where that is told at once.
const AWAY_MAX: u32 = 6;

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// No walk goes on by itself any more.
    Over,
    /// No hub runs that would go on with them.
    NoHub,
}

/// The walks of one shop that are waited for.
pub(super) struct Waiting {
    /// The name of the shop.
    pub name: String,
    /// Its id.
    pub connection: ConnectionId,
    /// Of which parts.
    pub parts: Vec<Part>,
    /// As they were at the last look.
    pub walks: Vec<Walk>,
    /// How it ended; `None` while it did not.
    pub end: Option<End>,
    watch: Watch,
    said: String,
}

impl Waiting {
    /// Begins to wait for the walks over `parts`.
    pub(super) fn new(name: &str, connection: ConnectionId, parts: Vec<Part>) -> Self {
        Self {
            name: name.to_owned(),
            connection,
            parts,
            walks: Vec::new(),
            end: None,
            watch: Watch::default(),
            said: String::new(),
        }
    }

    /// Takes in the walks, and whether a hub runs if that was asked for; tells whether a hub leaves them untouched.
    fn look(&mut self, walks: Vec<Walk>, is_running: Option<bool>) -> bool {
        self.walks = walks;
        if !self.walks.iter().any(Walk::is_open) {
            self.end = Some(End::Over);
            return false;
        }
        let sign = is_running.map(|is_running| self.watch.look(&self.walks, is_running));
        if sign == Some(Sign::NoHub) {
            self.end = Some(End::NoHub);
        }
        sign == Some(Sign::Untouched)
    }
}

/// Waits until the walks of `job` that are waited for have ended at each shop, or have no hub for a minute, which is the
/// same minute for all of them; shows how far they are. `pause` lets time pass.
///
/// # Errors
/// When the database is away for longer than [`Patience`] has.
pub(super) async fn wait(
    store: &Store,
    job: Job,
    waiting: &mut [Waiting],
    output: Output,
    pause: impl AsyncFn(Duration),
) -> Result<(), Failure> {
    let parts: usize = waiting.iter().map(|one| one.parts.len()).sum();
    let bar = output.progress(parts as u64, word(job));
    let (mut patience, mut looks) = (Patience::default(), 0_u32);
    loop {
        let seen = look(store, job, waiting, looks.is_multiple_of(LOOKS_PER_HUB)).await;
        let Some(seen) = bar.suspend(|| patience.bear(seen, output))? else {
            pause(AWAY).await;
            continue;
        };
        let open = waiting.iter_mut().filter(|one| one.end.is_none());
        for (one, (walks, is_running)) in open.zip(seen) {
            if one.look(walks, is_running) {
                bar.suspend(|| output.warning(&untouched(&one.name)));
            }
        }
        show(&bar, waiting, looks, output);
        if waiting.iter().all(|one| one.end.is_some()) {
            bar.finish_and_clear();
            return Ok(());
        }
        looks = looks.wrapping_add(1);
        pause(LOOK).await;
    }
}

/// Reads the walks of each shop that is waited for yet, and with `is_asked` whether a hub runs for it.
async fn look(
    store: &Store,
    job: Job,
    waiting: &[Waiting],
    is_asked: bool,
) -> Result<Vec<(Vec<Walk>, Option<bool>)>, Failure> {
    let mut seen = Vec::new();
    for one in waiting.iter().filter(|one| one.end.is_none()) {
        let mut walks = store.walks(TENANT, Some(one.connection)).await?;
        walks.retain(|walk| walk.job == job && one.parts.contains(&walk.part));
        let is_running = if is_asked {
            Some(is_served(store, one.connection).await?)
        } else {
            None
        };
        seen.push((walks, is_running));
    }
    Ok(seen)
}

/// Shows how far the walks are: on the bar, or a line per shop now and then where there is none.
fn show(bar: &ProgressBar, waiting: &mut [Waiting], looks: u32, output: Output) {
    let all = waiting.iter().flat_map(|one| &one.walks);
    bar.set_position(all.filter(|walk| !walk.is_open()).count() as u64);
    let mut message = None;
    for one in waiting.iter_mut().filter(|one| one.end.is_none()) {
        let Some(walk) = one.walks.iter().find(|walk| walk.is_open()) else {
            continue;
        };
        let now_at = format!("{}: {}", one.name, place(walk));
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
pub(super) fn untouched(shop: &str) -> String {
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
    use std::cell::Cell;

    use schakel_core::connector::Span;
    use schakel_store::OpenOptions;
    use schakel_testkit::postgres::fresh_database;

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

    /// Shops whose sweeps no hub has begun.
    async fn begun(store: &Store, shops: i64) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for number in 1..=shops {
            let (name, at) = (format!("shop {number}"), Timestamp::from_micros(1));
            let row = store.ensure_connection(TENANT, &name, "lightspeed", ConnectionId(number));
            let connection = row.await.unwrap().id;
            let walk = Walk::new(connection, Job::Sweep, Part::Orders, Span::default(), at);
            assert!(store.begin_walks_as_seen(TENANT, &[walk], &[]).await.unwrap());
            waiting.push(Waiting::new(&name, connection, vec![Part::Orders]));
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
        let waited = Cell::new(Duration::ZERO);
        let pause = async |time| waited.set(waited.get() + time);
        wait(&store, Job::Sweep, &mut waiting, Output::json(), pause)
            .await
            .unwrap();
        assert_eq!(waited.get(), Duration::from_secs(60));
        assert!(waiting.iter().all(|one| one.end == Some(End::NoHub)));
        store.close().await;
    }

    #[tokio::test]
    async fn a_shop_that_ends_keeps_the_others_waiting_no_longer() {
        let (store, _folder) = lite().await;
        let mut waiting = begun(&store, 2).await;
        let (first, second) = (waiting[0].connection, waiting[1].connection);
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
        wait(&store, Job::Sweep, &mut waiting, Output::json(), pause)
            .await
            .unwrap();
        assert_eq!(looks.get(), 9);
        assert!(waiting.iter().all(|one| one.end == Some(End::Over)));
        assert_eq!(waiting[0].walks[0].state, WalkState::Cancelled);
        store.close().await;
    }

    #[tokio::test]
    async fn a_database_that_is_away_for_a_look_is_looked_at_again() {
        let Some(database) = fresh_database() else {
            return;
        };
        let store = Store::open(database.url(), OpenOptions::default()).await.unwrap();
        let mut waiting = begun(&store, 1).await;
        let connection = waiting[0].connection;
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
        wait(&store, Job::Sweep, &mut waiting, Output::json(), pause)
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
        let away = Cell::new(0);
        let pause = async |time| {
            if time == AWAY {
                away.set(away.get() + 1);
            } else {
                store.close().await;
            }
        };
        let ended = wait(&store, Job::Sweep, &mut waiting, Output::json(), pause).await;
        assert!(ended.unwrap_err().is_of_database());
        assert_eq!(away.get(), AWAY_MAX);
        let wrong = Err::<(), _>(Failure::new("SCH-0110", "not a matter of time"));
        assert!(Patience::default().bear(wrong, Output::json()).is_err());
    }
}
