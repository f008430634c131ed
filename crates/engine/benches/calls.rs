//! What each option costs in calls to the shop, beside the least that its API allows: for live orders, for a history, and
//! for the sweeps of a day. And what customers who come back cost in calls to Copernica. Counted by the simulators, on a
//! virtual clock.
//!
//! `cargo bench -p schakel-engine --bench calls [-- ORDERS HOURS]` prints one JSON object for each set of options, and
//! before them one for each gap between two orders; with `ORDERS` 0 these alone. docs/benchmarks.md says what the least is
//! made of.

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

#[path = "../tests/it"]
mod it {
    pub mod payloads;
    pub mod returning;
    #[expect(unused_imports, reason = "the tests use more of the world than this")]
    pub mod world;
}

use it::{payloads, returning, world};
use past::least::{SETS, measure};

/// Customers who come back, and minutes from one of their orders to the next.
const RETURNING: [(i64, i64); 3] = [(300, 1), (300, 20), (300, 180)];

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
    for (customers, gap_min) in RETURNING {
        let figures = runtime.block_on(returning::measure(customers, gap_min));
        println!("{}", figures.value());
    }
    if orders == 0 {
        return;
    }
    for set in &SETS {
        let figures = runtime.block_on(measure(set, orders, hours));
        println!("{}", figures.value());
    }
}
