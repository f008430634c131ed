//! Histories, sweeps and reconciliations of a whole simulated shop.

mod bad_input;
mod deletions;
mod forecast;
mod history;
mod live;
mod sweep;
mod view;
mod watch;
pub mod world;
