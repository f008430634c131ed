//! Both ends of a way: what a simulated account holds of the orders of a simulated shop.
//!
//! Whoever stands between the two is not asked, so what he got wrong in the same way in his own books shows as well. The
//! names of the fields are those of bookerz-fields.csv. Compared are the orders that the shop has: each stands there once,
//! with its rows, under a profile with the address of its customer.

use std::collections::BTreeMap;

use crate::copernica::RowView;
use crate::lightspeed::{Kind, OrderFacts};
use crate::{copernica, lightspeed};

/// Differences that are told one by one; the rest is only counted.
const TOLD: usize = 20;

/// What a shop holds, and how an account differs from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Orders that the shop has.
    pub orders: u64,
    /// Their rows.
    pub order_rows: u64,
    /// Orders and rows that are lost, double, under somebody else, different in a field, or unknown to the shop.
    pub differences: u64,
    /// The first differences, in words without personal data.
    pub told: Vec<String>,
}

impl Compared {
    fn tell(&mut self, difference: String) {
        self.differences += 1;
        if self.told.len() < TOLD {
            self.told.push(difference);
        }
    }
}

/// An order in the account.
struct Delivered {
    /// The address of the profile under which it stands, in small letters.
    email: String,
    /// Number, status, payment status and tracking code.
    fields: [String; 4],
    is_deleted: bool,
}

/// A row in the account: its order, variant and quantity.
type DeliveredRow = [String; 3];

/// Compares `account` with `shop`; profiles are those of `database`.
#[must_use]
pub fn compare(shop: &lightspeed::Simulator, account: &copernica::Simulator, database: &str) -> Compared {
    let mut found = Compared::default();
    let mut orders = read_orders(account, database, &mut found);
    let mut rows = read_rows(account, &mut found);
    for order in shop.ids(Kind::Order).into_iter().filter_map(|id| shop.order(id)) {
        found.orders += 1;
        found.order_rows += order.rows.len() as u64;
        match orders.remove(&order.id) {
            Some(delivered) => check(shop, &order, &delivered, &mut found),
            None => found.tell(format!("order {} is lost", order.id)),
        }
        check_rows(&order, &mut rows, &mut found);
    }
    // One that the shop deleted stays, and is marked.
    for (id, _) in orders.iter().filter(|(_, order)| !order.is_deleted) {
        found.tell(format!("order {id} is unknown to the shop"));
    }
    found
}

fn read_orders(
    account: &copernica::Simulator,
    database: &str,
    found: &mut Compared,
) -> BTreeMap<u64, Delivered> {
    let mut emails: BTreeMap<u64, String> = BTreeMap::new();
    account.for_each_profile(database, |view| {
        emails.insert(view.id, text(&view, "Email").to_lowercase());
    });
    let mut orders = BTreeMap::new();
    account.for_each_subprofile("Orders", |view| {
        let owner = view.profile.and_then(|profile| emails.get(&profile));
        let id = number(&view, "OrderID");
        let delivered = Delivered {
            email: owner.cloned().unwrap_or_default(),
            fields: ["OrderNumber", "Status", "PaymentStatus", "TrackingCode"].map(|name| text(&view, name)),
            is_deleted: text(&view, "BookerzOrderIsDeleted") == "Yes",
        };
        if orders.insert(id, delivered).is_some() {
            found.tell(format!("order {id} is double"));
        }
    });
    orders
}

fn read_rows(account: &copernica::Simulator, found: &mut Compared) -> BTreeMap<u64, DeliveredRow> {
    let mut rows = BTreeMap::new();
    account.for_each_subprofile("OrderRows", |view| {
        let id = number(&view, "OrderRowID");
        let row = ["OrderID", "VariantID", "QuantityOrdered"].map(|name| text(&view, name));
        if rows.insert(id, row).is_some() {
            found.tell(format!("row {id} is double"));
        }
    });
    rows
}

fn check(shop: &lightspeed::Simulator, order: &OrderFacts, delivered: &Delivered, found: &mut Compared) {
    let id = order.id;
    let said = [
        ("number", &*order.number),
        ("status", order.status),
        ("payment status", order.payment_status),
        ("tracking code", &*order.tracking_code),
    ];
    for ((name, said), held) in said.into_iter().zip(&delivered.fields) {
        if said != held {
            found.tell(format!(
                "the {name} of order {id} is {held:?} instead of {said:?}"
            ));
        }
    }
    if delivered.is_deleted {
        found.tell(format!("order {id} is marked as deleted"));
    }
    let owner = order.customer.and_then(|customer| shop.person(customer));
    if owner.is_some_and(|owner| owner.email().trim().to_lowercase() != delivered.email) {
        found.tell(format!("order {id} stands under somebody else"));
    }
}

fn check_rows(order: &OrderFacts, rows: &mut BTreeMap<u64, DeliveredRow>, found: &mut Compared) {
    for row in &order.rows {
        let said = [order.id, row.variant.unwrap_or(0), row.quantity].map(|number| number.to_string());
        match rows.remove(&row.id) {
            Some(held) if held == said => {}
            Some(_) => found.tell(format!("row {} of order {} differs", row.id, order.id)),
            None => found.tell(format!("row {} of order {} is lost", row.id, order.id)),
        }
    }
}

fn text(view: &RowView<'_>, name: &str) -> String {
    view.get(name).unwrap_or_default().into_owned()
}

fn number(view: &RowView<'_>, name: &str) -> u64 {
    text(view, name).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::door::{HandClock, Seed};
    use crate::lightspeed::traffic::{Generator, Mix};

    #[test]
    fn what_never_arrived_is_lost() {
        let clock = Arc::new(HandClock::at(1_778_599_537_000_000));
        let options = lightspeed::Options::default();
        let shop = lightspeed::Simulator::new(options, clock.clone(), Seed::new(7));
        let account = copernica::Simulator::new(copernica::Options::default(), clock, 7);
        assert_eq!(compare(&shop, &account, "any"), Compared::default());
        Generator::new(&shop, Seed::new(3), Mix::default()).history(2, 60);
        let found = compare(&shop, &account, "any");
        assert_eq!((found.orders, found.order_rows), (2, 6));
        assert_eq!(found.differences, 8, "{:?}", found.told);
    }
}
