//! What shall be read from a source, and the answers on their way into the inbox.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::limits;
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::body::NewEvent;
use crate::class::{class_of, number_of};
use crate::counter::Totals;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::inbox;
use crate::record::{key_of, put_key};
use crate::relation::next_numbers;
use crate::rows::{AfterFetch, ClaimedFetch, EndedFetch, FetchRow, Hold};
use crate::setting::one;
use crate::sql::limit_of;
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Writes down that things shall be fetched.
///
/// A hint, a deletion that the source tells of, a meeting to confirm, a tie, or groups or rows that changed, during a running
/// fetch makes another one: what runs may have started before (I4). Whoever only misses a thing gets the answer of the
/// fetch that runs, or that came a moment ago and waits in the inbox. No wish shortens a back-off, and none is paid
/// within [`limits::FETCH_QUOTA_MS`] of the last answer.
pub(crate) async fn want(conn: &mut Conn<'_>, tenant: TenantId, rows: &[FetchRow]) -> Result<(), StoreError> {
    let rows = each_once(rows);
    for chunk in insert_chunks(&rows, 12) {
        let sql = conn
            .sql(
                "want fetches",
                "INSERT INTO wanted_fetch (tenant_id, connection_id, kind, remote_id, reason, due_at, not_before,
                     attempts, doubts, wanted, class, error)
                 VALUES ",
            )
            .rows(chunk, |row, values| {
                values.put(tenant.0);
                put_key(&row.key, values);
                values
                    .put(row.reason.as_str())
                    .put(row.due_at)
                    .put(0_i64)
                    .put(row.attempts)
                    .put(0_i64)
                    .put(row.wanted)
                    .put(number_of(row.class))
                    .put("");
            })
            .push(JOIN_WISHES);
        conn.execute(sql).await?;
    }
    Ok(())
}

/// How a wish joins the row that is there.
const JOIN_WISHES: &str = " ON CONFLICT (tenant_id, connection_id, kind, remote_id) DO UPDATE SET
     wanted = wanted_fetch.wanted
         + CASE WHEN excluded.reason IN ('hint', 'confirm', 'groups', 'rows', 'deleted', 'tie') THEN 1 ELSE 0 END,
     class = CASE WHEN wanted_fetch.due_at IS NULL OR excluded.class < wanted_fetch.class THEN excluded.class
         ELSE wanted_fetch.class END,
     reason = CASE WHEN wanted_fetch.due_at IS NULL OR wanted_fetch.reason = 'rows' OR excluded.reason = 'deleted'
             THEN excluded.reason
         ELSE wanted_fetch.reason END,
     due_at = CASE
         WHEN wanted_fetch.due_at IS NULL AND wanted_fetch.not_before > excluded.due_at
             AND excluded.reason NOT IN ('hint', 'confirm', 'groups', 'rows', 'deleted', 'tie') THEN NULL
         WHEN wanted_fetch.due_at <= excluded.due_at THEN wanted_fetch.due_at
         WHEN wanted_fetch.not_before > excluded.due_at THEN wanted_fetch.not_before
         ELSE excluded.due_at END";

/// Joins the wishes for one thing: the earliest time counts, the class that goes first, and the strongest reason.
fn each_once(rows: &[FetchRow]) -> Vec<FetchRow> {
    let mut joined: BTreeMap<RecordKey, FetchRow> = BTreeMap::new();
    for row in rows {
        let known = joined.entry(row.key).or_insert_with(|| row.clone());
        known.due_at = known.due_at.min(row.due_at);
        known.class = known.class.min(row.class);
        if strength(&row.reason) > strength(&known.reason) {
            known.reason.clone_from(&row.reason);
        }
    }
    joined.into_values().collect()
}

/// How much a reason asks for. A deletion that is told must be believed sooner; what is merely missed is not asked for once
/// it is there; and rows alone are not the whole thing.
fn strength(reason: &str) -> u8 {
    match reason {
        "deleted" => 3,
        "hint" | "confirm" | "groups" | "tie" => 2,
        "rows" => 1,
        _ => 0,
    }
}

impl Store {
    /// Gives the worker of `hold` the fetches of `connection` that are due and made for `class`; at most `limit`,
    /// earliest first.
    ///
    /// Fetches whose worker let its lease pass are given again.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn claim_fetches(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
        (class, limit): (Class, usize),
        hold: &Hold,
    ) -> Result<Vec<ClaimedFetch>, StoreError> {
        if !self.has_due_fetch(tenant, connection, now, class).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let freed = conn.sql(
            "free fetches",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, attempts = attempts + 1
             WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND lease_until <= $3",
        );
        conn.execute(freed.arg(tenant.0).arg(connection.0).arg(now))
            .await?;
        let sql = conn
            .sql(
                "claim fetches",
                "WITH due (due_tenant, due_connection, due_kind, due_id) AS MATERIALIZED (
                     SELECT tenant_id, connection_id, kind, remote_id FROM wanted_fetch AS d WHERE tenant_id = ",
            )
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND owner IS NULL AND class = ")
            .bind(number_of(class))
            .push(" AND due_at <= ")
            .bind(now)
            .push(" ORDER BY due_at, kind, remote_id LIMIT ")
            .bind(limit_of(limit))
            .push(conn.dialect().for_update_of_d_skip_locked())
            .push(") UPDATE wanted_fetch SET owner = ")
            .bind(hold.owner.as_str())
            .push(", lease_until = ")
            .bind(hold.until)
            .push(
                " FROM due WHERE tenant_id = due_tenant AND connection_id = due_connection
                     AND kind = due_kind AND remote_id = due_id
                 RETURNING connection_id, kind, remote_id, reason, due_at, attempts, wanted, class, doubts,
                     missing_since",
            );
        let rows = conn.fetch(sql).await?;
        let mut claimed = rows.iter().map(claimed_fetch).collect::<Result<Vec<_>, _>>()?;
        tx.commit().await?;
        claimed.sort_by_key(|claimed| (claimed.row.due_at, claimed.row.key));
        Ok(claimed)
    }

    /// Returns those of `keys` that are still to be fetched at `now`, are just being fetched, or were a moment ago, so that
    /// the answer may wait in the inbox; outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn open_fetches(
        &self,
        tenant: TenantId,
        keys: &[RecordKey],
        now: Timestamp,
    ) -> Result<BTreeSet<RecordKey>, StoreError> {
        let mut open = BTreeSet::new();
        for chunk in key_chunks(keys) {
            let text = "SELECT connection_id, kind, remote_id FROM wanted_fetch WHERE (due_at IS NOT NULL OR not_before > ";
            let sql = Sql::new(self.db.dialect(), "look which fetches are open", text)
                .bind(now)
                .push(") AND (tenant_id, connection_id, kind, remote_id) IN (VALUES ")
                .key_rows(chunk, |key, values| {
                    values.put(tenant.0);
                    put_key(key, values);
                })
                .push(")");
            for row in self.db.read(sql).await? {
                open.insert(key_of(&mut row.cells(), "wanted_fetch")?);
            }
        }
        Ok(open)
    }

    /// Tells whether anything of `connection` is due for `class`, by an index and without a lock, so that an idle worker
    /// writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn has_due_fetch(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
        class: Class,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for due fetches",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM wanted_fetch
                 WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NULL AND class = $4 AND due_at <= $3)
             OR EXISTS (SELECT 1 FROM wanted_fetch
                 WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND lease_until <= $3)",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(now).arg(number_of(class));
        Ok(!self.db.read(sql).await?.is_empty())
    }

    /// Ends fetches in one transaction: the answers that count go into the inbox, each with the next ordinal of its
    /// connection, and every fetch goes its way. One that was wanted again meanwhile is due again as soon as
    /// [`limits::FETCH_QUOTA_MS`] after `now` have passed.
    ///
    /// The answer of a fetch that another worker got after the claim of `owner` ended is dropped: it may be older than the
    /// other's, and would get the newer ordinal (I21). So is one that is ended again because the answer of a commit was
    /// lost.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn finish_fetches(
        &self,
        tenant: TenantId,
        owner: &str,
        fetches: &[EndedFetch],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if fetches.is_empty() {
            return Ok(());
        }
        let mut rows = last_of_each(fetches, |one| one.row.key);
        // In the order in which wishes lock them, or two would wait for each other.
        rows.sort_by_key(|one| one.row.key);
        let answers = rows
            .iter()
            .filter_map(|one| Some((one.row.key, one.event.clone()?)));
        let events: Vec<_> = answers.map(|(key, event)| (key, NewEvent::from(event))).collect();
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        for chunk in key_chunks(&rows) {
            lock_chunk(&mut conn, tenant, chunk).await?;
        }
        // It tells which of them are still ours.
        let mut ended = BTreeSet::new();
        for chunk in key_chunks(&rows) {
            end_chunk(&mut conn, tenant, owner, chunk, now, &mut ended).await?;
        }
        let counting = events.into_iter().filter(|(key, _)| ended.contains(key));
        let mut events: Vec<NewEvent> = counting.map(|(_, event)| event).collect();
        number_events(&mut conn, tenant, &mut events).await?;
        let mut totals = Totals::default();
        inbox::insert(&mut conn, &mut totals, &events).await?;
        forget_answered(&mut conn, tenant, &rows, now).await?;
        totals.flush(&mut conn).await?;
        tx.commit().await
    }

    /// Puts a fetch back until `due_at` because of `error`, which holds no personal data. No wish makes it due earlier.
    /// One that another worker got after `hold` ended stays with that one.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn retry_fetch(
        &self,
        tenant: TenantId,
        hold: &Hold,
        row: &FetchRow,
        due_at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        self.put_back(tenant, hold, row, (due_at, 1), error).await
    }

    /// Puts a fetch back until `due_at` like [`Store::retry_fetch`], without counting the attempt: nothing was wrong
    /// with it.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn postpone_fetch(
        &self,
        tenant: TenantId,
        hold: &Hold,
        row: &FetchRow,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.put_back(tenant, hold, row, (due_at, 0), "").await
    }

    async fn put_back(
        &self,
        tenant: TenantId,
        hold: &Hold,
        row: &FetchRow,
        (due_at, attempts): (Timestamp, i64),
        error: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "put a fetch back",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, due_at = $5, not_before = $5, error = $6,
                 attempts = attempts + $7
             WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3 AND remote_id = $4
                 AND owner = $8 AND lease_until = $9",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(row.key.connection.0)
            .arg(row.key.kind.as_str())
            .arg(row.key.remote_id)
            .arg(due_at)
            .arg(error)
            .arg(attempts)
            .arg(hold.owner.as_str())
            .arg(hold.until);
        conn.execute(sql).await?;
        tx.commit().await
    }

    /// Frees the fetches that owners other than `owner` hold, without waiting for their leases; returns how many.
    ///
    /// For the start of a process that is the only one ([`Store::lock`]), and for who took the lease of the source: a
    /// fetch changes nothing outside, so it may be repeated at once.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn recover_fetches(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        owner: &str,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "free fetches of others",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL
             WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND owner <> $3",
        );
        let freed = conn
            .execute(sql.arg(tenant.0).arg(connection.0).arg(owner))
            .await?;
        tx.commit().await?;
        Ok(freed)
    }

    /// Frees the fetches that `owner` holds besides `running`, without waiting for their leases; returns how many.
    ///
    /// For a worker whose store failed: what it claimed by a commit whose answer was lost it knows nothing of. One whose
    /// claim the server commits only after this is given again when its lease ends.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn free_fetches(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        owner: &str,
        running: &[RecordKey],
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let mut sql = conn
            .sql(
                "free fetches that nobody runs",
                "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL WHERE tenant_id = ",
            )
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND owner IS NOT NULL AND owner = ")
            .bind(owner);
        if !running.is_empty() {
            sql = sql
                .push(" AND (kind, remote_id) NOT IN (VALUES ")
                .key_rows(running, |key, values| {
                    values.put(key.kind.as_str()).put(key.remote_id);
                })
                .push(")");
        }
        let freed = conn.execute(sql).await?;
        tx.commit().await?;
        Ok(freed)
    }

    /// Returns how many things shall be fetched.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn fetch_count(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count fetches",
            "SELECT COUNT(*) FROM wanted_fetch WHERE tenant_id = $1 AND due_at IS NOT NULL",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        one("wanted_fetch", &rows)?.cells().int()
    }
}

/// Gives events the next ordinals of their connections (architecture §3, Record), in their order.
pub(crate) async fn number_events(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    events: &mut [NewEvent],
) -> Result<(), StoreError> {
    let mut counts: BTreeMap<ConnectionId, i64> = BTreeMap::new();
    for NewEvent { event, .. } in events.iter() {
        *counts.entry(event.connection).or_default() += 1;
    }
    for (connection, n) in counts {
        let name = format!("ordinal/{}", connection.0);
        let first = next_numbers(conn, tenant, &name, n).await?;
        let events = events.iter_mut().map(|new| &mut new.event);
        let of_connection = events.filter(|event| event.connection == connection);
        for (event, ordinal) in of_connection.zip(first..) {
            event.ordinal = ordinal;
        }
    }
    Ok(())
}

/// Locks `rows` one after the other, as they stand: by key, like wishes. The engine's own order of words may be another.
async fn lock_chunk(conn: &mut Conn<'_>, tenant: TenantId, rows: &[&EndedFetch]) -> Result<(), StoreError> {
    let mut place = 0_i64;
    let sql = conn
        .sql(
            "lock fetches",
            "WITH wanted (place, tenant, connection, thing, thing_id) AS (VALUES ",
        )
        .key_rows(rows, |one, values| {
            place += 1;
            values.put(place).put(tenant.0);
            put_key(&one.row.key, values);
        })
        .push(
            ") SELECT remote_id FROM wanted, wanted_fetch AS d WHERE tenant_id = tenant AND connection_id = connection
                 AND kind = thing AND remote_id = thing_id ORDER BY place",
        )
        .push(conn.dialect().for_update_of_d());
    conn.fetch(sql).await.map(drop)
}

/// Lets fetches go their ways after an answer, those that `owner` still holds; adds them to `ended`.
async fn end_chunk(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    owner: &str,
    rows: &[&EndedFetch],
    now: Timestamp,
    ended: &mut BTreeSet<RecordKey>,
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "end fetches",
            "WITH done (tenant, connection, thing, thing_id, held_until, was_wanted, again_at, is_doubted, since) AS (VALUES ",
        )
        .key_rows(rows, |one, values| {
            let (again_at, doubted, since) = match &one.after {
                AfterFetch::Done => (None, 0_i64, None),
                AfterFetch::Doubted { again_at } => (Some(again_at), 1, None),
                AfterFetch::Missing { since, again_at } => (Some(again_at), 0, Some(since)),
            };
            values.put(tenant.0);
            put_key(&one.row.key, values);
            values
                .put(one.until)
                .put(one.row.wanted)
                .put(again_at.map(|at| at.as_micros()))
                .put(doubted)
                .put(since.map(|at| at.as_micros()));
        })
        .push(") UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, attempts = 0, error = '', not_before = ")
        .bind(now.plus_ms(limits::FETCH_QUOTA_MS))
        .push(", due_at = CASE WHEN wanted = was_wanted THEN again_at ELSE ")
        .bind(now.plus_ms(limits::FETCH_QUOTA_MS))
        .push(
            " END, doubts = CASE WHEN is_doubted = 1 THEN doubts + 1 ELSE 0 END, missing_since = since
             FROM done WHERE tenant_id = tenant AND connection_id = connection AND kind = thing AND remote_id = thing_id
                 AND lease_until = held_until AND owner = ",
        )
        .bind(owner)
        .push(" RETURNING connection_id, kind, remote_id");
    for row in conn.fetch(sql).await? {
        ended.insert(key_of(&mut row.cells(), "wanted_fetch")?);
    }
    Ok(())
}

/// Removes what was answered long enough ago.
async fn forget_answered(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    rows: &[&EndedFetch],
    now: Timestamp,
) -> Result<(), StoreError> {
    let connections: BTreeSet<ConnectionId> = rows.iter().map(|one| one.row.key.connection).collect();
    for connection in connections {
        let sql = conn.sql(
            "forget answered fetches",
            "WITH done (thing, thing_id) AS MATERIALIZED (SELECT kind, remote_id FROM wanted_fetch AS d WHERE tenant_id = ",
        );
        // One that somebody wants again at this moment stays: whoever waits for it may wait for us.
        let sql = sql
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND due_at IS NULL AND not_before <= ")
            .bind(now)
            .push(conn.dialect().for_update_of_d_skip_locked())
            .push(") DELETE FROM wanted_fetch WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND (kind, remote_id) IN (SELECT thing, thing_id FROM done)");
        conn.execute(sql).await?;
    }
    Ok(())
}

fn claimed_fetch(row: &Row) -> Result<ClaimedFetch, StoreError> {
    let mut cells = row.cells();
    Ok(ClaimedFetch {
        row: FetchRow {
            key: key_of(&mut cells, "wanted_fetch")?,
            reason: cells.text()?,
            due_at: cells.time()?,
            attempts: cells.count()?,
            wanted: cells.int()?,
            class: class_of(cells.int()?),
        },
        doubts: cells.count()?,
        missing_since: cells.opt_int()?.map(Timestamp::from_micros),
    })
}
