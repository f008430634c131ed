//! What is needed to tell of one person or thing.

use schakel_core::id::TenantId;
use schakel_store::Store;

use super::Presets;

/// What an explanation is made of.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The intermediate database.
    pub store: &'a Store,
    /// Whose data it is.
    pub tenant: TenantId,
    /// The sinks' fields.
    pub presets: &'a Presets,
    /// Whether a subscription without double opt-in counts as a Yes.
    pub is_unconfirmed_enough: bool,
}
