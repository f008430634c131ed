//! The two drivers behind one door: pools, transactions, statements and cells.

use std::sync::Arc;
use std::time::Duration;

use schakel_core::time::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Executor, Row as _, Sqlite, SqliteConnection, SqlitePool};

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::server::{Link, Server, ServerTx};
use crate::sql::{Param, Sql};
use crate::writer::{LiteTx, Writer};

/// The same thing of either engine.
pub(crate) enum Two<L, P> {
    /// SQLite's.
    Lite(L),
    /// PostgreSQL's.
    Pg(P),
}

/// Repeats one body for both engines.
macro_rules! both {
    ($of:expr, $name:ident => $body:expr) => {
        match $of {
            Two::Lite($name) => $body,
            Two::Pg($name) => $body,
        }
    };
}

/// The pools of one database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// One connection that writes, and a few that read beside it.
    Lite {
        /// The writer.
        writer: Arc<Writer>,
        /// The readers.
        readers: SqlitePool,
    },
    /// Connections that do both.
    Pg(Server),
}

impl Db {
    /// Which engine it is.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Lite { .. } => Dialect::Lite,
            Self::Pg(_) => Dialect::Pg,
        }
    }

    /// Begins a transaction that writes; on SQLite it waits for the one before it.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.begin_within(None).await
    }

    /// Begins a transaction of which a server shall answer each statement within `limit`, where that is not as usual.
    pub(crate) async fn begin_within(&self, limit: Option<Duration>) -> Result<Tx, StoreError> {
        let begun = match self {
            Self::Lite { writer, .. } => writer.begin().await.map(Two::Lite),
            Self::Pg(server) => server.begin(limit).await.map(Two::Pg),
        };
        begun
            .map(Tx)
            .map_err(|source| driver("begin a transaction", source))
    }

    /// Runs a statement that reads, outside of any transaction.
    pub(crate) async fn read(&self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let action = sql.action;
        let failed = |source| driver(action, source);
        match self {
            Self::Lite { readers, .. } => {
                let mut connection = readers.acquire().await.map_err(failed)?;
                Conn::now(Two::Lite(&mut connection)).fetch(sql).await
            }
            Self::Pg(server) => {
                let mut link = server.link().await.map_err(failed)?;
                Conn::now(Two::Pg(&mut link)).fetch(sql).await
            }
        }
    }

    /// Takes a connection that reads outside of any transaction, for several statements.
    pub(crate) async fn reader(&self) -> Result<Reader, StoreError> {
        let taken = match self {
            Self::Lite { readers, .. } => readers.acquire().await.map(Two::Lite),
            Self::Pg(server) => server.link().await.map(Two::Pg),
        };
        taken
            .map(Reader)
            .map_err(|source| driver("take a connection that reads", source))
    }

    /// Closes all connections after what they are doing.
    pub(crate) async fn close(&self) {
        match self {
            Self::Lite { writer, readers } => {
                readers.close().await;
                // The last to close folds the log of writes into the file.
                writer.close().await;
            }
            Self::Pg(server) => server.close().await,
        }
    }
}

/// A transaction; rolled back when dropped.
pub(crate) struct Tx(Two<LiteTx, ServerTx>);

impl Tx {
    /// The connection on which it runs.
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        Conn::now(match &mut self.0 {
            Two::Lite(tx) => Two::Lite(tx.connection()),
            Two::Pg(tx) => Two::Pg(tx.link()),
        })
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        both!(self.0, tx => tx.commit().await).map_err(|source| driver("commit", source))
    }
}

/// A connection that reads; it goes back when dropped.
pub(crate) struct Reader(Two<PoolConnection<Sqlite>, Link>);

impl Reader {
    /// The connection, with statements that write put into `later` instead of being run.
    pub(crate) fn conn<'c>(&'c mut self, later: &'c mut Vec<Sql>) -> Conn<'c> {
        let link = match &mut self.0 {
            Two::Lite(connection) => Two::Lite(&mut **connection),
            Two::Pg(link) => Two::Pg(link),
        };
        Conn {
            link,
            later: Some(later),
        }
    }
}

/// A connection on which statements run one after the other.
pub(crate) struct Conn<'c> {
    link: Two<&'c mut SqliteConnection, &'c mut Link>,
    /// Takes the statements that write, when they shall run later.
    later: Option<&'c mut Vec<Sql>>,
}

/// Binds the parameters and runs the statement with `$run` (`fetch_all` or `execute`) on `$connection`.
macro_rules! run {
    ($connection:expr, $sql:expr, $arguments:ty, $run:ident) => {{
        let mut arguments = <$arguments>::default();
        arguments.reserve($sql.params.len(), 0);
        for param in $sql.params {
            match param {
                Param::Int(value) => arguments.add(value),
                Param::Text(value) => arguments.add(value),
                Param::Bytes(value) => arguments.add(value),
                Param::Flag(value) => arguments.add(value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        // Only text of this crate gets into a Sql (its parts are 'static or placeholders).
        let query = sqlx::query_with(AssertSqlSafe($sql.text), arguments);
        (&mut *$connection).$run(query).await
    }};
}

impl<'c> Conn<'c> {
    const fn now(link: Two<&'c mut SqliteConnection, &'c mut Link>) -> Self {
        Self { link, later: None }
    }

    /// For which engine statements must be written.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self.link {
            Two::Lite(_) => Dialect::Lite,
            Two::Pg(_) => Dialect::Pg,
        }
    }

    /// Starts a statement for this connection.
    pub(crate) fn sql(&self, action: &'static str, text: &'static str) -> Sql {
        Sql::new(self.dialect(), action, text)
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let action = sql.action;
        self.fetch_all(sql).await.map_err(|source| driver(action, source))
    }

    async fn fetch_all(&mut self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        #[cfg(test)]
        crate::conformance::plans::note(self.dialect(), &sql.text);
        Ok(match &mut self.link {
            Two::Lite(connection) => {
                let rows = run!(connection, sql, SqliteArguments, fetch_all)?;
                rows.into_iter().map(|row| Row(Two::Lite(row))).collect()
            }
            Two::Pg(link) => {
                let rows = link
                    .answer(async |connection| run!(connection, sql, PgArguments, fetch_all))
                    .await?;
                rows.into_iter().map(|row| Row(Two::Pg(row))).collect()
            }
        })
    }

    /// Runs a statement and returns how many rows it touched; 0 for one that is kept for later.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        if let Some(later) = &mut self.later {
            later.push(sql);
            return Ok(0);
        }
        let action = sql.action;
        self.execute_one(sql)
            .await
            .map_err(|source| driver(action, source))
    }

    async fn execute_one(&mut self, sql: Sql) -> Result<u64, sqlx::Error> {
        #[cfg(test)]
        crate::conformance::plans::note(self.dialect(), &sql.text);
        Ok(match &mut self.link {
            Two::Lite(connection) => run!(connection, sql, SqliteArguments, execute)?.rows_affected(),
            Two::Pg(link) => {
                let done = link.answer(async |connection| run!(connection, sql, PgArguments, execute));
                done.await?.rows_affected()
            }
        })
    }
}

/// Names what was attempted.
pub(crate) const fn driver(action: &'static str, cause: sqlx::Error) -> StoreError {
    StoreError::Driver { action, cause }
}

/// One row that came back. Without `Debug`: it may hold personal data.
pub(crate) struct Row(Two<SqliteRow, PgRow>);

impl Row {
    /// Reads the cells from the first on.
    pub(crate) const fn cells(&self) -> Cells<'_> {
        Cells { row: self, next: 0 }
    }
}

/// The cells of a row, read one after the other in the order of the statement's columns.
pub(crate) struct Cells<'r> {
    row: &'r Row,
    next: usize,
}

macro_rules! cell {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub(crate) fn $name(&mut self) -> Result<$type, StoreError> {
            let index = self.next;
            self.next += 1;
            both!(&self.row.0, row => row.try_get::<$type, _>(index)).map_err(|source| driver("read a row", source))
        }
    };
}

impl Cells<'_> {
    cell!(
        /// The next cell, a BIGINT.
        int, i64
    );
    cell!(
        /// The next cell, a BIGINT or NULL.
        opt_int, Option<i64>
    );
    cell!(
        /// The next cell, a TEXT.
        text, String
    );
    cell!(
        /// The next cell, a TEXT or NULL.
        opt_text, Option<String>
    );
    cell!(
        /// The next cell, a BYTEA.
        bytes, Vec<u8>
    );
    cell!(
        /// The next cell, a BYTEA or NULL.
        opt_bytes, Option<Vec<u8>>
    );
    cell!(
        /// The next cell, a BOOLEAN.
        flag, bool
    );

    /// The next cell, a time.
    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_micros)
    }

    /// The next cell, a count of attempts or calls, never negative.
    pub(crate) fn count(&mut self) -> Result<u32, StoreError> {
        self.int().map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX))
    }

    /// The next cell, a word that `parse` knows.
    ///
    /// # Errors
    /// [`StoreError::Contradiction`] for any other word.
    pub(crate) fn word<T>(
        &mut self,
        table: &'static str,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word = self.text()?;
        parse(&word).ok_or_else(|| contradiction(table, column, &word))
    }

    /// The next cell, a digest of `N` bytes.
    pub(crate) fn digest<const N: usize>(
        &mut self,
        table: &'static str,
        column: &'static str,
    ) -> Result<[u8; N], StoreError> {
        let bytes = self.bytes()?;
        <[u8; N]>::try_from(bytes.as_slice())
            .map_err(|_| contradiction(table, column, &format!("with {} bytes", bytes.len())))
    }

    /// The next cell, a digest of `N` bytes or NULL.
    pub(crate) fn opt_digest<const N: usize>(
        &mut self,
        table: &'static str,
        column: &'static str,
    ) -> Result<Option<[u8; N]>, StoreError> {
        let Some(bytes) = self.opt_bytes()? else {
            return Ok(None);
        };
        <[u8; N]>::try_from(bytes.as_slice())
            .map(Some)
            .map_err(|_| contradiction(table, column, &format!("with {} bytes", bytes.len())))
    }
}

/// Names the place where the stored data contradicts itself.
pub(crate) fn contradiction(table: &'static str, column: &'static str, row: &str) -> StoreError {
    StoreError::Contradiction {
        table,
        row: row.to_owned(),
        column,
    }
}
