//! Lightspeed eCom (C-Series): webhooks and REST answers of one shop become events and records.
//!
//! Reading order: [`config`] → `receive` (is a webhook genuine?) → `wire` (its JSON) → `mapping` (records) →
//! `call` (one call to the API), `limits` (how many of them) → `rows` and `lists` with `cursor` (several of them) →
//! `source` (the contract), `check`, `webhooks`. The facts about the API, each with its place in lightspeed-ecom.md,
//! are in `DESIGN.md`.
//!
//! The connector holds no state, never waits and never retries. It must not know a database or another connector.

pub mod config;

mod call;
mod check;
mod cursor;
mod limits;
mod lists;
mod mapping;
mod receive;
mod rows;
mod source;
mod webhooks;
mod wire;

pub use config::{Cluster, Settings};
pub use limits::KeyLimits;
pub use source::Lightspeed;
