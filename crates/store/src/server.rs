//! PostgreSQL's connections, and how long is waited for a server that is away or does not answer.
//!
//! A server that is cut off refuses connections; one that froze keeps them open and says nothing more. Either way the first
//! to find out waits, and all others are refused at once until one of them, who looks while the others do not, was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx::{Connection, PgConnection, PgPool, Postgres, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::Mutex;

use crate::dialect::Dialect;
use crate::open_pg::{CONNECTIONS, WAIT_MAX};
use crate::patience::late;

/// Longest wait for the answer to one statement of a hub. Each reads or writes a bounded number of rows by their keys; none
/// that is answered at all takes nearly so long.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The same for commands, which may count whole tables, and for statistics.
pub(crate) const ANSWER_MAX_LONG: Duration = Duration::from_secs(30 * 60);

/// The same for what a webhook waits for: its sender has hung up after that, and sends it again.
pub(crate) const ANSWER_MAX_INTAKE: Duration = WAIT_MAX;

/// A server, and whether it is known to be away. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pool: PgPool,
    gate: Arc<Gate>,
    answer_max: Duration,
}

/// Whether the server is away.
#[derive(Debug, Default)]
struct Gate {
    is_away: AtomicBool,
    /// How often it answered.
    answers: AtomicU64,
    /// Who looks whether it answers again; one at a time.
    probe: Mutex<()>,
}

impl Gate {
    fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    fn set(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Release);
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Takes the connections of `pool`; `is_patient` for commands that may ask for much.
    pub(crate) fn new(pool: PgPool, is_patient: bool) -> Self {
        Self {
            pool,
            gate: Arc::default(),
            answer_max: if is_patient { ANSWER_MAX_LONG } else { ANSWER_MAX },
        }
    }

    /// The connections themselves, for migrations.
    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] at once while the server is known to be away and somebody looks already; what the
    /// driver says, after [`WAIT_MAX`] at the latest, or twice that where the server answers others.
    pub(crate) async fn link(&self) -> Result<Link, sqlx::Error> {
        if self.gate.is_away() {
            return self.probe().await;
        }
        let mut answers = self.gate.answers();
        let mut taken = self.pool.acquire().await;
        if taken.is_err() && self.gate.answers() != answers {
            // The wait began while it was away, or all connections are busy: it answered others meanwhile.
            answers = self.gate.answers();
            taken = self.pool.acquire().await;
        }
        if taken.is_err() && self.gate.answers() == answers {
            // Refused, or nobody was answered in all that time: the next one looks closer.
            self.gate.set(true);
        }
        Ok(self.linked(taken?))
    }

    /// Looks whether the server answers again, unless another does so already.
    async fn probe(&self) -> Result<Link, sqlx::Error> {
        let Ok(_probe) = self.gate.probe.try_lock() else {
            return Err(sqlx::Error::PoolTimedOut);
        };
        // Those that were left behind by the outage are closed one by one.
        for _ in 0..CONNECTIONS {
            let mut link = self.linked(self.pool.acquire().await?);
            link.limit = WAIT_MAX;
            match link.answer(async |connection| connection.ping().await).await {
                Ok(()) => {
                    self.gate.set(false);
                    link.limit = self.answer_max;
                    return Ok(link);
                }
                Err(error) if link.is_late => return Err(error),
                Err(_) => link.connection.close_on_drop(),
            }
        }
        Err(sqlx::Error::PoolTimedOut)
    }

    fn linked(&self, connection: PoolConnection<Postgres>) -> Link {
        Link {
            connection,
            gate: self.gate.clone(),
            limit: self.answer_max,
            is_late: false,
            is_asking: false,
        }
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// See [`Server::link`].
    pub(crate) async fn begin(&self, limit: Option<Duration>) -> Result<ServerTx, sqlx::Error> {
        let mut link = self.link().await?;
        link.limit = limit.unwrap_or(self.answer_max);
        // Open from here on: a caller who gives up half-way may have begun it.
        let mut tx = ServerTx { link, is_open: true };
        let statement = Dialect::Pg.begin().into_sql_str();
        tx.link
            .answer(async |connection| PgTransactionManager::begin(connection, Some(statement)).await)
            .await?;
        Ok(tx)
    }

    /// Closes all connections after what they are doing.
    pub(crate) async fn close(&self) {
        // One that does not answer is never done.
        tokio::time::timeout(WAIT_MAX, self.pool.close()).await.ok();
    }
}

/// A connection that was given out.
pub(crate) struct Link {
    connection: PoolConnection<Postgres>,
    gate: Arc<Gate>,
    limit: Duration,
    /// Whether an answer did not come in time: what comes on this connection now is the answer to an older question.
    is_late: bool,
    /// Whether a question is out.
    is_asking: bool,
}

impl Link {
    /// Does what the server has to answer.
    ///
    /// # Errors
    /// What the driver says; [`std::io::ErrorKind::TimedOut`] when no answer comes in time, which is noted for all others.
    pub(crate) async fn answer<T>(
        &mut self,
        does: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.is_asking = true;
        let asked = tokio::time::timeout(self.limit, does(&mut self.connection)).await;
        self.is_asking = false;
        if let Ok(said) = asked {
            if said.is_ok() {
                self.gate.answers.fetch_add(1, Ordering::Relaxed);
            }
            return said;
        }
        self.is_late = true;
        self.connection.close_on_drop();
        self.gate.set(true);
        Err(late(self.limit))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.is_asking {
            // Whoever asked gave up. The pool would wait for the answer before it gives the connection to anybody else, and
            // of a server that stands still there is none: soon all of them would be waited for.
            self.connection.close_on_drop();
        }
    }
}

/// A transaction; rolled back when dropped.
pub(crate) struct ServerTx {
    link: Link,
    /// Whether it is neither committed nor rolled back.
    is_open: bool,
}

impl ServerTx {
    /// The connection on which it runs.
    pub(crate) const fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Commits.
    ///
    /// # Errors
    /// What the server says, or that it says nothing: it may have committed then.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.link
            .answer(async |connection| PgTransactionManager::commit(connection).await)
            .await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for ServerTx {
    fn drop(&mut self) {
        // One that is closed ends its transaction by that.
        if self.is_open && !self.link.is_late {
            PgTransactionManager::start_rollback(&mut self.link.connection);
        }
    }
}
