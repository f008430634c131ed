//! The secret paths of webhooks: cut from the hub key, replaced with an overlap (reliability.md §11.1, §11.5).
//!
//! The database keeps only which generation of a connection's path counts, so a copy of it opens no way in. A path that
//! was replaced stays open until the webhooks of the new one are registered and a day has passed; the next one is open
//! from the start, so that a hub that runs takes what comes right after a replacement.

use anyhow::Context;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_engine::hub::{HookAddress, Prepared};
use schakel_server::hooks::{self, HookPath, HookPaths};
use schakel_store::Store;
use serde::{Deserialize, Serialize};

use crate::keys::{HubKey, hex};

/// How long a replaced path stays open after the new webhooks are registered, in milliseconds: a shop repeats what it
/// could not deliver for hours.
pub(crate) const GRACE_MS: i64 = 24 * 3600 * 1000;

/// Which paths of one connection count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generations {
    /// The one that is registered in the shop, from 0.
    pub current: u32,
    /// Those that were replaced and are still open.
    pub old: Vec<OldGeneration>,
}

/// A path that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OldGeneration {
    /// Its generation.
    pub generation: u32,
    /// When it is closed, in microseconds since 1970; `None` as long as the shop may still use it.
    pub until_us: Option<i64>,
}

impl Generations {
    /// Reads those of the source connection `name`.
    ///
    /// # Errors
    /// When the store fails or holds something else.
    pub(crate) async fn read(store: &Store, name: &str) -> anyhow::Result<Self> {
        match store.setting(&setting(name)).await? {
            None => Ok(Self::default()),
            Some(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("the setting {} in the database cannot be read", setting(name))),
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn write(&self, store: &Store, name: &str) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(self).context("numbers always serialise")?;
        Ok(store.put_setting(&setting(name), &bytes).await?)
    }

    /// Begins a new path; the one before stays open.
    pub(crate) fn rotate(&mut self) {
        self.old.push(OldGeneration {
            generation: self.current,
            until_us: None,
        });
        self.current += 1;
    }

    /// Gives the replaced paths that the shop may still use.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = u32> {
        let open = self.old.iter().filter(|old| old.until_us.is_none());
        open.map(|old| old.generation)
    }

    /// Notes at `now` that the shop uses the current path only; returns whether that changed anything.
    pub(crate) fn settle(&mut self, now: Timestamp) -> bool {
        let before = self.clone();
        self.old
            .retain(|old| old.until_us.is_none_or(|until| now.as_micros() < until));
        for old in &mut self.old {
            old.until_us.get_or_insert(now.plus_ms(GRACE_MS).as_micros());
        }
        *self != before
    }

    /// Gives the paths of the source connection `name` that are registered or will be: those of this key.
    pub(crate) fn open_paths(&self, key: &HubKey, name: &str) -> impl Iterator<Item = String> {
        let used = self.in_use().chain([self.current, self.current + 1]);
        used.map(move |generation| path(key, name, generation))
    }

    fn open(&self, key: &HubKey, name: &str, connection: ConnectionId) -> Vec<HookPath> {
        let way = |generation, until| HookPath {
            path: path(key, name, generation),
            connection,
            until,
        };
        let old = self
            .old
            .iter()
            .map(|old| way(old.generation, old.until_us.map(Timestamp::from_micros)));
        old.chain([way(self.current, None), way(self.current + 1, None)])
            .collect()
    }
}

fn setting(name: &str) -> String {
    format!("hook_path/{name}")
}

/// Gives the setting that says when the connection `name` was prepared.
pub(crate) fn prepared(name: &str) -> String {
    format!("prepared/{name}")
}

/// Gives a secret path of the source connection `name`, such as `/hooks/3f…`.
pub(crate) fn path(key: &HubKey, name: &str, generation: u32) -> String {
    let token = key.cut(&[b"hook", name.as_bytes(), generation.to_string().as_bytes()]);
    format!("{}{}", hooks::PATH, hex(&token))
}

/// The source connection of a way in.
#[derive(Clone)]
pub(crate) struct WayOf {
    /// Its name.
    pub name: String,
    /// Its id.
    pub connection: ConnectionId,
    /// Where the running hub finds its public address.
    pub address: HookAddress,
}

/// The ways into a running hub, kept in step with the database.
#[derive(Clone)]
pub(crate) struct Ways {
    /// What the entrance looks at.
    pub paths: HookPaths,
    /// The source connections.
    pub sources: Vec<WayOf>,
    /// The sink connections by name, each with where the running hub finds when it was prepared.
    pub sinks: Vec<(String, Prepared)>,
    /// The address under which shops reach this hub, without a slash at its end; empty when nobody said so.
    pub public: String,
    /// The key of the hub.
    pub key: HubKey,
    /// Where the generations are.
    pub store: Store,
}

impl Ways {
    /// Opens and closes ways as the database says now, and notes which sinks were prepared.
    ///
    /// # Errors
    /// When the store fails; the ways stay as they were.
    pub(crate) async fn refresh(&self) -> anyhow::Result<()> {
        let mut open = Vec::new();
        for way in &self.sources {
            let generations = Generations::read(&self.store, &way.name).await?;
            open.extend(generations.open(&self.key, &way.name, way.connection));
            way.address.set(self.address(&way.name, &generations).await?);
        }
        self.paths.set(open);
        for (name, noted) in &self.sinks {
            noted.set(self.store.setting(&prepared(name)).await?.unwrap_or_default());
        }
        Ok(())
    }

    /// Gives the address whose webhooks the hub itself keeps registered: only after `setup` registered them once, and
    /// not while it moves them to a new path.
    async fn address(&self, name: &str, generations: &Generations) -> anyhow::Result<Option<String>> {
        let is_prepared = self.store.setting(&prepared(name)).await?.is_some();
        if self.public.is_empty() || !is_prepared || generations.in_use().next().is_some() {
            return Ok(None);
        }
        let path = path(&self.key, name, generations.current);
        Ok(Some(format!("{}{path}", self.public)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: ConnectionId = ConnectionId(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::ZERO.plus_ms(ms)
    }

    fn key(byte: &str) -> HubKey {
        HubKey::read(&byte.repeat(32)).unwrap()
    }

    fn open(generations: &Generations, now: Timestamp) -> usize {
        let ways = generations.open(&key("07"), "shop", SHOP);
        ways.iter()
            .filter(|way| way.until.is_none_or(|until| now < until))
            .count()
    }

    #[test]
    fn a_path_depends_on_key_connection_and_generation() {
        let first = path(&key("07"), "shop", 0);
        assert_eq!(first.len(), hooks::PATH.len() + 32);
        assert_eq!(first, path(&key("07"), "shop", 0));
        for other in [
            path(&key("08"), "shop", 0),
            path(&key("07"), "shop2", 0),
            path(&key("07"), "shop", 1),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn an_old_path_ends_a_day_after_its_webhooks_were_moved_and_not_before() {
        let mut generations = Generations::default();
        assert_eq!(open(&generations, at(0)), 2, "the current one and the next");
        generations.rotate();
        assert_eq!(generations.in_use().collect::<Vec<_>>(), [0]);
        assert_eq!(
            open(&generations, at(i64::MAX / 2_000)),
            3,
            "the shop may still use it"
        );
        assert!(generations.settle(at(5)));
        assert!(!generations.settle(at(6)), "settling again changes nothing");
        assert_eq!(generations.in_use().count(), 0);
        assert_eq!(open(&generations, at(5 + GRACE_MS - 1)), 3);
        assert_eq!(open(&generations, at(5 + GRACE_MS)), 2);
        assert!(generations.settle(at(5 + GRACE_MS)));
        assert_eq!(generations.old, []);
    }
}
