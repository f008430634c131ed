//! What a person sees on the control port.

use axum::extract::{Path, State};
use serde_json::Value;

use super::acts::{ACTS, Act};
use super::{Answer, Simulator, api};
use crate::control::{Given, Input, Page, Trouble, escaped, form, log_table};
use crate::lightspeed::plain;

/// Calls that the page of the log shows.
const CALLS_SHOWN: usize = 200;
/// Records on a page.
const PAGE_RECORDS: u64 = 50;
/// The collections that are not plain resources.
const KINDS: [&str; 15] = [
    "customers",
    "groups",
    "groups/customers",
    "subscriptions",
    "quotes",
    "checkouts",
    "orders",
    "orders/events",
    "invoices",
    "shipments",
    "products",
    "variants",
    "variants/movements",
    "webhooks",
    "languages",
];
/// Members that make a good column, in this order.
const COLUMNS: [&str; 17] = [
    "id",
    "number",
    "status",
    "paymentStatus",
    "shipmentStatus",
    "type",
    "email",
    "firstname",
    "lastname",
    "title",
    "name",
    "itemGroup",
    "itemAction",
    "address",
    "isActive",
    "priceIncl",
    "updatedAt",
];

fn page(title: &str) -> Page {
    let links = [
        ("/control/", "Overview"),
        ("/control/acts", "Acts"),
        ("/control/records", "Records"),
        ("/control/faults", "Faults"),
        ("/control/webhooks", "Webhooks"),
        ("/control/log", "Calls"),
    ];
    Page::new("Lightspeed eCom", &links, title)
}

/// Shows the shop, how much there is, and the traffic.
pub(super) async fn overview(State(simulator): State<Simulator>) -> Answer {
    let state = api::state(&simulator);
    let mut page = page("A simulated shop");
    let facts = [
        ("Shop", "shop_id"),
        ("Cluster", "cluster"),
        ("API key", "api_key"),
        ("Languages", "languages"),
        ("Calls served", "calls"),
    ];
    let rows = facts
        .iter()
        .map(|(label, key)| vec![escaped(label), shown(&state[*key])]);
    page.table(&["Fact", "Value"], rows);
    page.heading("What is in it");
    let counts = state["counts"].as_object().cloned().unwrap_or_default();
    let rows = counts.iter().map(|(name, count)| {
        let path = name.as_str();
        let label = path.replace('_', " ");
        let label = if KINDS.contains(&path) {
            format!("<a href=\"/control/records/{path}\">{label}</a>")
        } else {
            label
        };
        vec![label, shown(count)]
    });
    page.table(&["Records", "Count"], rows);
    page.heading("Traffic");
    let traffic = &state["traffic"];
    if traffic["is_running"] == true {
        page.say(&format!(
            "Running: {} orders per second, seed {}, {} orders so far.",
            traffic["rate"], traffic["seed"], traffic["orders"]
        ));
        page.form("/control/api/traffic/stop", "/control/", "Stop", &[]);
    } else {
        page.say(
            "Shoppers register, subscribe, fill carts and order; the merchant ships, edits and deletes.",
        );
        let inputs = [
            Input::Text("rate", "orders per second", "1"),
            Input::Text("seed", "seed", "1"),
            Input::Text("subscriptions", "% subscribe", "25"),
            Input::Text("carts", "% leave a cart", "8"),
            Input::Text("edits", "% edits", "6"),
            Input::Text("deletions", "% deletions", "1"),
            Input::Text("shared_mailboxes", "% shared mailboxes", "4"),
            Input::Text("typos", "% typos", "4"),
        ];
        page.form("/control/api/traffic", "/control/", "Start", &inputs);
    }
    Ok(page.finish())
}

/// Shows every act with its form.
pub(super) async fn acts() -> Answer {
    let mut page = page("Acts");
    page.say("Without an id an act is about the newest record; whoever is not described is invented.");
    for (kind, acts) in ACTS {
        page.heading(kind);
        page.table(&[], acts.iter().map(|act| vec![act_form(act, &[])]));
    }
    Ok(page.finish())
}

/// Makes the form of an act; `known` are members that are not asked for.
fn act_form(act: &Act, known: &[(&str, &str)]) -> String {
    let (name, button, members) = act;
    let inputs: Vec<Input<'_>> = members
        .iter()
        .map(|member| match known.iter().find(|(name, _)| name == member) {
            Some((name, value)) => Input::Hidden(name, value),
            None => Input::Text(member, member, ""),
        })
        .collect();
    let back = if known.is_empty() {
        "/control/acts"
    } else {
        "/control/records"
    };
    form(&format!("/control/api/acts/{name}"), back, button, &inputs)
}

/// Shows which records there are.
pub(super) async fn kinds(State(simulator): State<Simulator>) -> Answer {
    let mut page = page("Records");
    let plain = plain::resources()
        .iter()
        .filter(|of| of.parent_path().is_none())
        .map(|of| of.path);
    let rows = KINDS.into_iter().chain(plain).map(|path| {
        let count = api::peek(&simulator, &format!("{path}/count"), "");
        let count = count.as_ref().map_or(&Value::Null, |count| &count["count"]);
        vec![
            format!("<a href=\"/control/records/{path}\">{path}</a>"),
            shown(count),
        ]
    });
    page.table(&["Path", "Count"], rows);
    Ok(page.finish())
}

/// Shows a page of records, or one record with what can be done with it.
pub(super) async fn records(
    State(simulator): State<Simulator>,
    Path(path): Path<String>,
    given: Given,
) -> Answer {
    let number: u64 = given.number("page")?.unwrap_or(1).max(1);
    let count = api::peek(&simulator, &format!("{path}/count"), "");
    let count = count.and_then(|count| count["count"].as_u64()).unwrap_or(0);
    // The newest come first: the last page of the API is the first here.
    let pages = count.div_ceil(PAGE_RECORDS).max(1);
    let query = format!(
        "limit={PAGE_RECORDS}&page={}",
        (pages + 1).saturating_sub(number).max(1)
    );
    let found = api::peek(&simulator, &path, &query).ok_or_else(|| Trouble::unknown("record"))?;
    let list = match &found {
        Value::Array(list) => Some(list),
        Value::Object(members) => members.values().next().and_then(Value::as_array),
        _ => None,
    };
    match list {
        Some(list) => Ok(list_page(&path, (number, pages), list)),
        None => Ok(record_page(&path, &found)),
    }
}

fn list_page(path: &str, (number, pages): (u64, u64), list: &[Value]) -> http::Response<axum::body::Body> {
    let mut page = page(path);
    let has = |column: &&&str| list.iter().any(|record| record.get(**column).is_some());
    let columns: Vec<&str> = COLUMNS.iter().filter(has).copied().collect();
    let rows = list.iter().rev().map(|record| {
        let cell = |column: &&str| {
            let value = shown(&record[*column]);
            if *column == "id" {
                format!("<a href=\"/control/records/{path}/{value}\">{value}</a>")
            } else {
                value
            }
        };
        columns.iter().map(cell).collect()
    });
    page.table(&columns, rows);
    page.raw("<p>");
    if number > 1 {
        page.raw(format!("<a href=\"?page={}\">previous</a> ", number - 1));
    }
    page.raw(format!("page {number} of {pages}"));
    if number < pages {
        page.raw(format!(" <a href=\"?page={}\">next</a>", number + 1));
    }
    page.raw("</p>");
    page.finish()
}

fn record_page(path: &str, found: &Value) -> http::Response<axum::body::Body> {
    let mut page = page(path);
    let record = match found.as_object().and_then(|members| members.values().next()) {
        Some(record) if record.is_object() => record,
        _ => found,
    };
    let id = shown(&record["id"]);
    let kind = path.split('/').next().unwrap_or("").trim_end_matches('s');
    let forms: Vec<String> = ACTS
        .iter()
        .flat_map(|(_, acts)| acts.iter())
        .filter(|act| act.2.first() == Some(&kind) && act.0 != "place_order" && act.0 != "fill_cart")
        .map(|act| act_form(act, &[(kind, &id)]))
        .collect();
    if !forms.is_empty() {
        page.raw(format!("<p>{}</p>", forms.concat()));
    }
    let members = record.as_object().cloned().unwrap_or_default();
    let rows = members
        .iter()
        .map(|(key, value)| vec![escaped(key), linked(value)]);
    page.table(&["Member", "Value"], rows);
    page.finish()
}

/// Shows a value; one that links elsewhere leads there.
fn linked(value: &Value) -> String {
    let target = value
        .get("resource")
        .and_then(|resource| resource["url"].as_str());
    match target {
        Some(url) => {
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let text = escaped(url);
            if query.is_empty() {
                format!("<a href=\"/control/records/{}\">{text}</a>", escaped(path))
            } else {
                text
            }
        }
        None => shown(value),
    }
}

/// Shows a value as it is, safe for HTML.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(words) if words.iter().all(Value::is_string) => {
            let words: Vec<String> = words.iter().map(shown).collect();
            words.join(", ")
        }
        other => escaped(&other.to_string()),
    }
}

/// Writes how often something happened.
fn count(value: &Value) -> String {
    value.as_u64().unwrap_or(0).to_string()
}

/// Shows the faults of the API.
pub(super) async fn faults(State(simulator): State<Simulator>) -> Answer {
    let faults = api::faults(&simulator);
    let here = "/control/faults";
    let mut page = page("Faults");
    page.say("A call goes wrong in one way at most; the next calls can be hit one by one.");
    let rows = crate::lightspeed::RestFault::ALL.iter().map(|kind| {
        let name = kind.name();
        let share = shown(&faults["percent"][name]);
        let set = [Input::Text(name, "% of the calls", &share)];
        let next = [
            Input::Hidden("kind", name),
            Input::Text("count", "calls", "1"),
            Input::Text("at", "with this in their paths", ""),
        ];
        let forms = [
            form("/control/api/faults", here, "Set", &set),
            form("/control/api/faults/next", here, "Hit the next", &next),
        ];
        vec![
            escaped(name),
            count(&faults["hits"][name]),
            count(&faults["next"][name]),
            forms.concat(),
        ]
    });
    page.table(&["Fault", "Hits", "Waiting", "Set"], rows);
    page.heading("Latency and outage");
    let latency = shown(&faults["latency_ms"]);
    page.form(
        "/control/api/faults",
        here,
        "Set",
        &[Input::Text("latency_ms", "latency of every answer, ms", &latency)],
    );
    let is_out = faults["outage"] == true;
    let (on, button) = if is_out {
        ("false", "End the outage")
    } else {
        ("true", "Begin an outage")
    };
    page.form("/control/api/outage", here, button, &[Input::Hidden("on", on)]);
    page.form(
        "/control/api/faults",
        here,
        "Nothing goes wrong",
        &[Input::Hidden("clear", "true")],
    );
    Ok(page.finish())
}

/// Shows the registrations, their faults and the newest attempts.
pub(super) async fn webhooks(State(simulator): State<Simulator>) -> Answer {
    let state = api::webhooks(&simulator);
    let here = "/control/webhooks";
    let mut page = page("Webhooks");
    page.heading("Registrations");
    let hooks = api::peek(&simulator, "webhooks", "limit=250").unwrap_or_default();
    let hooks = hooks["webhooks"].as_array().cloned().unwrap_or_default();
    let columns = ["id", "isActive", "itemGroup", "itemAction", "address"];
    let rows = hooks
        .iter()
        .map(|hook| columns.iter().map(|column| shown(&hook[*column])).collect());
    page.table(&columns, rows);
    page.heading("Faults, in percent of the deliveries");
    let names = [
        ("lose", "lost"),
        ("duplicate", "sent twice"),
        ("reorder", "late"),
        ("delay_ms_max", "late by up to, ms"),
        ("forge", "signed wrongly"),
        ("unsigned", "without signature"),
        ("forge_too", "forged one beside it"),
    ];
    let values: Vec<String> = names.iter().map(|(name, _)| shown(&state[*name])).collect();
    let inputs: Vec<Input<'_>> = names
        .iter()
        .zip(&values)
        .map(|((name, label), value)| Input::Text(name, label, value))
        .collect();
    page.form("/control/api/webhooks", here, "Set", &inputs);
    page.heading("What became of them");
    let counts = state["counts"].as_object().cloned().unwrap_or_default();
    let heads: Vec<String> = counts.keys().map(|key| key.replace('_', " ")).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    page.table(&heads, std::iter::once(counts.values().map(shown).collect()));
    page.heading("Newest attempts");
    let attempts = state["attempts"].as_array().cloned().unwrap_or_default();
    let columns = [
        "number",
        "event",
        "id",
        "webhook",
        "attempt",
        "signature",
        "outcome",
    ];
    let rows = attempts
        .iter()
        .map(|sent| columns.iter().map(|column| shown(&sent[*column])).collect());
    page.table(&columns, rows);
    Ok(page.finish())
}

/// Shows the newest calls.
pub(super) async fn log(State(simulator): State<Simulator>) -> Answer {
    let mut page = page("Calls");
    log_table(&mut page, &simulator.inner.log.newest(0, CALLS_SHOWN));
    Ok(page.finish())
}
