//! Reads everything back from the simulated Copernica and compares it with what the hub wants.
//!
//! Counts and duplicates come from the simulator, never from the hub's own books; [`schakel_sandbox::ends`] compares both
//! simulators without the hub.

use std::collections::BTreeMap;

use schakel_core::delivery::{ObjectKind, Value, Wish};
use schakel_core::id::{ConnectionId, DeliveryId, TenantId};
use schakel_core::preset::{Field, Preset, Table, agrees};
use schakel_sandbox::copernica::{RowView, Simulator};
use schakel_store::{DeliveryRow, Store, StoreError};
use serde::Serialize;

/// Outbox rows read at a time.
const PAGE: usize = 2_000;
/// Differences that are told one by one; the rest is only counted.
const TOLD: usize = 20;

/// What lives in the simulator, and how it differs from what the hub wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SinkFigures {
    /// Living profiles.
    pub profiles: u64,
    /// Living subprofiles of Orders.
    pub orders: u64,
    /// Living subprofiles of OrderRows.
    pub order_rows: u64,
    /// Living subprofiles of Quotes.
    pub quotes: u64,
    /// Profiles beyond the first with one RelationID.
    pub duplicate_profiles: u64,
    /// Subprofiles beyond the first with one key, in all collections.
    pub duplicate_subprofiles: u64,
    /// Objects that are missing, too many, under another profile, or differ in at least one field.
    pub mismatches: u64,
    /// The first differences, in words without personal data.
    #[serde(skip)]
    pub told: Vec<String>,
}

/// One object as the simulator holds it.
struct Remote {
    profile: Option<u64>,
    fields: Vec<String>,
}

/// Compares the whole sink.
///
/// # Errors
/// When the store can't be read.
pub async fn compare(
    store: &Store,
    tenant: TenantId,
    sink: ConnectionId,
    preset: &Preset,
    simulator: &Simulator,
    database: &str,
) -> Result<SinkFigures, StoreError> {
    let mut figures = SinkFigures::default();
    for table in &preset.tables {
        let mut remotes = read(simulator, database, table, &mut figures);
        count(
            &mut figures,
            table.object,
            remotes.values().map(|found| found.len() as u64).sum(),
        );
        let mut after = DeliveryId(0);
        loop {
            let rows = store
                .page_deliveries(tenant, sink, table.object, after, PAGE)
                .await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows.iter().filter(|row| row.wish == Wish::Present) {
                check(table, row, &mut remotes, &mut figures);
            }
        }
        for key in remotes.keys() {
            tell(
                &mut figures,
                format!(
                    "{} {key:?} is in the sink and nobody wants it",
                    table.object.as_str()
                ),
            );
        }
    }
    Ok(figures)
}

/// Reads one table of the simulator by natural key, and counts what has one key.
fn read(
    simulator: &Simulator,
    database: &str,
    table: &Table,
    figures: &mut SinkFigures,
) -> BTreeMap<Vec<String>, Vec<Remote>> {
    let mut remotes: BTreeMap<Vec<String>, Vec<Remote>> = BTreeMap::new();
    let keys: Vec<&str> = table
        .key
        .iter()
        .map(|position| &*table.fields[*position].name)
        .collect();
    let mut show = |view: RowView<'_>| {
        let text = |name: &str| view.get(name).unwrap_or_default().into_owned();
        let key: Vec<String> = keys.iter().map(|name| text(name)).collect();
        let fields = table.fields.iter().map(|field| text(&field.name)).collect();
        remotes.entry(key).or_default().push(Remote {
            profile: view.profile,
            fields,
        });
    };
    if table.object == ObjectKind::Relation {
        simulator.for_each_profile(database, &mut show);
        figures.duplicate_profiles += simulator.duplicates(database, &keys);
    } else {
        simulator.for_each_subprofile(&table.collection, &mut show);
        figures.duplicate_subprofiles += simulator.duplicate_subprofiles(&table.collection, &keys);
    }
    remotes
}

fn count(figures: &mut SinkFigures, object: ObjectKind, living: u64) {
    match object {
        ObjectKind::Relation => figures.profiles = living,
        ObjectKind::Order => figures.orders = living,
        ObjectKind::OrderRow => figures.order_rows = living,
        ObjectKind::Quote => figures.quotes = living,
        ObjectKind::QuoteRow | ObjectKind::CustomerGroup => {}
    }
}

/// Compares one outbox row with what the simulator holds under its key, field by field.
fn check(
    table: &Table,
    row: &DeliveryRow,
    remotes: &mut BTreeMap<Vec<String>, Vec<Remote>>,
    figures: &mut SinkFigures,
) {
    let object = table.object.as_str();
    let Ok(values) = serde_json::from_str::<Vec<Value>>(&row.desired) else {
        tell(
            figures,
            format!("{object} {}: stored values can't be read", row.id),
        );
        return;
    };
    let key: Vec<String> = table
        .key_of(&values)
        .iter()
        .map(|(_, number)| number.to_string())
        .collect();
    let Some(found) = remotes.remove(&key) else {
        tell(
            figures,
            format!("{object} {key:?} is wanted ({}) and missing", row.state.as_str()),
        );
        return;
    };
    let Some(remote) = found.first() else { return };
    if row.remote_parent.is_some()
        && remote.profile != row.remote_parent.and_then(|id| u64::try_from(id).ok())
    {
        tell(figures, format!("{object} {key:?} stands under another profile"));
        return;
    }
    let differing: Vec<&str> = table
        .fields
        .iter()
        .zip(&values)
        .zip(&remote.fields)
        .filter(|((field, wanted), held)| differs(field, wanted, held))
        .map(|((field, _), _)| &*field.name)
        .collect();
    if !differing.is_empty() {
        tell(
            figures,
            format!("{object} {key:?} differs in {}", differing.join(", ")),
        );
    }
}

/// Tells whether the account holds another value than is wanted. The hub's own times cause no call by themselves
/// (architecture §3, Hub-owned values): what changed and changed back before it was sent keeps its earlier time there.
fn differs(field: &Field, wanted: &Value, held: &str) -> bool {
    let is_earlier = || matches!(wanted, Value::Text(wanted) if !held.is_empty() && held < wanted.as_str());
    !agrees(field, wanted, held) && (field.is_counted || !is_earlier())
}

fn tell(figures: &mut SinkFigures, difference: String) {
    figures.mismatches += 1;
    if figures.told.len() < TOLD {
        figures.told.push(difference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_earlier_time_of_the_hubs_own_is_no_difference() {
        let preset = Preset::bookerz();
        let orders = preset.table(ObjectKind::Order).unwrap();
        let differs = |name: &str, wanted: &str, held: &str| {
            let field = orders.fields.iter().find(|field| &*field.name == name).unwrap();
            differs(field, &Value::Text(wanted.into()), held)
        };
        let (early, late) = ("2026-05-12 13:00:00", "2026-05-12 13:00:01");
        assert!(!differs("BookerzUpdatedAt", late, late));
        assert!(
            !differs("BookerzUpdatedAt", late, early),
            "it changed and changed back"
        );
        assert!(differs("BookerzUpdatedAt", early, late), "nobody wrote that");
        assert!(differs("BookerzUpdatedAt", late, ""));
        assert!(differs("UpdatedAt", late, early), "the shop's time counts");
    }
}
