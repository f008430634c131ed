//! Tests of the entrance.
