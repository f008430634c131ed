//! Single acts: what a shopper or the merchant does, by click or call.
//!
//! An act on a record takes its id; without one it takes the newest. An act that invents somebody takes what
//! was given of him and invents the rest.

use axum::extract::{Path, State};
use serde_json::json;

use super::{Answer, Simulator};
use crate::control::{Given, Trouble, done};
use crate::door::Seed;
use crate::lightspeed::person::{Person, TEXT_KEYS, Text};
use crate::lightspeed::traffic::{Generator, Mix};
use crate::lightspeed::{
    Burst, Buyer, Cart, CartChange, CustomerChange, Goods, Kind, NewCustomer, NewOrder, NewSubscription,
    ProductChange, Refund, RowsChange, Sent, Split,
};

/// An act: its name, what its button says, and what it can be given.
pub(super) type Act = (&'static str, &'static str, &'static [&'static str]);

/// Every act, by the kind of record it is about.
pub(super) const ACTS: [(&str, &[Act]); 5] = [
    (
        "Customers",
        &[
            (
                "register",
                "Register",
                &["email", "firstname", "middlename", "lastname"],
            ),
            (
                "change_email",
                "Change the e-mail address",
                &["customer", "email"],
            ),
            (
                "change_customer",
                "Change a field",
                &["customer", "field", "value"],
            ),
            ("swap_emails", "Swap two addresses", &["customer", "other"]),
            ("delete_customer", "Delete the customer", &["customer"]),
        ],
    ),
    (
        "Newsletter",
        &[
            ("subscribe", "Subscribe", &["email", "firstname", "lastname"]),
            ("confirm", "Confirm", &["subscription"]),
            ("unsubscribe", "Unsubscribe", &["subscription"]),
        ],
    ),
    (
        "Carts",
        &[
            ("fill_cart", "Fill a cart", &["customer"]),
            ("tie_cart", "Log in with a cart", &["quote", "customer"]),
        ],
    ),
    (
        "Orders",
        &[
            ("story", "Let somebody shop", &[]),
            ("place_order", "Place an order", &["customer", "email"]),
            ("pay_order", "Pay", &["order"]),
            ("ship_order", "Ship", &["order", "tracking_code"]),
            ("split_shipment", "Split the shipment", &["order"]),
            ("refund", "Refund a piece", &["order"]),
            ("cancel_order", "Cancel", &["order"]),
            ("remove_row", "Remove a row", &["order", "row"]),
            ("file_return", "Send back", &["order"]),
            ("delete_order", "Delete the order", &["order"]),
        ],
    ),
    (
        "Catalogue and shop",
        &[
            ("change_product", "Change a product", &["product", "title", "url"]),
            ("delete_product", "Delete the product", &["product"]),
            ("leave_message", "Leave a message", &["email", "message"]),
            ("install_app", "Install an app", &["key"]),
            ("uninstall_app", "Uninstall an app", &["key"]),
        ],
    ),
];

/// Does the act with this name.
pub(super) async fn act(
    State(simulator): State<Simulator>,
    Path(name): Path<String>,
    given: Given,
) -> Answer {
    let simulator = simulator.with_burst(Burst::FULL);
    let of = Doing {
        simulator: &simulator,
        given: &given,
    };
    let id = match name.as_str() {
        "register" | "change_email" | "change_customer" | "swap_emails" | "delete_customer" => {
            of.customer(&name)?
        }
        "subscribe" | "confirm" | "unsubscribe" => of.newsletter(&name)?,
        "fill_cart" | "tie_cart" => of.cart(&name)?,
        "change_product" | "delete_product" | "leave_message" | "install_app" | "uninstall_app" => {
            of.shop(&name)?
        }
        _ => of.order(&name)?,
    };
    Ok(done(&given, "/control/acts", &json!({"act": name, "id": id})))
}

/// An act being done.
struct Doing<'a> {
    simulator: &'a Simulator,
    given: &'a Given,
}

impl Doing<'_> {
    /// Gives the id of a member, or the newest of its kind.
    fn id(&self, name: &str, kind: Kind) -> Result<u64, Trouble> {
        match self.given.number(name)? {
            Some(id) => Ok(id),
            None => self
                .simulator
                .ids(kind)
                .last()
                .copied()
                .ok_or_else(|| Trouble::unknown(name)),
        }
    }

    fn text(&self, name: &str) -> String {
        self.given.text(name).unwrap_or_default()
    }

    fn generator(&self) -> Generator {
        let seed = self.simulator.shop().seed.next_u64();
        let mix = Mix {
            burst: Burst::FULL,
            ..Mix::lively()
        };
        Generator::resumed(self.simulator, Seed::new(seed), mix)
    }

    /// Invents somebody, as far as nothing was given.
    fn somebody(&self) -> Person {
        let (person, _) = self.generator().somebody();
        let given: Vec<(Text, String)> = TEXT_KEYS
            .iter()
            .filter_map(|(key, text)| Some((*text, self.given.text(key)?)))
            .collect();
        let given: Vec<(Text, &str)> = given
            .iter()
            .map(|(text, value)| (*text, value.as_str()))
            .collect();
        person.with(&given)
    }

    fn goods(&self) -> Vec<Goods> {
        let mut shop = self.simulator.shop();
        let count = shop.variants.positions() as u64;
        (0..2)
            .filter_map(|_| {
                let at = usize::try_from(shop.seed.below(count)).ok()?;
                shop.variants.get(at)?;
                Some(Goods {
                    variant: Some(shop.variants.id(at)),
                    quantity: 1,
                })
            })
            .collect()
    }

    fn customer(&self, name: &str) -> Result<u64, Trouble> {
        if name == "register" {
            return Ok(self.simulator.create_customer(NewCustomer {
                person: self.somebody(),
                language: Some(self.simulator.options().default_language.clone()),
                is_confirmed: true,
            }));
        }
        let customer = self.id("customer", Kind::Customer)?;
        let is_done = match name {
            "change_email" => self
                .simulator
                .change_email(customer, &self.given.needed("email")?),
            "change_customer" => {
                let field = self.given.needed("field")?;
                let found = TEXT_KEYS.iter().find(|(key, _)| *key == field);
                let (_, text) = found.ok_or_else(|| Trouble::unknown("field"))?;
                let texts = vec![(*text, self.text("value"))];
                self.simulator
                    .update_customer(&CustomerChange { customer, texts })
            }
            "swap_emails" => {
                let other: Option<u64> = self.given.number("other")?;
                let other = other.ok_or_else(|| Trouble::new("other is missing"))?;
                self.simulator.swap_emails(customer, other)
            }
            _ => self.simulator.delete_customer(customer),
        };
        found(is_done, customer, "customer")
    }

    fn newsletter(&self, name: &str) -> Result<u64, Trouble> {
        if name == "subscribe" {
            let person = self.somebody();
            return Ok(self.simulator.subscribe(NewSubscription {
                email: person.email().to_owned(),
                firstname: person.text(Text::Firstname).to_owned(),
                lastname: person.text(Text::Lastname).to_owned(),
                language: Some(self.simulator.options().default_language.clone()),
                is_confirmed: false,
            }));
        }
        let subscription = self.id("subscription", Kind::Subscription)?;
        let is_done = match name {
            "confirm" => self.simulator.confirm_subscription(subscription),
            _ => self.simulator.unsubscribe(subscription),
        };
        found(is_done, subscription, "subscription")
    }

    fn cart(&self, name: &str) -> Result<u64, Trouble> {
        let customer = self.given.number("customer")?;
        if name == "fill_cart" {
            return Ok(self.simulator.fill_cart(&Cart {
                customer,
                goods: self.goods(),
            }));
        }
        let quote = self.id("quote", Kind::Quote)?;
        let customer = match customer {
            Some(customer) => customer,
            None => self.id("customer", Kind::Customer)?,
        };
        let is_done = self.simulator.change_cart(&CartChange {
            quote,
            customer: Some(customer),
            goods: None,
        });
        found(is_done, quote, "cart")
    }

    fn order(&self, name: &str) -> Result<u64, Trouble> {
        match name {
            "story" => {
                let order = self.generator().story();
                return order.ok_or_else(|| Trouble::new("nobody bought anything"));
            }
            "place_order" => return self.place_order(),
            _ => {}
        }
        let order = self.id("order", Kind::Order)?;
        let facts = self
            .simulator
            .order(order)
            .ok_or_else(|| Trouble::unknown("order"))?;
        let first = facts.rows.first().map(|row| (row.id, 1));
        let is_done = match name {
            "pay_order" => self.simulator.pay_order(order),
            "ship_order" => {
                let code = self.given.text("tracking_code");
                let tracking_code = code.unwrap_or_else(|| format!("3SEXMP{:09}", order % 1_000_000_000));
                self.simulator.ship_order(&Sent { order, tracking_code })
            }
            "split_shipment" => {
                let pieces = first.into_iter().collect();
                self.simulator.split_shipment(&Split { order, pieces }).is_some()
            }
            "refund" => {
                let refund = Refund {
                    order,
                    pieces: first.into_iter().collect(),
                    has_shipping: false,
                    is_stock_updated: true,
                };
                self.simulator.refund(&refund).is_some()
            }
            "cancel_order" => self.simulator.cancel_order(order),
            "remove_row" => {
                let row: Option<u64> = self.given.number("row")?;
                let row = row.or(facts.rows.last().map(|row| row.id));
                let removed = row.into_iter().collect();
                self.simulator.edit_order_rows(&RowsChange { order, removed })
            }
            "file_return" => self.simulator.file_return(order).is_some(),
            "delete_order" => self.simulator.delete_order(order),
            _ => return Err(Trouble::unknown("act")),
        };
        if is_done {
            Ok(order)
        } else {
            Err(Trouble::new("the order is past that"))
        }
    }

    fn place_order(&self) -> Result<u64, Trouble> {
        let buyer = match self.given.number("customer")? {
            Some(customer) => Buyer::Customer(customer),
            None => Buyer::Guest(self.somebody()),
        };
        let goods = self.goods();
        let customer = match &buyer {
            Buyer::Customer(id) => Some(*id),
            Buyer::Guest(_) => None,
        };
        let quote = self.simulator.fill_cart(&Cart {
            customer,
            goods: goods.clone(),
        });
        let order = self.simulator.place_order(NewOrder {
            buyer,
            goods,
            quote: Some(quote),
            is_newsletter: false,
            discount_percent: 0,
        });
        order.ok_or_else(|| Trouble::unknown("customer"))
    }

    fn shop(&self, name: &str) -> Result<u64, Trouble> {
        match name {
            "leave_message" => Ok(self
                .simulator
                .leave_message(&self.text("email"), &self.text("message"))),
            "install_app" => {
                let key = self.given.needed("key")?;
                let is_done = self.simulator.install_app(&key).is_some();
                found(is_done, self.simulator.options().shop_id, "app")
            }
            "uninstall_app" => {
                let is_done = self.simulator.uninstall_app(&self.given.needed("key")?);
                found(is_done, self.simulator.options().shop_id, "app")
            }
            "delete_product" => {
                let product = self.id("product", Kind::Product)?;
                found(self.simulator.remove_product(product), product, "product")
            }
            _ => {
                let product = self.id("product", Kind::Product)?;
                let is_done = self.simulator.change_product(&ProductChange {
                    product,
                    url: self.given.text("url"),
                    title: self.given.text("title"),
                    has_image: None,
                });
                found(is_done, product, "product")
            }
        }
    }
}

fn found(is_done: bool, id: u64, what: &str) -> Result<u64, Trouble> {
    if is_done {
        Ok(id)
    } else {
        Err(Trouble::unknown(what))
    }
}
