//! Tests of the connectors from outside, one module each.

mod copernica;
mod lightspeed;
