//! A shop that counts calls in its own windows, and programs that call it: restarts, moves, lost answers, other keys.

use std::collections::{BTreeMap, VecDeque};

use crate::budget::{Budget, Denied, Heard, Limits, Saved, Ticket};
use crate::connector::Class;
use crate::time::Timestamp;

/// How long a former owner may go on with what it reserved.
const GRACE_US: i64 = 2_000_000;

/// How the shop counts one window.
struct Counter {
    calls: i64,
    window_us: i64,
    offset_us: i64,
    /// Which of its windows is open, and what was counted in it.
    open: i64,
    counted: i64,
    /// When everything in the last window length was counted.
    sliding: VecDeque<i64>,
    /// Others made more calls in the open window than is kept for them.
    is_crowded: bool,
    /// When the program was told of the crowd.
    told_us: Option<i64>,
}

impl Counter {
    fn roll(&mut self, now_us: i64) {
        let open = (now_us - self.offset_us).div_euclid(self.window_us);
        if open != self.open {
            (self.open, self.counted, self.is_crowded, self.told_us) = (open, 0, false, None);
        }
        while self
            .sliding
            .front()
            .is_some_and(|at_us| *at_us <= now_us - self.window_us)
        {
            self.sliding.pop_front();
        }
    }

    fn count(&mut self, now_us: i64) {
        self.roll(now_us);
        self.counted += 1;
        self.sliding.push_back(now_us);
    }

    fn reset_us(&self, now_us: i64) -> i64 {
        (self.open + 1) * self.window_us + self.offset_us - now_us
    }
}

/// A call on its way.
struct Flight {
    started_us: i64,
    answer_us: Option<i64>,
    ticket: Option<Ticket>,
    heard: Heard,
    /// In which of the shop's windows it was counted.
    windows: Vec<i64>,
}

enum Step {
    Counted(usize),
    Answered(usize),
    Lost(usize),
    Other,
}

/// How one call travels: parts of a thousand of the longest way there, and of the way back; whether its answer is lost.
pub type Way = (u16, u16, bool);

/// A shop, and the program that calls it now.
pub struct World {
    limits: Limits,
    /// The time that is true for everybody.
    pub now_us: i64,
    /// What the program's clock says more than that.
    clock_us: i64,
    pub budget: Budget,
    stored: Option<String>,
    /// Programs that lost the budget and do not know it, with their clocks and ends.
    zombies: Vec<(Budget, i64, i64)>,
    counters: Vec<Counter>,
    flights: Vec<Flight>,
    steps: BTreeMap<(i64, u64), Step>,
    serial: u64,
    /// Whether others ever made more calls than is kept for them.
    had_crowd: bool,
    /// Whether the shop tells of its limits.
    pub is_telling: bool,
    /// What went wrong.
    pub faults: Vec<String>,
    /// Calls that were started, by class.
    pub made: [u32; 4],
}

impl World {
    pub fn new(limits: Limits, offsets_us: &[i64]) -> Self {
        let counters = limits.windows.iter().enumerate().map(|(at, limit)| Counter {
            calls: i64::from(limit.calls),
            window_us: limit.window_us,
            offset_us: offsets_us[at % offsets_us.len()],
            open: i64::MIN,
            counted: 0,
            sliding: VecDeque::new(),
            is_crowded: false,
            told_us: None,
        });
        Self {
            counters: counters.collect(),
            budget: Budget::new(&limits),
            limits,
            now_us: 1_000_000_000_000,
            clock_us: 7_000_000,
            stored: None,
            zombies: Vec::new(),
            flights: Vec::new(),
            steps: BTreeMap::new(),
            serial: 0,
            had_crowd: false,
            is_telling: true,
            faults: Vec::new(),
            made: [0; 4],
        }
    }

    /// Lets other programs make a call every `spacing_us` for `calls` times.
    pub fn others(&mut self, spacing_us: i64, calls: i64) {
        for at in 0..calls {
            self.plan(self.now_us + at * spacing_us, Step::Other);
        }
    }

    /// Lets other programs make `calls` calls at once, whatever is kept for them.
    pub fn crowd(&mut self, calls: i64) {
        self.had_crowd = true;
        for counter in &mut self.counters {
            for _ in 0..calls {
                counter.count(self.now_us);
            }
            counter.is_crowded = true;
            counter.told_us = None;
        }
    }

    pub fn wait(&mut self, us: i64) {
        let until_us = self.now_us + us;
        while let Some((&(at_us, serial), _)) = self.steps.first_key_value() {
            if at_us > until_us {
                break;
            }
            let step = self.steps.remove(&(at_us, serial));
            self.now_us = at_us.max(self.now_us);
            if let Some(step) = step {
                self.step(&step);
            }
        }
        self.now_us = until_us;
    }

    /// Waits until a call of `class` may start; false when that takes longer than `most_us`.
    pub fn wait_for(&mut self, class: Class, most_us: i64) -> bool {
        for _ in 0..1_000 {
            let wait_us = self
                .budget
                .ready_us(class, self.clock())
                .saturating_sub(self.clock());
            if wait_us == 0 {
                return true;
            }
            if wait_us > most_us {
                return false;
            }
            // Answers on the way may change it.
            let next_us = self
                .steps
                .first_key_value()
                .map_or(i64::MAX, |((at_us, _), _)| *at_us);
            self.wait(wait_us.min((next_us - self.now_us).max(0)));
        }
        false
    }

    /// Makes a call; false when there is no room.
    pub fn call(&mut self, class: Class, way: Way) -> bool {
        let ticket = match self.budget.take(class, self.clock()) {
            Ok(ticket) => ticket,
            Err(Denied::Spent { .. }) => return false,
            Err(Denied::Unsaved) => {
                self.save(self.budget.block());
                let Ok(ticket) = self.budget.take(class, self.clock()) else {
                    self.faults.push("a granted block is not used".to_owned());
                    return false;
                };
                ticket
            }
        };
        self.made[class.index()] += 1;
        self.fly(Some(ticket), way);
        if class >= Class::Sweep {
            self.check_reserve(class);
        }
        true
    }

    /// Writes down how old everything is now.
    pub fn write(&mut self) {
        self.save(0);
    }

    fn save(&mut self, more: u32) {
        let saved = self.budget.save(more, self.clock());
        self.stored = serde_json::to_string(&saved).ok();
        self.budget.granted(more);
    }

    /// After a call that is not urgent, live calls have what is kept for them, less what they spent of it; after one of a sweep
    /// half of that at least, unless sweeps are what brings live changes.
    fn check_reserve(&mut self, class: Class) {
        let percent = i64::from(self.limits.reserves.live_percent);
        let usage = self.budget.usage(self.clock());
        for (limit, window) in self.limits.windows.iter().zip(&usage.windows) {
            let all = (i64::from(limit.calls) * percent + 99) / 100;
            let kept = match class {
                Class::Sweep if self.limits.reserves.is_polled => 0,
                Class::Sweep => (all + 1) / 2,
                _ => all,
            };
            let urgent = i64::from(window.spent[0]) + i64::from(window.spent[1]);
            if window.room[0] < kept - urgent {
                let room = window.room[0];
                self.faults
                    .push(format!("live has {room} left of {kept}, and spent {urgent}"));
            }
        }
    }

    /// Lets every program that lost the budget use what it reserved.
    pub fn zombies_call(&mut self, way: Way) {
        let mut zombies = std::mem::take(&mut self.zombies);
        zombies.retain(|(.., until_us)| *until_us > self.now_us);
        for (budget, clock_us, _) in &mut zombies {
            while !budget.needs_block() && budget.take(Class::Live, self.now_us + *clock_us).is_ok() {
                self.fly(None, way);
            }
        }
        self.zombies = zombies;
    }

    /// Ends the program, and starts it again after `down_us` with another clock.
    pub fn restart(&mut self, down_us: i64, clock_us: i64) {
        self.wait(down_us);
        self.begin(0, clock_us);
    }

    /// Gives the budget to another node; this one goes on for a while with what it reserved.
    pub fn move_away(&mut self, clock_us: i64) {
        let until_us = self.now_us + GRACE_US;
        self.zombies.push((self.budget.clone(), self.clock_us, until_us));
        self.begin(GRACE_US, clock_us);
    }

    fn begin(&mut self, grace_us: i64, clock_us: i64) {
        self.clock_us = clock_us;
        for flight in &mut self.flights {
            flight.ticket = None;
        }
        for counter in &mut self.counters {
            counter.told_us = None;
        }
        let saved: Option<Saved> = self
            .stored
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok());
        self.budget = match saved {
            Some(saved) => Budget::restore(&self.limits, &saved, grace_us, self.clock()),
            None => Budget::new(&self.limits),
        };
    }

    fn clock(&self) -> i64 {
        self.now_us + self.clock_us
    }

    fn plan(&mut self, at_us: i64, step: Step) {
        self.serial += 1;
        self.steps.insert((at_us, self.serial), step);
    }

    fn fly(&mut self, ticket: Option<Ticket>, (there, back, is_lost): Way) {
        let longest_us = self
            .limits
            .windows
            .iter()
            .map(|limit| limit.travel_us)
            .min()
            .unwrap_or(0);
        let part = |parts: u16| longest_us * i64::from(parts.min(1_000)) / 1_000;
        let counted_us = self.now_us + part(there);
        let answer_us = (!is_lost).then(|| counted_us + part(back));
        let at = self.flights.len();
        self.flights.push(Flight {
            started_us: self.now_us,
            answer_us,
            ticket,
            heard: Heard::default(),
            windows: Vec::new(),
        });
        self.plan(counted_us, Step::Counted(at));
        if is_lost {
            // Given up before it is counted, at times.
            self.plan(self.now_us + part(back), Step::Lost(at));
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Other => {
                for counter in &mut self.counters {
                    counter.count(self.now_us);
                }
            }
            Step::Counted(at) => self.counted(at),
            Step::Answered(at) => {
                for (counter, open) in self.counters.iter_mut().zip(&self.flights[at].windows) {
                    counter.roll(self.now_us);
                    let is_after = counter.is_crowded && self.flights[at].ticket.is_some() && self.is_telling;
                    if is_after && counter.open == *open && counter.told_us.is_none() {
                        counter.told_us = Some(self.now_us);
                    }
                }
                let clock = self.clock();
                if let Some(ticket) = self.flights[at].ticket.take() {
                    self.budget.answered(&ticket, &self.flights[at].heard, clock);
                    if self.budget.is_dirty() {
                        self.save(0);
                    }
                }
            }
            Step::Lost(at) => {
                if let Some(ticket) = self.flights[at].ticket.take() {
                    self.budget.unanswered(&ticket, true);
                }
            }
        }
    }

    fn counted(&mut self, at: usize) {
        let now_us = self.now_us;
        let flight = &mut self.flights[at];
        let mut is_refused = false;
        for counter in &mut self.counters {
            counter.count(now_us);
            // After a crowd only the windows of which it tells are ours to keep.
            let most = if self.had_crowd {
                counter.counted
            } else {
                counter
                    .counted
                    .max(i64::try_from(counter.sliding.len()).unwrap_or(i64::MAX))
            };
            is_refused |= counter.counted > counter.calls;
            let is_excused =
                counter.is_crowded && counter.told_us.is_none_or(|told_us| flight.started_us <= told_us);
            if most > counter.calls && !is_excused {
                let window_s = counter.window_us / 1_000_000;
                self.faults
                    .push(format!("{most} of {} calls in {window_s} s", counter.calls));
            }
            // What was counted before a crowd is not in its window's answers.
            flight.windows.push(counter.open);
        }
        if self.is_telling {
            let is_up = at.is_multiple_of(2);
            let reset_s =
                |counter: &Counter| (counter.reset_us(now_us) + if is_up { 999_999 } else { 0 }) / 1_000_000;
            flight.heard = Heard {
                limits: Some(
                    self.counters
                        .iter()
                        .map(|counter| u32::try_from(counter.calls).unwrap_or(0))
                        .collect(),
                ),
                remaining: Some(
                    self.counters
                        .iter()
                        .map(|counter| counter.calls - counter.counted)
                        .collect(),
                ),
                reset_s: Some(self.counters.iter().map(reset_s).collect()),
                date: Some(Timestamp::from_micros(now_us / 1_000_000 * 1_000_000)),
                refused: is_refused.then_some(1_000),
            };
        }
        if let Some(answer_us) = flight.answer_us {
            self.plan(answer_us, Step::Answered(at));
        }
    }
}
