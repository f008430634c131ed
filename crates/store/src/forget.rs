//! What stood in a sink and is not there any more, or stands under another id: it is forgotten, and so delivered again.

use std::collections::BTreeMap;

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::outbox::{is_blocked, of_objects};
use crate::setting;
use crate::sql::{Sql, key_chunks, limit_of};

impl Store {
    /// Returns which of these persons shall stand in `sink` and are remembered there under another id than the one given
    /// with their number, by the id under which they were found.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn remembered_elsewhere(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        found: &[(i64, i64)],
    ) -> Result<Vec<Elsewhere>, StoreError> {
        let mut elsewhere = Vec::new();
        for chunk in key_chunks(found) {
            let sql = Sql::new(self.db.dialect(), "look for profiles under other ids", STANDING);
            for row in self
                .db
                .read(of_objects(sql, tenant, sink, &objects(chunk)))
                .await?
            {
                let (_, number, remembered) = standing(&row)?;
                let found = chunk
                    .iter()
                    .filter(|(of, id)| *of == number && Some(*id) != remembered);
                elsewhere.extend(found.filter_map(|(_, found)| {
                    Some(Elsewhere {
                        number,
                        found: *found,
                        remembered: remembered?,
                    })
                }));
            }
        }
        elsewhere.sort_by_key(|one| one.found);
        Ok(elsewhere)
    }

    /// Forgets the ids of these persons in `sink`, where they still are the ones that are remembered: the persons and all
    /// that stood under them are delivered again, parents first, each looked up by its key. Writes the setting `name`
    /// with it. Returns how many persons that were.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; nothing was changed then.
    pub async fn forget_profiles(
        &self,
        (tenant, sink): (TenantId, ConnectionId),
        lost: &[Elsewhere],
        (name, value): (&str, &[u8]),
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let mut forgotten = 0;
        for chunk in key_chunks(lost) {
            let numbers: Vec<_> = chunk.iter().map(|one| (one.number, 0)).collect();
            let sql = conn.sql("find profiles under other ids", STANDING);
            let dialect = conn.dialect();
            let sql = of_objects(sql, tenant, sink, &objects(&numbers))
                .push(" ORDER BY +d.id")
                .push(dialect.for_update_of_d());
            let mut roots = Vec::with_capacity(chunk.len());
            for row in conn.fetch(sql).await? {
                let (id, number, remembered) = standing(&row)?;
                if chunk
                    .iter()
                    .any(|one| one.number == number && Some(one.remembered) == remembered)
                {
                    roots.push(id);
                }
            }
            unconfirm(&mut conn, tenant, &roots, now).await?;
            for chunk in key_chunks(&roots) {
                forget(&mut conn, tenant, chunk, now).await?;
            }
            forgotten += roots.len();
        }
        setting::put(&mut conn, name, value).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// Counts by state what shall stand in `sink` of these persons: themselves and all that stands under them.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn states_under(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        numbers: &[i64],
    ) -> Result<Vec<(DeliveryState, i64)>, StoreError> {
        let mut counts: BTreeMap<&'static str, (DeliveryState, i64)> = BTreeMap::new();
        let numbers: Vec<(i64, i64)> = numbers.iter().map(|number| (*number, 0)).collect();
        for chunk in key_chunks(&numbers) {
            let sql = Sql::new(self.db.dialect(), "find profiles", STANDING);
            let rows = self
                .db
                .read(of_objects(sql, tenant, sink, &objects(chunk)))
                .await?;
            let roots: Result<Vec<i64>, StoreError> = rows.iter().map(|row| Ok(standing(row)?.0)).collect();
            let roots = roots?;
            if roots.is_empty() {
                continue;
            }
            for which in ["(tenant_id, id)", "root_id IS NOT NULL AND (tenant_id, root_id)"] {
                let text = "SELECT state, COUNT(*) FROM delivery WHERE wish = 'present' AND ";
                let sql = Sql::new(self.db.dialect(), "count what stands under profiles", text)
                    .push(which)
                    .push(" IN (VALUES ")
                    .key_rows(&roots, |id, values| {
                        values.put(tenant.0).put(*id);
                    })
                    .push(") GROUP BY state");
                for row in self.db.read(sql).await? {
                    let mut cells = row.cells();
                    let state = cells.word("delivery", "state", DeliveryState::parse)?;
                    counts.entry(state.as_str()).or_insert((state, 0)).1 += cells.int()?;
                }
            }
        }
        Ok(counts.into_values().collect())
    }

    /// Returns the id in `sink` of the person with the highest number of those who have one there; 0 when nobody has.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn last_remembered(&self, tenant: TenantId, sink: ConnectionId) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for the last profile",
            "SELECT remote_id FROM delivery
             WHERE tenant_id = $1 AND sink_id = $2 AND kind = $3 AND remote_id IS NOT NULL
             ORDER BY object DESC LIMIT 1",
        );
        let kind = ObjectKind::Relation.as_str();
        let rows = self.db.read(sql.arg(tenant.0).arg(sink.0).arg(kind)).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }
}

/// Takes from rows all that is known of them in the sink. What shall be gone is gone in a new place; what shall be there is
/// to be delivered, parents first.
const START_ANEW: &str = "UPDATE delivery SET
     confirmed_version = CASE WHEN wish = 'absent' THEN desired_version ELSE 0 END,
     confirmed_digest = CASE WHEN wish = 'absent' THEN desired_digest ELSE NULL END,
     remote_id = NULL, remote_parent = NULL, is_uncertain = FALSE, is_forgotten = FALSE, settle_at = 0,
     attempts = 0, faults = 0, next_state = NULL, attempt_id = NULL, owner = NULL, lease_until = NULL,
     since = CASE WHEN state = 'clean' THEN ";

impl Store {
    /// Forgets all that is known of the next `limit` persons behind number `after` in `sink`, and of what stands under them, in
    /// one transaction: it is delivered as if nothing ever was. Returns the last of these numbers; `None` when there are no
    /// more. No process may deliver there meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; nothing was changed then.
    pub async fn start_anew(
        &self,
        (tenant, sink): (TenantId, ConnectionId),
        after: i64,
        limit: usize,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "read a page of persons in a sink",
            "SELECT id, object FROM delivery
             WHERE tenant_id = $1 AND sink_id = $2 AND kind = $3 AND object > $4 ORDER BY object LIMIT $5",
        );
        let kind = ObjectKind::Relation.as_str();
        let sql = sql
            .arg(tenant.0)
            .arg(sink.0)
            .arg(kind)
            .arg(after)
            .arg(limit_of(limit));
        let (mut last, mut roots) = (None, Vec::new());
        for row in conn.fetch(sql).await? {
            let mut cells = row.cells();
            roots.push(cells.int()?);
            last = Some(cells.int()?);
        }
        for chunk in key_chunks(&roots) {
            for (state, which) in [
                (DeliveryState::Ready, "(tenant_id, id)"),
                (
                    DeliveryState::Parent,
                    "root_id IS NOT NULL AND (tenant_id, root_id)",
                ),
            ] {
                let sql = conn
                    .sql("start anew in a sink", START_ANEW)
                    .bind(now)
                    .push(" ELSE since END, due_at = CASE WHEN state = 'clean' THEN ")
                    .bind(now)
                    .push(
                        " ELSE due_at END, state = CASE WHEN wish = 'absent' THEN 'clean'
                             WHEN state IN ('clean', 'parent', 'ready', 'claimed') THEN ",
                    )
                    .bind(state.as_str())
                    .push(" ELSE state END WHERE ")
                    .push(which)
                    .push(" IN (VALUES ")
                    .key_rows(chunk, |id, values| {
                        values.put(tenant.0).put(*id);
                    })
                    .push(")");
                conn.execute(sql).await?;
            }
        }
        tx.commit().await?;
        Ok(last)
    }
}

/// Reads persons that shall stand in a sink, with the ids that are remembered.
const STANDING: &str = "SELECT d.id, d.object, d.remote_id FROM delivery AS d WHERE d.wish = 'present' AND ";

fn standing(row: &Row) -> Result<(i64, i64, Option<i64>), StoreError> {
    let mut cells = row.cells();
    Ok((cells.int()?, cells.int()?, cells.opt_int()?))
}

fn objects(found: &[(i64, i64)]) -> Vec<(ObjectKind, i64)> {
    found
        .iter()
        .map(|(number, _)| (ObjectKind::Relation, *number))
        .collect()
}

/// A person who is remembered in a sink under one id and was found under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// The person's number.
    pub number: i64,
    /// The id under which it was found.
    pub found: i64,
    /// The id that is remembered.
    pub remembered: i64,
}

/// Makes the profiles of these objects unconfirmed, since they were removed in the sink; returns them.
pub(crate) async fn lose_roots(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    orphans: &[i64],
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let sql = conn
        .sql(
            "find lost profiles",
            "SELECT DISTINCT root_id FROM delivery WHERE root_id IS NOT NULL AND (tenant_id, id) IN (VALUES ",
        )
        .key_rows(orphans, |id, values| {
            values.put(tenant.0).put(*id);
        })
        .push(") ORDER BY root_id");
    let rows = conn.fetch(sql).await?;
    let roots = rows
        .iter()
        .map(|row| row.cells().int())
        .collect::<Result<Vec<i64>, _>>()?;
    unconfirm(conn, tenant, &roots, now).await?;
    Ok(roots)
}

/// Makes these profiles unconfirmed. Parents before children: everything under them waits until they are confirmed again.
/// Their ids are dead, and another profile may hold the number by now (somebody imported it again): uncertain, so that the
/// sink looks the number up; and what an open attempt confirms is the dead one.
async fn unconfirm(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    roots: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in key_chunks(roots) {
        let sql = conn
            .sql(
                "make lost profiles unconfirmed",
                "UPDATE delivery SET confirmed_version = 0, confirmed_digest = NULL, remote_id = NULL, is_uncertain = TRUE,
                 is_forgotten = (state = 'claimed'), due_at = CASE WHEN state = 'clean' THEN ",
            )
            .bind(now)
            .push(
                " ELSE due_at END, state = CASE WHEN state = 'clean' THEN 'ready' ELSE state END
                 WHERE wish = 'present' AND (tenant_id, id) IN (VALUES ",
            )
            .key_rows(chunk, |id, values| {
                values.put(tenant.0).put(*id);
            })
            .push(")");
        conn.execute(sql).await?;
    }
    Ok(())
}

/// Makes everything under these roots unconfirmed: it went away with their former objects, or it stands under another
/// profile, where a merge had put it before a split took it back.
///
/// Where something stood stays written down, and it is uncertain, so that the sink looks its key up and removes what
/// stands elsewhere. No attempt is open after this, so nothing must be waited for.
pub(crate) async fn forget(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    roots: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "forget what was confirmed",
            "UPDATE delivery SET confirmed_version = 0, confirmed_digest = NULL, remote_id = NULL,
                 is_uncertain = (is_uncertain OR remote_parent IS NOT NULL), is_forgotten = (state = 'claimed'),
                 state = CASE WHEN state IN ('clean', 'parent') THEN 'ready' ELSE state END,
                 since = CASE WHEN state = 'clean' THEN ",
        )
        .bind(now)
        .push(" ELSE since END, due_at = CASE WHEN state = 'clean' THEN ")
        .bind(now)
        .push(" ELSE due_at END WHERE wish = 'present' AND root_id IS NOT NULL AND (tenant_id, root_id) IN (VALUES ")
        .key_rows(roots, |id, values| {
            values.put(tenant.0).put(*id);
        })
        .push(")");
    conn.execute(sql).await?;
    let sql = conn
        .sql(
            "let children wait again",
            "UPDATE delivery SET state = 'parent' WHERE state = 'ready' AND root_id IS NOT NULL AND (tenant_id, root_id) IN (VALUES ",
        )
        .key_rows(roots, |id, values| {
            values.put(tenant.0).put(*id);
        })
        .push(concat!(") AND ", is_blocked!()));
    conn.execute(sql).await.map(|_| ())
}
