//! The records of a shop in their compact form, and the tables that hold them.
//!
//! Records refer to each other by position, which is half the size of an id; [`Table`] turns one into
//! the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::language::Language;
use super::person::Person;
use super::span::{BLOCK, Span, Timed};

/// Rows a cart or an order may have; row ids are made from the order and the row's ordinal.
pub(crate) const ROWS_MAX: u64 = 64;
/// Events an order may have, for the same reason.
pub(crate) const EVENTS_MAX: u64 = 64;

/// Records with ascending ids; an id is never used again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table<T> {
    first_id: u64,
    rows: Vec<Option<T>>,
    live: usize,
    /// Removed records that others still quote.
    buried: BTreeMap<usize, T>,
    /// What is known of each block; forgotten with every change in it.
    #[serde(skip)]
    spans: RefCell<Vec<Option<Span>>>,
}

impl<T> Table<T> {
    /// Makes an empty table whose first record gets `first_id`.
    pub(crate) fn starting_at(first_id: u64) -> Self {
        Self {
            first_id,
            rows: Vec::new(),
            live: 0,
            buried: BTreeMap::new(),
            spans: RefCell::default(),
        }
    }

    fn forget_span(&mut self, at: usize) {
        if let Some(span) = self.spans.get_mut().get_mut(at / BLOCK) {
            *span = None;
        }
    }

    /// Adds a record and returns its position.
    pub(crate) fn push(&mut self, row: T) -> usize {
        self.rows.push(Some(row));
        self.live += 1;
        let at = self.rows.len() - 1;
        self.forget_span(at);
        at
    }

    /// Returns the id of the record at `at`.
    pub(crate) fn id(&self, at: usize) -> u64 {
        self.first_id + at as u64
    }

    /// Returns the position of the living record with this id.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        let at = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        self.get(at).map(|_| at)
    }

    /// Returns the record at `at`, unless it is gone.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.rows.get(at)?.as_ref()
    }

    /// Returns the record at `at` for changing.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.forget_span(at);
        self.rows.get_mut(at)?.as_mut()
    }

    /// Takes the record at `at` out for ever.
    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        let row = self.rows.get_mut(at)?.take()?;
        self.live -= 1;
        self.forget_span(at);
        Some(row)
    }

    /// Takes the record at `at` out, but keeps what [`Self::ever`] quotes of it.
    pub(crate) fn bury(&mut self, at: usize) -> bool {
        match self.remove(at) {
            Some(row) => self.buried.insert(at, row).is_none(),
            None => false,
        }
    }

    /// Returns the record at `at`, also when it was buried.
    pub(crate) fn ever(&self, at: usize) -> Option<&T> {
        self.get(at).or_else(|| self.buried.get(&at))
    }

    /// Returns how many records live.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Returns how many positions there are, the dead ones included.
    pub(crate) fn positions(&self) -> usize {
        self.rows.len()
    }

    /// Goes through the living records with their positions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| Some((at, row.as_ref()?)))
    }
}

impl<T: Timed> Table<T> {
    /// Summarises the block that begins at `at`; `None` when none begins there.
    pub(crate) fn span(&self, at: usize) -> Option<Span> {
        if !at.is_multiple_of(BLOCK) || at >= self.rows.len() {
            return None;
        }
        let mut spans = self.spans.borrow_mut();
        let block = at / BLOCK;
        if spans.len() <= block {
            spans.resize(block + 1, None);
        }
        let end = self.rows.len().min(at + BLOCK);
        let make = || Span::of(end, self.rows[at..end].iter().flatten());
        Some(*spans[block].get_or_insert_with(make))
    }
}

/// A customer account, or the record of one guest order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) last_online_s: Option<i64>,
    pub(crate) person: Arc<Person>,
    pub(crate) language: Option<Language>,
    pub(crate) remote_ip: u32,
    pub(crate) is_guest: bool,
    pub(crate) is_confirmed: bool,
    /// doNotifyRegistered, doNotifyConfirmed, doNotifyPassword.
    pub(crate) notify: [bool; 3],
}

impl Timed for Customer {
    fn created_s(&self) -> i64 {
        self.created_s
    }

    fn updated_s(&self) -> (i64, i64) {
        (self.updated_s, self.updated_s)
    }
}

/// A newsletter subscriber.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) email: Box<str>,
    pub(crate) firstname: Box<str>,
    pub(crate) lastname: Box<str>,
    pub(crate) language: Option<Language>,
    pub(crate) is_confirmed: bool,
    pub(crate) do_notify: bool,
}

impl Timed for Subscription {
    fn created_s(&self) -> i64 {
        self.created_s
    }

    fn updated_s(&self) -> (i64, i64) {
        (self.updated_s, self.updated_s)
    }
}

/// A customer group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) title: String,
}

/// Membership of a customer in a group, both by position.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) group: usize,
    pub(crate) customer: usize,
}

/// A row of a cart or an order; a row without a variant is a free gift.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Price of one piece with tax, in ten-thousandths.
    pub(crate) price_incl_e4: u32,
    /// Position of the variant.
    pub(crate) variant: Option<u32>,
    pub(crate) quantity: u16,
    pub(crate) shipped: u16,
    /// Pieces the buyer got his money back for.
    pub(crate) refunded: u16,
    /// Never used twice within its order or cart.
    pub(crate) ordinal: u8,
}

/// A shopping cart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) customer: Option<u32>,
    pub(crate) zipcode: Option<Box<str>>,
    pub(crate) rows: Box<[Row]>,
    pub(crate) recovery_hash: [u8; 16],
    pub(crate) remote_ip: u32,
    pub(crate) language: Language,
    /// What the visitor wrote to the shop.
    pub(crate) comment: Option<Box<str>>,
    /// Shipment and payment were chosen: the cart became an order.
    pub(crate) is_ordered: bool,
    pub(crate) next_ordinal: u8,
}

impl Timed for Quote {
    fn created_s(&self) -> i64 {
        self.created_s
    }

    fn updated_s(&self) -> (i64, i64) {
        (self.updated_s, self.updated_s)
    }
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventKind {
    OrderNew,
    InvoiceNew,
    ShipmentNew,
    InvoicePaid,
    OrderPaid,
    ShipmentShipped,
    OrderShipped,
    OrderCancelled,
    OrderUpdated,
    InvoiceCredited,
}

/// One line of an order's history.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) at_s: i64,
    pub(crate) kind: EventKind,
}

/// Status of payment, also of the invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Payment {
    NotPaid,
    PartiallyPaid,
    Paid,
    Cancelled,
}

/// Status of sending, also of the shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sending {
    NotShipped,
    PartiallyShipped,
    Shipped,
    Cancelled,
}

/// The words of `order.status` that are written today (lightspeed-ecom.md §5.7).
pub(crate) const STATUSES: [&str; 9] = [
    "on_hold",
    "processing_awaiting_payment",
    "processing_awaiting_shipment",
    "processing_awaiting_pickup",
    "processing_ready_for_pickup",
    "completed",
    "completed_shipped",
    "completed_picked_up",
    "cancelled",
];

/// `order.status`, a position in [`STATUSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status(u8);

impl Status {
    pub(crate) const AWAITING_PAYMENT: Self = Self(1);
    pub(crate) const AWAITING_SHIPMENT: Self = Self(2);
    pub(crate) const COMPLETED_SHIPPED: Self = Self(6);
    pub(crate) const CANCELLED: Self = Self(8);

    /// Reads the word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let at = STATUSES.iter().position(|known| *known == word)?;
        u8::try_from(at).ok().map(Self)
    }

    /// Returns the word.
    pub(crate) fn word(self) -> &'static str {
        STATUSES[usize::from(self.0)]
    }
}

impl Payment {
    /// Returns the word of `paymentStatus`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotPaid => "not_paid",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word of `paymentStatus`.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::NotPaid, Self::PartiallyPaid, Self::Paid, Self::Cancelled]
            .into_iter()
            .find(|status| status.word() == word)
    }
}

impl Sending {
    /// Returns the word of `shipmentStatus`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotShipped => "not_shipped",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word of `shipmentStatus`.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [
            Self::NotShipped,
            Self::PartiallyShipped,
            Self::Shipped,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }
}

/// An order with its invoice and its first shipment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) invoice_updated_s: i64,
    pub(crate) shipment_updated_s: i64,
    /// The buyer as he was when he ordered.
    pub(crate) person: Arc<Person>,
    pub(crate) customer: Option<u32>,
    pub(crate) quote: Option<u32>,
    pub(crate) rows: Box<[Row]>,
    pub(crate) events: Vec<Event>,
    pub(crate) tracking_code: Box<str>,
    pub(crate) memo: Box<str>,
    pub(crate) coupon: Option<Coupon>,
    pub(crate) custom_status: Option<u64>,
    pub(crate) number: u32,
    pub(crate) remote_ip: u32,
    pub(crate) status: Status,
    pub(crate) payment: Payment,
    pub(crate) sending: Sending,
    /// Status of the first shipment; that of the order sums up all of them.
    pub(crate) first_sending: Sending,
    pub(crate) language: Language,
    pub(crate) is_newsletter: bool,
    pub(crate) is_new_customer: bool,
}

/// An order stands for its invoice and its shipment too, which have times of their own.
impl Timed for Order {
    fn created_s(&self) -> i64 {
        self.created_s
    }

    fn updated_s(&self) -> (i64, i64) {
        let times = [self.updated_s, self.invoice_updated_s, self.shipment_updated_s];
        (
            times.into_iter().min().unwrap_or(self.updated_s),
            times.into_iter().max().unwrap_or(self.updated_s),
        )
    }
}

/// Pieces of rows of an order, by the ordinal of the row.
pub(crate) type Pieces = Box<[(u8, u16)]>;

/// A credit invoice: money given back for pieces of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credit {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    /// Position of the order.
    pub(crate) order: u32,
    pub(crate) pieces: Pieces,
    /// The costs of sending are given back too.
    pub(crate) has_shipping: bool,
    pub(crate) status: Payment,
}

/// A further shipment of an order, beside its first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    /// Position of the order.
    pub(crate) order: u32,
    pub(crate) pieces: Pieces,
    pub(crate) sending: Sending,
    pub(crate) tracking_code: Box<str>,
}

/// A change of stock.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Movement {
    pub(crate) created_s: i64,
    /// Position of the variant.
    pub(crate) variant: u32,
    pub(crate) change: i64,
    pub(crate) is_order: bool,
}

/// A discount by coupon code, in whole percents.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Coupon {
    pub(crate) percent: u8,
    #[serde(skip, default = "coupon_code")]
    pub(crate) code: &'static str,
}

/// The code of every coupon.
pub(crate) const COUPON_CODE: &str = "LENTE10";

fn coupon_code() -> &'static str {
    COUPON_CODE
}

/// A registered webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// Which key registered it, as a place among all keys.
    pub(crate) owner: usize,
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    pub(crate) is_active: bool,
    pub(crate) group: &'static str,
    pub(crate) action: &'static str,
    pub(crate) language: Language,
    pub(crate) format: &'static str,
    pub(crate) address: String,
    pub(crate) target: Arc<super::client::Target>,
}

/// A checkout: a cart on its way to an order.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Checkout {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    /// Position of its cart.
    pub(crate) quote: u32,
    /// Id of the order it became.
    pub(crate) order: Option<u64>,
    /// What was written, by key.
    pub(crate) members: Map<String, Value>,
}
