//! Histories, sweeps and reconciliations of a whole simulated shop.

mod anew;
mod answers;
mod bad_input;
mod deletions;
mod doors;
mod forecast;
mod groups;
pub mod history;
mod least;
mod live;
mod lookup;
mod poison;
mod safety;
mod schedule;
mod sweep;
mod view;
mod watch;
pub mod world;
