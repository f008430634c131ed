//! Stories through the pipeline: signed webhooks in, the simulated Copernica out, on one manual clock.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a story that fails ends the test, also in its helpers"
)]

mod asking;
mod bad_input;
mod budget;
mod carts;
mod checkouts;
mod damage;
mod door;
mod ending;
mod expired;
mod explained;
mod faults;
mod fetching;
mod gate;
mod health;
mod imported;
mod other_shop;
mod past;
mod payloads;
mod people;
mod placeless;
mod poison;
mod returning;
mod routes;
mod samples;
mod story;
mod strange;
mod ties;
mod world;
