//! Opening, locking, closing, schemas of other versions.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::on_both;
use crate::sql::Sql;
use crate::{BadFile, OpenOptions, Store, StoreError};

on_both! {
    a_newer_schema_is_refused,
    a_schema_of_the_same_number_and_another_text_is_refused,
    what_was_written_is_there_after_reopening,
    durability_is_told,
    the_clock_of_a_server_is_told,
    a_hub_that_works_on_the_store_is_seen,
    a_closed_store_takes_nothing_more,
}

const READ_ONLY: OpenOptions = OpenOptions { is_read_only: true };

/// The address under which a store can be opened once more.
async fn address(store: &Store) -> String {
    if let Some(file) = &store.file {
        return format!("sqlite://{}", file.display());
    }
    let text = "SELECT current_database()";
    let rows = store
        .db
        .read(Sql::new(store.db.dialect(), "name the database", text))
        .await
        .unwrap();
    let name = rows[0].cells().text().unwrap();
    let server = schakel_testkit::postgres::url().unwrap().unwrap();
    let (server, query) = server.split_once('?').unwrap_or((&server, ""));
    let host = server.rsplit_once('/').map_or(server, |(host, _)| host);
    format!("{host}/{name}?{query}")
}

async fn a_newer_schema_is_refused(store: Store) {
    let mut tx = store.db.begin().await.unwrap();
    let mut conn = tx.conn();
    let sql = conn.sql(
        "pretend a newer program was here",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', TRUE, $1, 0)",
    );
    conn.execute(sql.arg(b"x".as_slice())).await.unwrap();
    tx.commit().await.unwrap();
    for options in [OpenOptions::default(), READ_ONLY] {
        let refused = Store::open(&address(&store).await, options).await;
        assert!(matches!(
            refused,
            Err(StoreError::NewerSchema { found: 9999, .. })
        ));
    }
}

async fn a_schema_of_the_same_number_and_another_text_is_refused(store: Store) {
    let mut tx = store.db.begin().await.unwrap();
    let mut conn = tx.conn();
    let sql = conn.sql(
        "pretend an unreleased build was here",
        "UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 1",
    );
    conn.execute(sql.arg(b"x".as_slice())).await.unwrap();
    tx.commit().await.unwrap();
    for options in [OpenOptions::default(), READ_ONLY] {
        let refused = Store::open(&address(&store).await, options).await;
        assert!(matches!(refused, Err(StoreError::OtherSchema { version: 1 })));
    }
}

async fn what_was_written_is_there_after_reopening(store: Store) {
    store.setting_or_insert("key", b"one").await.unwrap();
    let address = address(&store).await;
    store.close().await;
    let store = Store::open(&address, OpenOptions::default()).await.unwrap();
    assert_eq!(store.setting("key").await.unwrap(), Some(b"one".to_vec()));
    let reader = Store::open(&address, READ_ONLY).await.unwrap();
    assert_eq!(reader.setting("key").await.unwrap(), Some(b"one".to_vec()));
    assert!(store.may_write().await.unwrap());
    assert!(!reader.may_write().await.unwrap());
    let refused = reader.setting_or_insert("other", b"two").await;
    assert!(matches!(refused, Err(StoreError::Driver { .. })));
    reader.close().await;
    store.close().await;
}

async fn durability_is_told(store: Store) {
    let durability = store.durability().await.unwrap();
    assert!(!durability.is_replicated);
    assert!(durability.to_string().ends_with("(single node)"));
    assert!(["SQLite", "PostgreSQL"].contains(&store.engine_name()));
}

async fn the_clock_of_a_server_is_told(store: Store) {
    let time = store.server_time().await.unwrap();
    assert_eq!(time.is_some(), store.engine_name() == "PostgreSQL");
    // 2026-01-01: of this age, and in microseconds.
    assert!(time.is_none_or(|time| time.as_micros() > 1_767_225_600_000_000));
}

#[tokio::test]
async fn who_gives_up_leaves_the_one_writer_to_the_next() {
    let (store, _folder) = super::lite().await;
    for _ in 0..20 {
        let mut first = store.db.begin().await.unwrap();
        let mut conn = first.conn();
        let sql = conn.sql(
            "write something to be given up",
            "INSERT INTO setting (name, value) VALUES ('given up', $1)",
        );
        conn.execute(sql.arg(b"one".as_slice())).await.unwrap();
        // Asks, and has gone before it is its turn, or as soon as it is.
        let mut second = Box::pin(store.setting_or_insert("never asked for", b"two"));
        assert!(!is_ready(&mut second).await);
        drop(first);
        is_ready(&mut second).await;
        drop(second);
        assert_eq!(store.setting("given up").await.unwrap(), None);
    }
    let kept = store.setting_or_insert("kept", b"three").await.unwrap();
    assert_eq!(kept, b"three");
}

/// SQLite gives up a transaction by itself when the disk is full; here its file may not grow any more.
#[tokio::test]
async fn a_disk_that_was_full_costs_what_was_refused_and_nothing_after() {
    let (store, _folder) = super::lite().await;
    store.put_setting("before", b"one").await.unwrap();
    for round in 0..3 {
        let mut tx = store.db.begin().await.unwrap();
        let mut conn = tx.conn();
        let sql = conn.sql("let the file grow no more", "PRAGMA max_page_count = 1");
        conn.fetch(sql).await.unwrap();
        tx.commit().await.unwrap();
        let refused = store.put_setting("big", &[7; 1 << 20]).await;
        assert!(matches!(refused, Err(StoreError::Driver { .. })), "{refused:?}");
        let name = format!("after {round}");
        store.put_setting(&name, b"two").await.unwrap();
        assert_eq!(store.setting(&name).await.unwrap().unwrap(), b"two");
    }
    assert_eq!(store.setting("before").await.unwrap().unwrap(), b"one");
    assert_eq!(store.setting("big").await.unwrap(), None);
}

/// Asks a future once whether it is done.
async fn is_ready<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

async fn a_closed_store_takes_nothing_more(store: Store) {
    store.close().await;
    let refused = store.setting_or_insert("key", b"one").await;
    assert!(matches!(refused, Err(StoreError::Driver { .. })));
}

#[tokio::test]
async fn a_server_that_would_forget_commits_is_overruled() {
    let Some((store, _database)) = super::pg().await else {
        return;
    };
    let address = address(&store).await;
    for (asked, counts) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        let address = format!("{address}&options=-c%20synchronous_commit%3D{asked}");
        let store = Store::open(&address, OpenOptions::default()).await.unwrap();
        let told = store.durability().await.unwrap().to_string();
        assert!(
            told.starts_with(&format!("synchronous_commit {counts},")),
            "{told}"
        );
        store.close().await;
    }
    store.close().await;
}

/// A pool would try a refused connection again for as long as it may, and then say only that it did.
#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_address() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for options in [OpenOptions::default(), READ_ONLY] {
        let url = format!("postgres://hub:s3cret@127.0.0.1:{port}/schakel");
        let error = Store::open(&url, options).await.unwrap_err();
        assert!(matches!(error, StoreError::Connect { .. }), "{error}");
        let said = error.to_string();
        let address = format!("PostgreSQL at 127.0.0.1:{port}, database schakel: ");
        assert!(said.contains(&address) && said.contains("refused"), "{said}");
        assert!(!said.contains("s3cret") && !error.is_of_rights(), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_told_with_its_reason() {
    let Some((store, _database)) = super::pg().await else {
        return;
    };
    let address = address(&store).await;
    let (before, query) = address.split_once('?').unwrap();
    let server = before.rsplit_once('/').unwrap().0;
    let error = Store::open(&format!("{server}/nowhere?{query}"), OpenOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Connect { .. }), "{error}");
    assert!(error.to_string().ends_with("(code 3D000)"), "{error}");
    store.close().await;
}

#[tokio::test]
async fn a_second_process_is_kept_away_from_the_file() {
    let (store, folder) = super::lite().await;
    let guard = store.lock().unwrap();
    let Err(StoreError::Locked { path, pid }) = store.lock() else {
        panic!("a second lock was given");
    };
    assert_eq!(path, folder.path().join("hub.db.lock"));
    assert_eq!(pid, std::process::id().to_string());
    drop(guard);
    store.lock().unwrap();
}

#[tokio::test]
async fn many_processes_share_a_server() {
    if let Some((store, _database)) = super::pg().await {
        let guards = (store.lock().unwrap(), store.lock().unwrap());
        drop(guards);
    }
}

#[tokio::test]
async fn an_empty_file_is_not_opened_for_reading() {
    let folder = schakel_testkit::tempdir();
    let file = folder.path().join("hub.db");
    let open = async || Store::open(&file.display().to_string(), READ_ONLY).await;
    assert!(matches!(open().await, Err(StoreError::Driver { .. })));
    std::fs::write(&file, "").unwrap();
    assert!(matches!(
        open().await,
        Err(StoreError::BadFile {
            what: BadFile::Empty,
            ..
        })
    ));
}

#[tokio::test]
async fn folders_of_a_new_file_are_made() {
    let folder = schakel_testkit::tempdir();
    let file = folder.path().join("a/b/hub.db");
    let store = Store::open(&file.display().to_string(), OpenOptions::default())
        .await
        .unwrap();
    store.close().await;
    assert!(file.is_file());
}

/// Whoever asks is another opening of the same database, as a command is; it has no say in what time it is.
async fn a_hub_that_works_on_the_store_is_seen(store: Store) {
    const LEASE: &str = "source:1";
    const MINUTE_MS: i64 = 60_000;
    let asking = Store::open(&address(&store).await, OpenOptions::default())
        .await
        .unwrap();
    assert!(!asking.is_served(LEASE).await.unwrap(), "nobody was there yet");
    let Some(now) = store.server_time().await.unwrap() else {
        let hub = store.lock().unwrap();
        assert!(asking.is_served(LEASE).await.unwrap());
        drop(hub);
        assert!(!asking.is_served(LEASE).await.unwrap(), "it went");
        return asking.close().await;
    };
    let _hub = store.lock().unwrap();
    assert!(!asking.is_served(LEASE).await.unwrap(), "many may have a server");
    let first = store
        .take_lease(LEASE, "hub", now, MINUTE_MS)
        .await
        .unwrap()
        .unwrap();
    assert!(asking.is_served(LEASE).await.unwrap());
    assert!(!asking.is_served("source:2").await.unwrap(), "another source");
    let long_ago = now.plus_ms(-2 * MINUTE_MS);
    assert!(
        store
            .renew_lease(LEASE, first, long_ago, MINUTE_MS)
            .await
            .unwrap()
    );
    assert!(
        !asking.is_served(LEASE).await.unwrap(),
        "it was killed a minute ago"
    );
    assert!(store.renew_lease(LEASE, first, now, MINUTE_MS).await.unwrap());
    assert!(asking.is_served(LEASE).await.unwrap());
    assert!(store.release_lease(LEASE, first).await.unwrap());
    assert!(!asking.is_served(LEASE).await.unwrap(), "it went");
    asking.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = schakel_testkit::tempdir();
    let file = folder.path().join("data/hub.db");
    let store = Store::open(&file.display().to_string(), OpenOptions::default())
        .await
        .unwrap();
    store.setting_or_insert("key", b"one").await.unwrap();
    let mode = |name: &str| {
        let path = folder.path().join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(
        ["data", "data/hub.db", "data/hub.db-wal", "data/hub.db-shm"].map(mode),
        [0o700, 0o600, 0o600, 0o600]
    );
    store.close().await;
}
