//! What exists in Schakel, and the rules about it: no I/O, no clock, no randomness.
//!
//! Modules in reading order, which is the order in which data moves:
//! [`event`] (as received) → [`record`] (what a source says) → [`identity`] (who belongs together) →
//! [`golden`] (what we believe) → [`preset`] (what a sink's fields hold) → [`delivery`] (what a sink shall
//! hold). [`connector`] is the contract with the outside, [`walk`] what reading its lists means, [`lookup`] how what lies
//! outside a history is found, [`forecast`] what that costs and when it ends, [`health`] why nothing goes through a
//! connection; [`time`], [`id`], [`thing`], [`limits`], [`privacy`] and [`problem`] serve them all.
//!
//! This crate must not know a database, a runtime or an HTTP client.

pub mod id;
pub mod time;

pub mod limits;
pub mod lists;
pub mod privacy;
pub mod problem;

pub mod thing;

pub mod event;
pub mod record;

pub mod entity;

pub mod identity;

pub mod golden;

pub mod preset;

pub mod delivery;

pub mod connector;

pub mod health;

pub mod budget;

pub mod forecast;

pub mod gaps;
pub mod lookup;
pub mod periods;
pub mod walk;

pub mod rhythm;
