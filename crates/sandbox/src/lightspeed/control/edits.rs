//! Traffic and faults: what is switched on and off.

use axum::extract::State;

use super::{Answer, Simulator, api};
use crate::control::{Given, Trouble, done};
use crate::lightspeed::faults::{RestFault, WebhookFaults};
use crate::lightspeed::locked;
use crate::lightspeed::traffic::{Mix, Past, Telling};
use crate::lightspeed::{Access, DeletionBody, Window};
use crate::shares;

/// The most orders per second that may be asked for.
const RATE_MAX: u32 = 10_000;
/// The most customers, and orders, that one call may make.
const RECORDS_MAX: u64 = 10_000_000;
/// Records of a past that are made before other calls have their turn.
const STEPS_PER_TURN: u32 = 256;

/// Starts traffic: `rate` orders per second, `seed`, and shares of the mix in percent.
pub(super) async fn start_traffic(State(simulator): State<Simulator>, given: Given) -> Answer {
    let rate = given.number("rate")?.unwrap_or(1);
    if !(1..=RATE_MAX).contains(&rate) {
        return Err(Trouble::new("rate is between 1 and 10000 orders per second"));
    }
    let mut mix = Mix::lively();
    for (name, share) in [
        ("subscriptions", &mut mix.subscription_percent),
        ("carts", &mut mix.abandoned_cart_percent),
        ("edits", &mut mix.customer_change_percent),
        ("deletions", &mut mix.deletion_percent),
        ("shared_mailboxes", &mut mix.shared_mailbox_percent),
        ("typos", &mut mix.typo_percent),
    ] {
        *share = shares::of(&given, name, *share)?;
    }
    simulator.start_traffic(rate, given.number("seed")?.unwrap_or(1), mix);
    Ok(done(&given, "/control/", &api::traffic(&simulator)))
}

/// Stops the traffic.
pub(super) async fn stop_traffic(State(simulator): State<Simulator>, given: Given) -> Answer {
    simulator.stop_traffic();
    Ok(done(&given, "/control/", &api::traffic(&simulator)))
}

/// Fills the shop with a past of `customers` and `orders`, with `rows` each, over the last `days`; `seed`.
pub(super) async fn fill(State(simulator): State<Simulator>, given: Given) -> Answer {
    let usual = Past::default();
    let past = Past {
        customers: given.number("customers")?.unwrap_or(usual.customers),
        orders: given.number("orders")?.unwrap_or(usual.orders),
        rows_per_order: given.number("rows")?.unwrap_or(usual.rows_per_order),
        days: given.number("days")?.unwrap_or(usual.days),
        seed: given.number("seed")?.unwrap_or(usual.seed),
    };
    if past.customers > RECORDS_MAX || past.orders > RECORDS_MAX {
        return Err(Trouble::new("customers and orders are at most 10000000 each"));
    }
    let mut telling = Telling::new(&simulator, past);
    loop {
        let is_told = !(0..STEPS_PER_TURN).all(|_| telling.step());
        if is_told {
            return Ok(done(&given, "/control/", &api::state(&simulator)));
        }
        tokio::task::yield_now().await;
    }
}

/// Switches the `language` on or off: `active` is `true` or `false`.
pub(super) async fn switch_language(State(simulator): State<Simulator>, given: Given) -> Answer {
    let is_active = given.truth("active")?;
    if !simulator.set_language_active(&given.needed("language")?, is_active) {
        return Err(Trouble::unknown("language"));
    }
    Ok(done(&given, "/control/faults", &api::switches(&simulator)))
}

/// Grants or withdraws `read` and `write` of one `section`; of the first key, or of that with the `api_key`.
pub(super) async fn set_permission(State(simulator): State<Simulator>, given: Given) -> Answer {
    let key = given.text("api_key");
    let key = key.unwrap_or_else(|| simulator.options().api_key.clone());
    let mut permissions = simulator
        .permissions(&key)
        .ok_or_else(|| Trouble::unknown("key"))?;
    let access = Access {
        read: given.truth("read")?,
        write: given.truth("write")?,
    };
    let name = given.needed("section")?;
    *permissions
        .section_mut(&name)
        .ok_or_else(|| Trouble::unknown("section"))? = access;
    simulator.set_permissions(&key, permissions);
    Ok(done(&given, "/control/faults", &api::switches(&simulator)))
}

/// Lets the count of the list `list` be off `by` so many; 0 ends it.
pub(super) async fn set_count(State(simulator): State<Simulator>, given: Given) -> Answer {
    let by: isize = given.number("by")?.ok_or_else(|| Trouble::new("by is missing"))?;
    simulator.set_count_offset(&given.needed("list")?, by);
    Ok(done(&given, "/control/faults", &api::switches(&simulator)))
}

/// Chooses between what the real platform may do: `filter_time_utc`, `limit_strict`, `refusal_status` and
/// `deletion_body`; members left out stay.
pub(super) async fn set_rules(State(simulator): State<Simulator>, given: Given) -> Answer {
    let mut rules = simulator.rules();
    for (name, rule) in [
        ("filter_time_utc", &mut rules.is_filter_time_utc),
        ("limit_strict", &mut rules.is_limit_strict),
    ] {
        if given.text(name).is_some() {
            *rule = given.truth(name)?;
        }
    }
    rules.refusal_status = given.number("refusal_status")?.unwrap_or(rules.refusal_status);
    if !matches!(rules.refusal_status, 401 | 403) {
        return Err(Trouble::new("refusal_status is 401 or 403"));
    }
    if let Some(name) = given.text("deletion_body") {
        let body = DeletionBody::NAMED.iter().find(|(known, _)| *known == name);
        rules.deletion_body = body.ok_or_else(|| Trouble::unknown("deletion_body"))?.1;
    }
    simulator.set_rules(rules);
    Ok(done(&given, "/control/faults", &api::switches(&simulator)))
}

/// Uses up the window `use_up` (`5min`, `hour` or `day`) of every key; without it, makes all windows whole.
pub(super) async fn set_limits(State(simulator): State<Simulator>, given: Given) -> Answer {
    match given.text("use_up") {
        None => simulator.refill_limits(),
        Some(name) => {
            let window = Window::ALL.into_iter().find(|window| window.name() == name);
            simulator.use_up(window.ok_or_else(|| Trouble::unknown("window"))?);
        }
    }
    Ok(done(&given, "/control/faults", &api::switches(&simulator)))
}

/// Sets the faults of the API: `latency_ms`, and shares in percent by the name of the kind, at the top or in
/// `percent`. Members left out stay; `clear` ends them all.
pub(super) async fn set_faults(State(simulator): State<Simulator>, given: Given) -> Answer {
    let mut faults = locked(&simulator.inner.faults).standing().clone();
    if given.text("clear").is_some() {
        faults = crate::lightspeed::RestFaults::default();
    }
    faults.latency_ms = given.number("latency_ms")?.unwrap_or(faults.latency_ms);
    let kinds = RestFault::ALL.map(|kind| (kind.name(), kind));
    shares::take_over(&given, &kinds, &mut faults.percent, |one, other| {
        one.name() == other.name()
    })?;
    simulator.set_rest_faults(faults);
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Lets the next `count` calls go wrong in the way `kind`, of those whose paths hold `at` where that is given.
pub(super) async fn fail_next(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (kind, count) = shares::next(&given, &RestFault::ALL.map(|kind| (kind.name(), kind)))?;
    let at = given.text("at").unwrap_or_default();
    simulator.fail_next_at(&at, kind, count);
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Closes or opens the port of the simulated API: `on` is `true` or `false`.
pub(super) async fn outage(State(simulator): State<Simulator>, given: Given) -> Answer {
    given.switch(&simulator.outage())?;
    Ok(done(&given, "/control/faults", &api::faults(&simulator)))
}

/// Sets the faults of webhooks, in percent of the deliveries; members left out stay.
pub(super) async fn set_webhook_faults(State(simulator): State<Simulator>, given: Given) -> Answer {
    let old = simulator.inner.dispatcher.faults();
    let share = |name: &str, old: u8| shares::of(&given, name, old);
    simulator.set_webhook_faults(WebhookFaults {
        lost_percent: share("lose", old.lost_percent)?,
        duplicated_percent: share("duplicate", old.duplicated_percent)?,
        delayed_percent: share("reorder", old.delayed_percent)?,
        wrong_signature_percent: share("forge", old.wrong_signature_percent)?,
        unsigned_percent: share("unsigned", old.unsigned_percent)?,
        forged_too_percent: share("forge_too", old.forged_too_percent)?,
        delay_ms_max: given.number("delay_ms_max")?.unwrap_or(old.delay_ms_max.max(500)),
        send_twice: old.send_twice,
    });
    Ok(done(&given, "/control/webhooks", &api::webhooks(&simulator)))
}
