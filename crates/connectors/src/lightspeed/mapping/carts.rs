//! Carts with their rows, and the checkouts that were begun with them.

use schakel_core::entity::{Checkout, Quote, QuoteRow, RowsSeen};
use schakel_core::record::{Content, Rank, RecordKind};

use super::super::wire::{Beside, CartRowWire, CheckoutWire, Many, Maybe, PartWire, QuoteWire, Stamps};
use super::read::{Place, Reader};
use super::{Job, Mapped, distinct};

/// Where the rows of a cart stand.
const ROWS: &str = "quote.products";

impl<'a> Mapped<'a> for QuoteWire<'a> {
    const KIND: RecordKind = RecordKind::Quote;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn put_beside(&mut self, beside: Beside<'a>) {
        self.rows = beside.cart_rows;
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        // Nobody asks for them where they are not wanted: most carts come without.
        let (rows, rows_seen) = match &self.rows {
            Many(Some(wires)) => (distinct(job, ROWS, wires, row), RowsSeen::Now),
            Many(None) => (Vec::new(), RowsSeen::Never),
        };
        let mut reader = job.reader(place);
        let quote = Quote {
            customer_id: reader.id("customer", self.customer.id()),
            recovery_hash: reader.text("recoveryHash", self.recovery_hash),
            created_at: moments.created,
            updated_at: moments.updated,
            rows,
            rows_seen,
            ..Quote::default()
        };
        job.said(id, moments, rank, Content::Quote(Box::new(quote)))
    }
}

fn row(reader: &mut Reader<'_>, wire: &CartRowWire<'_>) -> QuoteRow {
    QuoteRow {
        id: reader.id("id", wire.id),
        product_id: reader.id("product", wire.product.id()),
        variant_id: reader.id("variant", wire.variant.id()),
        quantity: reader.amount("quantity", wire.quantity),
        price_excl: reader.price("priceExcl", wire.price_excl),
        price_incl: reader.price("priceIncl", wire.price_incl),
        discount_excl: reader.amount("discountExcl", wire.discount_excl),
        discount_incl: reader.amount("discountIncl", wire.discount_incl),
    }
}

impl<'a> Mapped<'a> for CheckoutWire<'a> {
    const KIND: RecordKind = RecordKind::Checkout;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let (customer, billing) = (part(&self.customer), part(&self.billing));
        let mut reader = job.reader(place);
        let mut email = reader.email("customer.email", customer.email);
        if email.is_empty() {
            email = reader.email("billing_address.email", billing.email);
        }
        let checkout = Checkout {
            quote_id: reader.id("quote", part(&self.quote).id),
            order_id: reader.id("order_id", self.order_id),
            customer_id: reader.id("customer.id", customer.id),
            email,
            step: reader.text("step", self.step),
            created_at: moments.created,
            updated_at: moments.updated,
        };
        job.said(id, moments, rank, Content::Checkout(Box::new(checkout)))
    }
}

fn part<'a>(wire: &Maybe<PartWire<'a>>) -> PartWire<'a> {
    wire.0.clone().unwrap_or_default()
}
