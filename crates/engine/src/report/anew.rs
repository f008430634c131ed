//! Lists that a history reads anew: how much of them is held already.

use std::collections::BTreeSet;

use schakel_core::connector::Span;
use schakel_core::id::TenantId;
use schakel_core::walk::{Job, Walk};
use schakel_store::{Store, StoreError};

/// Puts into `walks` what they do not say themselves, since they began anew: where a person ended that, what is held of the
/// list; where the list is being read anew, how many rows are left to be read although nothing counted them yet.
///
/// # Errors
/// When the store fails.
pub(super) async fn note_held(store: &Store, tenant: TenantId, walks: &mut [Walk]) -> Result<(), StoreError> {
    let read_anew: BTreeSet<_> = walks
        .iter()
        .filter(|list| list.job == Job::Backfill && list.read.cover(list.span))
        .map(|list| (list.connection, list.part))
        .collect();
    for walk in walks.iter_mut().filter(|walk| walk.job == Job::Backfill) {
        let is_ahead = walk.is_under_way() && walk.part.is_per_thing() && walk.expected.is_none();
        if walk.is_read_all_the_same() {
            let held = held(store, tenant, walk).await?;
            (walk.span, walk.seen, walk.expected) = (Span::default(), held, Some(held));
        } else if is_ahead && read_anew.contains(&(walk.connection, walk.part.list())) {
            walk.expected = Some(rows_due(store, tenant, walk).await?);
        }
    }
    Ok(())
}

/// How many things of a list are held alive, or as many of them as have their rows.
async fn held(store: &Store, tenant: TenantId, walk: &Walk) -> Result<i64, StoreError> {
    let alive = store
        .count_alive(tenant, walk.connection, walk.part.kind())
        .await?;
    Ok(match walk.part.is_per_thing() {
        true => alive - rows_due(store, tenant, walk).await?,
        false => alive,
    })
}

async fn rows_due(store: &Store, tenant: TenantId, walk: &Walk) -> Result<i64, StoreError> {
    store
        .count_rows_due(tenant, walk.connection, walk.part.kind())
        .await
}
