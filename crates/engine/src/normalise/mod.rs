//! Normalise: an event becomes records and problems. Pure; a connector that panics is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use schakel_core::connector::{Normalised, Source};
use schakel_core::event::Event;
use schakel_core::problem::{Code, Problem};
use schakel_core::record::RecordKind;

/// Normalises one event; a panic of the connector becomes a problem that sets the event aside (I18).
#[must_use]
pub fn normalise(source: &dyn Source, event: &Event) -> Normalised {
    let caught = catch_unwind(AssertUnwindSafe(|| source.normalise(event)));
    caught.unwrap_or_else(|_| {
        tracing::error!(event.id = %event.id, stream = event.stream, "the connector failed on an event");
        Normalised {
            problems: vec![Problem::new(Code::Poison, event.stream.clone())],
            ..Normalised::default()
        }
    })
}

/// The stream of what was read about things of a kind, by a fetch or from a list.
pub(crate) const fn stream_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Customer => "customers",
        RecordKind::Subscription => "subscriptions",
        RecordKind::Order => "orders",
        RecordKind::Quote => "quotes",
        RecordKind::Shipment => "shipments",
        RecordKind::Invoice => "invoices",
        RecordKind::Product => "products",
        RecordKind::Variant => "variants",
        RecordKind::Groups => "groups/customers",
        RecordKind::Checkout => "checkouts",
    }
}
