//! What several connectors need, and which knows none of them.

pub mod retry_after;
pub mod strict_json;
