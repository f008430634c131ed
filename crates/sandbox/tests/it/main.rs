//! The simulators, seen from outside.

mod copernica;
mod lightspeed;
