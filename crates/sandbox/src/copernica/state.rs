//! What an account keeps beside its tables: selections, interests, webhooks, imports and requests for data. What they do
//! stands in the modules of their names.

use serde::{Deserialize, Serialize};

/// One selection of profiles, or one miniselection of subprofiles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) archived: bool,
    pub(crate) database: u32,
    /// The collection of a miniselection; 0 for a selection.
    pub(crate) collection: u32,
    /// The selection that this one refines; 0 for none.
    pub(crate) parent: u32,
    /// Seconds since 1970; 0 for never.
    pub(crate) last_built: u32,
    pub(crate) intentions: [bool; 4],
    pub(crate) rules: Vec<Rule>,
    /// The rows that fitted when it was built, by id.
    pub(crate) ids: Vec<u32>,
}

/// One rule: a row must satisfy one of its conditions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) inverted: bool,
    pub(crate) disabled: bool,
    pub(crate) conditions: Vec<Condition>,
}

/// One condition on a field; other types are kept, and let every row through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Condition {
    pub(crate) id: u32,
    pub(crate) kind: String,
    pub(crate) comparison: String,
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) other_field: String,
    pub(crate) is_numeric: bool,
}

/// The definition of one interest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Interest {
    /// Unique in the account.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) group: String,
}

/// One registered webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: u32,
    pub(crate) handler: String,
    pub(crate) trigger: String,
    pub(crate) callers: Vec<String>,
    pub(crate) database: Option<u32>,
    pub(crate) collection: Option<u32>,
}

/// One import, as its status shows it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) id: u32,
    pub(crate) database: u32,
    pub(crate) name: String,
    pub(crate) action: String,
    pub(crate) total: u64,
    pub(crate) processed: u64,
    /// Seconds since 1970; 0 before it ran.
    pub(crate) last_run: u32,
    pub(crate) last_error: Option<String>,
}

/// One request for data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DataRequest {
    /// Whose data: `profile`, `subprofile` or `email`.
    pub(crate) kind: String,
    /// The id, or the address.
    pub(crate) whose: String,
    /// When it can be had, in seconds since 1970.
    pub(crate) ready: u32,
}
