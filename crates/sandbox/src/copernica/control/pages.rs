//! The pages of the control port.

use axum::extract::{Path, State};
use serde_json::Value;

use super::super::Simulator;
use super::super::faults::FaultKind;
use super::Answer;
use super::api::{self, Rowful, Shown};
use crate::control::{Given, Input, Page, Trouble, escaped, form, log_table};

const LINKS: [(&str, &str); 4] = [
    ("/control/", "Account"),
    ("/control/faults", "Faults"),
    ("/control/webhooks", "Webhooks"),
    ("/control/log", "Calls"),
];
const TYPES: [&str; 14] = [
    "text",
    "integer",
    "float",
    "date",
    "empty_date",
    "datetime",
    "empty_datetime",
    "email",
    "phone",
    "phone_fax",
    "phone_gsm",
    "select",
    "big",
    "foreign_key",
];
/// How many calls the page shows.
const CALLS_SHOWN: usize = 200;

fn page(title: &str) -> Page {
    Page::new("Copernica", &LINKS, title)
}

/// Gives a member of a JSON value as text for a page.
fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => escaped(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn link(address: &str, name: &str) -> String {
    format!("<a href=\"{address}\">{name}</a>")
}

/// Shows what came in and what is stored.
pub(super) async fn overview(State(simulator): State<Simulator>) -> Answer {
    let state = api::state(&simulator);
    let databases = api::databases(&simulator);
    let mut page = page("Account");
    if state["outage"] == true {
        page.raw("<p class=\"bad\">The port of the API is closed: connections are refused.</p>");
    }
    page.heading("Databases");
    let rows = list(&databases, "databases").map(|each| {
        let collections: Vec<String> = list(each, "collections")
            .map(|collection| {
                let address = format!("/control/collections/{}", collection["id"]);
                let name = link(&address, &text(collection, "name"));
                format!("{name} ({})", collection["subprofiles"])
            })
            .collect();
        vec![
            each["id"].to_string(),
            link(&format!("/control/databases/{}", each["id"]), &text(each, "name")),
            each["profiles"].to_string(),
            list(each, "fields").count().to_string(),
            collections.join(", "),
        ]
    });
    page.table(
        &["ID", "Name", "Profiles", "Fields", "Collections (subprofiles)"],
        rows,
    );
    page.heading("Since the start");
    let counts = [
        ("Calls", "calls"),
        ("Rows created", "rows_created"),
        ("Writes that changed a row", "rows_changed"),
        ("Writes that changed nothing", "rows_unchanged"),
        ("Rows removed", "rows_removed"),
        ("Writes put off", "waiting"),
    ];
    page.table(
        &["What", "How often"],
        counts
            .iter()
            .map(|(name, member)| vec![(*name).to_owned(), text(&state, member)]),
    );
    page.heading("Calls by kind");
    let kinds = state["calls_by_kind"].as_object().into_iter().flatten();
    page.table(
        &["Call", "How often"],
        kinds.map(|(kind, times)| vec![escaped(kind), times.to_string()]),
    );
    page.heading("Tokens");
    page.form(
        "/control/api/tokens/expire",
        "/control/",
        "Expire bearer tokens",
        &[],
    );
    Ok(page.finish())
}

/// Shows a database: its rows, then its definition with what a person can edit.
pub(super) async fn database(
    State(simulator): State<Simulator>,
    Path(id): Path<u32>,
    given: Given,
) -> Answer {
    let all = api::databases(&simulator);
    let found = list(&all, "databases").find(|each| each["id"] == id);
    let database = found.ok_or(Trouble::unknown("database"))?;
    let id = id.to_string();
    let here = format!("/control/databases/{id}");
    let mut page = page(&format!("Database {}", database["name"].as_str().unwrap_or("")));
    let rows = api::profiles(&simulator, &id, &given)?;
    page.heading(&format!("Profiles ({})", rows.total));
    rows_table(&mut page, &rows, &here, &given, &|row| {
        link(&format!("/control/profiles/{}", row.id), &row.id.to_string())
    });
    let at = [Input::Hidden("database", &id)];
    definition(&mut page, database, &here, &at);
    Ok(page.finish())
}

/// Shows a collection: its rows, then its definition with what a person can edit.
pub(super) async fn collection(
    State(simulator): State<Simulator>,
    Path(id): Path<u32>,
    given: Given,
) -> Answer {
    let all = api::databases(&simulator);
    let mut found = list(&all, "databases")
        .flat_map(|database| list(database, "collections").map(move |each| (database, each)));
    let found = found.find(|(_, each)| each["id"] == id);
    let (database, collection) = found.ok_or(Trouble::unknown("collection"))?;
    let here = format!("/control/collections/{id}");
    let mut page = page(&format!(
        "Collection {} of {}",
        collection["name"].as_str().unwrap_or(""),
        database["name"].as_str().unwrap_or("")
    ));
    let rows = api::subprofiles(&simulator, id, &given)?;
    page.heading(&format!("Subprofiles ({})", rows.total));
    rows_table(&mut page, &rows, &here, &given, &|row| {
        let parent = link(
            &format!("/control/profiles/{}", row.parent),
            &row.parent.to_string(),
        );
        format!("{} of {parent}", row.id)
    });
    let (database, id) = (database["id"].to_string(), id.to_string());
    let at = [
        Input::Hidden("database", &database),
        Input::Hidden("collection", &id),
    ];
    definition(&mut page, collection, &here, &at);
    Ok(page.finish())
}

/// Shows rows with the columns that hold something on this page, and links to the pages around it.
fn rows_table(page: &mut Page, rows: &Rowful, here: &str, given: &Given, id: &dyn Fn(&Shown) -> String) {
    let find = given.text("find").unwrap_or_default();
    page.raw(format!(
        "<form class=\"row\" method=\"get\" action=\"{here}\"><label>A value contains<input name=\"find\" \
         value=\"{}\"></label><button>Find</button></form>",
        escaped(&find)
    ));
    let names: Vec<&str> = rows
        .rows
        .first()
        .map(|row| row.fields.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    let is_used = |at: &usize| {
        let nothing = ["", "0", "0000-00-00", "0000-00-00 00:00:00"];
        let value = |row: &Shown| row.fields[*at].1.clone();
        rows.rows
            .iter()
            .any(|row| !nothing.contains(&value(row).as_str()))
    };
    let used: Vec<usize> = (0..names.len()).filter(is_used).collect();
    let mut heads = vec!["ID", "Modified"];
    heads.extend(used.iter().map(|at| names[*at]));
    let cells = rows.rows.iter().map(|row| {
        let mut cells = vec![id(row), escaped(&row.modified)];
        cells.extend(used.iter().map(|at| escaped(&row.fields[*at].1)));
        cells
    });
    page.table(&heads, cells);
    page.raw("<p>");
    let address = |start: usize| format!("{here}?start={start}&amp;find={}", escaped(&find));
    if rows.start > 0 {
        page.raw(link(&address(rows.start.saturating_sub(rows.limit)), "← before"));
        page.raw(" ");
    }
    if rows.start + rows.rows.len() < rows.total {
        page.raw(link(&address(rows.start + rows.limit), "after →"));
    }
    page.raw("</p>");
}

/// Shows fields and settings, with the edits of a person; `at` names the table in a form.
fn definition(page: &mut Page, table: &Value, here: &str, at: &[Input<'_>]) {
    page.heading("Fields");
    page.say("Edits as in the user interface: a locked field can be edited through the API only.");
    let rows = list(table, "fields").map(|field| {
        let name = field["name"].as_str().unwrap_or("");
        let length = field["length"].to_string();
        let on_field = Input::Hidden("field", name);
        let post = |what: &str, button: &str, more: &[Input<'_>]| {
            let inputs = [at, &[on_field], more].concat();
            form(&format!("/control/api/fields/{what}"), here, button, &inputs)
        };
        let edits = if field["lock"] == true {
            post("unlock", "Unlock", &[])
        } else {
            let kind = field["type"].as_str().unwrap_or("");
            let mut types = vec![kind];
            types.extend(TYPES.iter().filter(|other| **other != kind));
            [
                post("rename", "Rename", &[Input::Text("name", "new name", name)]),
                post(
                    "change",
                    "Change",
                    &[
                        Input::Choice("type", "type", &types),
                        Input::Text("length", "length", &length),
                    ],
                ),
                post("remove", "Remove", &[]),
            ]
            .concat()
        };
        let mark = |name: &str| if field[name] == true { "yes" } else { "" }.to_owned();
        vec![
            field["id"].to_string(),
            escaped(name),
            text(field, "type"),
            length,
            text(field, "value").replace('\n', " | "),
            mark("index"),
            mark("lock"),
            edits,
        ]
    });
    page.table(
        &["ID", "Name", "Type", "Length", "Value", "Index", "Lock", "Edit"],
        rows,
    );
    settings(page, &table["settings"], here, at);
    page.heading("Delete");
    page.form("/control/api/delete", "/control/", "Delete all of this", at);
}

fn settings(page: &mut Page, settings: &Value, here: &str, at: &[Input<'_>]) {
    page.heading("Restrictions");
    let restrictions = list(settings, "restrictions");
    page.table(
        &["A write must leave"],
        restrictions.map(|each| vec![escaped(each.as_str().unwrap_or(""))]),
    );
    let add = "/control/api/restrictions/add";
    let unique = with(at, &[Input::Text("unique", "fields, with commas", "")]);
    page.form(add, here, "Block double values", &unique);
    let without = with(
        at,
        &[
            Input::Text("field", "field", ""),
            Input::Text("text", "text it may not contain", ""),
        ],
    );
    page.form(add, here, "Block a text", &without);
    let least = with(
        at,
        &[
            Input::Text("field", "field", ""),
            Input::Text("minimum", "least number", ""),
        ],
    );
    page.form(add, here, "Ask for a minimum", &least);
    page.form("/control/api/restrictions/clear", here, "Remove restrictions", at);
    page.heading("Removal");
    let mut ways = vec![settings["removal"].as_str().unwrap_or("remove")];
    let others = ["remove", "do nothing", "unsubscribe"];
    ways.extend(
        others
            .into_iter()
            .filter(|way| *way != ways[0])
            .collect::<Vec<&str>>(),
    );
    let removal = with(at, &[Input::Choice("removal", "what a delete does", &ways)]);
    page.form("/control/api/removal", here, "Set", &removal);
}

/// Puts the inputs that name a table before others.
fn with<'a>(at: &[Input<'a>], more: &[Input<'a>]) -> Vec<Input<'a>> {
    [at, more].concat()
}

/// Shows one profile with its subprofiles.
pub(super) async fn profile(State(simulator): State<Simulator>, Path(id): Path<u32>) -> Answer {
    let whole = api::profile(&simulator, id)?;
    let mut page = page(&format!("Profile {id}"));
    let here = format!("/control/profiles/{id}");
    page.raw(format!(
        "<p>{} · created {} · modified {}</p>",
        link(&format!("/control/databases/{}", whole.database), "its database"),
        whole.profile.created,
        whole.profile.modified
    ));
    match &whole.profile.removed {
        Some(at) => {
            page.raw(format!("<p class=\"bad\">Removed at {at}.</p>"));
        }
        None => {
            let text = id.to_string();
            let inputs = [Input::Hidden("id", &text)];
            page.form("/control/api/profiles/remove", &here, "Remove", &inputs);
        }
    }
    for (_, name, rows) in &whole.collections {
        page.heading(&format!("{name} ({})", rows.len()));
        for row in rows {
            let mut line: Vec<String> = row
                .fields
                .iter()
                .filter(|(_, value)| !matches!(value.as_str(), "" | "0"))
                .map(|(name, value)| format!("{} <strong>{}</strong>", escaped(name), escaped(value)))
                .collect();
            match &row.removed {
                Some(at) => line.push(format!("<span class=\"bad\">removed at {at}</span>")),
                None => {
                    let id = row.id.to_string();
                    let inputs = [Input::Hidden("id", &id)];
                    let button = form("/control/api/subprofiles/remove", &here, "Remove", &inputs);
                    line.push(button);
                }
            }
            page.raw(format!("<div>{}: {}</div>", row.id, line.join(" · ")));
        }
    }
    page.heading("Fields");
    let fields = whole.profile.fields.iter();
    page.table(
        &["Field", "Value"],
        fields.map(|(name, value)| vec![escaped(name), escaped(value)]),
    );
    Ok(page.finish())
}

/// Shows the faults, and lets them be set.
pub(super) async fn faults(State(simulator): State<Simulator>) -> Answer {
    let faults = api::faults(&simulator);
    let here = "/control/faults";
    let mut page = page("Faults");
    let shares: Vec<(&str, String, String)> = FaultKind::ALL
        .iter()
        .map(|kind| {
            let name = kind.name();
            let share = faults["percent"][name].as_f64().unwrap_or(0.0);
            let hits = faults["hits"][name].as_u64().unwrap_or(0);
            (name, share.to_string(), hits.to_string())
        })
        .collect();
    page.heading("Shares of all calls");
    page.say("A call goes wrong in one way at most; the next calls can be hit one by one.");
    let rows = shares.iter().map(|(name, share, hits)| {
        let set = form(
            "/control/api/faults",
            here,
            "Set",
            &[Input::Text(name, "% of the calls", share)],
        );
        let next = form(
            "/control/api/faults/next",
            here,
            "Hit the next",
            &[Input::Hidden("kind", name), Input::Text("count", "calls", "1")],
        );
        vec![escaped(name), hits.clone(), format!("{set}{next}")]
    });
    page.table(&["Fault", "So far", "Set"], rows);
    page.heading("Waiting and settings");
    let settings = [
        ("latency_ms", "latency, ms"),
        ("latency_percent", "% of the calls that wait"),
        ("retry_after_s", "Retry-After, s"),
        ("delay_ms", "delayed work, ms"),
        ("drip_pause_ms", "pause of a drip, ms"),
        ("answer_bytes_max", "longest answer, bytes (0: any)"),
    ];
    let values: Vec<String> = settings.iter().map(|(name, _)| text(&faults, name)).collect();
    let inputs: Vec<Input<'_>> = settings
        .iter()
        .zip(&values)
        .map(|((name, label), value)| Input::Text(name, label, value))
        .collect();
    page.form("/control/api/faults", here, "Set", &inputs);
    page.raw("<div>");
    let clear = [Input::Hidden("clear", "true")];
    page.form("/control/api/faults", here, "Nothing goes wrong", &clear);
    page.raw("</div>");
    let waiting = list(&faults, "next").count();
    page.say(&format!("{waiting} of the next calls will go wrong."));
    page.heading("The network");
    let (on, button) = if faults["outage"] == true {
        ("false", "Open the port again")
    } else {
        ("true", "Refuse connections")
    };
    page.form("/control/api/outage", here, button, &[Input::Hidden("on", on)]);
    Ok(page.finish())
}

/// Shows what became of the webhooks, and lets them go wrong.
pub(super) async fn webhooks(State(simulator): State<Simulator>) -> Answer {
    let webhooks = api::webhooks(&simulator);
    let key = simulator.webhook_key();
    let mut page = page("Webhooks");
    let counts = webhooks["counts"].as_object().into_iter().flatten();
    page.table(
        &["Messages", "How many"],
        counts.map(|(name, times)| vec![escaped(name), times.to_string()]),
    );
    page.heading("Faults, each in so many of 100");
    let names = [
        ("lose", "lost"),
        ("duplicate", "sent twice"),
        ("reorder", "overtaken"),
        ("forge", "forged copy before it"),
        ("stale", "date of 2 minutes ago"),
    ];
    let shares: Vec<String> = names
        .iter()
        .map(|(name, _)| text(&webhooks["faults"], name))
        .collect();
    let inputs: Vec<Input<'_>> = names
        .iter()
        .zip(&shares)
        .map(|((name, label), share)| Input::Text(name, label, share))
        .collect();
    page.form("/control/api/webhooks", "/control/webhooks", "Set", &inputs);
    page.heading("Key");
    page.raw(format!(
        "<p>TXT record of <code>{}</code>:</p><p style=\"overflow-wrap:anywhere\"><code>{}</code></p>",
        escaped(&key.key_id),
        escaped(&key.record)
    ));
    Ok(page.finish())
}

/// Shows the newest calls of the simulated API.
pub(super) async fn log(State(simulator): State<Simulator>) -> Answer {
    let mut page = page("Calls");
    page.say("The newest calls of the simulated API, tokens left out.");
    log_table(&mut page, &simulator.0.log.newest(0, CALLS_SHOWN));
    Ok(page.finish())
}
