//! What the control port changes: faults, and what a person would edit in the user interface.

use axum::extract::State;
use serde_json::json;

use super::super::deliver::WebhookFaults;
use super::super::faults::{FaultKind, Faults};
use super::super::hand::{At, HandError};
use super::super::rules::{Removal, Restriction};
use super::super::{Simulator, lock};
use super::{Answer, api};
use crate::control::{Given, Trouble, done};
use crate::shares;

impl From<HandError> for Trouble {
    fn from(error: HandError) -> Self {
        match error {
            HandError::Unknown => Self::unknown("database, collection or field"),
            other => Self::new(other.to_string()),
        }
    }
}

/// Says that a change is done.
fn ok(given: &Given) -> Answer {
    Ok(done(given, "/control/", &json!({"done": true})))
}

fn with_place<T>(given: &Given, act: impl FnOnce(At<'_>) -> Result<T, HandError>) -> Result<T, Trouble> {
    let database = given.needed("database")?;
    let collection = given.text("collection");
    let at = match &collection {
        Some(collection) => At::Collection(&database, collection),
        None => At::Database(&database),
    };
    Ok(act(at)?)
}

/// Sets the faults; members left out stay. Shares come as an object `percent`, or one by one in a form.
pub(super) async fn set_faults(State(simulator): State<Simulator>, given: Given) -> Answer {
    let mut faults = lock(&simulator.0.dice).faults.clone();
    if given.text("clear").is_some() {
        faults = Faults::default();
    }
    faults.latency_ms = given.number("latency_ms")?.unwrap_or(faults.latency_ms);
    faults.latency_percent = given
        .number("latency_percent")?
        .unwrap_or(faults.latency_percent)
        .min(100);
    faults.retry_after_s = given.number("retry_after_s")?.unwrap_or(faults.retry_after_s);
    faults.delay_ms = given.number("delay_ms")?.unwrap_or(faults.delay_ms);
    faults.drip_pause_ms = given.number("drip_pause_ms")?.unwrap_or(faults.drip_pause_ms);
    if let Some(most) = given.number("answer_bytes_max")? {
        faults.answer_bytes_max = Some(most).filter(|most| *most > 0);
    }
    if let Some(text) = given.text("hit_authentication") {
        faults.hit_authentication = text == "true";
    }
    let kinds = FaultKind::ALL.map(|kind| (kind.name(), kind));
    shares::take_over(&given, &kinds, &mut faults.percent, |one, other| one == other)?;
    simulator.set_faults(faults);
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Lets the next `count` calls go wrong in the way `kind`.
pub(super) async fn fail_next(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (kind, count) = shares::next(&given, &FaultKind::ALL.map(|kind| (kind.name(), kind)))?;
    simulator.fail_next(kind, count as usize);
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Closes or opens the port of the simulated API: `on` is `true` or `false`.
pub(super) async fn outage(State(simulator): State<Simulator>, given: Given) -> Answer {
    given.switch(&simulator.outage())?;
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Makes every bearer token invalid.
pub(super) async fn expire_tokens(State(simulator): State<Simulator>, given: Given) -> Answer {
    simulator.expire_bearer_tokens();
    ok(&given)
}

/// Sets the faults of webhooks; members left out stay.
pub(super) async fn set_webhook_faults(State(simulator): State<Simulator>, given: Given) -> Answer {
    let old = lock(&simulator.0.post).faults;
    simulator.set_webhook_faults(WebhookFaults {
        lose: shares::of(&given, "lose", old.lose)?,
        duplicate: shares::of(&given, "duplicate", old.duplicate)?,
        reorder: shares::of(&given, "reorder", old.reorder)?,
        forge: shares::of(&given, "forge", old.forge)?,
        stale: shares::of(&given, "stale", old.stale)?,
    });
    Ok(done(&given, "/control/webhooks", &api::webhooks(&simulator)))
}

/// Removes a field with its values.
pub(super) async fn remove_field(State(simulator): State<Simulator>, given: Given) -> Answer {
    let field = given.needed("field")?;
    with_place(&given, |at| simulator.remove_field(at, &field))?;
    ok(&given)
}

/// Gives a field another name.
pub(super) async fn rename_field(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (field, name) = (given.needed("field")?, given.needed("name")?);
    with_place(&given, |at| simulator.rename_field(at, &field, &name))?;
    ok(&given)
}

/// Gives a field another type or length.
pub(super) async fn change_field(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (field, kind) = (given.needed("field")?, given.needed("type")?);
    let length = given.number("length")?;
    with_place(&given, |at| simulator.change_field(at, &field, &kind, length))?;
    ok(&given)
}

/// Takes the lock off a field.
pub(super) async fn unlock_field(State(simulator): State<Simulator>, given: Given) -> Answer {
    let field = given.needed("field")?;
    with_place(&given, |at| simulator.unlock_field(at, &field))?;
    ok(&given)
}

/// Adds a restriction: `unique` (field names, separated by commas), `field` with `minimum`, or `field` with
/// `text` that no value may contain.
pub(super) async fn add_restriction(State(simulator): State<Simulator>, given: Given) -> Answer {
    let restriction = if let Some(names) = given.text("unique") {
        Restriction::Unique(names.split(',').map(|name| name.trim().to_owned()).collect())
    } else if let Some(least) = given.number("minimum")? {
        Restriction::Minimum(given.needed("field")?, least)
    } else {
        Restriction::NotContaining(given.needed("field")?, given.needed("text")?)
    };
    with_place(&given, |at| simulator.add_restriction(at, restriction))?;
    ok(&given)
}

/// Removes all restrictions.
pub(super) async fn clear_restrictions(State(simulator): State<Simulator>, given: Given) -> Answer {
    with_place(&given, |at| simulator.set_restrictions(at, Vec::new()))?;
    ok(&given)
}

/// Sets what a delete does: `remove`, `do nothing` or `unsubscribe`.
pub(super) async fn set_removal(State(simulator): State<Simulator>, given: Given) -> Answer {
    let wanted = given.needed("removal")?;
    let removal = [Removal::Remove, Removal::Nothing, Removal::Unsubscribe]
        .into_iter()
        .find(|removal| api::removal_name(*removal) == wanted)
        .ok_or(Trouble::unknown("removal behaviour"))?;
    with_place(&given, |at| simulator.set_removal(at, removal))?;
    ok(&given)
}

/// Deletes a database or a collection.
pub(super) async fn delete(State(simulator): State<Simulator>, given: Given) -> Answer {
    with_place(&given, |at| simulator.delete(at))?;
    ok(&given)
}

/// Removes a profile.
pub(super) async fn remove_profile(State(simulator): State<Simulator>, given: Given) -> Answer {
    let id: u64 = given.number("id")?.unwrap_or(0);
    if !simulator.remove_profile(id) {
        return Err(Trouble::unknown("living profile"));
    }
    ok(&given)
}

/// Removes a subprofile.
pub(super) async fn remove_subprofile(State(simulator): State<Simulator>, given: Given) -> Answer {
    let id: u64 = given.number("id")?.unwrap_or(0);
    if !simulator.remove_subprofile(id) {
        return Err(Trouble::unknown("living subprofile"));
    }
    ok(&given)
}
