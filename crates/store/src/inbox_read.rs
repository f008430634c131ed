//! What the inbox holds: events to apply, events to show, numbers.

use std::collections::BTreeMap;

use schakel_core::event::{Action, Event, EventState, Origin, Trust};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::body::body_of;
use crate::class::class_of;
use crate::db::{Row, contradiction};
use crate::error::StoreError;
use crate::inbox::{DUPLICATE, RECEIVED, REJECTED, problems_from_json};
use crate::rows::{AsideRow, Bound, EventRow, InboxCounts, QuarantineFilter, Waiting};
use crate::sql::{Sql, key_chunks, limit_of};

/// Reads whole events; the columns in the order in which [`event_row`] takes them.
const SELECT: &str =
    "SELECT id, tenant_id, connection_id, origin, class, trust, stream, kind, action, remote_id, ordinal,
         status, floor_at, received_at, asked_at, headers, body_bytes, body, body_digest, state, problems
     FROM event ";

/// The order in which what waits is applied, which is that of its index.
const IN_TURN: &str =
    " ORDER BY (CASE WHEN origin = 'fetch' THEN 0 WHEN origin = 'webhook' THEN 1 ELSE 2 END), id";

/// How many waiting events are looked at for words of a newer version: the status page asks every few seconds.
const NEWER_LOOKED_AT: usize = 10_000;

impl Store {
    /// Returns waiting events of `connections` after `after`, as many as `bound` allows: the answers to our own
    /// questions first, each in the order of their ids.
    ///
    /// Those of other connections are left waiting for a process that knows them, and so are those with a word that only
    /// a newer version writes ([`Store::newer_waiting`]).
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn waiting_events(
        &self,
        tenant: TenantId,
        connections: &[ConnectionId],
        after: EventId,
        bound: Bound,
    ) -> Result<Waiting, StoreError> {
        let mut waiting = Waiting::default();
        if connections.is_empty() {
            return Ok(waiting);
        }
        let ids = self.next_waiting(tenant, connections, after, bound).await?;
        for chunk in key_chunks(&ids) {
            let sql = self
                .events("read waiting events")
                .push("WHERE (tenant_id, id) IN (VALUES ")
                .key_rows(chunk, |event, values| {
                    values.put(tenant.0).put(event.0);
                })
                .push(")");
            let rows = self.db.read(sql).await?;
            let mut by_id = BTreeMap::new();
            for row in &rows {
                by_id.insert(EventId(row.cells().int()?), row);
            }
            for id in chunk {
                match by_id.get(id).map(|row| event_row(row)) {
                    Some(Ok(row)) => waiting.events.push(row.event),
                    Some(Err(error)) => waiting.damaged.push((*id, error.to_string())),
                    None => {}
                }
            }
        }
        Ok(waiting)
    }

    /// Returns the ids of the events that [`Store::waiting_events`] reads: their sizes are known before their bodies.
    async fn next_waiting(
        &self,
        tenant: TenantId,
        connections: &[ConnectionId],
        after: EventId,
        bound: Bound,
    ) -> Result<Vec<EventId>, StoreError> {
        // With the plus signs the index of what waits is used, in its order, and not that of all events.
        let sql = Sql::new(
            self.db.dialect(),
            "read which events wait",
            "SELECT id, body_bytes FROM event WHERE tenant_id = ",
        )
        .bind(tenant.0)
        .push(" AND state = 'waiting' AND +id > ")
        .bind(after.0)
        .push(" AND +connection_id IN (VALUES ")
        .key_rows(connections, |connection, values| {
            values.put(connection.0);
        })
        .push(") AND ");
        let sql = known_words(sql)
            .push(IN_TURN)
            .push(" LIMIT ")
            .bind(limit_of(bound.events));
        let mut ids = Vec::new();
        let (mut bytes, most) = (0_i64, limit_of(bound.bytes));
        for row in self.db.read(sql).await? {
            let mut cells = row.cells();
            let id = EventId(cells.int()?);
            bytes = bytes.saturating_add(cells.int()?);
            if bytes > most && !ids.is_empty() {
                break;
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// Returns how many events of each connection wait for a newer version, because they hold a word that this one does
    /// not know. Looks at the first [`NEWER_LOOKED_AT`] that wait: what stays comes to stand before what is applied.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn newer_waiting(&self, tenant: TenantId) -> Result<Vec<(ConnectionId, i64)>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count events of a newer version",
            "SELECT connection_id, COUNT(*) FROM
                 (SELECT connection_id, origin, trust, kind FROM event WHERE tenant_id = ",
        )
        .bind(tenant.0)
        .push(" AND state = 'waiting'")
        .push(IN_TURN)
        .push(" LIMIT ")
        .bind(limit_of(NEWER_LOOKED_AT))
        .push(") AS due WHERE NOT ");
        let sql = known_words(sql).push(" GROUP BY connection_id ORDER BY connection_id");
        let rows = self.db.read(sql).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((ConnectionId(cells.int()?), cells.int()?))
            })
            .collect()
    }

    /// Counts waiting events of `connection`, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_waiting(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        most: i64,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count waiting events",
            "SELECT count(*) FROM (SELECT 1 FROM event
                 WHERE tenant_id = $1 AND state = 'waiting' AND connection_id = $2 LIMIT $3) AS few",
        );
        let rows = self
            .db
            .read(sql.arg(tenant.0).arg(connection.0).arg(most))
            .await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Counts how many webhooks of `connection` ever came in, repeats included.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn webhooks_received(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count webhooks",
            "SELECT n FROM counter WHERE tenant_id = $1 AND connection_id = $2 AND origin = $3 AND name = $4",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(connection.0)
            .arg(Origin::Webhook.as_str())
            .arg(RECEIVED);
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Returns how often each of `events` was begun without an end ([`Store::begin_events`]).
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn event_starts(
        &self,
        tenant: TenantId,
        events: &[EventId],
    ) -> Result<BTreeMap<EventId, u32>, StoreError> {
        let mut starts = BTreeMap::new();
        for chunk in key_chunks(events) {
            let sql = Sql::new(
                self.db.dialect(),
                "read the starts of events",
                "SELECT id, starts FROM event WHERE (tenant_id, id) IN (VALUES ",
            )
            .key_rows(chunk, |event, values| {
                values.put(tenant.0).put(event.0);
            })
            .push(")");
            for row in self.db.read(sql).await? {
                let mut cells = row.cells();
                starts.insert(EventId(cells.int()?), cells.count()?);
            }
        }
        Ok(starts)
    }

    /// Returns one event.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`] when its body is not the one that was received (I3).
    pub async fn read_event(&self, tenant: TenantId, event: EventId) -> Result<Option<EventRow>, StoreError> {
        let sql = self
            .events("read an event")
            .push("WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND id = ")
            .bind(event.0);
        let rows = self.db.read(sql).await?;
        rows.first().map(event_row).transpose()
    }

    /// Returns the newest events about `key`, newest first, at most `limit`; and apart the ids of those among them that
    /// can't be read, because they are damaged or hold a word of a newer version.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn read_events_of(
        &self,
        tenant: TenantId,
        key: RecordKey,
        limit: usize,
    ) -> Result<(Vec<EventRow>, Vec<EventId>), StoreError> {
        let sql = self
            .events("read the events of a record")
            .push("WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(key.connection.0)
            .push(" AND remote_id = ")
            .bind(key.remote_id)
            .push(" AND kind = ")
            .bind(key.kind.as_str())
            .push(" ORDER BY +id DESC LIMIT ")
            .bind(limit_of(limit));
        let (mut events, mut unreadable) = (Vec::new(), Vec::new());
        for row in &self.db.read(sql).await? {
            match event_row(row) {
                Ok(event) => events.push(event),
                Err(_) => unreadable.push(EventId(row.cells().int()?)),
            }
        }
        Ok((events, unreadable))
    }

    /// Returns the quarantined events that `filter` means, grouped by reason, a page at a time; without their bodies, so
    /// that damaged ones can be listed too.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn quarantined(
        &self,
        tenant: TenantId,
        filter: &QuarantineFilter,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<AsideRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read quarantined events",
            "SELECT id, connection_id, origin, stream, kind, remote_id, received_at, reason, problems, body_bytes
             FROM event ",
        );
        let sql = aside(sql, tenant, filter)
            .push(" ORDER BY reason, id LIMIT ")
            .bind(limit_of(limit))
            .push(" OFFSET ")
            .bind(limit_of(offset));
        self.db.read(sql).await?.iter().map(aside_row).collect()
    }

    /// Returns the ids of all quarantined events that `filter` means, oldest first.
    pub(crate) async fn quarantined_ids(
        &self,
        tenant: TenantId,
        filter: &QuarantineFilter,
    ) -> Result<Vec<EventId>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read the ids of quarantined events",
            "SELECT id FROM event ",
        );
        let rows = self
            .db
            .read(aside(sql, tenant, filter).push(" ORDER BY +id"))
            .await?;
        rows.iter().map(|row| row.cells().int().map(EventId)).collect()
    }

    /// Returns for each reason how many events are quarantined.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn quarantine_groups(&self, tenant: TenantId) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count quarantined events",
            "SELECT reason, COUNT(*) FROM event
             WHERE tenant_id = $1 AND state = 'quarantined' GROUP BY reason ORDER BY reason",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((cells.text()?, cells.int()?))
            })
            .collect()
    }

    /// Returns the numbers of the inbox from the running totals; `None` sums over all.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn inbox_counts(
        &self,
        tenant: TenantId,
        connection: Option<ConnectionId>,
        origin: Option<Origin>,
    ) -> Result<InboxCounts, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read the totals of the inbox",
            "SELECT name, CAST(SUM(n) AS BIGINT) FROM counter WHERE tenant_id = ",
        )
        .bind(tenant.0);
        // Other totals have other first words.
        let sql = filter(sql, connection, origin)
            .push(" AND origin IN ('webhook', 'fetch', 'sweep', 'backfill') GROUP BY name");
        let mut counts = InboxCounts::default();
        for row in self.db.read(sql).await? {
            let mut cells = row.cells();
            let (name, n) = (cells.text()?, cells.int()?);
            if let Some(state) = EventState::parse(&name) {
                *of_state(&mut counts, state) += n;
            } else if name == RECEIVED {
                counts.received += n;
            } else if name == DUPLICATE {
                counts.duplicate += n;
            } else if name.starts_with(REJECTED) {
                counts.rejected += n;
            }
        }
        Ok(counts)
    }

    /// Returns the same numbers from the events themselves, so that the totals can be checked (F1).
    ///
    /// Repeats and refusals are not stored, so these two come from the totals in both cases. Reads the whole inbox.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn inbox_audit(
        &self,
        tenant: TenantId,
        connection: Option<ConnectionId>,
        origin: Option<Origin>,
    ) -> Result<InboxCounts, StoreError> {
        let totals = self.inbox_counts(tenant, connection, origin).await?;
        let sql = Sql::new(
            self.db.dialect(),
            "count the events",
            "SELECT state, COUNT(*) FROM event WHERE tenant_id = ",
        )
        .bind(tenant.0);
        let sql = filter(sql, connection, origin).push(" GROUP BY state");
        let mut counts = InboxCounts {
            received: totals.duplicate,
            duplicate: totals.duplicate,
            rejected: totals.rejected,
            ..InboxCounts::default()
        };
        for row in self.db.read(sql).await? {
            let mut cells = row.cells();
            let state = cells.word("event", "state", EventState::parse)?;
            let n = cells.int()?;
            *of_state(&mut counts, state) += n;
            counts.received += n;
        }
        Ok(counts)
    }

    fn events(&self, action: &'static str) -> Sql {
        Sql::new(self.db.dialect(), action, SELECT)
    }
}

/// Adds the condition for events of which this version knows every word.
fn known_words(sql: Sql) -> Sql {
    sql.push("(origin IN (")
        .rows(&Origin::ALL, |origin, values| {
            values.put(origin.as_str());
        })
        .push(") AND trust IN (")
        .rows(&Trust::ALL, |trust, values| {
            values.put(trust.as_str());
        })
        .push(") AND (kind IS NULL OR kind IN (")
        .rows(&RecordKind::ALL, |kind, values| {
            values.put(kind.as_str());
        })
        .push(")))")
}

/// Adds the condition for quarantined events that `filter` means.
fn aside(sql: Sql, tenant: TenantId, filter: &QuarantineFilter) -> Sql {
    let mut sql = sql
        .push("WHERE tenant_id = ")
        .bind(tenant.0)
        .push(" AND state = 'quarantined'");
    if let Some(reason) = &filter.reason {
        sql = sql.push(" AND reason = ").bind(reason.as_str());
    }
    // With the plus signs the index of what is set aside is used, and not that of all events.
    if let Some(connection) = filter.connection {
        sql = sql.push(" AND +connection_id = ").bind(connection.0);
    }
    match filter.events.as_deref() {
        None => sql,
        Some([]) => sql.push(" AND FALSE"),
        Some(events) => sql
            .push(" AND +id IN (VALUES ")
            .key_rows(events, |event, values| {
                values.put(event.0);
            })
            .push(")"),
    }
}

fn filter(mut sql: Sql, connection: Option<ConnectionId>, origin: Option<Origin>) -> Sql {
    if let Some(connection) = connection {
        sql = sql.push(" AND connection_id = ").bind(connection.0);
    }
    if let Some(origin) = origin {
        sql = sql.push(" AND origin = ").bind(origin.as_str());
    }
    sql
}

fn of_state(counts: &mut InboxCounts, state: EventState) -> &mut i64 {
    match state {
        EventState::Waiting => &mut counts.waiting,
        EventState::Applied => &mut counts.applied,
        EventState::Superseded => &mut counts.superseded,
        EventState::Quarantined => &mut counts.quarantined,
        EventState::Erased => &mut counts.erased,
    }
}

fn aside_row(row: &Row) -> Result<AsideRow, StoreError> {
    let mut cells = row.cells();
    let event = EventId(cells.int()?);
    Ok(AsideRow {
        event,
        connection: ConnectionId(cells.int()?),
        origin: cells.text()?,
        stream: cells.text()?,
        kind: cells.opt_text()?,
        remote_id: cells.int()?,
        received_at: cells.time()?,
        reason: cells.text()?,
        problems: problems_from_json(event, &cells.text()?)?,
        body_bytes: cells.int()?,
    })
}

fn event_row(row: &Row) -> Result<EventRow, StoreError> {
    const TABLE: &str = "event";
    let mut cells = row.cells();
    let id = EventId(cells.int()?);
    let tenant = TenantId(cells.int()?);
    let connection = ConnectionId(cells.int()?);
    let origin = cells.word(TABLE, "origin", Origin::parse)?;
    let class = class_of(cells.int()?);
    let trust = cells.word(TABLE, "trust", Trust::parse)?;
    let stream = cells.text()?;
    let kind = match cells.opt_text()? {
        Some(word) => Some(RecordKind::parse(&word).ok_or_else(|| contradiction(TABLE, "kind", &word))?),
        None => None,
    };
    let event = Event {
        id,
        tenant,
        connection,
        origin,
        class,
        trust,
        stream,
        kind,
        action: Action::parse(&cells.text()?),
        remote_id: cells.int()?,
        ordinal: cells.int()?,
        status: u16::try_from(cells.int()?).map_err(|_| contradiction(TABLE, "status", &id.to_string()))?,
        floor: cells.time()?,
        received_at: cells.time()?,
        asked_at: cells.opt_int()?.map(Timestamp::from_micros),
        headers: cells.text()?,
        body: body_of(&mut cells, &id.to_string())?,
    };
    let state = cells.word(TABLE, "state", EventState::parse)?;
    let problems = problems_from_json(id, &cells.text()?)?;
    Ok(EventRow {
        event,
        state,
        problems,
    })
}
