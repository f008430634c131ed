//! The range that is given before a history begins contains its end, on a virtual clock, with live traffic meanwhile.

use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::connector::{Class, Meter, Span};
use schakel_core::forecast::{Pace, Wants};
use schakel_core::time::Clock;
use schakel_core::walk::{Job, WalkState};
use schakel_engine::hub::WalkSettings;
use schakel_engine::report::Subject;
use schakel_engine::report::price::{self, Known, Plan, Question};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{self, Generator, Mix};

use super::world::{Past, SOURCE, Setting};

/// A minute in microseconds.
const MINUTE_US: i64 = 60_000_000;

/// A history that was foretold and read.
#[derive(Debug)]
pub struct Told {
    /// The range, in microseconds from the begin.
    pub earliest_us: i64,
    pub latest_us: i64,
    /// The window that decides, in microseconds.
    pub binding_us: Option<i64>,
    /// When it was read.
    pub end_us: i64,
    /// Calls for history that the shop counted, and the least possible.
    pub calls: i64,
    pub calls_least: i64,
}

impl Told {
    /// Width of the range against its middle.
    #[expect(clippy::cast_precision_loss, reason = "some weeks of microseconds")]
    pub fn width(&self) -> f64 {
        (self.latest_us - self.earliest_us) as f64 * 2.0 / (self.latest_us + self.earliest_us) as f64
    }
}

/// Fills a shop, asks for the plan, and reads it with a shopper every half hour; nothing is delivered.
pub async fn tell(customers: u64, orders: u64, limits: [u32; 3], sweep_minutes: i64) -> Told {
    let walks = WalkSettings {
        sweep_ms: sweep_minutes * 60_000,
        checkouts_ms: 0,
        reconcile_ms: 0,
        has_history: false,
    };
    let mut world = Past::open(Setting {
        limits,
        per_second: 20,
        walks,
        has_hooks: true,
        has_sink: false,
        ..Setting::default()
    })
    .await;
    world.shop.fill(&traffic::Past {
        customers,
        orders,
        rows_per_order: 3,
        days: 365,
        seed: 5,
    });
    let plan = plan(&world, limits, walks).await;
    let end = plan.end.unwrap();
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    let begun = world.clock.now();
    let mut shoppers = Generator::new(&world.shop, Seed::new(3), Mix::default());
    let mut next = begun.plus_ms(0);
    while !is_read(&world).await {
        let wait_us = world.step().await;
        let now = world.clock.now();
        if now >= next {
            shoppers.story();
            next = now.plus_ms(30 * 60_000);
        }
        if wait_us > 0 {
            let until_us = (next.as_micros() - now.as_micros()).max(1_000);
            world
                .clock
                .advance_ms(wait_us.min(until_us).min(5 * MINUTE_US) / 1_000 + 1);
        }
    }
    let walks = world.walks().await;
    let read = walks.iter().filter(|walk| walk.job == Job::Backfill);
    Told {
        earliest_us: end.earliest_us,
        latest_us: end.latest_us,
        binding_us: end.binding_us,
        end_us: world.clock.now().as_micros() - begun.as_micros(),
        calls: read.map(|walk| walk.calls).sum(),
        calls_least: plan.calls_least,
    }
}

/// The shop, with a key of these limits.
pub fn subject(limits: [u32; 3]) -> Subject {
    let meter = KeyLimits {
        windows: Some(limits),
        per_second: 20,
        ..KeyLimits::default()
    };
    Subject {
        connection: SOURCE,
        name: "shop".to_owned(),
        limits: meter.limits(),
        sweep_per_day: 0.0,
    }
}

/// What a history of the shop is told to cost, when nothing is known of it.
pub async fn plan(world: &Past, limits: [u32; 3], walks: WalkSettings) -> Plan {
    plan_with(world, limits, walks, &Known::default()).await
}

/// The same, when something is.
pub async fn plan_with(world: &Past, limits: [u32; 3], walks: WalkSettings, known: &Known) -> Plan {
    let source = &world.hub.sources[&SOURCE];
    let cx = source.cx.for_class(Class::Sweep);
    let (parts, wants) = (world.parts(), Wants::default());
    let question = Question::new((&parts, Span::default()), wants, known, world.clock.now());
    let counts = price::ask(&*source.source, &cx, &question).await.unwrap();
    let pace = Pace {
        sweep_ms: walks.sweep_ms,
        checkouts_ms: walks.checkouts_ms,
        reconcile_ms: walks.reconcile_ms,
    };
    price::plan(&subject(limits), &counts, (wants, pace), known)
}

async fn is_read(world: &Past) -> bool {
    let walks = world.walks().await;
    let mut history = walks.iter().filter(|walk| walk.job == Job::Backfill);
    assert!(
        history.clone().all(|walk| walk.state != WalkState::Stopped),
        "{walks:?}"
    );
    history.all(|walk| walk.state == WalkState::Done)
}

#[cfg(test)]
#[tokio::test]
async fn the_range_given_at_the_start_contains_the_end() {
    // A tenth of the smallest plan, so a tenth of the sweeps.
    let told = tell(300, 2_000, [30, 300, 1_200], 150).await;
    assert!(
        (told.earliest_us..=told.latest_us).contains(&told.end_us),
        "{told:?}"
    );
    assert!(told.width() <= 0.2, "{told:?}");
    assert!(told.calls <= told.calls_least + 40, "{told:?}");
    assert_eq!(told.binding_us, Some(24 * 60 * MINUTE_US), "the day decides");
}
