//! What can go wrong at the border of the store.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// A failure of the store, named by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached; see [`StoreError::is_retryable`].
    #[error("cannot {action}: {}", told(cause))]
    Driver {
        /// What was attempted.
        action: &'static str,
        /// What the driver says. No `source`: printed whole it may repeat what was written, which may be about people.
        cause: sqlx::Error,
    },
    /// PostgreSQL could not be reached when the database was opened, or took this user not in.
    #[error("cannot connect to PostgreSQL at {address}: {}", told(cause))]
    Connect {
        /// Host, port and name of the database; no user, no password.
        address: String,
        /// What the driver says.
        cause: sqlx::Error,
    },
    /// A statement touched another number of rows than its caller counted on; the transaction must be given up.
    #[error("{table}: {expected} rows should have been touched, {touched} were")]
    WrongRows {
        /// Where.
        table: &'static str,
        /// How many there should have been.
        expected: u64,
        /// How many there were.
        touched: u64,
    },
    /// What is stored contradicts itself.
    #[error("{table} {row}: column {column} holds what this program never writes")]
    Contradiction {
        /// In which table.
        table: &'static str,
        /// In which row.
        row: String,
        /// In which column.
        column: &'static str,
    },
    /// The database was made by a newer program.
    #[error("the database has schema {found}, this program knows {known}: start the newer program")]
    NewerSchema {
        /// The schema of the database.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The database was made by an older program and must not be changed, because it is opened for reading.
    #[error("the database has schema {found}, this program needs {known}: open it once for writing")]
    OlderSchema {
        /// The schema of the database.
        found: i64,
        /// The schema that this program needs.
        known: i64,
    },
    /// The tables were made by a build of this program whose schema had the same number and another text.
    #[error(
        "migration {version} of the database has another text than this program's: an unreleased build of it, or another program, made it"
    )]
    OtherSchema {
        /// Which migration differs.
        version: i64,
    },
    /// Another process uses this database.
    #[error("{path} is in use by process {pid}: stop that process, or give this one a database of its own")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, as it wrote it down.
        pid: String,
    },
    /// The address of the database is none that this program can open. The address itself may hold a password and
    /// is not repeated.
    #[error("the address of the database is not usable: {0}")]
    BadUrl(String),
    /// The file of the database is none that can be opened.
    #[error("{} {what}", path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: BadFile,
    },
    /// A file of the database, or one beside it, could not be used.
    #[error("cannot use {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Why a file is no database that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadFile {
    /// It holds not a single byte.
    Empty,
    /// It is a database of another program.
    Foreign,
    /// It is damaged, or never was a database.
    Damaged,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Foreign => "is a database without the tables of Schakel",
            Self::Damaged => "is damaged, or is no SQLite database at all",
        })
    }
}

impl StoreError {
    /// Tells whether the same transaction may succeed when it is run again from its start.
    ///
    /// True for conflicts between transactions (PostgreSQL 40001, 40P01, 55P03; SQLite busy and locked), for rows
    /// that another worker changed first ([`StoreError::WrongRows`]) and for a lost or unavailable connection. A
    /// commit whose answer was lost may have happened: what is run again must find its own work, as intake does by
    /// the repeat's digest and settling by the attempt.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::WrongRows { .. } => true,
            Self::Driver { cause, .. } => match cause {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Tells whether the database itself is away: not reached, stopping, starting, or without a connection to give in time.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Driver { cause, .. } | Self::Connect { cause, .. } => match cause {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_away(&code)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Tells whether the database is there and this user or this server lets nobody write: rights to read only, a standby.
    /// SQLite cannot open a file of others at all while no process has it open for writing.
    #[must_use]
    pub fn is_of_rights(&self) -> bool {
        match self {
            Self::Driver { cause, .. } | Self::Connect { cause, .. } => match cause {
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_about_rights(&code)),
                _ => false,
            },
            Self::File { source, .. } => matches!(
                source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        }
    }

    /// Tells whether the file of the database is damaged (SQLite), as opening it or any statement found out.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        match self {
            Self::BadFile { what, .. } => *what == BadFile::Damaged,
            Self::Driver { cause, .. } => is_of_damage(cause),
            _ => false,
        }
    }

    /// Tells whether the data itself is at fault, so that the same transaction without it may succeed.
    ///
    /// True for contradictions and values that an engine does not take (PostgreSQL classes 22, 23 and 54, such as a
    /// text too long for an index; SQLite constraint, mismatch and too big); false for a full disk or a lost
    /// connection, which harm everything alike.
    #[must_use]
    pub fn is_of_data(&self) -> bool {
        match self {
            Self::Contradiction { .. } => true,
            Self::Driver {
                cause: sqlx::Error::Database(error),
                ..
            } => error.code().is_some_and(|code| is_about_values(&code)),
            _ => false,
        }
    }
}

/// Gives what the driver says, without what was written: the engine's code, and its message where that holds names of
/// tables and rules only. PostgreSQL repeats values in messages of class 22 and in every detail.
fn told(cause: &sqlx::Error) -> String {
    match cause {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let message = if code.len() == 5 && code.starts_with("22") {
                "a value does not fit"
            } else {
                error.message()
            };
            format!("{message} (code {code})")
        }
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::PoolTimedOut => {
            "no connection was to be had in time: the database may be down, or has too much to do".to_owned()
        }
        sqlx::Error::Configuration(_) => "its address or settings are not usable".to_owned(),
        sqlx::Error::Encode(_) | sqlx::Error::Decode(_) => "a value can't be converted".to_owned(),
        sqlx::Error::ColumnDecode { index, .. } => format!("column {index} can't be read"),
        other => other.to_string(),
    }
}

/// Codes of both engines for values that do not fit.
fn is_about_values(code: &str) -> bool {
    const SQLITE_TOOBIG: i64 = 18;
    const SQLITE_CONSTRAINT: i64 = 19;
    const SQLITE_MISMATCH: i64 = 20;
    let is_pg = code.len() == 5 && ["22", "23", "54"].iter().any(|class| code.starts_with(class));
    let is_lite = code.len() < 5
        && code
            .parse::<i64>()
            .is_ok_and(|number| matches!(number & 0xff, SQLITE_TOOBIG | SQLITE_CONSTRAINT | SQLITE_MISMATCH));
    is_pg || is_lite
}

/// Codes of both engines for what this user may not do.
fn is_about_rights(code: &str) -> bool {
    const SQLITE_READONLY: i64 = 8;
    const SQLITE_CANTOPEN: i64 = 14;
    let is_lite = code.len() < 5
        && code
            .parse::<i64>()
            .is_ok_and(|number| matches!(number & 0xff, SQLITE_READONLY | SQLITE_CANTOPEN));
    is_lite || matches!(code, "25006" | "42501")
}

/// Whether the driver met a damaged page, also while it brought the schema up to date.
fn is_of_damage(cause: &sqlx::Error) -> bool {
    match cause {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_about_damage(&code)),
        sqlx::Error::Migrate(error) => match error.as_ref() {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => is_of_damage(cause),
            _ => false,
        },
        _ => false,
    }
}

/// Codes of SQLite for pages that make no sense and for a file that does not begin like a database.
fn is_about_damage(code: &str) -> bool {
    const SQLITE_CORRUPT: i64 = 11;
    const SQLITE_NOTADB: i64 = 26;
    code.len() < 5
        && code
            .parse::<i64>()
            .is_ok_and(|number| matches!(number & 0xff, SQLITE_CORRUPT | SQLITE_NOTADB))
}

/// Codes of both engines; SQLite's extended codes have the plain one in their lowest byte.
fn is_passing(code: &str) -> bool {
    const SQLITE_BUSY: i64 = 5;
    const SQLITE_LOCKED: i64 = 6;
    let is_pg = matches!(code, "40001" | "40P01" | "55P03") || is_away(code);
    let is_lite = code.len() < 5
        && code
            .parse::<i64>()
            .is_ok_and(|number| matches!(number & 0xff, SQLITE_BUSY | SQLITE_LOCKED));
    is_pg || is_lite
}

/// Codes of PostgreSQL for a server that starts or stops (57P0x) and a broken connection (08…): it comes back.
fn is_away(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P03") || (code.len() == 5 && code.starts_with("08"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_pass_and_mistakes_stay() {
        for code in ["40001", "40P01", "5", "6", "517", "261", "08006"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23505", "42601", "1", "19", "2067", "13"] {
            assert!(!is_passing(code), "{code}");
        }
    }

    #[test]
    fn a_server_that_is_away_is_told_from_one_that_refuses() {
        for code in ["57P01", "57P02", "57P03", "08006"] {
            assert!(is_away(code) && is_passing(code), "{code}");
        }
        for code in ["40001", "53100", "28P01", "8", "10", "13"] {
            assert!(!is_away(code), "{code}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_data() {
        for code in ["22001", "22P05", "23505", "54000", "18", "19", "2067", "20"] {
            assert!(is_about_values(code), "{code}");
        }
        for code in ["40001", "53100", "08006", "54", "5", "13"] {
            assert!(!is_about_values(code), "{code}");
        }
    }

    #[test]
    fn rights_are_told_from_outages_and_passwords() {
        for code in ["8", "264", "14", "25006", "42501"] {
            assert!(is_about_rights(code), "{code}");
        }
        for code in ["28P01", "3D000", "53300", "57P03", "5", "11", "26"] {
            assert!(!is_about_rights(code), "{code}");
        }
    }

    #[test]
    fn damage_is_told_from_everything_else() {
        for code in ["11", "26", "267"] {
            assert!(is_about_damage(code), "{code}");
        }
        for code in ["8", "10", "13", "14", "XX001", "22P05"] {
            assert!(!is_about_damage(code), "{code}");
        }
    }

    #[test]
    fn an_unusable_address_is_not_repeated() {
        let error = StoreError::BadUrl("no scheme".to_owned());
        assert!(!error.is_retryable());
        assert_eq!(
            error.to_string(),
            "the address of the database is not usable: no scheme"
        );
    }
}
