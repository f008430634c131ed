//! Waiting for a condition: the only place of the project where a test may pause.

use std::time::Duration;

/// How long one look at the condition is apart from the next.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `condition` holds, and returns whether it did within `end`.
///
/// `end` is only there to stop a test that would otherwise hang, so be generous: a minute, not a second. It counts
/// pauses, not the clock, and so grows with the load of the machine. The condition is looked at once even when `end`
/// is zero.
#[must_use]
pub fn wait_until(end: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let looks = end.as_millis() / PAUSE.as_millis();
    for _ in 0..looks {
        if condition() {
            return true;
        }
        pause();
    }
    condition()
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at a condition of another process"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_looking_once_the_condition_holds() {
        let mut looks = 0;
        assert!(wait_until(Duration::from_secs(60), || {
            looks += 1;
            looks == 3
        }));
        assert_eq!(looks, 3);
    }

    #[test]
    fn gives_up_at_the_end() {
        let mut looks = 0;
        assert!(!wait_until(Duration::from_millis(20), || {
            looks += 1;
            false
        }));
        assert_eq!(looks, 3);
    }

    #[test]
    fn looks_once_even_without_time() {
        assert!(wait_until(Duration::ZERO, || true));
    }
}
