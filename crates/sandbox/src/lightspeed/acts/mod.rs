//! Acts: what shoppers and the merchant do, each one a method of the simulator.
//!
//! An act changes the shop and tells the registered receivers what the platform would tell them
//! (lightspeed-ecom.md §4.3). Times are whole seconds of the shop's clock.

mod carts;
mod customers;
mod desk;
mod orders;
mod papers;
mod products;

use super::person::{Person, Text};

/// How much an act tells beyond its own event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Tells nothing at all: for filling a shop with its past.
    pub is_silent: bool,
    /// An order tells of its cart and, if known before, of its customer.
    pub order_touches_others: bool,
    /// An order tells of its new shipment.
    pub order_tells_shipment: bool,
    /// Payment and sending tell `orders/updated` beside their own event.
    pub paid_and_shipped_update: bool,
}

impl Burst {
    /// Everything the platform tells.
    pub const FULL: Self = Self {
        is_silent: false,
        order_touches_others: true,
        order_tells_shipment: true,
        paid_and_shipped_update: true,
    };
    /// One event per thing that happened, for traffic at high rates.
    pub const LEAN: Self = Self {
        is_silent: false,
        order_touches_others: false,
        order_tells_shipment: false,
        paid_and_shipped_update: false,
    };
    /// Nothing.
    pub const SILENT: Self = Self {
        is_silent: true,
        ..Self::LEAN
    };
}

/// A new account.
#[derive(Debug, Clone, Default)]
pub struct NewCustomer {
    /// Who it is.
    pub person: Person,
    /// Two-letter code; none for accounts made by the API.
    pub language: Option<String>,
    /// The account was confirmed.
    pub is_confirmed: bool,
}

/// A change of a customer's texts.
#[derive(Debug, Clone)]
pub struct CustomerChange {
    /// Which customer.
    pub customer: u64,
    /// The texts that change.
    pub texts: Vec<(Text, String)>,
}

/// A new subscriber of the newsletter.
#[derive(Debug, Clone, Default)]
pub struct NewSubscription {
    /// Address, in whatever case it was typed.
    pub email: String,
    /// First name.
    pub firstname: String,
    /// Last name.
    pub lastname: String,
    /// Two-letter code.
    pub language: Option<String>,
    /// The double opt-in was answered.
    pub is_confirmed: bool,
}

/// Some pieces of a variant, or of a free gift that is in no catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goods {
    /// Id of the variant; none for the gift.
    pub variant: Option<u64>,
    /// Pieces.
    pub quantity: u16,
}

/// A filled shopping cart.
#[derive(Debug, Clone, Default)]
pub struct Cart {
    /// Who fills it; none for an anonymous visitor.
    pub customer: Option<u64>,
    /// What is in it.
    pub goods: Vec<Goods>,
}

/// A change of a cart.
#[derive(Debug, Clone)]
pub struct CartChange {
    /// Which cart.
    pub quote: u64,
    /// The visitor logged in.
    pub customer: Option<u64>,
    /// The new contents, when they change.
    pub goods: Option<Vec<Goods>>,
}

/// Who buys.
#[derive(Debug, Clone)]
pub enum Buyer {
    /// A customer the shop knows.
    Customer(u64),
    /// A guest; the platform makes a new customer record for him.
    Guest(Person),
}

/// An order placed in the shop.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Who buys.
    pub buyer: Buyer,
    /// What.
    pub goods: Vec<Goods>,
    /// The cart it comes from.
    pub quote: Option<u64>,
    /// The newsletter box was ticked.
    pub is_newsletter: bool,
    /// Discount by coupon, in whole percents; 0 for none.
    pub discount_percent: u8,
}

/// An order handed to the carrier.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Which order.
    pub order: u64,
    /// The carrier's code for the parcel.
    pub tracking_code: String,
}

/// Pieces of an order that go in a shipment of their own.
#[derive(Debug, Clone)]
pub struct Split {
    /// Which order.
    pub order: u64,
    /// Ids of rows, and how many pieces of each.
    pub pieces: Vec<(u64, u16)>,
}

/// Money given back by credit invoice.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Which order.
    pub order: u64,
    /// Ids of rows, and how many pieces of each.
    pub pieces: Vec<(u64, u16)>,
    /// The costs of sending are given back too.
    pub has_shipping: bool,
    /// The pieces go back into stock.
    pub is_stock_updated: bool,
}

/// Rows taken out of an order by the merchant.
#[derive(Debug, Clone)]
pub struct RowsChange {
    /// Which order.
    pub order: u64,
    /// Ids of the rows that go.
    pub removed: Vec<u64>,
}

/// A change of a product.
#[derive(Debug, Clone)]
pub struct ProductChange {
    /// Which product.
    pub product: u64,
    /// A new slug.
    pub url: Option<String>,
    /// A new title, the same in every language.
    pub title: Option<String>,
    /// A new picture (`Some(true)`) or none any more (`Some(false)`).
    pub has_image: Option<bool>,
}
