//! Histories, sweeps and reconciliations of a whole simulated shop.

mod history;
pub mod world;
