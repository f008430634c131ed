//! Rate limits: three windows aligned with the wall clock, and one second (lightspeed-ecom.md §2.1).
//!
//! A refused call is not counted, as in the error-429 sample; every other authenticated call is.

use super::wall::Wall;

/// Lengths of the windows in seconds.
const WINDOWS_S: [i64; 3] = [300, 3_600, 86_400];

/// The budget of one key.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: [u32; 3],
    per_second: u32,
    /// Number of the current slot of each window.
    slots: [i64; 3],
    used: [u32; 3],
    second: i64,
    used_in_second: u32,
}

/// What a key has left, as the three headers and `account/ratelimit` say it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) limits: [u32; 3],
    /// -1 in a window that is used up and was asked for more.
    pub(crate) remaining: [i64; 3],
    /// Seconds until each window begins anew.
    pub(crate) reset_s: [i64; 3],
}

impl Budget {
    /// Starts unused.
    pub(crate) fn new(limits: [u32; 3], per_second: u32) -> Self {
        Self {
            limits,
            per_second,
            slots: [0; 3],
            used: [0; 3],
            second: 0,
            used_in_second: 0,
        }
    }

    /// Counts a call at `now_s`; `Err` when it must be refused.
    pub(crate) fn take(&mut self, wall: &Wall, now_s: i64) -> Result<Standing, Standing> {
        self.roll(wall, now_s);
        let is_over = |at: usize| self.used[at] >= self.limits[at];
        if (0..3).any(is_over) {
            let mut standing = self.standing(wall, now_s);
            for at in 0..3 {
                if is_over(at) {
                    standing.remaining[at] = -1;
                }
            }
            return Err(standing);
        }
        if self.used_in_second >= self.per_second {
            return Err(self.standing(wall, now_s));
        }
        self.used_in_second += 1;
        for used in &mut self.used {
            *used += 1;
        }
        Ok(self.standing(wall, now_s))
    }

    /// Returns the figures at `now_s` without counting anything.
    pub(crate) fn peek(&mut self, wall: &Wall, now_s: i64) -> Standing {
        self.roll(wall, now_s);
        self.standing(wall, now_s)
    }

    /// Uses up the window at this place, until it begins anew.
    pub(crate) fn use_up(&mut self, at: usize, wall: &Wall, now_s: i64) {
        self.roll(wall, now_s);
        self.used[at] = self.limits[at];
    }

    /// Makes every window whole.
    pub(crate) fn refill(&mut self) {
        self.used = [0; 3];
        self.used_in_second = 0;
    }

    fn roll(&mut self, wall: &Wall, now_s: i64) {
        let local_s = wall.local_s(now_s);
        for (at, window_s) in WINDOWS_S.into_iter().enumerate() {
            let slot = local_s.div_euclid(window_s);
            if slot != self.slots[at] {
                self.slots[at] = slot;
                self.used[at] = 0;
            }
        }
        if self.second != now_s {
            self.second = now_s;
            self.used_in_second = 0;
        }
    }

    fn standing(&self, wall: &Wall, now_s: i64) -> Standing {
        let local_s = wall.local_s(now_s);
        let left = |at: usize| i64::from(self.limits[at]) - i64::from(self.used[at]);
        Standing {
            limits: self.limits,
            remaining: [left(0), left(1), left(2)],
            reset_s: WINDOWS_S.map(|window_s| window_s - local_s.rem_euclid(window_s)),
        }
    }
}

impl Standing {
    /// Returns the three header values `5min/hour/day`: limit, remaining, reset.
    pub(crate) fn headers(&self) -> [String; 3] {
        let [a, b, c] = self.limits;
        let [d, e, f] = self.remaining;
        let [g, h, i] = self.reset_s;
        [
            format!("{a}/{b}/{c}"),
            format!("{d}/{e}/{f}"),
            format!("{g}/{h}/{i}"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instant of the reference: 12 May 2026, 17:25:37 in Amsterdam.
    const NOW_S: i64 = 1_778_599_537;

    #[test]
    fn windows_end_on_the_wall_clock() {
        let wall = Wall::of("Europe/Amsterdam");
        let mut budget = Budget::new([300, 3_000, 12_000], 20);
        let headers = budget.peek(&wall, NOW_S).headers();
        assert_eq!(headers, ["300/3000/12000", "300/3000/12000", "263/2063/23663"]);
    }

    #[test]
    fn a_used_up_window_says_minus_one_until_its_edge() {
        let wall = Wall::of("Europe/Amsterdam");
        let mut budget = Budget::new([2, 3_000, 12_000], 20);
        assert!(budget.take(&wall, NOW_S).is_ok());
        assert!(budget.take(&wall, NOW_S + 1).is_ok());
        let refused = budget.take(&wall, NOW_S + 2).unwrap_err();
        assert_eq!(refused.remaining, [-1, 2_998, 11_998]);
        assert!(budget.take(&wall, NOW_S + 262).is_err());
        assert!(budget.take(&wall, NOW_S + 263).is_ok());
    }

    #[test]
    fn the_second_has_no_figure_of_its_own() {
        let wall = Wall::of("Europe/Amsterdam");
        let mut budget = Budget::new([300, 3_000, 12_000], 1);
        assert!(budget.take(&wall, NOW_S).is_ok());
        let refused = budget.take(&wall, NOW_S).unwrap_err();
        assert_eq!(refused.remaining, [299, 2_999, 11_999]);
        assert!(budget.take(&wall, NOW_S + 1).is_ok());
    }
}
