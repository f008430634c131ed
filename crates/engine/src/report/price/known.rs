//! What the hub has of a source already.

use std::collections::BTreeMap;

use schakel_core::budget::Usage;
use schakel_core::connector::{Part, Span};
use schakel_core::id::TenantId;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use crate::budget::{self, StoredBudget};
use crate::report::anew::note_held;
use crate::report::end::Subject;

/// What the hub knows of a source before it is asked. Nothing, by default.
#[derive(Debug, Default)]
pub struct Known {
    /// Its budget.
    pub budget: Option<StoredBudget>,
    /// Its walks.
    pub walks: Vec<Walk>,
    /// How many things of each part are held alive.
    pub alive: BTreeMap<Part, i64>,
    /// How many of those lack the rows of each part.
    pub rows_due: BTreeMap<Part, i64>,
}

/// How the history of a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// `schakel backfill start` reads it from its begin.
    New,
    /// It is under way or halted.
    UnderWay,
    /// It was read.
    Read,
}

impl Known {
    /// Reads what is known of `subject`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(
        store: &Store,
        tenant: TenantId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let connection = subject.connection;
        let mut known = Self {
            budget: budget::stored(store, tenant, connection, &subject.limits, now).await?,
            walks: store.walks(tenant, Some(connection)).await?,
            ..Self::default()
        };
        note_held(store, tenant, &mut known.walks).await?;
        let held = Part::ALL.into_iter();
        for part in held.filter(|part| Job::Lookup.walks(*part) || has_rows(*part)) {
            let alive = store.count_alive(tenant, connection, part.kind()).await?;
            known.alive.insert(part, alive);
        }
        for rows in Part::ALL.into_iter().filter(|part| part.is_per_thing()) {
            let due = store.count_rows_due(tenant, connection, rows.kind()).await?;
            known.rows_due.insert(rows, due);
        }
        Ok(known)
    }

    /// Takes in what the counts told of the limits: `usage` where nothing keeps it, otherwise what `store` keeps by now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn hear(
        &mut self,
        (store, tenant): (Option<&Store>, TenantId),
        subject: &Subject,
        usage: Option<Usage>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.budget = match (usage, store) {
            (Some(usage), _) => Some(StoredBudget {
                usage,
                saved_at: now,
                days: Vec::new(),
            }),
            (None, Some(store)) => {
                budget::stored(store, tenant, subject.connection, &subject.limits, now).await?
            }
            (None, None) => None,
        };
        Ok(())
    }

    /// How many things of the list of `part` are held alive.
    pub(super) fn alive(&self, part: Part) -> i64 {
        self.alive.get(&part).copied().unwrap_or(0)
    }

    fn history(&self, part: Part) -> Option<&Walk> {
        let of = |walk: &&Walk| walk.job == Job::Backfill && walk.part == part;
        self.walks.iter().find(of)
    }

    /// Gives the newest count of the list of `part` that a walk over the same `span` wrote down.
    pub(super) fn counted(&self, part: Part, span: Span) -> Option<i64> {
        let same = |walk: &&Walk| walk.part == part && walk.span == span;
        let counted = self
            .walks
            .iter()
            .filter(same)
            .filter(|walk| walk.expected.is_some());
        counted.max_by_key(|walk| walk.updated_at)?.expected
    }

    /// Tells whether histories counted things of another period, or of other parts, than were asked for.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        let has = |walk: &Walk| walk.job == Job::Backfill && walk.expected.is_some();
        self.walks.iter().any(has)
    }

    /// Tells whether histories read all of a list.
    pub(super) fn is_whole(&self, part: Part) -> bool {
        self.history(part).is_some_and(|walk| walk.read.are_whole())
    }

    /// Tells how the history of `part` stands for things of `span`.
    pub(super) fn standing(&self, part: Part, span: Span) -> Standing {
        match self.history(part) {
            Some(walk) if walk.is_under_way() => Standing::UnderWay,
            Some(walk) if walk.has_read(span) => Standing::Read,
            _ => Standing::New,
        }
    }
}

/// Tells whether the things of a list have rows.
pub(super) const fn has_rows(part: Part) -> bool {
    matches!(part, Part::Orders | Part::Quotes)
}
