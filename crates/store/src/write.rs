//! The transaction of apply (T1): everything that one batch of events changes, or nothing of it (I5).

use schakel_core::delivery::ObjectKind;
use schakel_core::event::Event;
use schakel_core::id::{ConnectionId, RelationId, TenantId};
use schakel_core::identity::{MatchKey, Node};
use schakel_core::problem::Problem;
use schakel_core::record::{RecordKey, RecordKind};

use crate::counter::Totals;
use crate::db::{Conn, Tx};
use crate::error::StoreError;
use crate::rows::{
    DeliveryRow, EntityKey, EntityRow, FetchRow, Finished, Inserted, MergeRow, PutNode, RecordRow,
    RelationRow,
};
use crate::{Store, entity, fetch, inbox, node, outbox, problem, record, relation, setting};

/// A transaction that writes; dropped without [`WriteTx::commit`] it changes nothing.
///
/// On SQLite it is the only one at a time: whoever holds one must not call a writing method of [`Store`], which would
/// wait for it. On PostgreSQL the caller owns its identity scope by a lease, which
/// [`WriteTx::holds_lease`] checks inside the transaction (I21). Every method may fail with [`StoreError::Driver`];
/// those that say so also with other errors. After any error the transaction must be dropped. Lists may be of any
/// length and in any order; of two rows with one key the last counts.
pub struct WriteTx {
    tx: Tx,
    totals: Totals,
}

impl Store {
    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// [`StoreError::Driver`], also when other writers held the database for a minute.
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx {
            tx: self.db.begin().await?,
            totals: Totals::default(),
        })
    }
}

macro_rules! forward {
    ($(
        $(#[$doc:meta])*
        $name:ident = $module:ident::$function:ident ( $($argument:ident : $type:ty),* ) -> $result:ty;
    )*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`WriteTx`].
            pub async fn $name(&mut self, tenant: TenantId, $($argument: $type),*) -> Result<$result, StoreError> {
                $module::$function(&mut self.conn(), tenant, $($argument),*).await
            }
        )*
    };
}

impl WriteTx {
    forward! {
        /// Returns the records that are held, of `keys`.
        records = record::read(keys: &[RecordKey]) -> Vec<RecordRow>;
        /// Returns the records of `kinds` that belong to one of `owners`.
        owned = record::owned(kinds: &[RecordKind], owners: &[RecordKey]) -> Vec<RecordRow>;
        /// Returns the records of `kind` that refer to one of `ref_ids` ([`RecordRow::ref_id`]).
        referring = record::referring(kind: RecordKind, connection: ConnectionId, ref_ids: &[i64]) -> Vec<RecordRow>;
        /// Writes records. An owner of another connection is a [`StoreError::Contradiction`].
        put_records = record::put(rows: &[RecordRow]) -> ();
        /// Returns the nodes that are known, of `keys`, with their match keys.
        nodes = node::read(scope: i64, keys: &[RecordKey]) -> Vec<Node>;
        /// Returns for each key that any node has how many have it, counted up to 100.
        match_key_counts = node::key_counts(scope: i64, keys: &[MatchKey]) -> Vec<(MatchKey, i64)>;
        /// Returns the nodes that have one of `keys`, each once.
        nodes_by_keys = node::by_keys(scope: i64, keys: &[MatchKey]) -> Vec<Node>;
        /// Returns the nodes that belong to one of `relations`.
        nodes_of = node::of_relations(scope: i64, relations: &[RelationId]) -> Vec<Node>;
        /// Writes nodes, and their match keys where these changed.
        put_nodes = node::put(scope: i64, nodes: &[PutNode]) -> ();
        /// Removes nodes and their match keys.
        remove_nodes = node::remove(scope: i64, keys: &[RecordKey]) -> ();
        /// Returns the first of `n` numbers in a row that were never given before under `name`, from 1 on. A number
        /// of a transaction that was not committed may be given again.
        next_numbers = relation::next_numbers(name: &str, n: i64) -> i64;
        /// Returns the relations that exist, of `ids`.
        relations = relation::read(ids: &[RelationId]) -> Vec<RelationRow>;
        /// Writes relations.
        put_relations = relation::put(rows: &[RelationRow]) -> ();
        /// Writes merges and splits down.
        log_merges = relation::log_merges(rows: &[MergeRow]) -> ();
        /// Returns the entities that exist, of `keys`.
        entities = entity::read(keys: &[EntityKey]) -> Vec<EntityRow>;
        /// Returns the entities of `kind` that show one of `ref_ids` ([`EntityRow::ref_id`]).
        entities_showing = entity::showing(connection: ConnectionId, kind: ObjectKind, ref_ids: &[i64]) -> Vec<EntityRow>;
        /// Writes entities; a known thing keeps the id that it got first.
        put_entities = entity::put(rows: &[EntityRow]) -> ();
        /// Returns the deliveries of `objects` to `sink` and keeps them from being claimed or settled until the end
        /// of this transaction.
        deliveries = outbox::read_locked(sink: ConnectionId, objects: &[(ObjectKind, i64)]) -> Vec<DeliveryRow>;
        /// Replaces what is noted as repaired in these records.
        note_problems = problem::put(problems: &[(RecordKey, Vec<Problem>)]) -> ();
        /// Asks for things to be fetched: a new wish, or one more of a known one, which then is due at the earlier time.
        want_fetches = fetch::want(rows: &[FetchRow]) -> ();
        /// Writes our place in the stream `name`, with the items up to it (I24).
        put_checkpoint = setting::put_checkpoint(connection: ConnectionId, name: &str, value: &str) -> ();
    }

    /// Writes the desired part of deliveries: new rows whole; of known ones the wish, the desired version, digest
    /// and values, parent, root, state, due time and `since` (the older one stays while the row is not clean).
    ///
    /// What was claimed or confirmed is never touched. A claimed row stays claimed; the state that it shall have is
    /// kept for its settling. A row whose last attempt is uncertain becomes neither clean nor due before that
    /// attempt cannot execute any more (I14). A changed digest forgets the faults of the old one.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn put_deliveries(&mut self, tenant: TenantId, rows: &[DeliveryRow]) -> Result<(), StoreError> {
        outbox::put(&mut self.tx.conn(), &mut self.totals, tenant, rows).await
    }

    /// Stores events beside other work, such as the items of a page with its checkpoint (T4). The answers stand in
    /// the order of `events`.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn insert_events(&mut self, events: &[Event]) -> Result<Vec<Inserted>, StoreError> {
        inbox::insert(&mut self.tx.conn(), &mut self.totals, events).await
    }

    /// Writes what became of waiting events.
    ///
    /// # Errors
    /// [`StoreError::WrongRows`] when one of them does not wait any more: somebody else applied it.
    pub async fn finish_events(&mut self, tenant: TenantId, finished: &[Finished]) -> Result<(), StoreError> {
        inbox::finish(&mut self.tx.conn(), &mut self.totals, tenant, finished).await
    }

    /// Tells whether the lease `name` still has `epoch`, and keeps it from being taken until the end of this
    /// transaction (I21).
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn holds_lease(&mut self, name: &str, epoch: i64) -> Result<bool, StoreError> {
        crate::lease::is_held(&mut self.conn(), name, epoch).await
    }

    /// Makes everything durable, in one commit.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; when the connection broke during the commit it may have happened all the same.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.totals.flush(&mut self.tx.conn()).await?;
        self.tx.commit().await
    }

    fn conn(&mut self) -> Conn<'_> {
        self.tx.conn()
    }
}
