//! What the control port can read of the account.

use serde_json::{Map, Value, json};

use super::super::account::{Account, Space};
use super::super::faults::FaultKind;
use super::super::rules::{Removal, Restriction, Rules};
use super::super::table::{Row, Rows, Table};
use super::super::{Simulator, lock};
use crate::control::{Given, Trouble};

/// How many rows a page shows when the call does not say.
const LIMIT_USUAL: usize = 50;
const LIMIT_MAX: usize = 1000;

/// One row with its values in definition order.
pub(super) struct Shown {
    pub(super) id: u32,
    pub(super) parent: u32,
    pub(super) created: String,
    pub(super) modified: String,
    pub(super) removed: Option<String>,
    pub(super) fields: Vec<(String, String)>,
}

impl Shown {
    fn of(account: &Account, table: &Table, id: u32, row: &Row) -> Self {
        let stamp = |at| account.clock.stamp(at);
        let fields = table.fields().iter().enumerate();
        Self {
            id,
            parent: row.parent,
            created: stamp(row.created),
            modified: stamp(row.modified),
            removed: Some(row.removed).filter(|at| *at > 0).map(stamp),
            fields: fields
                .map(|(at, field)| (field.name.clone(), table.value(row, at).into_owned()))
                .collect(),
        }
    }

    fn json(&self) -> Value {
        let fields: Map<String, Value> = self
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({"id": self.id, "profile": self.parent, "created": self.created, "modified": self.modified,
               "removed": self.removed, "fields": fields})
    }
}

/// One page of rows.
pub(super) struct Rowful {
    pub(super) start: usize,
    pub(super) limit: usize,
    /// All rows of the table, or those that were looked for.
    pub(super) total: usize,
    pub(super) rows: Vec<Shown>,
}

impl Rowful {
    /// Gives the page as JSON, with the rows under `name`.
    pub(super) fn json(&self, name: &str) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Shown::json).collect();
        json!({"start": self.start, "limit": self.limit, "total": self.total, name: rows})
    }
}

/// One profile with its subprofiles, by collection.
pub(super) struct Whole {
    pub(super) database: u32,
    pub(super) profile: Shown,
    pub(super) collections: Vec<(u32, String, Vec<Shown>)>,
}

impl Whole {
    /// Gives all of it as JSON.
    pub(super) fn json(&self) -> Value {
        let collections: Vec<Value> = self
            .collections
            .iter()
            .map(|(id, name, rows)| {
                let rows: Vec<Value> = rows.iter().map(Shown::json).collect();
                json!({"id": id, "name": name, "subprofiles": rows})
            })
            .collect();
        json!({"database": self.database, "profile": self.profile.json(), "collections": collections})
    }
}

/// Gives what came in and what is stored.
pub(super) fn state(simulator: &Simulator) -> Value {
    let counts = simulator.counts();
    let faults: Map<String, Value> = counts
        .faults
        .iter()
        .map(|(kind, times)| (kind.name().to_owned(), json!(times)))
        .collect();
    json!({"calls": counts.calls, "calls_by_kind": counts.calls_by_kind, "faults": faults,
           "rows_created": counts.rows_created, "rows_changed": counts.rows_changed,
           "rows_unchanged": counts.rows_unchanged, "rows_removed": counts.rows_removed,
           "profiles": counts.profiles, "subprofiles": counts.subprofiles, "waiting": counts.waiting,
           "outage": simulator.outage().is_on(), "revision": simulator.revision()})
}

/// Gives the definitions of everything.
pub(super) fn databases(simulator: &Simulator) -> Value {
    let account = simulator.account();
    let fields = |table: &Table| -> Vec<Value> {
        table
            .fields()
            .iter()
            .map(|field| {
                json!({"id": field.id, "name": field.name, "type": field.kind.name(), "length": field.length,
                       "value": field.value, "index": field.index, "lock": field.lock})
            })
            .collect()
    };
    let databases: Vec<Value> = account
        .databases
        .iter()
        .map(|database| {
            let collections: Vec<Value> = account
                .collections
                .iter()
                .filter(|each| each.database == database.id)
                .map(|each| {
                    json!({"id": each.id, "name": each.name, "subprofiles": each.table.live,
                           "fields": fields(&each.table), "settings": settings(&each.rules)})
                })
                .collect();
            json!({"id": database.id, "name": database.name, "profiles": database.table.live,
                   "fields": fields(&database.table), "settings": settings(&database.rules),
                   "collections": collections})
        })
        .collect();
    json!({ "databases": databases })
}

fn settings(rules: &Rules) -> Value {
    let restrictions: Vec<String> = rules.restrictions.iter().map(in_words).collect();
    json!({"restrictions": restrictions, "removal": removal_name(rules.removal)})
}

/// Says what a restriction asks for.
pub(super) fn in_words(restriction: &Restriction) -> String {
    match restriction {
        Restriction::Unique(names) => format!("{} unique", names.join(" + ")),
        Restriction::Minimum(name, least) => format!("{name} at least {least}"),
        Restriction::NotContaining(name, text) => format!("{name} does not contain {text}"),
    }
}

/// Names what a delete does.
pub(super) fn removal_name(removal: Removal) -> &'static str {
    match removal {
        Removal::Remove => "remove",
        Removal::Nothing => "do nothing",
        Removal::Unsubscribe => "unsubscribe",
    }
}

/// Gives a page of the living profiles of a database; `find` is a text that one of the values contains.
///
/// # Errors
/// When there is no such database.
pub(super) fn profiles(simulator: &Simulator, database: &str, given: &Given) -> Result<Rowful, Trouble> {
    let account = simulator.account();
    let place = account
        .database_at(database)
        .ok_or(Trouble::unknown("database"))?;
    rowful(
        &account,
        &account.databases[place].table,
        &account.profiles,
        given,
    )
}

/// Gives a page of the living subprofiles of a collection.
///
/// # Errors
/// When there is no such collection.
pub(super) fn subprofiles(simulator: &Simulator, collection: u32, given: &Given) -> Result<Rowful, Trouble> {
    let account = simulator.account();
    let place = account
        .collection_at(collection)
        .ok_or(Trouble::unknown("collection"))?;
    rowful(
        &account,
        &account.collections[place].table,
        &account.subprofiles,
        given,
    )
}

fn rowful(account: &Account, table: &Table, rows: &Rows, given: &Given) -> Result<Rowful, Trouble> {
    let start: usize = given.number("start")?.unwrap_or(0);
    let limit = given.number("limit")?.unwrap_or(LIMIT_USUAL).clamp(1, LIMIT_MAX);
    let find = given.text("find").map(|text| text.to_lowercase());
    let alive = |id: &u32| Some((*id, rows.get(*id).filter(|row| row.removed == 0)?));
    let holds = |(_, row): &(u32, &Row)| {
        find.as_ref().is_none_or(|find| {
            (0..table.fields().len()).any(|at| table.value(row, at).to_lowercase().contains(find))
        })
    };
    let mut total = 0;
    let mut shown = Vec::new();
    for (id, row) in table.ids.iter().filter_map(alive).filter(holds) {
        if total >= start && shown.len() < limit {
            shown.push(Shown::of(account, table, id, row));
        }
        total += 1;
    }
    Ok(Rowful {
        start,
        limit,
        total,
        rows: shown,
    })
}

/// Gives a profile, removed or not, with all its subprofiles.
///
/// # Errors
/// When there is no such profile.
pub(super) fn profile(simulator: &Simulator, id: u32) -> Result<Whole, Trouble> {
    let account = simulator.account();
    let known = account
        .profiles
        .get(id)
        .filter(|_| account.row_exists(Space::Profiles, id));
    let row = known.ok_or(Trouble::unknown("profile"))?;
    let database = account.databases.iter().find(|each| each.id == row.table);
    let database = database.ok_or(Trouble::unknown("profile"))?;
    let collections = account
        .collections
        .iter()
        .filter(|each| each.database == database.id)
        .map(|each| {
            let children = account.children(id, each.id);
            let rows = children
                .iter()
                .filter_map(|child| Some((*child, account.subprofiles.get(*child)?)));
            let rows = rows.map(|(child, row)| Shown::of(&account, &each.table, child, row));
            (each.id, each.name.clone(), rows.collect())
        })
        .collect();
    Ok(Whole {
        database: database.id,
        profile: Shown::of(&account, &database.table, id, row),
        collections,
    })
}

/// Gives the faults that are set, and those that happened.
pub(super) fn faults(simulator: &Simulator) -> Value {
    let dice = lock(&simulator.0.dice);
    let percent: Map<String, Value> = FaultKind::ALL
        .iter()
        .map(|kind| {
            let found = dice.faults.percent.iter().find(|(known, _)| known == kind);
            let share = found.map_or(0.0, |(_, share)| *share);
            (kind.name().to_owned(), json!(share))
        })
        .collect();
    let hits: Map<String, Value> = dice
        .hits
        .iter()
        .map(|(kind, times)| (kind.name().to_owned(), json!(times)))
        .collect();
    json!({"latency_ms": dice.faults.latency_ms, "latency_percent": dice.faults.latency_percent,
           "retry_after_s": dice.faults.retry_after_s, "delay_ms": dice.faults.delay_ms,
           "drip_pause_ms": dice.faults.drip_pause_ms, "answer_bytes_max": dice.faults.answer_bytes_max,
           "hit_authentication": dice.faults.hit_authentication,
           "percent": percent, "next": dice.waiting(), "hits": hits, "outage": simulator.0.outage.is_on()})
}

/// Gives the faults of webhooks, and what became of the messages.
pub(super) fn webhooks(simulator: &Simulator) -> Value {
    let counts = simulator.webhook_counts();
    let faults = lock(&simulator.0.post).faults;
    json!({"faults": {"lose": faults.lose, "duplicate": faults.duplicate, "reorder": faults.reorder,
                      "forge": faults.forge, "stale": faults.stale},
           "counts": {"waiting": counts.waiting, "accepted": counts.accepted, "refused": counts.refused,
                      "lost": counts.lost, "duplicated": counts.duplicated, "reordered": counts.reordered,
                      "forged": counts.forged, "stale": counts.stale}})
}
