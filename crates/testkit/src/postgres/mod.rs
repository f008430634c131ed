//! PostgreSQL for tests: one private server, one new database per test.
//!
//! `cargo xtask test` starts one [`Server`] for the whole run and names it in `TEST_DATABASE_URL`. A test that runs
//! without that variable starts a server for its own process; it ends with the process, however that ends.

mod find;
mod server;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::folder::unique;
use crate::{find_program, say_skipped, services_are_required, variable};

pub use find::Programs;
pub use server::Server;

/// What to do where no PostgreSQL was found.
pub const ADVICE: &str = "install it with `cargo xtask deps`, or the package postgresql by hand, or name a server in TEST_DATABASE_URL";

/// Returns the address of a server on which tests may make databases, or `None` where there is none to be had.
///
/// The server is `TEST_DATABASE_URL`, or else a private one that this process starts at its first question.
///
/// # Errors
///
/// PostgreSQL is installed but does not start, or it is missing while services are required.
pub fn url() -> Result<Option<String>, String> {
    if let Some(url) = variable("TEST_DATABASE_URL") {
        return Ok(Some(url));
    }
    // A static is never dropped; the server's guard ends it when this process is gone.
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        Programs::find()
            .map(|programs| Server::start(&programs))
            .transpose()
    });
    match server {
        Ok(Some(server)) => Ok(Some(server.url().to_owned())),
        Ok(None) if services_are_required() => Err(format!("no PostgreSQL for tests: {ADVICE}")),
        Ok(None) => Ok(None),
        Err(error) => Err(error.clone()),
    }
}

/// A new, empty database, removed when dropped.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    /// Returns the address of this database, as drivers take it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets every transaction fail that deletes a row of `table`, until [`Database::allow_deletes`].
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn refuse_deletes(&self, table: &str) {
        self.run(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION ''refused by a test''; END';
             CREATE TRIGGER refuse BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ));
    }

    /// Ends what [`Database::refuse_deletes`] began.
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn allow_deletes(&self) {
        self.run("DROP FUNCTION refuse CASCADE");
    }

    /// Takes a table away, so that whoever asks for it is told that it is not there, until [`Database::bring_back`].
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn take_away(&self, table: &str) {
        self.run(&format!("ALTER TABLE {table} RENAME TO {table}_away"));
    }

    /// Ends what [`Database::take_away`] began.
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn bring_back(&self, table: &str) {
        self.run(&format!("ALTER TABLE {table}_away RENAME TO {table}"));
    }

    fn run(&self, statement: &str) {
        psql(&self.url, statement).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What stays behind is removed with the server.
        let _ = psql(
            &self.server,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

/// Makes a new, empty database, or returns `None`, after saying so, where there is no PostgreSQL.
///
/// # Panics
///
/// When PostgreSQL is required but missing, or does not work: the test could prove nothing.
pub fn fresh_database() -> Option<Database> {
    let Some(server) = url().unwrap_or_else(|error| panic!("{error}")) else {
        say_skipped(&format!("no PostgreSQL for tests: {ADVICE}"));
        return None;
    };
    let name = format!("schakel_test_{}", unique());
    // template0, because nobody can be connected to it; a connection to the default template would make this fail.
    psql(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"))
        .unwrap_or_else(|error| panic!("{error}"));
    let url = with_database(&server, &name);
    Some(Database { server, name, url })
}

/// Runs one statement with the server's own client, so that no driver has to be compiled.
fn psql(url: &str, statement: &str) -> Result<(), String> {
    let program = client()
        .ok_or("psql, the client of PostgreSQL, was not found: install the package postgresql-client")?;
    let output = Command::new(program)
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--command",
            statement,
            url,
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run psql: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`{statement}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn client() -> Option<PathBuf> {
    find_program("psql")
        .or_else(|| Some(Programs::find()?.path("psql")))
        .filter(|path| path.is_file())
}

/// Returns `url` with its database replaced by `name`; user, host, port and options stay.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url
        .split_once('?')
        .map_or((url, None), |(address, options)| (address, Some(options)));
    let host_start = address.find("://").map_or(0, |at| at + 3);
    let host_end = address[host_start..]
        .find('/')
        .map_or(address.len(), |at| host_start + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &address[..host_end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_database_of_an_address() {
        for (url, expected) in [
            (
                "postgres://schakel@127.0.0.1:5433/postgres",
                "postgres://schakel@127.0.0.1:5433/x",
            ),
            ("postgres://127.0.0.1", "postgres://127.0.0.1/x"),
            (
                "postgresql://u:p@h/db?sslmode=disable",
                "postgresql://u:p@h/x?sslmode=disable",
            ),
            ("postgresql:///db?host=/run/pg", "postgresql:///x?host=/run/pg"),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }

    #[test]
    fn gives_each_test_an_empty_database_of_its_own() {
        let (Some(first), Some(second)) = (fresh_database(), fresh_database()) else {
            return;
        };
        assert_ne!(first.url(), second.url());
        for database in [&first, &second] {
            psql(database.url(), "CREATE TABLE t (n BIGINT)").unwrap();
        }
    }

    #[test]
    fn says_what_the_server_refused() {
        let Some(database) = fresh_database() else { return };
        let error = psql(database.url(), "SELEKT 1").unwrap_err();
        assert!(error.contains("syntax error"), "{error}");
    }

    #[test]
    fn removes_the_database_when_dropped() {
        let Some(database) = fresh_database() else { return };
        let url = database.url().to_owned();
        drop(database);
        assert!(psql(&url, "SELECT 1").is_err());
    }
}
