//! Makes sure that the webhooks that we need are registered, each one time (A1).
//!
//! The platform checks nothing: the same registration twice delivers every event twice (lightspeed-ecom.md §4.1,
//! §8 #17). So all are listed first. What stands at our own address is ours to tidy; everything else is left
//! alone. Missing ones are made before doubles go, so that no event falls between.

use schakel_core::connector::{ConnectorError, Cx, Method, Registration};
use serde_json::json;

use super::call::{self, Answer, Call, ask};
use super::config::Settings;
use super::cursor::PAGE;
use super::wire::answers::{Webhook, WebhooksAnswer};

/// The item groups that the hub has records for, each for every action (mission A1; lightspeed-ecom.md §4.1).
///
/// The other four (reviews, returns, tickets, contacts) are taken in when somebody registers them, and lead nowhere.
const NEEDED: [&str; 8] = [
    "customers",
    "subscriptions",
    "orders",
    "quotes",
    "shipments",
    "invoices",
    "products",
    "variants",
];

/// Most pages of registrations that are read; a shop has a few dozen registrations.
const PAGES_MAX: usize = 20;

/// Brings the registrations for `address` to what is needed.
///
/// One that was switched off is switched on again and counts as created: it was not in effect.
pub(super) async fn register(
    cx: &Cx,
    settings: &Settings,
    address: &str,
) -> Result<Registration, ConnectorError> {
    let all = list(cx, settings).await?;
    let (mut own, foreign): (Vec<Webhook>, Vec<Webhook>) =
        all.into_iter().partition(|hook| hook.address == address);
    own.sort_by_key(|hook| hook.id);
    let mut report = Registration {
        foreign: foreign.len(),
        others: foreign.into_iter().map(|hook| hook.address).collect(),
        ..Registration::default()
    };
    let mut kept = Vec::new();
    for group in NEEDED {
        match own.iter().find(|hook| is_wanted(hook, group, settings)) {
            Some(hook) if hook.is_active => report.kept += 1,
            Some(hook) => {
                switch_on(cx, settings, hook.id).await?;
                report.created += 1;
            }
            None => {
                create(cx, settings, group, address).await?;
                report.created += 1;
            }
        }
        kept.extend(
            own.iter()
                .find(|hook| is_wanted(hook, group, settings))
                .map(|hook| hook.id),
        );
    }
    for hook in own.iter().filter(|hook| !kept.contains(&hook.id)) {
        remove(cx, settings, hook.id).await?;
        report.removed += 1;
    }
    Ok(report)
}

/// Removes every registration for `address`; returns how many there were.
pub(super) async fn unregister(cx: &Cx, settings: &Settings, address: &str) -> Result<usize, ConnectorError> {
    let mut removed = 0;
    for hook in list(cx, settings).await? {
        if hook.address == address {
            remove(cx, settings, hook.id).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Tells whether `hook` is a registration of `group` as we make it, active or not.
fn is_wanted(hook: &Webhook, group: &str, settings: &Settings) -> bool {
    hook.item_group == group
        && hook.item_action == "*"
        && hook.format.eq_ignore_ascii_case("json")
        && hook
            .language_code()
            .eq_ignore_ascii_case(&settings.path_language())
}

async fn list(cx: &Cx, settings: &Settings) -> Result<Vec<Webhook>, ConnectorError> {
    let mut hooks: Vec<Webhook> = Vec::new();
    for page in 1..=PAGES_MAX {
        let query = format!("limit={PAGE}&page={page}");
        let call = Call {
            query: &query,
            ..Call::get("webhooks", "GET webhooks", "settings")
        };
        let answer = ask(cx, settings, call).await?;
        let read: WebhooksAnswer = call::read(&answer)?;
        let count = read.webhooks.len();
        for hook in read.webhooks {
            if hooks.iter().all(|held| held.id != hook.id) {
                hooks.push(hook);
            }
        }
        if count < PAGE {
            return Ok(hooks);
        }
    }
    Err(ConnectorError::Malformed(format!(
        "more than {} webhooks are registered",
        PAGES_MAX * PAGE
    )))
}

async fn create(cx: &Cx, settings: &Settings, group: &str, address: &str) -> Result<(), ConnectorError> {
    let webhook = json!({
        "isActive": true,
        "itemGroup": group,
        "itemAction": "*",
        "language": settings.path_language(),
        "format": "json",
        "address": address,
    });
    let call = Call {
        method: Method::Post,
        body: json!({ "webhook": webhook }).to_string(),
        ..Call::get("webhooks", "POST webhooks", "settings")
    };
    let answer = ask(cx, settings, call).await?;
    there(&answer)
}

async fn switch_on(cx: &Cx, settings: &Settings, id: i64) -> Result<(), ConnectorError> {
    let path = format!("webhooks/{id}");
    let call = Call {
        method: Method::Put,
        body: json!({ "webhook": { "isActive": true } }).to_string(),
        ..Call::get(&path, "PUT webhooks/{id}", "settings")
    };
    let answer = ask(cx, settings, call).await?;
    there(&answer)
}

/// One that somebody else removed meanwhile is removed.
async fn remove(cx: &Cx, settings: &Settings, id: i64) -> Result<(), ConnectorError> {
    let path = format!("webhooks/{id}");
    let call = Call {
        method: Method::Delete,
        ..Call::get(&path, "DELETE webhooks/{id}", "settings")
    };
    ask(cx, settings, call).await.map(|_| ())
}

fn there(answer: &Answer) -> Result<(), ConnectorError> {
    match answer.body {
        Some(_) => Ok(()),
        None => Err(ConnectorError::Missing("the webhook to change".to_owned())),
    }
}
