//! The Lightspeed source: samples, bad input, calls, lists.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

mod bad_input;
mod calls;
mod lists;
mod pages;
mod samples;
mod simulated;
mod simulator;
mod socket;
mod world;
