//! One folder per outside system that Schakel speaks with; see docs/spec/connector.md.
//!
//! Connectors know the contract in `schakel_core::connector` and their own system, never each other, a database
//! or a runtime. [`util`] holds what several of them need.

pub mod copernica;
pub mod lightspeed;
pub mod util;
