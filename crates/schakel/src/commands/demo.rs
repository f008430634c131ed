//! `schakel demo`: a simulated shop and mailing tool with the hub between them, in one process.

mod compare;
mod faults;
mod folder;
mod summary;
mod world;

use std::time::Duration;

use indicatif::ProgressBar;
use schakel_core::delivery::DeliveryState;
use schakel_sandbox::copernica::Counts;
use schakel_sandbox::door::Seed;
use schakel_sandbox::ends;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use tokio::sync::watch;

use crate::cli::DemoArgs;
use crate::commands::serve::signal;
use crate::error::Exit;
use crate::output::Output;
use summary::{Calls, Latency, Summary, peak_rss_mb, percentile};
use world::World;

/// Orders of `--exit` when none are asked for.
const ORDERS: u64 = 1_000;
/// Orders per second of the endless traffic.
const RATE: u32 = 5;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(25);
/// Looks without any change after which the demo gives up: five minutes.
const PATIENCE: u32 = 12_000;
/// The same with faults, also without any call: 20 minutes, longer than a delivery or a connection is ever left alone.
const PATIENCE_FAULTS: u32 = 48_000;

/// Runs the demo. A signal ends it at any moment, and nothing temporary stays behind.
///
/// # Errors
/// When the database, a socket or the set-up fails.
pub(crate) async fn run(args: DemoArgs, output: Output) -> anyhow::Result<Exit> {
    crate::logging::start("warn", false);
    let world = tokio::select! {
        world = World::start(&args, output) => world?,
        end = signal() => return stopped(end, output),
    };
    faults::begin(&world.shop, &world.account, args.faults);
    if !args.exit {
        endless(&world, &args, output).await?;
        world.stop().await;
        return Ok(Exit::Good);
    }
    let summary = tokio::select! {
        summary = finite(&world, &args, output) => summary?,
        end = signal() => {
            world.stop().await;
            return stopped(end, output);
        }
    };
    let faults = summary.faults();
    output.value(&summary);
    summary.say(output);
    for told in summary.sink.told.iter().chain(&summary.shop.told) {
        output.warning(told);
    }
    world.stop().await;
    Ok(if faults.is_empty() {
        Exit::Good
    } else {
        Exit::Findings
    })
}

/// Says that a signal came before the end.
fn stopped(end: anyhow::Result<()>, output: Output) -> anyhow::Result<Exit> {
    end?;
    output.warning("stopped before the end, so nothing was compared");
    Ok(Exit::Failed)
}

/// Live traffic until a signal comes.
async fn endless(world: &World, args: &DemoArgs, output: Output) -> anyhow::Result<()> {
    output.line(format!("pages:             http://{}", world.service.pages));
    output.line(format!(
        "simulated shop:    http://{} (shop {})",
        world.shop_at.addr,
        world.shop.options().shop_id
    ));
    output.line(format!("simulated account: http://{}", world.account_at.addr));
    output.line(format!("orders come in at {RATE} a second; stop with Ctrl-C"));
    let mut generator = generator(world, args);
    generator.run(args.orders.unwrap_or(20)).await;
    let (stop, stopped) = watch::channel(false);
    tokio::select! {
        () = generator.run_rate(RATE, stopped) => {}
        end = signal() => end?,
    }
    drop(stop);
    Ok(())
}

fn generator(world: &World, args: &DemoArgs) -> Generator {
    Generator::new(&world.shop, Seed::new(args.seed ^ 0x5EED), Mix::demonstration())
}

/// A number of orders, then the wait until everything is delivered, then the summary.
async fn finite(world: &World, args: &DemoArgs, output: Output) -> anyhow::Result<Summary> {
    let orders = args.orders.unwrap_or(ORDERS);
    let clock = world.wired.hub.clock.clone();
    let account_before = world.account.counts();
    let shop_calls_before = world.shop.calls();
    let started_us = clock.monotonic_us();
    let bar = output.progress(orders, "orders");
    let mut generator = generator(world, args);
    for _ in 0..orders {
        world.shop.webhooks_room().await;
        generator.story();
        bar.inc(1);
        tokio::task::yield_now().await;
    }
    bar.finish_and_clear();
    world.shop.webhooks_idle().await;
    if args.faults > 0 {
        output.line(
            "all orders are placed; the rest takes a minute or more: what failed is tried again after a pause that grows, and where an answer was lost it is looked first whether the write was done",
        );
    }
    let bar = output.progress(0, "delivered");
    let waited_us = wait_for_rest(world, args.faults > 0, &bar).await;
    bar.finish_and_clear();
    let waited_us = waited_us?;
    let elapsed_s = (clock.monotonic_us() - started_us - waited_us) as f64 / 1e6;
    let account = world.account.counts();
    let needed = |counts: &Counts| counts.rows_created + counts.rows_changed + counts.rows_removed;
    let calls = Calls {
        lightspeed: world.shop.calls() - shop_calls_before,
        copernica: account.calls - account_before.calls,
        copernica_needed: needed(&account) - needed(&account_before),
    };
    let mut summary = sum_up(world, elapsed_s, calls).await?;
    summary.hits = faults::hits(&world.shop, &world.account, args.faults);
    Ok(summary)
}

/// Waits until nothing is waiting, wanted or on its way; returns the time it took to notice, in microseconds.
async fn wait_for_rest(world: &World, has_faults: bool, bar: &ProgressBar) -> anyhow::Result<i64> {
    let patience = if has_faults { PATIENCE_FAULTS } else { PATIENCE };
    let mut last = (i64::MAX, i64::MAX, i64::MAX, u64::MAX);
    let mut looks_without_change = 0;
    let mut most = 0;
    loop {
        let (waiting, wanted, open) = left(world).await?;
        let left_now = u64::try_from(waiting + wanted + open).unwrap_or(0);
        most = left_now.max(most);
        bar.set_length(most);
        bar.set_position(most - left_now);
        // What the account does late would be missed.
        let is_late = has_faults && world.account.counts().waiting > 0;
        // Looked at twice: what was applied between two of these counts may have wanted something.
        if waiting + wanted + open == 0 && !is_late && left(world).await? == (0, 0, 0) {
            return Ok(i64::try_from(LOOK.as_micros()).unwrap_or(0) / 2);
        }
        // With faults a call that was spoilt changes nothing else.
        let calls = if has_faults { calls_made(world) } else { 0 };
        looks_without_change = if last == (waiting, wanted, open, calls) {
            looks_without_change + 1
        } else {
            0
        };
        last = (waiting, wanted, open, calls);
        anyhow::ensure!(
            looks_without_change < patience,
            "nothing moves any more: {waiting} events wait, {wanted} things are wanted, {open} deliveries are open"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Counts the events that wait, the things that are wanted and the deliveries that are open, in the order in which things
/// move on.
async fn left(world: &World) -> anyhow::Result<(i64, i64, i64)> {
    let (store, tenant) = (&world.wired.hub.store, world.wired.hub.tenant);
    let wanted = store.fetch_count(tenant).await?;
    let inbox = store.inbox_counts(tenant, None, None).await?;
    // Refusals are written down after a moment.
    let refused = i64::try_from(world.shop.webhook_counts().forgeries_refused).unwrap_or(i64::MAX);
    let waiting = inbox.waiting + (refused - inbox.rejected).max(0);
    let counts = store.delivery_counts(tenant).await?;
    let is_open = |state| !matches!(state, DeliveryState::Clean | DeliveryState::Dead);
    let open = counts
        .iter()
        .filter(|count| is_open(count.state))
        .map(|count| count.count)
        .sum();
    Ok((waiting, wanted, open))
}

/// Counts the calls to the simulators, also those that never reached the account.
fn calls_made(world: &World) -> u64 {
    let counts = world.account.counts();
    world.shop.calls() + counts.calls + counts.faults.values().sum::<u64>()
}

async fn sum_up(world: &World, elapsed_s: f64, calls: Calls) -> anyhow::Result<Summary> {
    let hub = &world.wired.hub;
    let inbox = hub
        .store
        .inbox_counts(hub.tenant, None, Some(schakel_core::event::Origin::Webhook))
        .await?;
    let fetched = hub
        .store
        .inbox_counts(hub.tenant, None, Some(schakel_core::event::Origin::Fetch))
        .await?;
    let counts = hub.store.delivery_counts(hub.tenant).await?;
    let dead = counts
        .iter()
        .filter(|count| count.state == DeliveryState::Dead)
        .map(|count| count.count)
        .sum();
    let people = hub.store.relation_counts(hub.tenant).await?;
    let route = hub
        .routes
        .first()
        .ok_or_else(|| anyhow::anyhow!("the demo has a route"))?;
    let rss_mb = peak_rss_mb();
    let sink = compare::compare(
        &hub.store,
        hub.tenant,
        route.sink,
        &route.preset,
        &world.account,
        world::DATABASE,
    )
    .await?;
    let shop = ends::compare(&world.shop, &world.account, world::DATABASE).into();
    let latencies: Vec<f64> = world
        .service
        .probe
        .gauges
        .iter()
        .flat_map(|(_, gauge)| gauge.latencies_ms())
        .collect();
    let orders = world.shop.counts().orders_placed;
    Ok(Summary {
        orders,
        received: inbox.received,
        applied: inbox.applied,
        duplicate: inbox.duplicate,
        superseded: inbox.superseded,
        quarantined: inbox.quarantined,
        rejected: inbox.rejected,
        waiting: inbox.waiting,
        set_aside_of_fetches: fetched.quarantined,
        dead,
        relations: people.living,
        merges: hub.store.merge_count(hub.tenant).await?,
        sink,
        shop,
        calls,
        elapsed_s: round(elapsed_s),
        orders_per_s: round(orders as f64 / elapsed_s.max(0.001)),
        latency_ms: Latency {
            p50: round(percentile(&latencies, 50)),
            p99: round(percentile(&latencies, 99)),
        },
        rss_mb,
        hits: None,
    })
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
