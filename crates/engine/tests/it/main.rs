//! Stories through the pipeline: signed webhooks in, the simulated Copernica out, on one manual clock.

mod bad_input;
mod faults;
mod payloads;
mod people;
mod story;
mod world;
