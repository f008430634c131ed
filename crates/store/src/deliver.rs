//! One step of delivering: settle what came back (T3) and claim what is next (T2), in one transaction.

use schakel_core::id::{ConnectionId, TenantId};

use crate::Store;
use crate::db::Tx;
use crate::error::StoreError;
use crate::rows::{Claim, Claimed, Settle};
use crate::{claim, settle};

impl Store {
    /// Settles attempts and claims deliveries of one sink, in one transaction with one commit; an idle step writes
    /// nothing.
    ///
    /// Settling counts only while the row's open attempt is the settled one: a worker that lost its lease changes
    /// nothing (I21). By outcome:
    /// - confirmed: the row holds what was sent and is clean, or waits again where the desired state moved on. The
    ///   first confirmation lets children go. A profile that had to be made anew (`is_created` on a row that was
    ///   confirmed before) makes everything under it unconfirmed: it went with the old one. What stood somewhere is
    ///   uncertain from then on, because it may still stand under a third profile.
    /// - again, uncertain, fault: ready at the outcome's time; after an uncertain one nothing is sent before (I14).
    ///   A fault counts only against the content that was sent.
    /// - dead: given up, unless newer content came in meanwhile.
    ///
    /// A profile that shall go is held while anything of ours stands under it: it becomes ready when the last child
    /// has left, or when it is due and has none.
    ///
    /// Then other rows that are held no longer become ready, and due rows are claimed, earliest first, each with an
    /// attempt recorded under an id of `ids` (I13).
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`]. Nothing was changed, unless the connection broke during
    /// the commit; settling again is then safe.
    pub async fn deliver_step(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        settles: &[Settle],
        claim: Option<&Claim>,
        ids: &mut (dyn FnMut() -> i64 + Send),
    ) -> Result<Vec<Claimed>, StoreError> {
        if settles.is_empty() {
            let Some(claim) = claim else {
                return Ok(Vec::new());
            };
            let due = self.next_due(tenant, sink).await?;
            if due.is_none_or(|due| due > claim.now) {
                return Ok(Vec::new());
            }
        }
        self.deliver_turn()
            .await?
            .step((tenant, sink), settles, claim, ids)
            .await
    }

    /// Waits for its turn to settle and claim, so that the caller can take what comes back meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn deliver_turn(&self) -> Result<DeliverTx, StoreError> {
        Ok(DeliverTx(self.db.begin().await?))
    }
}

/// A transaction that settles and claims; dropped it changes nothing.
pub struct DeliverTx(Tx);

impl DeliverTx {
    /// Settles and claims, and commits; see [`Store::deliver_step`].
    ///
    /// # Errors
    /// See [`Store::deliver_step`].
    pub async fn step(
        mut self,
        (tenant, sink): (TenantId, ConnectionId),
        settles: &[Settle],
        claim: Option<&Claim>,
        ids: &mut (dyn FnMut() -> i64 + Send),
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut conn = self.0.conn();
        settle::settle(&mut conn, tenant, sink, settles).await?;
        let claimed = match claim {
            Some(claim) => claim::claim(&mut conn, claim, ids).await?,
            None => Vec::new(),
        };
        self.0.commit().await?;
        Ok(claimed)
    }
}
