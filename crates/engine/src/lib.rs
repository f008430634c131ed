//! The pipeline: one module per stage, in the order in which data moves.
//!
//! | module | reads | writes | transaction (reliability.md §4) |
//! |---|---|---|---|
//! | [`admit`] | – | – | – |
//! | [`intake`] | webhook | inbox | T0, group commit, before the 2xx |
//! | [`fetch`] | wanted things | inbox | T4 |
//! | [`walk`] | lists: history, sweep, reconciliation | inbox | T4 |
//! | [`watch`] | registrations, silence | walks | – |
//! | [`apply`] | inbox | records, identity, entities, outbox | T1, with [`normalise`], [`resolve`], [`plan`] |
//! | [`deliver`] | outbox | attempts, outbox | T2 and T3 |
//! | [`report`] | all of them | – | for people |
//!
//! Stages meet only in tables: none calls another, each can be stepped, stopped and run again alone. Only
//! [`supervise`] sees all of them. The network is touched through [`http`] only, within [`budget`]; what ails a connection goes to [`health`]; and never while a
//! transaction is open. `apply` is one transaction on purpose, see docs/adr/0003.

pub mod clock;
pub mod hub;

pub mod http;

pub mod budget;

pub mod admit;

pub mod health;

pub mod intake;

pub mod fetch;

pub mod walk;

pub mod watch;

pub mod normalise;

pub mod resolve;

pub mod plan;

pub mod apply;

pub mod deliver;

pub mod supervise;

pub mod report;
