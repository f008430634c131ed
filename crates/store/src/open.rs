//! Opening a database: address, settings of the engine, schema.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};

use crate::Store;
use crate::db::{Db, driver};
use crate::dialect::Dialect;
use crate::error::{BadFile, StoreError};
use crate::open_pg;
use crate::sql::{STATEMENTS_KEPT, Sql};
use crate::writer::Writer;

/// How a database is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Changes nothing, not even the schema; for commands beside a running hub.
    pub is_read_only: bool,
}

/// Longest wait for a connection to SQLite's file or for its write lock: writers queue here, so it is generous.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// SQLite connections that read: one is apply's most of the time.
const READERS: u32 = 3;

/// Page cache of the writer, in KiB; the hub as a whole stays below 200 MB.
const WRITER_CACHE: &str = "-32000";

/// Page cache of one reader, in KiB.
const READER_CACHE: &str = "-8000";

/// Pages in the log of writes before they are folded into the file (16 MB): pages that change often are then
/// written back once instead of every few commits.
const CHECKPOINT_PAGES: &str = "4000";

/// Bytes to which the log's file is cut after a burst.
const LOG_BYTES_KEPT: &str = "67108864";

/// Every migration, one text for both engines, in order. Never edited after a release.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "start", include_str!("../migrations/0001_start.sql"))];

impl Store {
    /// Opens the database at `url` and brings its schema up to date.
    ///
    /// `url` is `sqlite://path/file.db`, a plain path, or `postgres://…`. A SQLite file that is not there is made,
    /// with its folders.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`]; [`StoreError::NewerSchema`] when a newer program was here;
    /// [`StoreError::OlderSchema`] when it is opened for reading and its schema is not this program's;
    /// [`StoreError::OtherSchema`] when its tables were made by a build that was never released;
    /// [`StoreError::Connect`] when PostgreSQL cannot be reached or takes nobody in, told at once and after
    /// five seconds at the latest; [`StoreError::BadFile`] for a file that is damaged, another program's, or empty
    /// where it is only read; [`StoreError::File`] for one that cannot be written; [`StoreError::Driver`] for
    /// anything else.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let file = Self::file_of(url)?;
        let Some(path) = &file else {
            let db = Db::Pg(open_pg::open(url, options).await?);
            let store = Self { db, file };
            store.bring_up_to_date(options).await?;
            return Ok(store);
        };
        let opened = async {
            let store = Self {
                db: open_lite(path, options).await?,
                file: file.clone(),
            };
            store.bring_up_to_date(options).await?;
            Ok(store)
        };
        opened.await.map_err(|error| of_file(path, options, error))
    }

    /// Gives the file that `url` names; `None` for a PostgreSQL server.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`].
    pub fn file_of(url: &str) -> Result<Option<PathBuf>, StoreError> {
        if is_postgres(url) {
            return Ok(None);
        }
        lite_file(url).map(Some)
    }

    async fn bring_up_to_date(&self, options: OpenOptions) -> Result<(), StoreError> {
        let known = MIGRATIONS[MIGRATIONS.len() - 1].0;
        let found = self.schema().await?;
        if found > known {
            return Err(StoreError::NewerSchema { found, known });
        }
        let migrator = migrator();
        self.refuse_other(found, &migrator).await?;
        if found == known {
            return Ok(());
        }
        if options.is_read_only {
            return Err(StoreError::OlderSchema { found, known });
        }
        if let (0, Some(path)) = (found, &self.file)
            && self.has_tables().await?
        {
            // Ours would be put among those of another program.
            return Err(bad(path, BadFile::Foreign));
        }
        let migrated = match &self.db {
            Db::Lite { writer, .. } => match writer.hold().await {
                Ok(mut held) => migrator.run(&mut *held).await,
                Err(busy) => Err(busy.into()),
            },
            Db::Pg(server) => migrator.run(server.pool()).await,
        };
        migrated.map_err(|error| {
            driver(
                "bring the schema up to date",
                sqlx::Error::Migrate(Box::new(error)),
            )
        })
    }

    /// Tells whether SQLite's file holds any table besides the one of its migrations.
    async fn has_tables(&self) -> Result<bool, StoreError> {
        let text = "SELECT COUNT(*) FROM sqlite_master WHERE name <> '_sqlx_migrations'";
        let rows = self
            .db
            .read(Sql::new(self.db.dialect(), "look for tables", text))
            .await?;
        Ok(rows.first().map(|row| row.cells().int()).transpose()? > Some(0))
    }

    /// Tells whether calls can be written down here: not with rights to read only, and not on a standby.
    ///
    /// # Errors
    /// [`StoreError::Driver`] for any other reason why nothing can be written.
    pub async fn may_write(&self) -> Result<bool, StoreError> {
        let written = async {
            let mut tx = self.db.begin().await?;
            let mut conn = tx.conn();
            let sql = conn.sql(
                "try to write",
                "INSERT INTO budget_guest SELECT * FROM budget_guest WHERE 1 = 0",
            );
            // Given up with the transaction; it had no row to write.
            conn.execute(sql).await
        };
        match written.await {
            Ok(_) => Ok(true),
            Err(error) if error.is_of_rights() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the newest migration that the database has; 0 for an empty one.
    async fn schema(&self) -> Result<i64, StoreError> {
        let catalogue = match self.db.dialect() {
            Dialect::Lite => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Dialect::Pg => {
                // Not `information_schema`, which hides what this user may not read.
                "SELECT COUNT(*) FROM pg_catalog.pg_tables
                 WHERE schemaname = CURRENT_SCHEMA AND tablename = '_sqlx_migrations'"
            }
        };
        let one = async |action, text| -> Result<i64, StoreError> {
            let rows = self.db.read(Sql::new(self.db.dialect(), action, text)).await?;
            rows.first().map_or(Ok(0), |row| row.cells().int())
        };
        if one("look for a schema", catalogue).await? == 0 {
            return Ok(0);
        }
        one(
            "read the schema's version",
            "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations",
        )
        .await
    }

    /// Refuses tables that a migration of another text made: a build between two releases may name its own schema by a number
    /// whose text changed before the release, and statements of this program would meet columns that are not there.
    async fn refuse_other(&self, found: i64, migrator: &Migrator) -> Result<(), StoreError> {
        if found == 0 {
            return Ok(());
        }
        let text = "SELECT version, checksum FROM _sqlx_migrations";
        let sql = Sql::new(self.db.dialect(), "read which migrations ran", text);
        for row in &self.db.read(sql).await? {
            let mut cells = row.cells();
            let (version, checksum) = (cells.int()?, cells.bytes()?);
            let own = migrator.iter().find(|own| own.version == version);
            if own.is_some_and(|own| own.checksum[..] != checksum[..]) {
                return Err(StoreError::OtherSchema { version });
            }
        }
        Ok(())
    }
}

fn bad(path: &Path, what: BadFile) -> StoreError {
    StoreError::BadFile {
        path: path.to_owned(),
        what,
    }
}

/// Says of a file that could not be opened what is the matter with it, where that can be seen.
fn of_file(path: &Path, options: OpenOptions, error: StoreError) -> StoreError {
    if error.is_damaged() {
        return bad(path, BadFile::Damaged);
    }
    match error {
        StoreError::OlderSchema { found: 0, .. } => {
            let is_empty = path.metadata().is_ok_and(|file| file.len() == 0);
            let what = if is_empty {
                BadFile::Empty
            } else {
                BadFile::Foreign
            };
            bad(path, what)
        }
        error if error.is_of_rights() && !options.is_read_only => {
            let tried = File::options().read(true).write(true).open(path);
            let unwritable = || io::Error::from(io::ErrorKind::PermissionDenied);
            StoreError::File {
                // The file itself can be written: its folder cannot, where SQLite keeps its log.
                path: match &tried {
                    Ok(_) => path.parent().unwrap_or(path).to_owned(),
                    Err(_) => path.to_owned(),
                },
                source: tried.err().unwrap_or_else(unwritable),
            }
        }
        other => other,
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .map(|(version, name, text)| {
            Migration::new(
                version,
                name.into(),
                MigrationType::Simple,
                text.into_sql_str(),
                false,
            )
        })
        .to_vec();
    Migrator::with_migrations(migrations)
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Takes the path out of an address of SQLite's.
fn lite_file(url: &str) -> Result<PathBuf, StoreError> {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    if path.contains("://") {
        return Err(StoreError::BadUrl(
            "it begins with neither sqlite:// nor postgres://".to_owned(),
        ));
    }
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(StoreError::BadUrl(
            "it names no file; the intermediate database must survive the process".to_owned(),
        ));
    }
    Ok(PathBuf::from(path))
}

/// Makes the file and its folders where they are missing, for their owner alone: what goes into it is about people. What
/// SQLite puts beside it has the same rights.
fn make(file: &Path) -> Result<(), StoreError> {
    if let Some(folder) = file.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| StoreError::File {
            path: folder.to_owned(),
            source,
        })?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Where it is there already, or cannot be made, SQLite says what is to be said when it opens it.
    options.open(file).ok();
    Ok(())
}

async fn open_lite(file: &Path, options: OpenOptions) -> Result<Db, StoreError> {
    if !options.is_read_only {
        make(file)?;
    }
    let base = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(WAIT_MAX)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(256)
        .foreign_keys(false)
        .disable_statement_logging();
    let writing = base
        .clone()
        .read_only(options.is_read_only)
        .create_if_missing(!options.is_read_only)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("temp_store", "memory");
    let writing = if options.is_read_only {
        writing
    } else {
        // FULL: a commit is on the disk before a webhook is acknowledged (I1).
        writing
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", LOG_BYTES_KEPT)
    };
    let reading = base.read_only(true).pragma("cache_size", READER_CACHE);
    let opened = |source| driver("open the SQLite file", source);
    let writer = Writer::open(writing, WAIT_MAX).await.map_err(opened)?;
    let readers = SqlitePoolOptions::new()
        .acquire_timeout(WAIT_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .max_connections(READERS)
        .connect_with(reading)
        .await
        .map_err(opened)?;
    Ok(Db::Lite {
        writer: Arc::new(writer),
        readers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(path: &Path, is_read_only: bool) -> StoreError {
        let url = path.display().to_string();
        Store::open(&url, OpenOptions { is_read_only }).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_of_ours_is_told_and_left_as_it_is() {
        let folder = schakel_testkit::tempdir();
        let path = folder.path().join("hub.db");
        let is = |error: &StoreError, wanted: BadFile| {
            let StoreError::BadFile { path: told, what } = error else {
                panic!("{error:?}");
            };
            assert_eq!((told, *what), (&path, wanted));
        };
        for is_read_only in [true, false] {
            std::fs::write(&path, "no database, but a letter to somebody").unwrap();
            is(&refused(&path, is_read_only).await, BadFile::Damaged);
        }
        std::fs::write(&path, "").unwrap();
        is(&refused(&path, true).await, BadFile::Empty);
        std::fs::remove_file(&path).unwrap();
        let other = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let mut other = other.connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE cat (name TEXT)")
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::Connection::close(other).await.unwrap();
        for is_read_only in [true, false] {
            is(&refused(&path, is_read_only).await, BadFile::Foreign);
        }
    }

    #[tokio::test]
    async fn a_database_whose_pages_are_damaged_is_told() {
        let folder = schakel_testkit::tempdir();
        let path = folder.path().join("hub.db");
        let url = path.display().to_string();
        let store = Store::open(&url, OpenOptions::default()).await.unwrap();
        store.close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100..4096].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        for is_read_only in [true, false] {
            assert!(refused(&path, is_read_only).await.is_damaged());
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_named() {
        let folder = schakel_testkit::tempdir();
        let error = refused(folder.path(), false).await;
        assert!(
            matches!(&error, StoreError::File { path, .. } if path == folder.path()),
            "{error:?}"
        );
    }

    #[test]
    fn addresses_name_a_file_or_a_server() {
        assert_eq!(
            lite_file("sqlite://data/hub.db").unwrap(),
            Path::new("data/hub.db")
        );
        assert_eq!(
            lite_file("sqlite:///var/lib/hub.db").unwrap(),
            Path::new("/var/lib/hub.db")
        );
        assert_eq!(lite_file("hub.db").unwrap(), Path::new("hub.db"));
        assert!(is_postgres("postgresql://localhost/hub"));
        for url in ["", "sqlite://", "mysql://localhost/hub", "sqlite://:memory:"] {
            assert!(matches!(lite_file(url), Err(StoreError::BadUrl(_))), "{url}");
        }
    }
}
