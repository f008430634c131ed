//! The Lightspeed source: samples, bad input, calls.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by its panic")]

mod bad_input;
mod calls;
mod samples;
mod simulator;
mod socket;
mod world;
