//! Whole stories through the built binary, against simulators on real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a story that fails ends the test, also in its helpers"
)]

mod aside;
mod budget;
mod checkout;
mod demo;
mod explain;
mod faulty;
mod health;
mod held_up;
mod history;
mod hooks;
mod imported;
mod kill;
mod kill_history;
mod lost;
mod moved;
mod outage;
mod periods;
mod planned;
mod process;
mod sandbox;
mod sandbox_manual;
mod shops;
mod two;
