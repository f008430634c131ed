//! By which fields the stored values of each sink are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use schakel_core::id::ConnectionId;
use schakel_core::preset::Preset;

/// The fields of each sink, with what its routes switch on.
#[derive(Debug, Clone)]
pub struct Presets {
    plain: Preset,
    by_sink: BTreeMap<ConnectionId, Arc<Preset>>,
}

impl Presets {
    /// Takes the fields of the sinks; one that is not among them has those of the plain preset.
    #[must_use]
    pub fn new(by_sink: BTreeMap<ConnectionId, Arc<Preset>>) -> Self {
        Self {
            plain: Preset::bookerz(),
            by_sink,
        }
    }

    /// Gives the fields of a sink.
    #[must_use]
    pub fn of(&self, sink: ConnectionId) -> &Preset {
        self.by_sink.get(&sink).map_or(&self.plain, |preset| preset)
    }
}

impl Default for Presets {
    /// Every sink has the fields of the plain preset.
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}
