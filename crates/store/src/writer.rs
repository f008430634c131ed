//! SQLite's one connection that writes, handed from one transaction to the next.
//!
//! It is no pool of one: a pool gives a connection back in a task of its own and asks first whether it still answers, and
//! all the others wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteTransactionManager};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};
use sqlx_core::transaction::TransactionManager;
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};

use crate::dialect::Dialect;

/// The connection that writes, one transaction at a time, in the order of asking.
#[derive(Debug)]
pub(crate) struct Writer {
    options: SqliteConnectOptions,
    /// `None` once it is closed.
    connection: Arc<Mutex<Option<SqliteConnection>>>,
    /// How long a transaction waits for the one before it.
    patience: Duration,
    /// Whether a commit failed on this connection: it is not used again.
    is_doubted: Arc<AtomicBool>,
}

impl Writer {
    /// Connects; a transaction waits at most `patience` for the one before it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) async fn open(options: SqliteConnectOptions, patience: Duration) -> Result<Self, sqlx::Error> {
        let connection = options.connect().await?;
        Ok(Self {
            options,
            connection: Arc::new(Mutex::new(Some(connection))),
            patience,
            is_doubted: Arc::default(),
        })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When others had the connection for too long, when it was closed, and what the engine says.
    pub(crate) async fn begin(&self) -> Result<LiteTx, sqlx::Error> {
        let held = self.hold().await?;
        // Open from here on: a caller who gives up half-way may have begun it.
        let mut tx = LiteTx {
            held,
            is_open: true,
            is_doubted: self.is_doubted.clone(),
        };
        if self.is_doubted.load(Ordering::Acquire) {
            self.renew(&mut tx.held).await?;
        }
        match begin_on(&mut tx.held).await {
            // Its thread ended, and what it was doing with it; or SQLite gave up the transaction before this one by itself,
            // as it does when the disk is full or fails, and the driver still counts it.
            Err(sqlx::Error::WorkerCrashed | sqlx::Error::InvalidSavePointStatement) => {
                self.renew(&mut tx.held).await?;
                begin_on(&mut tx.held).await?;
            }
            begun => begun?,
        }
        Ok(tx)
    }

    /// Puts a new connection in the place of one that failed: what could not be synced is never tried again on the same
    /// handle (reliability.md §4).
    async fn renew(&self, held: &mut Held) -> Result<(), sqlx::Error> {
        **held = self.options.connect().await?;
        self.is_doubted.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes the connection for something that needs it whole, as migrations do.
    ///
    /// # Errors
    /// When others had it for too long, and when it was closed.
    pub(crate) async fn hold(&self) -> Result<Held, sqlx::Error> {
        let held = tokio::time::timeout(self.patience, self.connection.clone().lock_owned()).await;
        let held = held.map_err(|_| sqlx::Error::PoolTimedOut)?;
        OwnedMutexGuard::try_map(held, Option::as_mut).map_err(|_| sqlx::Error::PoolClosed)
    }

    /// Closes the connection after what it is doing.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            // What was committed is durable; a connection that cannot be closed well leaves its log to the next one.
            connection.close().await.ok();
        }
    }
}

/// The connection while somebody has it.
pub(crate) type Held = OwnedMappedMutexGuard<Option<SqliteConnection>, SqliteConnection>;

async fn begin_on(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let statement = Dialect::Lite.begin().into_sql_str();
    SqliteTransactionManager::begin(connection, Some(statement)).await
}

/// A transaction on the connection that writes; rolled back when dropped.
pub(crate) struct LiteTx {
    held: Held,
    /// Whether it is neither committed nor rolled back.
    is_open: bool,
    is_doubted: Arc<AtomicBool>,
}

impl LiteTx {
    /// The connection on which it runs.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.held
    }

    /// Commits.
    ///
    /// # Errors
    /// What the engine says; not committed then, unless the connection broke meanwhile.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let committed = SqliteTransactionManager::commit(&mut self.held).await;
        self.is_open = committed.is_err();
        if committed.is_err() {
            self.is_doubted.store(true, Ordering::Release);
        }
        committed
    }
}

impl Drop for LiteTx {
    fn drop(&mut self) {
        if self.is_open {
            SqliteTransactionManager::start_rollback(&mut self.held);
        }
    }
}
