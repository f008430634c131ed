//! Simulators of the outside systems, with faults on demand.
//!
//! Written from the references and from nothing of ours: a simulator that shares a type with the
//! connector it tests proves nothing. Each simulator is offered twice: as an `axum::Router` (serve it
//! on a socket) and in process (call the router as a service). Time and randomness are parameters.
//!
//! Start reading at [`door`], then [`copernica`] or [`lightspeed`].

mod client;
mod control;
pub mod copernica;
pub mod door;
pub mod keep;
pub mod lightspeed;
mod shares;
