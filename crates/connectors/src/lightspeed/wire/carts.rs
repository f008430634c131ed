//! Carts with their rows, and the checkouts that were begun with them.

use serde::de::MapAccess;

use super::stamps::Stamps;
use super::{Enveloped, Link, Many, Maybe, Plain, Raw, Wire};

/// A shopping cart (§5.10).
#[derive(Debug, Clone, Default)]
pub struct QuoteWire<'a> {
    pub stamps: Stamps<'a>,
    pub recovery_hash: Raw<'a>,
    pub customer: Maybe<Link<'a, Plain>>,
    /// The rows that a call of ours put beside it.
    pub rows: Many<CartRowWire<'a>>,
}

impl Enveloped for QuoteWire<'_> {
    const KEY: &'static str = "quote";
}

impl<'de> Wire<'de> for QuoteWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "recoveryHash" => self.recovery_hash = map.next_value()?,
            "customer" => self.customer = map.next_value()?,
            _ => return self.stamps.read(key, map),
        }
        Ok(true)
    }
}

/// A row of a cart: it names what is in it, titles stand elsewhere (§5.10).
#[derive(Debug, Clone, Default)]
pub struct CartRowWire<'a> {
    pub id: Raw<'a>,
    pub product: Maybe<Link<'a, Plain>>,
    pub variant: Maybe<Link<'a, Plain>>,
    pub quantity: Raw<'a>,
    pub price_excl: Raw<'a>,
    pub price_incl: Raw<'a>,
    pub discount_excl: Raw<'a>,
    pub discount_incl: Raw<'a>,
}

impl<'de> Wire<'de> for CartRowWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "product" => self.product = map.next_value()?,
            "variant" => self.variant = map.next_value()?,
            "quantity" => self.quantity = map.next_value()?,
            "priceExcl" => self.price_excl = map.next_value()?,
            "priceIncl" => self.price_incl = map.next_value()?,
            "discountExcl" => self.discount_excl = map.next_value()?,
            "discountIncl" => self.discount_incl = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A checkout that was begun: names with underscores, no envelope (§5.14).
#[derive(Debug, Clone, Default)]
pub struct CheckoutWire<'a> {
    pub stamps: Stamps<'a>,
    pub order_id: Raw<'a>,
    pub step: Raw<'a>,
    pub customer: Maybe<PartWire<'a>>,
    pub billing: Maybe<PartWire<'a>>,
    pub quote: Maybe<PartWire<'a>>,
}

impl Enveloped for CheckoutWire<'_> {
    const KEY: &'static str = "checkout";
}

impl<'de> Wire<'de> for CheckoutWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.stamps.id = map.next_value()?,
            "created_at" => self.stamps.created_at = map.next_value()?,
            "updated_at" => self.stamps.updated_at = map.next_value()?,
            "order_id" => self.order_id = map.next_value()?,
            "step" => self.step = map.next_value()?,
            "customer" => self.customer = map.next_value()?,
            "billing_address" => self.billing = map.next_value()?,
            "quote" => self.quote = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What is used of the parts of a checkout: whose it is, or which.
#[derive(Debug, Clone, Default)]
pub struct PartWire<'a> {
    pub id: Raw<'a>,
    pub email: Raw<'a>,
}

impl<'de> Wire<'de> for PartWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "email" => self.email = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
