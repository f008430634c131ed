//! The transaction of apply (T1): everything that one batch of events changes, or nothing of it (I5).

use std::collections::BTreeSet;

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, EventId, RelationId, TenantId};
use schakel_core::identity::{MatchKey, Node};
use schakel_core::problem::{Code, Problem};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_core::walk::Walk;

use crate::ahead::Ahead;
use crate::counter::Totals;
use crate::db::{Conn, Db, Tx};
use crate::error::StoreError;
use crate::rows::{
    DeliveryRow, EntityKey, EntityRow, FetchRow, Finished, MergeRow, PutNode, RecordRow, RelationRow, Window,
};
use crate::{Store, cart, entity, fetch, inbox, node, outbox, problem, record, relation, setting, walk};

/// A transaction that writes; dropped without [`WriteTx::commit`] it changes nothing.
///
/// It begins with reading beside the writer: records, nodes, relations, merges and numbers that are written then are
/// kept aside, so that intake and delivery go on. The first other write, or [`WriteTx::deliveries`], takes the write
/// lock and writes what was kept aside. The caller is the only one who writes those tables, by the lock of the process
/// or by a lease, which [`WriteTx::holds_lease`] checks inside the transaction (I21).
///
/// On SQLite it is then the only one at a time: whoever holds one must not call a writing method of [`Store`], which
/// would wait for it. Every method may fail with [`StoreError::Driver`];
/// those that say so also with other errors. After any error the transaction must be dropped. Lists may be of any
/// length and in any order; of two rows with one key the last counts.
pub struct WriteTx {
    db: Db,
    phase: Phase,
    totals: Totals,
}

/// Whether the write lock is taken.
enum Phase {
    /// Not yet.
    Ahead(Ahead),
    /// It is.
    Begun(Tx),
}

impl Phase {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Ahead(ahead) => ahead.conn(),
            Self::Begun(tx) => tx.conn(),
        }
    }
}

impl Store {
    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// [`StoreError::Driver`], also when others held every connection for a minute.
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        Ok(WriteTx {
            db: self.db.clone(),
            phase: Phase::Ahead(Ahead::new(self.db.reader().await?)),
            totals: Totals::default(),
        })
    }
}

macro_rules! forward {
    ($(
        $(#[$doc:meta])*
        $conn:ident $name:ident = $module:ident::$function:ident ( $($argument:ident : $type:ty),* ) -> $result:ty;
    )*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// See [`WriteTx`].
            pub async fn $name(&mut self, tenant: TenantId, $($argument: $type),*) -> Result<$result, StoreError> {
                $module::$function(&mut self.$conn().await?, tenant, $($argument),*).await
            }
        )*
    };
}

impl WriteTx {
    forward! {
        /// Returns the records of `kinds` that belong to one of `owners`, as they stood before this transaction.
        beside owned = record::owned(kinds: &[RecordKind], owners: &[RecordKey]) -> Vec<RecordRow>;
        /// Returns when each of `owners` placed the newest order but those of `except`, as it stood before this transaction;
        /// nothing of whoever placed none. All are of `connection`.
        beside newest_orders = cart::newest_orders(connection: ConnectionId, owners: &[RecordKey], except: &[i64]) -> Vec<(RecordKey, Timestamp)>;
        /// Returns the carts that last changed within `windows`, as they stood before this transaction.
        beside carts_within = cart::within(windows: &[Window]) -> Vec<RecordKey>;
        /// Returns the carts without a customer that a checkout names which belongs to one of `owners`, as they stood before
        /// this transaction.
        beside carts_by_owner = cart::by_owner(owners: &[RecordKey]) -> Vec<RecordKey>;
        /// Returns the carts without a customer that a checkout names which is called one of `labels`
        /// ([`RecordRow::label`]), as they stood before this transaction.
        beside carts_by_label = cart::by_label(labels: &[String]) -> Vec<RecordKey>;
        /// Returns the records of `kind` that refer to one of `ref_ids` ([`RecordRow::ref_id`]), as they stood before
        /// this transaction.
        beside referring = record::referring(kind: RecordKind, connection: ConnectionId, ref_ids: &[i64]) -> Vec<RecordRow>;
        /// Returns the walks of `connection`, in the order of job and part.
        beside walks = walk::read(connection: ConnectionId) -> Vec<Walk>;
        /// Writes merges and splits down.
        beside log_merges = relation::log_merges(rows: &[MergeRow]) -> ();
        /// Returns the entities that exist, of `keys`.
        beside entities = entity::read(keys: &[EntityKey]) -> Vec<EntityRow>;
        /// Returns the entities of `kind` that show one of `ref_ids` ([`EntityRow::ref_id`]).
        beside entities_showing = entity::showing(connection: ConnectionId, kind: ObjectKind, ref_ids: &[i64]) -> Vec<EntityRow>;
        /// Writes entities; a known thing keeps the id that it got first.
        locked put_entities = entity::put(rows: &[EntityRow]) -> ();
        /// Returns the deliveries of `objects` to `sink` and keeps them from being claimed or settled until the end
        /// of this transaction.
        locked deliveries = outbox::read_locked(sink: ConnectionId, objects: &[(ObjectKind, i64)]) -> Vec<DeliveryRow>;
        /// Replaces what is noted as repaired in these records.
        locked note_problems = problem::put(problems: &[(RecordKey, Vec<Problem>)]) -> ();
        /// Asks for things to be fetched: a new wish, or one more of a known one, which then is due at the earlier time.
        locked want_fetches = fetch::want(rows: &[FetchRow]) -> ();
        /// Writes our place in the stream `name`, with the items up to it (I24).
        locked put_checkpoint = setting::put_checkpoint(connection: ConnectionId, name: &str, value: &str) -> ();
    }

    /// Returns the records that are held, of `keys`.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn records(
        &mut self,
        tenant: TenantId,
        keys: &[RecordKey],
    ) -> Result<Vec<RecordRow>, StoreError> {
        let is_kept = self.ahead().is_some_and(|ahead| ahead.has_record(keys));
        record::read(&mut self.conn(is_kept).await?, tenant, keys).await
    }

    /// Writes records. An owner of another connection is a [`StoreError::Contradiction`].
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn put_records(&mut self, tenant: TenantId, rows: &[RecordRow]) -> Result<(), StoreError> {
        if let Some(ahead) = self.ahead() {
            ahead.put_records(rows);
        }
        record::put(&mut self.conn(false).await?, tenant, rows).await
    }

    /// Returns the nodes that are known, of `keys`, with their match keys.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn nodes(
        &mut self,
        tenant: TenantId,
        scope: i64,
        keys: &[RecordKey],
    ) -> Result<Vec<Node>, StoreError> {
        let mut nodes = node::read(&mut self.conn(false).await?, tenant, scope, keys).await?;
        if let Some(ahead) = self.ahead() {
            ahead.correct_nodes(scope, &mut nodes, |node| keys.contains(&node.key));
        }
        Ok(nodes)
    }

    /// Returns for each key that any node has how many have it, counted up to 100.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn match_key_counts(
        &mut self,
        tenant: TenantId,
        scope: i64,
        keys: &[MatchKey],
    ) -> Result<Vec<(MatchKey, i64)>, StoreError> {
        let is_kept = self.ahead().is_some_and(|ahead| ahead.has_nodes(scope));
        node::key_counts(&mut self.conn(is_kept).await?, tenant, scope, keys).await
    }

    /// Returns the nodes that have one of `keys`, each once.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn nodes_by_keys(
        &mut self,
        tenant: TenantId,
        scope: i64,
        keys: &[MatchKey],
    ) -> Result<Vec<Node>, StoreError> {
        let is_kept = self.ahead().is_some_and(|ahead| ahead.has_nodes(scope));
        node::by_keys(&mut self.conn(is_kept).await?, tenant, scope, keys).await
    }

    /// Returns the nodes that belong to one of `relations`.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn nodes_of(
        &mut self,
        tenant: TenantId,
        scope: i64,
        relations: &[RelationId],
    ) -> Result<Vec<Node>, StoreError> {
        let mut nodes = node::of_relations(&mut self.conn(false).await?, tenant, scope, relations).await?;
        if let Some(ahead) = self.ahead() {
            let wanted: BTreeSet<RelationId> = relations.iter().copied().collect();
            ahead.correct_nodes(scope, &mut nodes, |node| {
                node.relation.is_some_and(|relation| wanted.contains(&relation))
            });
        }
        Ok(nodes)
    }

    /// Writes nodes, and their match keys where these changed.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn put_nodes(
        &mut self,
        tenant: TenantId,
        scope: i64,
        nodes: &[PutNode],
    ) -> Result<(), StoreError> {
        let is_kept = self.ahead().is_some_and(|ahead| ahead.has_nodes(scope));
        node::put(&mut self.conn(is_kept).await?, tenant, scope, nodes).await?;
        if let Some(ahead) = self.ahead() {
            let rows = nodes.iter().map(|put| (put.node.key, Some(put.node.clone())));
            ahead.put_nodes(scope, rows);
        }
        Ok(())
    }

    /// Removes nodes and their match keys.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn remove_nodes(
        &mut self,
        tenant: TenantId,
        scope: i64,
        keys: &[RecordKey],
    ) -> Result<(), StoreError> {
        let is_kept = self
            .ahead()
            .is_some_and(|ahead| keys.iter().any(|key| ahead.has_node(scope, *key)));
        node::remove(&mut self.conn(is_kept).await?, tenant, scope, keys).await?;
        if let Some(ahead) = self.ahead() {
            ahead.put_nodes(scope, keys.iter().map(|key| (*key, None)));
        }
        Ok(())
    }

    /// Returns the first of `n` numbers in a row that were never given before under `name`, from 1 on. A number
    /// of a transaction that was not committed may be given again.
    ///
    /// # Errors
    /// See [`WriteTx`]. [`StoreError::WrongRows`] at the commit when somebody else took numbers of that name.
    pub async fn next_numbers(&mut self, tenant: TenantId, name: &str, n: i64) -> Result<i64, StoreError> {
        match &mut self.phase {
            Phase::Ahead(ahead) => ahead.next_numbers(tenant, name, n).await,
            Phase::Begun(tx) => relation::next_numbers(&mut tx.conn(), tenant, name, n).await,
        }
    }

    /// Returns the relations that exist, of `ids`.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn relations(
        &mut self,
        tenant: TenantId,
        ids: &[RelationId],
    ) -> Result<Vec<RelationRow>, StoreError> {
        let mut rows = relation::read(&mut self.conn(false).await?, tenant, ids).await?;
        if let Some(ahead) = self.ahead() {
            ahead.correct_relations(ids, &mut rows);
        }
        Ok(rows)
    }

    /// Writes relations.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn put_relations(&mut self, tenant: TenantId, rows: &[RelationRow]) -> Result<(), StoreError> {
        if let Some(ahead) = self.ahead() {
            ahead.put_relations(rows);
        }
        relation::put(&mut self.conn(false).await?, tenant, rows).await
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
        let (mut conn, totals) = self.counting().await?;
        outbox::put(&mut conn, totals, tenant, rows).await
    }

    /// Writes what became of waiting events.
    ///
    /// # Errors
    /// [`StoreError::WrongRows`] when one of them does not wait any more: somebody else applied it.
    pub async fn finish_events(&mut self, tenant: TenantId, finished: &[Finished]) -> Result<(), StoreError> {
        let (mut conn, totals) = self.counting().await?;
        inbox::finish(&mut conn, totals, tenant, finished).await
    }

    /// Sets applied events aside after all, because of `code`; others are left as they are.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn set_aside_applied(
        &mut self,
        tenant: TenantId,
        code: Code,
        events: &[EventId],
    ) -> Result<(), StoreError> {
        let (mut conn, totals) = self.counting().await?;
        inbox::set_aside(&mut conn, totals, tenant, code, events).await
    }

    /// Takes back what [`WriteTx::set_aside_applied`] did for `code` to the events about `things`: the event named with
    /// each is applied, the others about it are overtaken. Events that were set aside otherwise stay.
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn take_back(
        &mut self,
        tenant: TenantId,
        code: Code,
        things: &[(RecordKey, EventId)],
    ) -> Result<(), StoreError> {
        let (mut conn, totals) = self.counting().await?;
        inbox::take_back(&mut conn, totals, tenant, code, things).await
    }

    /// Tells whether the lease `name` still has `epoch`, and keeps it from being taken until the end of this
    /// transaction (I21).
    ///
    /// # Errors
    /// See [`WriteTx`].
    pub async fn holds_lease(&mut self, name: &str, epoch: i64) -> Result<bool, StoreError> {
        crate::lease::is_held(&mut self.conn(true).await?, name, epoch).await
    }

    /// Makes everything durable, in one commit.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; when the connection broke during the commit it may have happened all the same.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let (mut conn, totals) = self.counting().await?;
        totals.flush(&mut conn).await?;
        match self.phase {
            Phase::Begun(tx) => tx.commit().await,
            Phase::Ahead(_) => Ok(()),
        }
    }

    /// What is done without the lock, while it is not taken.
    fn ahead(&mut self) -> Option<&mut Ahead> {
        match &mut self.phase {
            Phase::Ahead(ahead) => Some(ahead),
            Phase::Begun(_) => None,
        }
    }

    /// The connection, as long as the write lock is not needed.
    async fn beside(&mut self) -> Result<Conn<'_>, StoreError> {
        self.conn(false).await
    }

    /// The connection with the write lock.
    async fn locked(&mut self) -> Result<Conn<'_>, StoreError> {
        self.conn(true).await
    }

    /// The connection; takes the write lock first where it is needed, and writes what was kept aside.
    async fn conn(&mut self, needs_lock: bool) -> Result<Conn<'_>, StoreError> {
        if needs_lock && self.ahead().is_some() {
            let tx = self.db.begin().await?;
            if let Phase::Ahead(ahead) = std::mem::replace(&mut self.phase, Phase::Begun(tx)) {
                ahead.write(&mut self.phase.conn()).await?;
            }
        }
        Ok(self.phase.conn())
    }

    /// The connection with the write lock, beside the totals.
    pub(crate) async fn counting(&mut self) -> Result<(Conn<'_>, &mut Totals), StoreError> {
        self.locked().await?;
        Ok((self.phase.conn(), &mut self.totals))
    }
}
