//! The watch over webhooks in a few numbers: when one was last heard, whether they are registered, what had to be mended.

use schakel_core::id::TenantId;
use schakel_core::rhythm::Watched;
use schakel_core::time::Timestamp;
use schakel_store::rows::ConnectionRow;
use schakel_store::{Store, StoreError};
use serde::Serialize;

/// The webhooks of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchLine {
    /// The source's name.
    pub connection: String,
    /// When the last webhook came, in RFC 3339; `None` before the first.
    pub heard_at: Option<String>,
    /// When the registrations were last found in order, in RFC 3339.
    pub registered_at: Option<String>,
    /// Whether none came for much longer than usual.
    pub is_silent: bool,
    /// When that was last so, in RFC 3339; what changed in the gap was then read from the lists.
    pub silent_at: Option<String>,
    /// How often that was so.
    pub silences: i64,
    /// How often registrations were made anew or removed.
    pub mended: i64,
}

/// Reads the watch of each connection whose webhooks are registered.
///
/// # Errors
/// When the store fails.
pub(super) async fn watch_lines(
    store: &Store,
    tenant: TenantId,
    names: &[ConnectionRow],
    now: Timestamp,
) -> Result<Vec<WatchLine>, StoreError> {
    let mut lines = Vec::new();
    for ConnectionRow { id, name, .. } in names {
        let text = store.checkpoint(tenant, *id, Watched::CHECKPOINT).await?;
        let watched = Watched::read(text.as_deref());
        if watched.since.is_some() {
            lines.push(line_of(name.clone(), &watched, now));
        }
    }
    Ok(lines)
}

fn line_of(connection: String, watched: &Watched, now: Timestamp) -> WatchLine {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let is_silent = watched
        .heard_at
        .is_some_and(|heard| watched.rhythm.is_suspicious(heard, now));
    WatchLine {
        connection,
        heard_at: text(watched.heard_at),
        registered_at: text(watched.good_at),
        is_silent,
        silent_at: text(watched.suspected_at),
        silences: watched.suspicions,
        mended: watched.mended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_as_long_as_it_lasts() {
        let hour = |hours: i64| Timestamp::ZERO.plus_ms(hours * 3_600_000);
        let mut watched = Watched::default();
        for hours in 0..400 {
            watched.rhythm.note(20, hour(hours));
        }
        watched.heard_at = Some(hour(399));
        watched.mended = 2;
        let line = |hours| line_of("shop".to_owned(), &watched, hour(hours));
        assert!(!line(399).is_silent);
        assert!(line(401).is_silent && line(401).mended == 2);
        assert_eq!(line(401).registered_at, None);
    }
}
