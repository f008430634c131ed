//! Simulators of the outside systems, with faults on demand.
//!
//! Written from the references and from nothing of ours: a simulator that shares a type with the
//! connector it tests proves nothing. Each simulator is offered twice: as an `axum::Router` (serve it
//! on a socket) and in process (call the router as a service). Time and randomness are parameters.
//!
//! # Weeks in a second
//!
//! A test needs no socket and no waiting. It gives a simulator a [`HandClock`](door::HandClock), calls its router
//! as a service, gives webhooks a [`Receiver`](door::Receiver), and moves the clock:
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::body::Body;
//! use http::{Request, StatusCode};
//! use schakel_sandbox::door::{HandClock, Receiver, Seed};
//! use schakel_sandbox::lightspeed::traffic::{Generator, Mix, Past};
//! use schakel_sandbox::lightspeed::{Options, Simulator};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let clock = HandClock::at(1_778_599_537_000_000);
//! let shop = Simulator::new(Options::default(), Arc::new(clock.clone()), Seed::new(7));
//! shop.fill(&Past { customers: 20, orders: 50, ..Past::default() });
//! shop.deliver_in_process(Receiver::new(|_request| async { Some(StatusCode::OK) }));
//! let mut traffic = Generator::new(&shop, Seed::new(3), Mix::default());
//! for _hour in 0..3 * 7 * 24 {
//!     traffic.story();
//!     shop.deliver_due().await;
//!     clock.advance(3_600 * 1_000_000);
//! }
//! let request = Request::get("/nl/orders.json").body(Body::empty()).unwrap();
//! let answer = shop.router().oneshot(request).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//! # }
//! ```
//!
//! Limits, time stamps, retries of webhooks and delayed calls are on that clock. Only what is transport (latency,
//! dripping answers) takes time of the runtime, which can be paused.
//!
//! Start reading at [`door`], then [`copernica`] or [`lightspeed`].

mod client;
mod control;
pub mod copernica;
pub mod door;
pub mod ends;
mod form;
pub mod keep;
pub mod lightspeed;
mod shares;
