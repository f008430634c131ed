//! Plan: what changed becomes what each sink shall hold.
//!
//! Desired state, not messages: one outbox row per object and sink, changed only when its digest changes. Runs
//! inside the transaction of `apply`; loads everything in bulk, decides in memory, writes in bulk.

mod load;
mod objects;
mod outbox;

pub use objects::columns;

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::id::RelationId;
use schakel_core::identity::MatchKey;
use schakel_core::problem::Problem;
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;
use schakel_store::{FetchRow, RecordRow, StoreError, WriteTx};

use crate::hub::Hub;

/// What plan starts from.
#[derive(Debug, Default)]
pub struct Input {
    /// Records that are loaded already; `None` for those that the hub does not hold.
    pub records: BTreeMap<RecordKey, Option<RecordRow>>,
    /// The relation of records, as far as known.
    pub relation_of: BTreeMap<RecordKey, RelationId>,
    /// Persons to plan.
    pub changed: BTreeSet<RelationId>,
    /// Numbers that no sink may hold any more.
    pub absent: BTreeSet<RelationId>,
    /// Orders to plan, with their rows.
    pub orders: BTreeSet<RecordKey>,
    /// Carts to plan.
    pub quotes: BTreeSet<RecordKey>,
    /// Customers' groups to plan.
    pub groups: BTreeSet<RecordKey>,
    /// Customers to whom an order or cart belonged that now belongs to another.
    pub former_owners: BTreeSet<RecordKey>,
    /// Keys that led to other persons until now: what checkouts say by them is looked at again.
    pub former_keys: BTreeSet<MatchKey>,
    /// When the oldest event about each changed record was received.
    pub since: BTreeMap<RecordKey, Timestamp>,
    /// When the oldest event of the batch was received; for everything else.
    pub since_any: Timestamp,
    /// Who pays for what is missing.
    pub class: Class,
}

/// What plan decided beside the outbox.
#[derive(Debug, Default)]
pub struct Planned {
    /// Things that must be fetched before some objects are complete.
    pub wanted: Vec<FetchRow>,
    /// What was cut or left out, by record.
    pub problems: Vec<(RecordKey, Vec<Problem>)>,
    /// How many outbox rows changed.
    pub changed: usize,
}

/// Plans everything that `input` names, for every route of `scope`.
///
/// # Errors
/// Any error of the store.
pub async fn run(hub: &Hub, tx: &mut WriteTx, scope: i64, input: Input) -> Result<Planned, StoreError> {
    let mut planned = Planned::default();
    let is_idle = input.changed.is_empty()
        && input.former_owners.is_empty()
        && input.former_keys.is_empty()
        && input.absent.is_empty()
        && input.orders.is_empty()
        && input.quotes.is_empty()
        && input.groups.is_empty();
    if is_idle {
        return Ok(planned);
    }
    let mut loaded = load::load(hub, tx, scope, input, &mut planned).await?;
    let mut outbox = outbox::Outbox::load(hub, tx, scope, &mut loaded).await?;
    let mut desk = objects::Desk {
        hub,
        scope,
        loaded: &mut loaded,
        outbox: &mut outbox,
        planned: &mut planned,
    };
    desk.relations();
    desk.absent();
    desk.orders();
    desk.quotes();
    desk.groups();
    planned.changed = outbox.write(hub, tx).await?;
    loaded.write(hub, tx).await?;
    Ok(planned)
}
