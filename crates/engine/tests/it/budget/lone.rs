//! Commands that call a shop before any hub ran with their database.

use std::sync::Arc;

use schakel_connectors::lightspeed::KeyLimits;
use schakel_core::connector::Class;
use schakel_core::time::{Clock, Timestamp};
use schakel_engine::budget::LoneDoor;
use tokio::time::Instant;

use super::{Shop, call, plan};

/// The clock by which tasks sleep.
struct Sleeping(Instant);

impl Clock for Sleeping {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.monotonic_us())
    }

    fn monotonic_us(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_micros()).unwrap()
    }
}

fn door(shop: &Arc<Shop>, per_second: u32) -> (LoneDoor, Instant) {
    let meter = KeyLimits { per_second, ..plan() };
    let begun = Instant::now();
    let door = LoneDoor::new(shop.clone(), Arc::new(meter), Arc::new(Sleeping(begun)));
    (door, begun)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_moment_is_waited_out_and_a_long_one_is_told() {
    let shop = Arc::new(Shop::default());
    let (door, begun) = door(&shop, 10_000);
    shop.answer(429, &[("retry-after", "1")]);
    shop.answer(429, &[("retry-after", "2")]);
    assert_eq!(call(&door, Class::Live).await, Ok(200));
    assert_eq!((shop.calls(), begun.elapsed().as_secs()), (3, 3));
    shop.answer(429, &[("retry-after", "70")]);
    assert_eq!(call(&door, Class::Live).await, Ok(429));
    assert_eq!(shop.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn its_own_calls_stay_below_the_limit_of_a_second() {
    let shop = Arc::new(Shop::default());
    let (door, begun) = door(&shop, 5);
    let mut starts = Vec::new();
    for _ in 0..25 {
        assert_eq!(call(&door, Class::Live).await, Ok(200));
        starts.push(begun.elapsed().as_micros());
    }
    assert!(starts.windows(6).all(|six| six[5] - six[0] >= 1_000_000));
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_used_up_is_told_at_once() {
    let shop = Arc::new(Shop::default());
    let (door, begun) = door(&shop, 10_000);
    let mut made = 0;
    let refused = loop {
        match call(&door, Class::Live).await {
            Ok(_) => made += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!((made, shop.calls()), (270, 270), "300 less the reserve of others");
    assert!(refused > 3_000, "{refused} ms");
    assert_eq!(begun.elapsed().as_micros(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_answers_tell_of_the_limits_is_known() {
    let shop = Arc::new(Shop::default());
    let (door, _) = door(&shop, 10_000);
    let headers = [
        ("x-ratelimit-limit", "200/1000/3000"),
        ("x-ratelimit-remaining", "150/700/2500"),
        ("x-ratelimit-reset", "200/2000/20000"),
    ];
    shop.answer(200, &headers);
    assert_eq!(call(&door, Class::Live).await, Ok(200));
    let windows = door.usage().windows;
    let told: Vec<_> = windows.iter().filter(|window| window.is_told).collect();
    let limits: Vec<u32> = told.iter().map(|window| window.limit).collect();
    let left: Vec<Option<i64>> = told.iter().map(|window| window.left).collect();
    assert_eq!(limits, [200, 1_000, 3_000]);
    assert_eq!(left, [Some(150), Some(700), Some(2_500)]);
}
