//! Normalise: an event becomes records and problems. Pure; a connector that panics is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use schakel_core::connector::{Normalised, Source};
use schakel_core::event::Event;
use schakel_core::problem::{Code, Problem};

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
