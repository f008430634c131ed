//! The intermediate database, on SQLite and PostgreSQL with one SQL text.
//!
//! In the order in which data moves: [`Store::intake`] (T0) → [`WriteTx`] (T1: records, nodes, relations,
//! entities, deliveries, the events' states, in one transaction) → [`Store::deliver_step`] (T2 and T3). The rows that
//! pass the border are in [`rows`]. Source: reliability.md §4; columns and retention: `migrations/0001_start.sql`.
//!
//! Rules of this crate:
//! - Statements over many rows, never a loop over single rows inside a transaction (dependencies.md §2).
//! - SQLite has one connection that writes and a few that read beside it; PostgreSQL runs at READ COMMITTED with row
//!   locks (the reasons stand in `dialect.rs`).
//! - Lists of keys carry the whole key, tenant included, and joins say `tenant_id + 0`: where `tenant_id = $1` stands
//!   alone, PostgreSQL thinks that few rows have that tenant and reads all of them instead of looking keys up.
//! - `ORDER BY +id` sorts what an index of the condition found; SQLite would take `ORDER BY id` as a reason to read the
//!   whole tenant in the order of the primary key.
//! - What two rows of one statement could disagree about is kept once: the last row of a key counts.
//!
//! It must not know a connector, an HTTP client, a clock or a random source; times and ids come from the caller.

mod error;
pub mod rows;

mod dialect;
mod sql;
mod statistics;
#[macro_use]
mod db;
mod patience;
mod writer;

mod lock;
mod open;
mod open_pg;
mod server;

mod counter;
mod setting;

mod body;
mod inbox;
mod inbox_read;

mod write;

mod cart;
mod entity;
mod node;
mod problem;
mod record;
mod relation;

mod outbox;
mod outbox_read;
mod place;

mod ahead;
mod claim;
mod class;
mod deliver;
mod forget;
mod settle;

mod budget;
mod fetch;
mod fetch_read;
mod finding;
mod health;
mod held_back;
mod lease;
mod walk;
mod walk_read;

#[cfg(test)]
mod conformance;

use std::path::PathBuf;

pub use body::NewEvent;
pub use deliver::DeliverTx;
pub use error::{BadFile, StoreError};
pub use forget::Elsewhere;
pub use inbox::IntakeTx;
pub use lock::{Durability, ProcessLock};
pub use open::OpenOptions;
pub use patience::within;
pub use rows::{
    AfterFetch, AsideRow, AttemptRow, Bound, BudgetDay, BudgetRow, Claim, Claimed, ClaimedFetch,
    ConnectionRow, DeadFilter, DeadLetter, DeliveryCount, DeliveryRow, EndedFetch, EntityKey, EntityRow,
    EventRow, FetchRow, Finished, GuestAnswer, GuestCall, GuestRow, HealthRow, Hold, InboxCounts, Inserted,
    MergeRow, Outcome, Piece, PutNode, QuarantineFilter, RecordRow, RelationCounts, RelationRow, Settle,
    Waiting, WalkPage, Window, Written,
};
pub use write::WriteTx;

use db::Db;

/// An open database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    /// The SQLite file; `None` on PostgreSQL.
    file: Option<PathBuf>,
}

impl Store {
    /// Returns the engine's name: `SQLite` or `PostgreSQL`.
    #[must_use]
    pub const fn engine_name(&self) -> &'static str {
        self.db.dialect().name()
    }

    /// Closes all connections after what they are doing.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
