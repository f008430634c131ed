//! The inbox: events in (T0), events finished (the end of T1), events released.

use std::collections::BTreeSet;

use schakel_core::event::{EventState, Origin};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::problem::{Code, Problem};
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::body::NewEvent;
use crate::class::number_of;
use crate::counter::Totals;
use crate::db::{Conn, Tx, contradiction};
use crate::error::StoreError;
use crate::rows::{Finished, Inserted, ProblemRow, QuarantineFilter};
use crate::server::ANSWER_MAX_INTAKE;
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Total of what was accepted: stored or counted as a repeat.
pub(crate) const RECEIVED: &str = "received";
/// Total of repeats that were not stored again.
pub(crate) const DUPLICATE: &str = "duplicate";
/// First part of the totals of what was refused at the door; the reason follows.
pub(crate) const REJECTED: &str = "rejected/";

/// A transaction that stores events (T0); dropped it changes nothing.
pub struct IntakeTx(Tx);

impl IntakeTx {
    /// Stores `events` and commits (T0); when this returns they are durable.
    ///
    /// A repeat (same [`Event::dedup_key`](schakel_core::event::Event::dedup_key), also within `events`) is only
    /// counted. The answers stand in the order of `events`.
    ///
    /// # Errors
    /// [`StoreError::Driver`], also when another event has the id of one of them; then none of them is stored.
    pub async fn insert(mut self, events: &[NewEvent]) -> Result<Vec<Inserted>, StoreError> {
        let mut totals = Totals::default();
        let mut conn = self.0.conn();
        let inserted = insert(&mut conn, &mut totals, events).await?;
        totals.flush(&mut conn).await?;
        self.0.commit().await?;
        Ok(inserted)
    }
}

impl Store {
    /// Waits for its turn to write events, so that the caller can gather more of them meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn intake(&self) -> Result<IntakeTx, StoreError> {
        Ok(IntakeTx(self.db.begin_within(Some(ANSWER_MAX_INTAKE)).await?))
    }

    /// Counts requests that were refused at the door: at which connection, why, how many. One transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_rejected(
        &self,
        tenant: TenantId,
        refusals: &[(ConnectionId, &str, i64)],
    ) -> Result<(), StoreError> {
        // Whoever counts them writes webhooks down, too: those wait meanwhile.
        let mut tx = self.db.begin_within(Some(ANSWER_MAX_INTAKE)).await?;
        let mut totals = Totals::default();
        for (connection, reason, n) in refusals {
            let name = format!("{REJECTED}{reason}");
            totals.inbox(tenant, *connection, Origin::Webhook, &name, *n);
        }
        totals.flush(&mut tx.conn()).await?;
        tx.commit().await
    }

    /// Counts one more start of each of `events`, before they are applied: when this process ends with them, the next
    /// one knows (reliability.md §4).
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn begin_events(&self, tenant: TenantId, events: &[EventId]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let events = last_of_each(events, |event| *event);
        for chunk in key_chunks(&events) {
            let sql = conn
                .sql(
                    "count starts of events",
                    "UPDATE event SET starts = starts + 1 WHERE (tenant_id, id) IN (VALUES ",
                )
                .key_rows(chunk, |event, values| {
                    values.put(tenant.0).put(event.0);
                })
                .push(")");
            conn.execute(sql).await?;
        }
        tx.commit().await
    }

    /// Lets quarantined events be applied again, a batch in each transaction; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; what was released before stays released.
    pub async fn release(&self, tenant: TenantId, filter: &QuarantineFilter) -> Result<u64, StoreError> {
        // Read before anything is released: what is set aside again at once is not released twice.
        let events = self.quarantined_ids(tenant, filter).await?;
        let mut released = 0;
        for chunk in key_chunks(&events) {
            let mut tx = self.db.begin().await?;
            let mut totals = Totals::default();
            let mut conn = tx.conn();
            let sql = conn
                .sql(
                    "release events",
                    "UPDATE event SET state = 'waiting', reason = '', problems = '[]', starts = 0
                     WHERE state = 'quarantined' AND (tenant_id, id) IN (VALUES ",
                )
                .key_rows(chunk, |event, values| {
                    values.put(tenant.0).put(event.0);
                })
                .push(") RETURNING connection_id, origin, state");
            released += move_totals(&mut conn, &mut totals, tenant, sql, EventState::Quarantined).await?;
            totals.flush(&mut conn).await?;
            tx.commit().await?;
        }
        Ok(released)
    }
}

/// Inserts events and moves their totals; the answers stand in the order of `events`.
pub(crate) async fn insert(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    events: &[NewEvent],
) -> Result<Vec<Inserted>, StoreError> {
    let mut stored = BTreeSet::new();
    for chunk in insert_chunks(events, 22) {
        insert_chunk(conn, chunk, &mut stored).await?;
    }
    let mut answers = Vec::with_capacity(events.len());
    for NewEvent { event, .. } in events {
        // An id counts once: an event that is offered twice in one call was stored once.
        let is_new = stored.remove(&event.id);
        let (tenant, connection, origin) = (event.tenant, event.connection, event.origin);
        totals.inbox(tenant, connection, origin, RECEIVED, 1);
        if is_new {
            totals.inbox(tenant, connection, origin, EventState::Waiting.as_str(), 1);
            answers.push(Inserted::New);
        } else {
            totals.inbox(tenant, connection, origin, DUPLICATE, 1);
            answers.push(Inserted::Duplicate);
        }
    }
    Ok(answers)
}

async fn insert_chunk(
    conn: &mut Conn<'_>,
    chunk: &[NewEvent],
    stored: &mut BTreeSet<EventId>,
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "store events",
            "INSERT INTO event (tenant_id, id, connection_id, origin, class, trust, stream, kind, action, remote_id,
                 ordinal, status, floor_at, received_at, asked_at, dedup_key, state, reason, problems, headers,
                 body_digest, body_bytes, body)
             VALUES ",
        )
        .rows(chunk, |new, values| {
            let event = &new.event;
            values
                .put(event.tenant.0)
                .put(event.id.0)
                .put(event.connection.0)
                .put(event.origin.as_str())
                .put(number_of(event.class))
                .put(event.trust.as_str())
                .put(event.stream.as_str())
                .put(event.kind.map(|kind| kind.as_str()))
                .put(event.action.as_str())
                .put(event.remote_id)
                .put(event.ordinal)
                .put(i64::from(event.status))
                .put(event.floor)
                .put(event.received_at)
                .put(event.asked_at.map(Timestamp::as_micros))
                .put(new.dedup_key.as_ref().map(<[u8; 16]>::as_slice))
                .put(EventState::Waiting.as_str())
                .put("")
                .put("[]")
                .put(event.headers.as_str())
                .put(new.digest.as_slice())
                .put(new.body_bytes())
                .put(&*new.kept);
        })
        .push(" ON CONFLICT (tenant_id, connection_id, remote_id, dedup_key) DO NOTHING RETURNING id");
    for row in conn.fetch(sql).await? {
        stored.insert(EventId(row.cells().int()?));
    }
    Ok(())
}

/// Writes what became of waiting events and moves their totals.
///
/// An event that does not wait any more was finished by somebody else: [`StoreError::WrongRows`], so that the caller
/// gives up the transaction instead of applying twice.
pub(crate) async fn finish(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    tenant: TenantId,
    finished: &[Finished],
) -> Result<(), StoreError> {
    let finished = last_of_each(finished, |finished| finished.event);
    let mut touched = 0;
    for chunk in key_chunks(&finished) {
        let sql = conn
            .sql(
                "finish events",
                "WITH done (tenant, event_id, new_state, new_reason, new_problems) AS (VALUES ",
            )
            .key_rows(chunk, |finished, values| {
                let reason = finished.problems.iter().find(|problem| problem.is_quarantine());
                let reason = match finished.state {
                    EventState::Quarantined => reason.map_or("unknown", |problem| problem.code.as_str()),
                    _ => "",
                };
                values
                    .put(tenant.0)
                    .put(finished.event.0)
                    .put(finished.state.as_str())
                    .put(reason)
                    .put(problems_to_json(&finished.problems));
            })
            .push(
                ") UPDATE event SET state = new_state, reason = new_reason, problems = new_problems
                 FROM done WHERE tenant_id = tenant AND id = event_id AND state = 'waiting'
                 RETURNING connection_id, origin, state",
            );
        touched += move_totals(conn, totals, tenant, sql, EventState::Waiting).await?;
    }
    let expected = finished.len() as u64;
    if touched == expected {
        Ok(())
    } else {
        Err(StoreError::WrongRows {
            table: "event",
            expected,
            touched,
        })
    }
}

/// Sets applied events aside after all, because of `code`: what they say turned out to be about nobody.
pub(crate) async fn set_aside(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    tenant: TenantId,
    code: Code,
    events: &[EventId],
) -> Result<(), StoreError> {
    let problems = aside_as(code);
    let events = last_of_each(events, |event| *event);
    for chunk in key_chunks(&events) {
        let sql = conn
            .sql(
                "set applied events aside",
                "UPDATE event SET state = 'quarantined', reason = ",
            )
            .bind(code.as_str())
            .push(", problems = ")
            .bind(problems.as_str())
            .push(" WHERE state = 'applied' AND (tenant_id, id) IN (VALUES ")
            .key_rows(chunk, |event, values| {
                values.put(tenant.0).put(event.0);
            })
            .push(") RETURNING connection_id, origin, state");
        move_totals(conn, totals, tenant, sql, EventState::Applied).await?;
    }
    Ok(())
}

/// Takes back what [`set_aside`] did for `code` to the events about `things`: the event named with each is the one that
/// counts and was applied, the others are overtaken by it.
pub(crate) async fn take_back(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    tenant: TenantId,
    code: Code,
    things: &[(RecordKey, EventId)],
) -> Result<(), StoreError> {
    let problems = aside_as(code);
    let things = last_of_each(things, |(key, _)| *key);
    for chunk in key_chunks(&things) {
        let sql = conn
            .sql(
                "take events back",
                "WITH done (tenant, connection, thing_kind, thing, counts) AS (VALUES ",
            )
            .key_rows(chunk, |(key, event), values| {
                values
                    .put(tenant.0)
                    .put(key.connection.0)
                    .put(key.kind.as_str())
                    .put(key.remote_id)
                    .put(event.0);
            })
            .push(
                ") UPDATE event SET state = CASE WHEN id = counts THEN 'applied' ELSE 'superseded' END,
                     reason = '', problems = '[]'
                 FROM done WHERE tenant_id = tenant AND connection_id = connection AND remote_id = thing
                     AND kind = thing_kind AND state = 'quarantined' AND problems = ",
            )
            .bind(problems.as_str())
            .push(" RETURNING connection_id, origin, state");
        move_totals(conn, totals, tenant, sql, EventState::Quarantined).await?;
    }
    Ok(())
}

/// What stands at an event that was set aside after all; apply's own findings name a field of the source.
fn aside_as(code: Code) -> String {
    problems_to_json(&[Problem::new(code, "event")])
}

/// Runs a statement that moves events out of the state `from` and returns their connection, origin and new state; moves
/// the totals and returns how many there were.
async fn move_totals(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    tenant: TenantId,
    sql: Sql,
    from: EventState,
) -> Result<u64, StoreError> {
    let rows = conn.fetch(sql).await?;
    for row in &rows {
        let mut cells = row.cells();
        let connection = ConnectionId(cells.int()?);
        let origin = cells.word("event", "origin", Origin::parse)?;
        let to = cells.word("event", "state", EventState::parse)?;
        totals.inbox(tenant, connection, origin, from.as_str(), -1);
        totals.inbox(tenant, connection, origin, to.as_str(), 1);
    }
    Ok(rows.len() as u64)
}

fn problems_to_json(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return "[]".to_owned();
    }
    serde_json::to_string(problems).expect("problems hold words and texts only, which always serialise")
}

/// Reads what [`finish`] wrote, here or in a newer version.
pub(crate) fn problems_from_json(event: EventId, text: &str) -> Result<Vec<ProblemRow>, StoreError> {
    serde_json::from_str(text).map_err(|_| contradiction("event", "problems", &event.to_string()))
}
