//! Waiting for the walks of a shop.

use schakel_core::budget::Limits;
use schakel_core::connector::{Meter, Part};
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_engine::budget::is_served;
use schakel_store::Store;

use super::Awaited;
use super::hold::{Ailing, HoldUp};
use crate::commands::walks::{Shop, names, to_the_second, word};
use crate::error::Failure;
use crate::wiring::TENANT;

/// The walks of one shop that are waited for.
pub(crate) struct Lists {
    name: String,
    limits: Limits,
    job: Job,
    parts: Vec<Part>,
    /// The shop's id.
    pub connection: ConnectionId,
    /// As they were at the last look.
    pub walks: Vec<Walk>,
}

impl Lists {
    /// Means those of `job` over `parts` of a shop.
    pub(crate) fn new(shop: &Shop<'_>, connection: ConnectionId, (job, parts): (Job, Vec<Part>)) -> Self {
        let limits = shop.config.key_limits().unwrap_or_default().limits();
        Self {
            name: shop.name().to_owned(),
            limits,
            job,
            parts,
            connection,
            walks: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn of(name: &str, connection: ConnectionId, (job, parts): (Job, Vec<Part>)) -> Self {
        Self {
            name: name.to_owned(),
            limits: Limits::default(),
            job,
            parts,
            connection,
            walks: Vec::new(),
        }
    }

    fn open(&self) -> impl Iterator<Item = &Walk> {
        self.walks.iter().filter(|walk| walk.is_open())
    }

    /// What holds up a list for itself, when all that are open fail.
    fn failing(&self) -> Option<HoldUp> {
        if self.open().any(|walk| !walk.has_failed()) {
            return None;
        }
        let next = self.open().min_by_key(|walk| walk.due_at)?;
        let text = format!("gave no usable answer for {}", next.part.as_str());
        let until = to_the_second(&next.due_at.to_string());
        Some(HoldUp::of_answer(&self.name, text, (&next.note, until)))
    }
}

impl Awaited for Lists {
    type Mark = Vec<(Part, Timestamp)>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn look(&mut self, store: &Store) -> Result<(), Failure> {
        let mut walks = store.walks(TENANT, Some(self.connection)).await?;
        walks.retain(|walk| walk.job == self.job && self.parts.contains(&walk.part));
        self.walks = walks;
        Ok(())
    }

    async fn is_served(&self, store: &Store) -> Result<bool, Failure> {
        Ok(is_served(store, self.connection).await?)
    }

    fn is_over(&self) -> bool {
        self.open().next().is_none()
    }

    fn mark(&self) -> Self::Mark {
        self.walks
            .iter()
            .map(|walk| (walk.part, walk.updated_at))
            .collect()
    }

    fn is_begun(&self) -> bool {
        self.open()
            .any(|walk| walk.state != WalkState::Waiting || walk.has_failed())
    }

    /// Only what these walks met themselves counts: what was written down before may be mended by now.
    async fn held_up(&self, store: &Store, ailing: &Ailing) -> Result<Option<HoldUp>, Failure> {
        let is_failing = self.open().any(Walk::has_failed);
        let ill = ailing.of(&self.name).filter(|_| is_failing);
        if let Some((_, hold)) = ill.filter(|(ailment, _)| *ailment != Ailment::Busy) {
            return Ok(Some(hold));
        }
        let shop = (self.name.as_str(), self.connection, &self.limits);
        let no_room = ailing.no_room(store, shop, self.job.class()).await?;
        Ok(no_room.or_else(|| self.failing()))
    }

    fn done(&self) -> (u64, u64) {
        let done = self.walks.len() - self.open().count();
        (done as u64, self.parts.len() as u64)
    }

    fn place(&self) -> String {
        let Some(walk) = self.open().next() else {
            return String::new();
        };
        let note = if walk.note.is_empty() {
            String::new()
        } else {
            format!(": {}", walk.note)
        };
        let (job, part, seen) = (word(self.job), walk.part.as_str(), walk.seen);
        format!("{job}, {part}, {seen} read{note}")
    }

    fn left(&self) -> String {
        let parts: Vec<Part> = self.open().map(|walk| walk.part).collect();
        format!("the {} of {}", word(self.job), names(&parts))
    }
}
