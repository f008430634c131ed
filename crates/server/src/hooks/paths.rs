//! Which secret path leads to which connection.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookPath {
    /// [`super::PATH`] and a token of 128 unguessable bits.
    pub path: String,
    /// Where it leads.
    pub connection: ConnectionId,
    /// When it is closed; `None` while it has no end.
    pub until: Option<Timestamp>,
}

/// All ways in; holds digests only. Clones share them, so that they can be changed while the entrance is open.
#[derive(Debug, Clone, Default)]
pub struct HookPaths(Arc<RwLock<Ways>>);

/// By the digest of the path: where it leads, and until when.
type Ways = HashMap<[u8; 32], (ConnectionId, Option<Timestamp>)>;

impl HookPaths {
    /// Lets webhooks in on these paths and no others; several may lead to one connection.
    pub fn set(&self, paths: impl IntoIterator<Item = HookPath>) {
        let ways = paths
            .into_iter()
            .map(|way| (digest(&way.path), (way.connection, way.until)))
            .collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ways;
    }

    /// Gives the connection of a path that is open at `now`. Comparing digests tells nothing about how near a guess
    /// was.
    pub(super) fn connection(&self, path: &str, now: Timestamp) -> Option<ConnectionId> {
        let ways = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (connection, until) = ways.get(&digest(path))?;
        until.is_none_or(|until| now < until).then_some(*connection)
    }
}

fn digest(path: &str) -> [u8; 32] {
    *blake3::hash(path.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_replaced_is_open_until_its_end() {
        let at = Timestamp::from_micros;
        let paths = HookPaths::default();
        let way = |path: &str, until| HookPath {
            path: path.to_owned(),
            connection: ConnectionId(7),
            until,
        };
        paths.set([way("/hooks/new", None), way("/hooks/old", Some(at(10)))]);
        let shared = paths.clone();
        assert_eq!(shared.connection("/hooks/new", at(99)), Some(ConnectionId(7)));
        assert_eq!(shared.connection("/hooks/old", at(9)), Some(ConnectionId(7)));
        assert_eq!(shared.connection("/hooks/old", at(10)), None);
        paths.set([way("/hooks/newer", None)]);
        assert_eq!(
            shared.connection("/hooks/new", at(0)),
            None,
            "clones see the change"
        );
    }
}
