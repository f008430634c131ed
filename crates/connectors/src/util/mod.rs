//! What several connectors need, and which knows none of them.

pub mod strict_json;
