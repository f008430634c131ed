//! One process per SQLite file, and what the engine does to keep a commit.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schakel_core::time::Timestamp;

use crate::Store;
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::sql::Sql;

/// How often a lock that is held is tried again.
const TRIES: u32 = 25;

/// How long each of these waits.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps a second process away while it lives (reliability.md §10); empty on PostgreSQL, which takes many.
#[derive(Debug)]
pub struct ProcessLock {
    // The operating system drops the lock with the file, however the process ends.
    _file: Option<File>,
}

/// How well a commit is kept, for status pages and health answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// The engine's settings in words.
    pub settings: String,
    /// Whether a commit is also on a second machine before it is confirmed.
    pub is_replicated: bool,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reach = if self.is_replicated {
            "synchronous standby"
        } else {
            "single node"
        };
        write!(f, "{} ({reach})", self.settings)
    }
}

impl Store {
    /// Takes the file for this process; hold the guard for as long as the store is written.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it; [`StoreError::File`] when the lock file cannot be written.
    pub fn lock(&self) -> Result<ProcessLock, StoreError> {
        let file = self.file.as_deref().map(lock_file).transpose()?;
        Ok(ProcessLock { _file: file })
    }

    /// Tells whether a hub works on this store now: on SQLite whether a process holds the file, on PostgreSQL whether one
    /// holds the lease `name`.
    ///
    /// The lease is measured with the server's clock, to which a hub must be near when it starts: the machine that asks may
    /// have any time.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn is_served(&self, name: &str) -> Result<bool, StoreError> {
        if let Some(file) = &self.file {
            let file = File::open(lock_path(file));
            return Ok(file.is_ok_and(|file| file.try_lock_shared().is_err()));
        }
        let sql = Sql::new(
            self.db.dialect(),
            "look for a hub",
            "SELECT COUNT(*) FROM lease
             WHERE expires_at > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AND name = ",
        );
        let rows = self.db.read(sql.bind(name)).await?;
        Ok(rows.first().map(|row| row.cells().int()).transpose()? > Some(0))
    }

    /// Returns how well a commit is kept.
    ///
    /// # Errors
    /// [`StoreError::Driver`] when the settings cannot be read.
    pub async fn durability(&self) -> Result<Durability, StoreError> {
        match self.db.dialect() {
            // Fixed when the file is opened; a reader's own setting would say nothing of the writer's.
            Dialect::Lite => Ok(Durability {
                settings: "WAL, synchronous FULL".to_owned(),
                is_replicated: false,
            }),
            Dialect::Pg => self.pg_durability().await,
        }
    }

    /// Returns the time of the database server, where it has a clock of its own; `None` on SQLite.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn server_time(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.db.dialect() == Dialect::Lite {
            return Ok(None);
        }
        const TEXT: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
        let rows = self
            .db
            .read(Sql::new(Dialect::Pg, "read the server's clock", TEXT))
            .await?;
        rows.first().map(|row| row.cells().time()).transpose()
    }

    async fn pg_durability(&self) -> Result<Durability, StoreError> {
        const TEXT: &str = "SELECT current_setting('synchronous_commit'),
                 (SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))";
        let sql = Sql::new(Dialect::Pg, "read the durability settings", TEXT);
        let rows = self.db.read(sql).await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::WrongRows {
                table: "pg_settings",
                expected: 1,
                touched: 0,
            });
        };
        let mut cells = row.cells();
        let commit = cells.text()?;
        let standbys = cells.int()?;
        Ok(Durability {
            is_replicated: standbys > 0 && !matches!(commit.as_str(), "off" | "local"),
            settings: format!("synchronous_commit {commit}, {standbys} synchronous standby(s)"),
        })
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes a lock: commands that look whether a hub runs hold it for a moment, one after the other even.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes hold it for microseconds and tell nobody when they let it go"
)]
fn patiently(mut lock: impl FnMut() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    lock()
}

fn lock_file(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database);
    let failed = |source| StoreError::File {
        path: path.clone(),
        source,
    };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match patiently(|| file.try_lock()) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = std::fs::read_to_string(&path).unwrap_or_default();
            let pid = match pid.trim() {
                "" => "unknown",
                pid => pid,
            };
            return Err(StoreError::Locked {
                pid: pid.to_owned(),
                path,
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_the_file_keep_no_hub_away_and_another_hub_does() {
        let mut looks = 5;
        let taken = patiently(|| {
            looks -= 1;
            if looks >= 0 {
                Err(TryLockError::WouldBlock)
            } else {
                Ok(())
            }
        });
        assert!(taken.is_ok());
        let mut tries = 0;
        let held = patiently(|| {
            tries += 1;
            Err(TryLockError::WouldBlock)
        });
        assert!(matches!(held, Err(TryLockError::WouldBlock)) && tries > TRIES);
        let broken = patiently(|| Err(TryLockError::Error(std::io::ErrorKind::Other.into())));
        assert!(matches!(broken, Err(TryLockError::Error(_))));
    }
}
