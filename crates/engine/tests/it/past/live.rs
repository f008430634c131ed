//! Live changes win over history, whenever they come and whenever the hub is killed.

use schakel_core::connector::Part;
use schakel_core::walk::{Job, sweep_span};
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::Kind;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};

use super::history::{STEPS, shop};
use super::world::{Past, Setting};

/// One story: what happens between the steps of a history is drawn from `seed`.
async fn story(seed: u64) {
    let setting = Setting {
        has_hooks: true,
        ..Setting::default()
    };
    let mut world = shop(8, 12, setting).await;
    let mut dice = Seed::new(seed);
    let mut traffic = Generator::new(&world.shop, Seed::new(seed + 1), Mix::lively());
    let parts = world.parts();
    world.begin(Job::Backfill, &parts).await;
    for _ in 0..40 {
        // Times of the shop are whole seconds: within one of them nobody knows which change was the later one.
        world.clock.advance_ms(1_001);
        act(&world, &mut dice, &mut traffic);
        if dice.percent(70) {
            let wait_us = world.step().await;
            world.wait(wait_us.min(2_000_000));
        }
        if dice.percent(8) {
            world = world.restarted().await;
        }
    }
    world.run(STEPS).await;
    // Payloads of one second, whose order nobody knows, are settled by the next sweep.
    let parts: Vec<Part> = parts.into_iter().filter(|part| Job::Sweep.walks(*part)).collect();
    let span = sweep_span(None, world.hub.clock.now());
    world.begin_span(Job::Sweep, &parts, span).await;
    world.run(STEPS).await;
    world.assert_all_done().await;
    world.assert_like_the_shop();
}

fn act(world: &Past, dice: &mut Seed, traffic: &mut Generator) {
    let orders = world.shop.ids(Kind::Order);
    let at = usize::try_from(dice.below(orders.len() as u64)).unwrap();
    match dice.below(8) {
        0 => {
            traffic.story();
        }
        1 => {
            world.shop.pay_order(orders[at]);
        }
        2 => {
            world.shop.cancel_order(orders[at]);
        }
        3 if orders.len() > 5 => {
            world.shop.delete_order(orders[at]);
        }
        _ => {}
    }
}

#[tokio::test]
async fn live_changes_win_over_history_however_they_fall_together() {
    for seed in 0..12 {
        story(seed).await;
    }
}
