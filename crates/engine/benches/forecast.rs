//! A history of a whole shop under the limits of the smallest plan, on a virtual clock: weeks in minutes.
//!
//! `cargo bench -p schakel-engine --bench forecast` prints the range that was told before the begin, and the end.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run ends")]
#![expect(clippy::print_stdout, reason = "its figures are its output")]
#![expect(dead_code, reason = "the tests use more of the world than this")]

#[path = "../tests/it/past"]
mod past {
    mod doors;
    pub mod forecast;
    mod view;
    pub mod world;
}

/// What the shop holds.
const CUSTOMERS: u64 = 100_000;
const ORDERS: u64 = 250_000;

/// The smallest plan.
const LIMITS: [u32; 3] = [300, 3_000, 12_000];

/// A day in microseconds.
const DAY_US: f64 = 86_400_000_000.0;

#[expect(clippy::cast_precision_loss, reason = "some weeks of microseconds")]
fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let told = runtime.block_on(past::forecast::tell(CUSTOMERS, ORDERS, LIMITS, 15));
    let days = |us: i64| us as f64 / DAY_US;
    println!(
        "forecast: {ORDERS} orders of {CUSTOMERS} customers under {LIMITS:?}: told {:.2} to {:.2} days ({:.1}% wide), read \
         in {:.2} days; {} calls for the history, {} at least",
        days(told.earliest_us),
        days(told.latest_us),
        told.width() * 100.0,
        days(told.end_us),
        told.calls,
        told.calls_least,
    );
}
