//! The conformance suite: every public function, the same tests on both engines.
//!
//! [`on_both`] turns `async fn rule(store: Store)` into one test per engine, each on a database of its own. Where no
//! PostgreSQL is to be had its half is skipped and says so.

pub(crate) mod plans;

mod make;
mod model;

mod ahead;
mod apply;
mod budget;
mod cart;
mod crowd;
mod damage;
mod deliver;
mod fetch;
mod health;
mod held_back;
mod identity;
mod inbox;

mod moves;
mod opening;
mod outbox;
mod place;
mod settings;
mod walk;

use schakel_testkit::TempDir;
use schakel_testkit::postgres::Database;

use crate::{OpenOptions, Store};

/// A fresh SQLite store; the folder goes with the guard.
pub(crate) async fn lite() -> (Store, TempDir) {
    let folder = schakel_testkit::tempdir();
    let file = folder.path().join("hub.db");
    let store = Store::open(&format!("sqlite://{}", file.display()), OpenOptions::default())
        .await
        .unwrap();
    (store, folder)
}

/// A fresh PostgreSQL store, if there is a server; the database goes with the guard.
pub(crate) async fn pg() -> Option<(Store, Database)> {
    let database = schakel_testkit::postgres::fresh_database()?;
    let store = Store::open(database.url(), OpenOptions::default()).await.unwrap();
    Some((store, database))
}

/// Makes a test per engine of each rule.
macro_rules! on_both {
    ($($rule:ident,)*) => {
        mod lite {
            $(
                #[tokio::test]
                async fn $rule() {
                    let (store, _folder) = crate::conformance::lite().await;
                    super::$rule(store.clone()).await;
                    store.close().await;
                }
            )*
        }
        mod pg {
            $(
                #[tokio::test]
                async fn $rule() {
                    if let Some((store, _database)) = crate::conformance::pg().await {
                        super::$rule(store.clone()).await;
                        store.close().await;
                    }
                }
            )*
        }
    };
}
use on_both;
