//! The machine's clock, processor time and percentiles: what the other measurements are made of.

use std::time::{Duration, Instant};

/// Ticks of the processor time in `/proc`, per second: fixed at 100 towards programs on every Linux (proc(5)).
const TICKS_PER_S: f64 = 100.0;

/// Reads the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, and no logic depends on it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Pauses until `due`, or not at all if that has passed.
#[expect(
    clippy::disallowed_methods,
    reason = "a load of so many requests per second is a rhythm in real time"
)]
pub(crate) fn pause_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(now()));
}

/// Returns a duration in milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Rounds to two decimals, so that figures can be read.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Sorts `values` and returns the one below which `percent` of 100 lie; 0 for none.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((values.len() * percent / 100).min(last))
        .copied()
        .unwrap_or(0.0)
}

/// Returns the processor time of all children that have ended, user and system, in seconds; `None` where the system
/// has no `/proc`.
pub(crate) fn cpu_of_children_s() -> Option<f64> {
    fields_s(&std::fs::read_to_string("/proc/self/stat").ok()?, [16, 17])
}

/// Returns the processor time that `process` has used so far, user and system, in seconds; `None` where the system has
/// no `/proc`.
pub(crate) fn cpu_of_s(process: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    fields_s(&stat, [14, 15])
}

/// Adds up two fields of `stat`, by their numbers in proc(5), in seconds.
fn fields_s(stat: &str, numbers: [usize; 2]) -> Option<f64> {
    // The second field is the program's name in brackets and may hold blanks; what follows is numbered from 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some((ticks(numbers[0])? + ticks(numbers[1])?) / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_behind_any_name() {
        let stat = "17 (a ) b) S 1 17 17 0 -1 4194304 100 200 0 0 11 12 250 50 20 0 1 0 300 0 0";
        assert_eq!(fields_s(stat, [16, 17]), Some(3.0));
        assert_eq!(fields_s(stat, [14, 15]), Some(0.23));
        assert_eq!(fields_s("17 (x) S 1", [16, 17]), None);
    }

    #[test]
    fn percentiles_of_few_values() {
        assert!(percentile(&mut [], 99).abs() < f64::EPSILON);
        assert!((percentile(&mut [3.0, 1.0, 2.0], 50) - 2.0).abs() < f64::EPSILON);
        assert!((percentile(&mut [2.0, 1.0], 99) - 2.0).abs() < f64::EPSILON);
    }
}
