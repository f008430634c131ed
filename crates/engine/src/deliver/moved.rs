//! Another place of a sink: all that was delivered into the former one is delivered again.

use schakel_core::connector::{Cx, Sink};

use super::guard::{self, LookError, Place};
use super::newcomers;

/// Persons whose deliveries start anew in one transaction.
const PAGE: usize = 200;

/// What became of a wish to deliver all into another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moving {
    /// It is the place that was filled, or none was.
    Nothing,
    /// Persons stand there already, up to this number; nothing was changed.
    Taken(i64),
    /// All starts anew here.
    Anew {
        /// The place that was filled.
        from: String,
        /// The place that is filled from now on.
        to: String,
    },
}

/// Lets all that was delivered into a former place be delivered again into the one that the sink is now, which must hold
/// nobody: a number that stands there is somebody else's. In many transactions; until the last one the sink counts as another
/// place, so an end in between harms nothing, and a repeat goes on. No process may deliver there meanwhile.
///
/// # Errors
/// [`LookError`].
pub async fn start_anew(place: &Place<'_>, sink: &dyn Sink, cx: &Cx) -> Result<Moving, LookError> {
    let to = sink.location(cx).await?;
    let Some(from) = place.filled().await?.filter(|from| *from != to) else {
        return Ok(Moving::Nothing);
    };
    if let Some(highest) = sink.highest(cx, 0).await? {
        return Ok(Moving::Taken(highest));
    }
    if let Some(id) = place.id {
        let of = (place.tenant, id);
        let mut after = i64::MIN;
        while let Some(last) = place.store.start_anew(of, after, PAGE, cx.clock.now()).await? {
            after = last;
        }
    }
    let gone = [newcomers::seen_of(place.name), guard::adopted(place.name)];
    let setting = guard::filled(place.name);
    place
        .store
        .replace_settings((&setting, to.as_bytes()), &gone)
        .await?;
    Ok(Moving::Anew { from, to })
}
