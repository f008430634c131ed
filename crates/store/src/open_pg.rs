//! Opening PostgreSQL: how it is reached, and for how long it is waited for.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::OpenOptions;
use crate::error::StoreError;
use crate::server::Server;
use crate::sql::STATEMENTS_KEPT;

/// Longest wait for a connection, to be made or to become free: a shop whose webhook waits longer has hung up, and so has
/// whoever looks at a page.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(5);

/// Connections of one process.
pub(crate) const CONNECTIONS: u32 = 16;

/// A commit is on the disk before a webhook is acknowledged (I1), whatever the server, the user or the address say;
/// what also waits for a second machine is left as it is.
const KEEP_COMMITS: &str = "SELECT set_config('synchronous_commit', 'on', FALSE)
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

/// Opens the database at `url`, and makes sure that it is there.
///
/// # Errors
/// [`StoreError::BadUrl`]; [`StoreError::Connect`].
pub(crate) async fn open(url: &str, options: OpenOptions) -> Result<Server, StoreError> {
    let mut connect = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::BadUrl("PostgreSQL's driver cannot read it".to_owned()))?
        .statement_cache_capacity(STATEMENTS_KEPT)
        .application_name("schakel")
        // A plan that was made while a table was small is kept after it has grown. Ours look keys up, so they are made
        // of index look-ups from the start: no whole tables, nothing to hash or merge them with.
        .options([
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ])
        .disable_statement_logging();
    if options.is_read_only {
        connect = connect.options([("default_transaction_read_only", "on")]);
    }
    reach(&connect).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT_MAX)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::query(KEEP_COMMITS).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(connect);
    Ok(Server::new(pool, options.is_read_only))
}

/// Makes a connection and closes it: a pool takes a refused one for a server that is starting, tries again until its time is
/// over, and then says only that it is.
async fn reach(options: &PgConnectOptions) -> Result<(), StoreError> {
    let reached = tokio::time::timeout(WAIT_MAX, async { options.connect().await?.close().await });
    let late = |_| Err(sqlx::Error::Io(io::Error::from(io::ErrorKind::TimedOut)));
    reached
        .await
        .unwrap_or_else(late)
        .map_err(|cause| StoreError::Connect {
            address: address(options),
            cause,
        })
}

/// Gives where the server is and which database is meant, without user and password.
fn address(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{}, database {database}", socket.display()),
        None => format!(
            "{}:{}, database {database}",
            options.get_host(),
            options.get_port()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_user_and_password() {
        let said = |url: &str| address(&PgConnectOptions::from_str(url).unwrap());
        assert_eq!(
            said("postgres://hub:s3cret@db.example.org:5433/schakel"),
            "db.example.org:5433, database schakel"
        );
        let socket = said("postgres:///schakel?host=/var/run/postgresql&user=hub&password=s3cret");
        assert_eq!(socket, "/var/run/postgresql, database schakel");
    }
}
