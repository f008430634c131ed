//! Lightspeed's JSON as it comes, read in one pass into borrowed parts; nothing is judged or repaired here.
//!
//! The platform writes `false`, `null`, `""` or `[]` for what is absent, numbers as texts and texts as numbers
//! (lightspeed-ecom.md §3.2, §8). So every scalar is kept as its own piece of the text ([`Raw`]), and every
//! object may be missing ([`Maybe`]). Unknown fields are skipped without being read. `mapping` does the rest.

pub(super) mod answers;
mod carts;
mod records;
mod stamps;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub(super) use carts::{CartRowWire, CheckoutWire, PartWire, QuoteWire};
pub(super) use records::{
    AddressWire, CustomerWire, GroupsWire, ImageWire, InvoiceWire, MembershipWire, Named, OrderWire,
    PersonWire, ProductWire, RowWire, ShipmentWire, SubscriptionWire, VariantWire,
};
pub(super) use stamps::Stamps;

/// The text of one JSON value, or nothing when the field was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Raw<'a>(&'a str);

/// What a [`Raw`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    /// Absent in one of the platform's ways: missing, `null`, `false`, `""`, `[]` or `{}`.
    Empty,
    /// `true`.
    True,
    /// A number, by its literal.
    Number(&'a str),
    /// A text that is not empty.
    Text(Cow<'a, str>),
    /// An object, or a list of several values.
    Other,
}

impl<'a> Raw<'a> {
    /// Reads the value. A list of one value is taken for that value (lightspeed-ecom.md §8 #14).
    pub(super) fn scalar(self) -> Scalar<'a> {
        match self.0.as_bytes() {
            [] => Scalar::Empty,
            [b'"', ..] => text(self.0),
            [b'n' | b'f', ..] => Scalar::Empty,
            [b't', ..] => Scalar::True,
            [b'[', ..] => single(self.0),
            [b'{', inner @ .., b'}'] if inner.iter().all(u8::is_ascii_whitespace) => Scalar::Empty,
            [b'{', ..] => Scalar::Other,
            _ => Scalar::Number(self.0),
        }
    }

    /// Reads an id: 0 when it is absent, `None` when it is no whole number from 0 up in 63 bits.
    pub(super) fn id(self) -> Option<i64> {
        let literal = match self.scalar() {
            Scalar::Number(literal) => Cow::Borrowed(literal),
            Scalar::Text(said) => said,
            Scalar::Empty | Scalar::True | Scalar::Other => return Some(0),
        };
        literal.trim().parse().ok().filter(|id| *id >= 0)
    }

    /// Gives the JSON text of the value, empty when the field was not there.
    pub(super) const fn json(self) -> &'a str {
        self.0
    }
}

fn text(json: &str) -> Scalar<'_> {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default();
    if inner.is_empty() {
        return Scalar::Empty;
    }
    if !inner.contains('\\') {
        return Scalar::Text(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).map_or(Scalar::Other, |text| Scalar::Text(Cow::Owned(text)))
}

fn single(json: &str) -> Scalar<'_> {
    match serde_json::from_str::<Vec<&RawValue>>(json).as_deref() {
        Ok([]) => Scalar::Empty,
        Ok([one]) => Raw(one.get()).scalar(),
        _ => Scalar::Other,
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// A JSON object that is read field by field.
pub(super) trait Wire<'de>: Default {
    /// Takes the value of `key` out of `map` and returns true, or returns false when the key is not used.
    ///
    /// # Errors
    /// When the text is no JSON.
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// An object, or one of the platform's ways to say that there is none.
#[derive(Debug, Clone)]
pub(super) struct Maybe<T>(pub(super) Option<T>);

/// A list, or `None` when there is no list. A single object is taken for a list of one.
#[derive(Debug, Clone)]
pub(super) struct Many<T>(pub(super) Option<Vec<T>>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A key of an object; borrowed unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

fn fill<'de, T: Wire<'de>, A: MapAccess<'de>>(mut map: A) -> Result<T, A::Error> {
    let mut filled = T::default();
    while let Some(Key(key)) = map.next_key()? {
        if !filled.read(&key, &mut map)? {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(filled)
}

/// What stood where an object or a list was expected.
enum Found<T> {
    Nothing,
    One(T),
    List(Vec<T>),
}

struct FoundVisitor<T>(PhantomData<T>);

impl<'de, T: Wire<'de>> Visitor<'de> for FoundVisitor<T> {
    type Value = Found<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found<T>, A::Error> {
        fill(map).map(Found::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(Maybe(item)) = seq.next_element()? {
            items.extend(item);
        }
        Ok(Found::List(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }

    fn visit_str<E>(self, _: &str) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Found<T>, E> {
        Ok(Found::Nothing)
    }
}

impl<'de, T: Wire<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(
            match deserializer.deserialize_any(FoundVisitor(PhantomData))? {
                Found::Nothing => None,
                Found::One(object) => Some(object),
                Found::List(list) => list.into_iter().next(),
            },
        ))
    }
}

impl<'de, T: Wire<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(
            match deserializer.deserialize_any(FoundVisitor(PhantomData))? {
                Found::Nothing => None,
                Found::One(object) => Some(vec![object]),
                Found::List(list) => Some(list),
            },
        ))
    }
}

/// A relation: `{"resource":{"id":…,"embedded":…}}` (lightspeed-ecom.md §3.3). `E` is [`Maybe`] or [`Many`].
#[derive(Debug, Clone, Default)]
pub(super) struct Link<'a, E> {
    /// The target's id; empty for a link to many.
    pub(super) id: Raw<'a>,
    /// The target itself, in order webhooks only.
    pub(super) embedded: E,
}

impl<'de, E: Deserialize<'de> + Default> Wire<'de> for Link<'de, E> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "resource" => {
                if let Maybe(Some(inner)) = map.next_value::<Maybe<Self>>()? {
                    *self = inner;
                }
            }
            "id" => self.id = map.next_value()?,
            "embedded" => self.embedded = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A link without embedded content that is of use.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain;

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl<'a, E: Default> Maybe<Link<'a, E>> {
    /// Gives the id of the target, empty when there is none.
    pub(super) fn id(&self) -> Raw<'a> {
        self.0.as_ref().map_or_else(Raw::default, |link| link.id)
    }
}

/// A record in its envelope, as a webhook or a GET by id sends it; `R` names the envelope's key.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope<'a, R> {
    /// The record.
    pub(super) record: Maybe<R>,
    /// What calls of ours put beside it.
    pub(super) beside: Beside<'a>,
}

/// Rows that calls of ours put beside the thing that has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside<'a> {
    /// Those of an order.
    pub(super) rows: Many<RowWire<'a>>,
    /// Those of a cart.
    pub(super) cart_rows: Many<CartRowWire<'a>>,
}

/// A record that comes in an envelope of its own; checkouts have a name only (§5.14).
pub(super) trait Enveloped {
    /// The envelope's key for one record (lightspeed-ecom.md §3.1).
    const KEY: &'static str;
}

/// The key under which a fetched order has its rows beside it.
pub(super) const ROWS_KEY: &str = "orderProducts";

/// The key of a list of memberships.
pub(super) const GROUPS_KEY: &str = "groupsCustomers";

/// The key of a list of the rows of a cart.
pub(super) const CART_ROWS_KEY: &str = "quoteProducts";

/// Tells whether a membership, as JSON, names the customer `id`.
pub(super) fn is_of_customer(json: &str, id: i64) -> bool {
    match serde_json::from_str::<Maybe<MembershipWire<'_>>>(json) {
        Ok(Maybe(Some(membership))) => membership.customer.id().id() == Some(id),
        Ok(Maybe(None)) | Err(_) => false,
    }
}

/// The members of an answer, each as it was written. A list of one object is taken for that object, an empty list for
/// an empty object (§8 #1, #14); `None` when it is neither.
pub(super) fn members(body: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    if let Ok(members) = serde_json::from_slice(body) {
        return Some(members);
    }
    match serde_json::from_slice::<Vec<&RawValue>>(body).ok()?.as_slice() {
        [] => Some(BTreeMap::new()),
        [one] => serde_json::from_str(one.get()).ok(),
        _ => None,
    }
}

/// The items of the list that an answer holds under `key`, each as it was written. The list may be missing or absent
/// in another way when it is empty (§3.1); `None` when it is something else.
pub(super) fn items<'a>(body: &'a [u8], key: &str) -> Option<Vec<&'a RawValue>> {
    match members(body)?.get(key) {
        Some(list) if list.get().starts_with('[') => serde_json::from_str(list.get()).ok(),
        Some(other) => (Raw(other.get()).scalar() == Scalar::Empty).then(Vec::new),
        None => Some(Vec::new()),
    }
}

/// What every item of a list has, checkouts and memberships included.
#[derive(Debug, Clone, Default)]
pub(super) struct ListedWire<'a> {
    pub(super) id: Raw<'a>,
    pub(super) created_at: Raw<'a>,
    pub(super) updated_at: Raw<'a>,
    /// Whose it is, where it says so.
    pub(super) customer: Maybe<Link<'a, Plain>>,
}

impl<'de> Wire<'de> for ListedWire<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "createdAt" | "created_at" => self.created_at = map.next_value()?,
            "updatedAt" | "updated_at" => self.updated_at = map.next_value()?,
            "customer" => self.customer = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de, R: Wire<'de> + Enveloped> Wire<'de> for Envelope<'de, R> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == R::KEY {
            self.record = map.next_value()?;
        } else if key == ROWS_KEY {
            self.beside.rows = map.next_value()?;
        } else if key == CART_ROWS_KEY {
            self.beside.cart_rows = map.next_value()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// The one field of `paymentData` that is used.
#[derive(Debug, Default)]
struct Method<'a>(Raw<'a>);

impl<'de> Wire<'de> for Method<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "method" {
            return Ok(false);
        }
        self.0 = map.next_value()?;
        Ok(true)
    }
}

/// Gives the `method` of a `paymentData`, empty when it has none or is no JSON.
pub(super) fn method_of(json: &str) -> Raw<'_> {
    match serde_json::from_str::<Maybe<Method<'_>>>(json) {
        Ok(Maybe(Some(Method(method)))) => method,
        Ok(Maybe(None)) | Err(_) => Raw::default(),
    }
}

/// Reads a record in its envelope out of `json`; `None` when it is no JSON.
pub(super) fn parse<'a, R: Wire<'a> + Enveloped>(json: &'a str) -> Option<Envelope<'a, R>> {
    let Maybe(envelope) = serde_json::from_str(json).ok()?;
    Some(envelope.unwrap_or_default())
}

/// Reads a record without an envelope out of `json`; `None` when there is none.
pub(super) fn parse_bare<'a, R: Wire<'a>>(json: &'a str) -> Option<R> {
    let Maybe(record) = serde_json::from_str(json).ok()?;
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_told_apart_in_every_form() {
        let cases = [
            ("", Scalar::Empty),
            ("null", Scalar::Empty),
            ("false", Scalar::Empty),
            ("\"\"", Scalar::Empty),
            ("[]", Scalar::Empty),
            ("[ ]", Scalar::Empty),
            ("{}", Scalar::Empty),
            ("{ }", Scalar::Empty),
            ("true", Scalar::True),
            ("-1.50e2", Scalar::Number("-1.50e2")),
            ("\"a\"", Scalar::Text("a".into())),
            (r#""\u00e9\/""#, Scalar::Text("é/".into())),
            ("[[7]]", Scalar::Number("7")),
            ("[1,2]", Scalar::Other),
            ("{\"a\":1}", Scalar::Other),
        ];
        for (json, expected) in cases {
            assert_eq!(Raw(json).scalar(), expected, "{json}");
        }
    }

    #[test]
    fn a_record_is_found_in_every_wrapping() {
        for json in [
            r#"{"shipment":{"id":7}}"#,
            r#"[{"shipment":{"id":7}}]"#,
            r#"{"shipment":[{"id":7}]}"#,
            r#"{"other":[1,{"id":8}],"shipment":{"more":{"id":9},"id":7}}"#,
            r#"{"\u0073hipment":{"\u0069d":7}}"#,
        ] {
            let envelope = parse::<ShipmentWire<'_>>(json).unwrap();
            assert_eq!(envelope.record.0.unwrap().stamps.id, Raw("7"), "{json}");
        }
        assert!(parse::<ShipmentWire<'_>>("false").unwrap().record.0.is_none());
        assert!(parse::<ShipmentWire<'_>>("{").is_none());
    }

    #[test]
    fn links_give_id_and_embedded_record() {
        let json = r#"{"order":{"customer":{"resource":{"id":4,"embedded":{"id":5}}},
            "quote":false,"shipments":{"resource":{"id":false,"embedded":[{"id":6},false]}},
            "products":{"resource":{"id":false,"url":"orders/1/products"}}}}"#;
        let order = parse::<OrderWire<'_>>(json).unwrap().record.0.unwrap();
        assert_eq!(order.customer.id(), Raw("4"));
        assert_eq!(order.customer.0.unwrap().embedded.0.unwrap().stamps.id, Raw("5"));
        assert!(order.quote.0.is_none());
        assert_eq!(order.shipments.0.unwrap().embedded.0.unwrap().len(), 1);
        assert!(order.products.0.unwrap().embedded.0.is_none());
    }
}
