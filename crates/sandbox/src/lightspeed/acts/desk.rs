//! What reaches the shop's desk: goods sent back, messages.

use serde_json::{Map, Value, json};

use crate::lightspeed::Simulator;
use crate::lightspeed::plain;

impl Simulator {
    /// Sends back one piece of the first row of an order, and returns the id of the return.
    ///
    /// `None` when there is no such order or nothing in it.
    pub fn file_return(&self, order: u64) -> Option<u64> {
        let now_s = self.now_s();
        let of = plain::resource("returns")?;
        let mut shop = self.shop();
        let at = shop.orders.find(order)?;
        let record = shop.orders.get(at)?;
        let row = record.rows.first()?;
        let incl_e4 = i64::from(row.price_incl_e4);
        let excl_e4 = crate::lightspeed::catalogue::without_tax_e4(incl_e4, shop.tax_e4(row));
        let members = json!({
            "customerId": shop.customer_id(record.customer),
            "orderId": order,
            "status": "new",
            "numProducts": 1,
            "priceExcl": excl_e4 as f64 / 10_000.0,
            "priceIncl": incl_e4 as f64 / 10_000.0,
            "returnReason": "Niet naar wens",
            "orderProducts": [{"id": shop.order_row_id(at, row), "quantity": 1}],
        });
        let id = shop.plain.add(of, 0, object(members), now_s);
        self.tell_plain(&mut shop, of, "created", id);
        Some(id)
    }

    /// Leaves a message on the contact form, and returns its id.
    pub fn leave_message(&self, email: &str, message: &str) -> u64 {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let members = json!({
            "name": email.split('@').next().unwrap_or(""),
            "email": email,
            "subject": "Vraag",
            "message": message,
            "language": self.inner.default_language.code(),
        });
        let Some(of) = plain::resource("contacts") else {
            return 0;
        };
        let id = shop.plain.add(of, 0, object(members), now_s);
        self.tell_plain(&mut shop, of, "created", id);
        id
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
