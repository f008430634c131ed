//! Calls of commands before a database knows the shop: there is no budget to share yet.
//!
//! What such a command spends it counts in memory, so that it stays below the limit of a second by itself. A command that
//! ran a moment ago is not known: when the shop refuses for a second or two, that is waited out.

use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::budget::{Budget, Elsewhere, Usage};
use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Meter, Request, Response};
use schakel_core::time::Clock;

use super::guest::{PACE_TIMES, PACE_US, asked_us, pause};
use super::spent;

/// A door for a command that calls a source of which no hub has a budget yet.
pub struct LoneDoor {
    inner: Arc<dyn Http>,
    meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
    budget: Mutex<Budget>,
}

impl LoneDoor {
    /// Lets calls through to `inner` within the limits that `meter` begins with; waits as long as a short window lasts,
    /// otherwise the call is refused.
    #[must_use]
    pub fn new(inner: Arc<dyn Http>, meter: Arc<dyn Meter>, clock: Arc<dyn Clock>) -> Self {
        let budget = Mutex::new(Budget::new(&meter.limits()));
        Self {
            inner,
            meter,
            clock,
            budget,
        }
    }

    /// What is spent and left, as far as the answers told.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.usage(self.clock.monotonic_us())
    }

    /// Counts a call and gives its start, or tells how long to wait for its room, in microseconds.
    fn book(&self, class: Class) -> Result<i64, i64> {
        let now_us = self.clock.monotonic_us();
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if budget.room(class, now_us) == 0 {
            return Err(budget.ready_us(class, now_us).saturating_sub(now_us).max(1_000));
        }
        budget.started_elsewhere(class, 1, now_us);
        Ok(now_us)
    }

    /// Takes in what the answer to the call of `started_us` tells; gives how long a refusal asks to wait, in microseconds,
    /// `None` when it is none.
    fn hear(&self, answer: &Response, started_us: i64) -> Option<i64> {
        let heard = self.meter.heard(answer);
        let call = Elsewhere {
            counted_us: Some(started_us),
            started_us,
            heard_us: self.clock.monotonic_us(),
        };
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.answered_elsewhere(call, &heard);
        heard.refused.map(asked_us)
    }
}

impl Http for LoneDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            for _ in 0..PACE_TIMES {
                let wait_us = match self.book(request.class) {
                    Err(wait_us) if wait_us > PACE_US => return Err(spent(wait_us)),
                    Err(wait_us) => wait_us,
                    Ok(started_us) => {
                        let answer = self.inner.send(request.clone()).await?;
                        match self.hear(&answer, started_us) {
                            Some(wait_us) if wait_us <= PACE_US => wait_us,
                            _ => return Ok(answer),
                        }
                    }
                };
                pause(wait_us).await;
            }
            Err(spent(PACE_US))
        })
    }
}
