//! The simulators, seen from outside.

mod clients;
mod copernica;
mod lightspeed;
