//! The Copernica sink.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail as the tests do"
)]

mod account;
mod answers;
mod door;
mod extras;
mod newcomers;
mod removed;
mod scripted;
mod simulator;
mod world;

use std::sync::Arc;

use schakel_connectors::copernica::{ApiVersion, Copernica, Settings};
use schakel_core::connector::Work;
use schakel_core::delivery::{Certainty, ObjectKind, Value, Wish};
use schakel_core::entity::{Order, Person};
use schakel_core::golden::{OrderView, Relation};
use schakel_core::id::DeliveryId;
use schakel_core::preset::{Hub, Preset, Rendered, Table, render_order, render_relation};
use schakel_core::privacy::Secret;
use schakel_core::time::{Timestamp, Zone};

/// The moment at which every test starts: 2026-06-01 12:00 UTC.
const START: Timestamp = Timestamp::from_micros(1_780_315_200_000_000);

/// The database that the tests fill.
const DATABASE: &str = "webshop";

fn sink_at(base_url: &str, version: ApiVersion) -> Copernica {
    sink_with(base_url, version, Preset::bookerz())
}

fn sink_with(base_url: &str, version: ApiVersion, preset: Preset) -> Copernica {
    let settings = Settings {
        base_url: base_url.to_owned(),
        auth_url: format!("{base_url}/authenticate"),
        api_version: version,
        timeout_ms: 20_000,
        ..Settings::new(Secret::new("sandbox-token"), DATABASE)
    };
    Copernica::new(settings, Arc::new(preset))
}

fn table(kind: ObjectKind) -> Table {
    Preset::bookerz().table(kind).unwrap().clone()
}

fn hub(number: i64) -> Hub {
    Hub {
        number,
        shop_id: 24_501,
        guid: "5f0d1c3e-8a44-8b6f-9c21-0e5a7d3b9f10".to_owned(),
        is_historic: false,
        created_at: START,
        updated_at: START,
        zone: Zone::amsterdam(),
    }
}

fn work(kind: ObjectKind, rendered: &Rendered) -> Work {
    let table = table(kind);
    let names = table.fields.iter().map(|field| Arc::clone(&field.name));
    Work {
        delivery: DeliveryId(1),
        kind,
        wish: Wish::Present,
        key: table.key_of(&rendered.values),
        fields: names.zip(rendered.values.iter().cloned()).collect(),
        remote_id: None,
        remote_parent: None,
        parent: None,
        certainty: Certainty::Fresh,
    }
}

/// The delivery of a person who is called `firstname`.
fn person(number: i64, firstname: &str) -> Work {
    let person = Person {
        email: format!("{firstname}.{number}@example.org"),
        firstname: firstname.to_owned(),
        lastname: "Voorbeeld".to_owned(),
        birth_date: "1980-02-29".to_owned(),
        ..Person::default()
    };
    let relation = Relation {
        person,
        newsletter: true,
        customer_id: 9_000 + number,
        last_online_at: Some(START),
        ..Relation::default()
    };
    work(
        ObjectKind::Relation,
        &render_relation(&table(ObjectKind::Relation), &relation, &hub(number)),
    )
}

/// The delivery of an order under the profile `parent`.
fn order(id: i64, status: &str, parent: i64) -> Work {
    let order = Order {
        number: format!("ORD{id:05}"),
        status: status.to_owned(),
        created_at: Some(START),
        ..Order::default()
    };
    let view = OrderView {
        id,
        order: &order,
        is_deleted: false,
        shipments: Vec::new(),
        recovery_hash: "",
    };
    let rendered = render_order(&table(ObjectKind::Order), &view, &hub(1));
    Work {
        parent: Some(parent),
        ..work(ObjectKind::Order, &rendered)
    }
}

/// The same object, which shall be gone.
fn absent(work: Work) -> Work {
    Work {
        wish: Wish::Absent,
        fields: Vec::new(),
        parent: None,
        ..work
    }
}

/// The same delivery after an attempt that may have been executed.
fn uncertain(work: Work) -> Work {
    Work {
        certainty: Certainty::Uncertain,
        ..work
    }
}

fn text(work: &Work, name: &str) -> String {
    let value = work.fields.iter().find(|(field, _)| **field == *name);
    match value {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Int(number))) => number.to_string(),
        None => panic!("{name} is not delivered"),
    }
}
