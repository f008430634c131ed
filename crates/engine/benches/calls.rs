//! What each option costs in calls to the shop, beside the least that its API allows: for live orders, for a history, and
//! for the sweeps of a day. Counted by the simulated shop, on a virtual clock.
//!
//! `cargo bench -p schakel-engine --bench calls [-- ORDERS HOURS]` prints one JSON object for each set of options;
//! docs/benchmarks.md says what the least is made of.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run ends")]
#![expect(clippy::print_stdout, reason = "its figures are its output")]
#![expect(dead_code, reason = "the tests use more of the world than this")]

#[path = "../tests/it/past"]
mod past {
    mod doors;
    pub mod least;
    mod view;
    pub mod world;
}

use past::least::{SETS, measure};

/// Orders of the past, and as many live ones.
const ORDERS: u64 = 300;

/// Hours of sweeps that are counted.
const SWEPT_H: i64 = 6;

fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse::<u32>().ok());
    let orders = numbers.next().map_or(ORDERS, u64::from);
    let hours = numbers.next().map_or(SWEPT_H, i64::from);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for set in &SETS {
        let figures = runtime.block_on(measure(set, orders, hours));
        println!("{}", figures.value());
    }
}
