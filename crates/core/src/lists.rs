//! Lists: since when the hub reads the lists of a source, and which of them; kept over restarts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::connector::Part;
use crate::time::Timestamp;
use crate::walk::{Job, Walk};

/// What the hub knows of its beginnings at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// When it first began to read them: what changed last before that is history, however it comes to be known (F4).
    pub since: Timestamp,
    /// The parts whose history was begun by itself or left to a person; empty as long as no history begins by itself.
    #[serde(default)]
    pub parts: BTreeSet<Part>,
    /// The parts that routes wanted when a hub last began to read them; empty when that was not noted.
    #[serde(default)]
    pub wanted: BTreeSet<Part>,
}

impl Lists {
    /// Name of the checkpoint of a source in which it is kept.
    pub const CHECKPOINT: &str = "lists";

    /// Reads a checkpoint; `None` when there is none, or it cannot be read.
    #[must_use]
    pub fn read(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    /// Gives the text of the checkpoint.
    ///
    /// # Panics
    /// Never: numbers and words always serialise.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("numbers and words always serialise")
    }

    /// Tells whether a route wanted `part` when a hub last began; also where that was not noted.
    #[must_use]
    pub fn wants(&self, part: Part) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&part)
    }

    /// Gives the parts among `own` that were switched on after the history of others began, and that `walks`, all of the
    /// source, know no history of. `known` is what was kept before; none when nothing was, since then all parts are new.
    #[must_use]
    pub fn switched_on(known: Option<&Self>, own: &[Part], walks: &[Walk]) -> Vec<Part> {
        let Some(known) = known.filter(|known| !known.parts.is_empty()) else {
            return Vec::new();
        };
        let has_history = |part: &Part| {
            walks
                .iter()
                .any(|walk| walk.job == Job::Backfill && walk.part == *part)
        };
        let is_new = |part: &&Part| !known.parts.contains(part) && !has_history(part);
        own.iter().filter(is_new).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Span;
    use crate::id::ConnectionId;

    #[test]
    fn what_is_kept_is_read_back_and_damage_is_none() {
        let lists = Lists {
            since: Timestamp::from_micros(7),
            parts: BTreeSet::from([Part::Orders, Part::Groups]),
            wanted: BTreeSet::from([Part::Orders]),
        };
        assert!(lists.wants(Part::Orders) && !lists.wants(Part::Groups));
        assert_eq!(Lists::read(Some(&lists.to_text())), Some(lists));
        assert_eq!(Lists::read(Some("{")), None);
        assert_eq!(Lists::read(None), None);
    }

    #[test]
    fn only_what_nobody_knew_of_is_switched_on() {
        let own = [Part::Customers, Part::Quotes, Part::Orders, Part::QuoteRows];
        let known = |parts: &[Part]| Lists {
            since: Timestamp::ZERO,
            parts: parts.iter().copied().collect(),
            wanted: BTreeSet::new(),
        };
        let begun = |part| {
            Walk::new(
                ConnectionId(1),
                Job::Backfill,
                part,
                Span::default(),
                Timestamp::ZERO,
            )
        };
        let new = |known: Option<Lists>, walks: &[Walk]| Lists::switched_on(known.as_ref(), &own, walks);
        assert_eq!(new(None, &[]), [], "the first start begins all of it");
        assert_eq!(
            new(Some(known(&[])), &[begun(Part::Orders)]),
            [],
            "a person began it"
        );
        let before = known(&[Part::Customers, Part::Orders]);
        assert_eq!(new(Some(before.clone()), &[]), [Part::Quotes, Part::QuoteRows]);
        assert_eq!(new(Some(before), &[begun(Part::Quotes)]), [Part::QuoteRows]);
    }
}
