//! Shipments, invoices, products and variants.

use schakel_core::entity::{Image, Invoice, Product, Shipment, Variant};
use schakel_core::problem::Code;
use schakel_core::record::{Content, Rank, RecordKind};

use super::super::wire::{
    ImageWire, InvoiceWire, Maybe, ProductWire, Raw, ShipmentWire, Stamps, VariantWire,
};
use super::read::{Place, Reader};
use super::{Job, Mapped};

impl<'a> Mapped<'a> for ShipmentWire<'a> {
    const KIND: RecordKind = RecordKind::Shipment;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let embedding = job.order_id;
        let mut reader = job.reader(place);
        let shipment = Shipment {
            order_id: order_of(&mut reader, self.order.id(), embedding),
            status: reader.text("status", self.status),
            tracking_code: reader.text("trackingCode", self.tracking_code),
            notify_shipped: Reader::flag(self.notify_shipped),
            notify_tracking_code: Reader::flag(self.notify_tracking_code),
            updated_at: moments.changed(),
        };
        job.said(id, moments, rank, Content::Shipment(Box::new(shipment)))
    }
}

impl<'a> Mapped<'a> for InvoiceWire<'a> {
    const KIND: RecordKind = RecordKind::Invoice;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let embedding = job.order_id;
        let mut reader = job.reader(place);
        let invoice = Invoice {
            order_id: order_of(&mut reader, self.order.id(), embedding),
            number: reader.text("number", self.number),
            status: reader.text("status", self.status),
            is_credit_note: Reader::flag(self.is_credit_note),
            updated_at: moments.changed(),
        };
        job.said(id, moments, rank, Content::Invoice(Box::new(invoice)))
    }
}

/// The order that the record names, else the one that embeds it.
fn order_of(reader: &mut Reader<'_>, raw: Raw<'_>, embedding: i64) -> i64 {
    match reader.id("order", raw) {
        0 => embedding,
        id => id,
    }
}

impl<'a> Mapped<'a> for ProductWire<'a> {
    const KIND: RecordKind = RecordKind::Product;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let mut reader = job.reader(place);
        let product = Product {
            url: reader.text("url", self.url),
            title: reader.text("title", self.title),
            image: image(&mut reader, &self.image),
        };
        job.said(id, moments, rank, Content::Product(Box::new(product)))
    }
}

impl<'a> Mapped<'a> for VariantWire<'a> {
    const KIND: RecordKind = RecordKind::Variant;

    fn stamps(&self) -> Stamps<'a> {
        self.stamps
    }

    fn map(&self, job: &mut Job<'_>, place: Place, id: i64, rank: Rank) -> Option<()> {
        let moments = job.moments(place, self.stamps);
        let mut reader = job.reader(place);
        let variant = Variant {
            product_id: reader.id("product", self.product.id()),
            title: reader.text("title", self.title),
            article_code: reader.text("articleCode", self.article_code),
            sku: reader.text("sku", self.sku),
            ean: reader.text("ean", self.ean),
            image: image(&mut reader, &self.image),
        };
        job.said(id, moments, rank, Content::Variant(Box::new(variant)))
    }
}

fn image(reader: &mut Reader<'_>, wire: &Maybe<ImageWire<'_>>) -> Image {
    let Maybe(Some(wire)) = wire else {
        return Image::default();
    };
    Image {
        thumb: web_address(reader, "image.thumb", wire.thumb),
        src: web_address(reader, "image.src", wire.src),
    }
}

/// Reads an address of the web: it ends up in mails, so nothing but a whole one may pass.
fn web_address(reader: &mut Reader<'_>, name: &'static str, raw: Raw<'_>) -> String {
    let address = reader.text(name, raw);
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    if address.is_empty() || (is_web && !address.contains(char::is_whitespace)) {
        return address;
    }
    reader.notes.add(Code::LeftOut, reader.place, name);
    String::new()
}
