//! Simulator of the Copernica REST API.
