//! What there is to read, as JSON.

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::Simulator;
use crate::control::Given;
use crate::lightspeed::faults::RestFault;
use crate::lightspeed::locked;
use crate::lightspeed::rest::Call;
use crate::lightspeed::{DeletionBody, Rules};

/// Attempts of webhooks that are shown.
const ATTEMPTS_SHOWN: usize = 200;

/// Gives the shop, its keys and how much there is of everything.
pub(super) fn state(simulator: &Simulator) -> Value {
    let options = simulator.options();
    let counts = simulator.counts();
    json!({
        "shop_id": options.shop_id,
        "cluster": options.cluster.id(),
        "sub_domain": options.sub_domain,
        "api_key": options.api_key,
        "apps": options.apps.iter().map(|app| app.key.clone()).collect::<Vec<String>>(),
        "languages": options.languages,
        "revision": simulator.revision(),
        "calls": simulator.calls(),
        "counts": {
            "customers": counts.customers, "guests": counts.guests, "subscriptions": counts.subscriptions,
            "quotes": counts.quotes, "orders": counts.orders, "orders_placed": counts.orders_placed,
            "order_rows": counts.order_rows, "products": counts.products, "webhooks": counts.webhooks,
        },
        "traffic": traffic(simulator),
    })
}

/// Gives the traffic that the control port started.
pub(super) fn traffic(simulator: &Simulator) -> Value {
    let placed = simulator.counts().orders_placed;
    match locked(&simulator.inner.traffic).as_ref() {
        Some(running) => json!({"is_running": true, "rate": running.rate, "seed": running.seed,
                                "orders": placed - running.before}),
        None => json!({"is_running": false}),
    }
}

/// Gives what an API call for this path would be answered, without a key and without a budget.
pub(super) fn peek(simulator: &Simulator, path: &str, query: &str) -> Option<Value> {
    let call = Call {
        method: &Method::GET,
        segments: path.split('/').filter(|word| !word.is_empty()).collect(),
        query,
        content_type: "",
        body: Bytes::new(),
        language: simulator.inner.default_language,
        key: 0,
    };
    let reply = simulator.read(&call).ok()?;
    serde_json::from_slice(&reply.body).ok()
}

/// Makes the list parameters of the API from those of the control port.
pub(super) fn list_query(given: &Given) -> String {
    let pairs = [
        "page", "limit", "since_id", "fields", "email", "order", "customer",
    ];
    let pairs = pairs.iter().filter_map(|name| {
        let value = given.text(name)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ",@._-".contains(c);
        value.chars().all(plain).then(|| format!("{name}={value}"))
    });
    pairs.collect::<Vec<String>>().join("&")
}

/// Gives the languages that are on, what each key may do, how far counts are off, and what is left of the limits.
pub(super) fn switches(simulator: &Simulator) -> Value {
    let now_s = simulator.now_s();
    let mut budgets = locked(&simulator.inner.budgets);
    let left: Vec<[i64; 3]> = budgets
        .iter_mut()
        .map(|budget| budget.peek(&simulator.inner.wall, now_s).remaining)
        .collect();
    drop(budgets);
    let switches = locked(&simulator.inner.switches);
    let keys = simulator.inner.keys.iter().zip(&switches.permissions).zip(left);
    let keys = keys.map(|((key, permissions), left)| {
        let sections: Map<String, Value> = permissions
            .sections()
            .into_iter()
            .map(|(name, access)| {
                (
                    name.to_owned(),
                    json!({"read": access.read, "write": access.write}),
                )
            })
            .collect();
        json!({"api_key": key.api_key, "permissions": sections, "left": left})
    });
    let languages = switches.languages.iter().map(|language| language.code());
    json!({"languages": languages.collect::<Vec<_>>(), "keys": keys.collect::<Vec<_>>(),
           "counts": switches.count_offsets, "rules": rules(&switches.rules)})
}

fn rules(rules: &Rules) -> Value {
    let mut bodies = DeletionBody::NAMED.iter();
    let body = bodies.find(|(_, body)| *body == rules.deletion_body);
    json!({"filter_time_utc": rules.is_filter_time_utc, "limit_strict": rules.is_limit_strict,
           "refusal_status": rules.refusal_status, "deletion_body": body.map(|(name, _)| *name)})
}

/// Gives the faults of the API and how often each hit.
pub(super) fn faults(simulator: &Simulator) -> Value {
    let plan = locked(&simulator.inner.faults);
    let percent: Map<String, Value> = RestFault::ALL
        .iter()
        .map(|kind| {
            let shares = plan.standing().percent.iter();
            let mut known = shares.filter(|(known, _)| known.name() == kind.name());
            let share = known.next().map_or(0.0, |(_, share)| *share);
            (kind.name().to_owned(), json!(share))
        })
        .collect();
    json!({"latency_ms": plan.standing().latency_ms, "percent": percent, "hits": plan.hits(),
           "next": plan.waiting(), "outage": simulator.inner.outage.is_on()})
}

/// Gives the faults of webhooks, what became of the deliveries, and the newest attempts.
pub(super) fn webhooks(simulator: &Simulator) -> Value {
    let faults = simulator.inner.dispatcher.faults();
    let counts = simulator.webhook_counts();
    let attempts: Vec<Value> = simulator
        .inner
        .dispatcher
        .newest(ATTEMPTS_SHOWN)
        .into_iter()
        .map(|sent| {
            json!({"number": sent.number, "at_us": sent.at_us, "webhook": sent.webhook, "event": sent.event,
                   "id": sent.id, "attempt": sent.attempt, "signature": sent.signature, "outcome": sent.outcome})
        })
        .collect();
    json!({
        "lose": faults.lost_percent, "duplicate": faults.duplicated_percent, "reorder": faults.delayed_percent,
        "forge": faults.wrong_signature_percent, "unsigned": faults.unsigned_percent,
        "forge_too": faults.forged_too_percent,
        "delay_ms_max": faults.delay_ms_max,
        "counts": {
            "queued": counts.queued, "sent": counts.sent, "acknowledged": counts.acknowledged,
            "failed_attempts": counts.failed_attempts, "given_up": counts.given_up, "lost": counts.lost,
            "dropped": counts.dropped, "pending": counts.pending, "duplicated": counts.duplicated,
            "delayed": counts.delayed, "forged": counts.forged, "forgeries_refused": counts.forgeries_refused,
        },
        "attempts": attempts,
    })
}
