//! Members that a write may change and that nothing else here depends on: they come back as they were sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::Out;

/// What kind of value a member takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole,
    /// An amount of money.
    Amount,
    /// A text.
    Text,
    /// A text; `false` when it is empty.
    TextOrFalse,
}

/// The members by resource (lightspeed-ecom.md §5, columns W).
const MEMBERS: [(&str, &[(&str, Form)]); 6] = [
    ("customers", &[("referralId", Form::TextOrFalse)]),
    (
        "orders",
        &[
            ("referralId", Form::TextOrFalse),
            ("paymentId", Form::Text),
            ("shipmentId", Form::Text),
            ("allowNotifications", Form::Flag),
            ("doNotifyNew", Form::Flag),
            ("doNotifyReminder", Form::Flag),
            ("doNotifyCancelled", Form::Flag),
        ],
    ),
    (
        "quotes",
        &[
            ("referralId", Form::TextOrFalse),
            ("isLocked", Form::Flag),
            ("discountCouponCode", Form::Text),
        ],
    ),
    (
        "invoices",
        &[("doNotifyNew", Form::Flag), ("doNotifyPaid", Form::Flag)],
    ),
    (
        "shipments",
        &[
            ("doNotifyShipped", Form::Flag),
            ("doNotifyReadyForPickup", Form::Flag),
            ("doNotifyTrackingCode", Form::Flag),
        ],
    ),
    (
        "variants",
        &[
            ("hs", Form::Text),
            ("unitUnit", Form::Text),
            ("oldPriceExcl", Form::Amount),
            ("oldPriceIncl", Form::Amount),
            ("stockTracking", Form::Text),
            ("stockAlert", Form::Whole),
            ("weightValue", Form::Text),
            ("weightUnit", Form::Text),
        ],
    ),
];

/// Returns the members of a resource, with what they take.
pub(crate) fn members(resource: &str) -> &'static [(&'static str, Form)] {
    let found = MEMBERS.iter().find(|(name, _)| *name == resource);
    found.map_or(&[], |(_, members)| members)
}

/// What was written, by resource and id: the JSON of each member.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Written(BTreeMap<String, BTreeMap<String, String>>);

impl Written {
    /// Keeps members of a record, as JSON.
    pub(crate) fn keep(&mut self, (resource, id): (&str, u64), changes: BTreeMap<String, String>) {
        if !changes.is_empty() {
            let known = self.0.entry(format!("{resource}/{id}")).or_default();
            known.extend(changes);
        }
    }

    /// Returns what was written of a record.
    pub(crate) fn of(&self, resource: &str, id: u64) -> Kept<'_> {
        // Nearly no record has any: the key is made only where there are some.
        let kept = (!self.0.is_empty()).then(|| self.0.get(&format!("{resource}/{id}")));
        Kept(kept.flatten())
    }
}

/// What was written of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a>(Option<&'a BTreeMap<String, String>>);

impl Kept<'_> {
    /// Returns the text that was written.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0?.get(key)?).ok()
    }

    /// Writes a member: what was written, or the JSON `unless`.
    pub(crate) fn write(&self, out: &mut Out<'_>, key: &str, unless: &str) {
        match self.0.and_then(|kept| kept.get(key)) {
            Some(json) => out.raw(key, json),
            None => out.raw(key, unless),
        }
    }
}
