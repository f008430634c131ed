//! Products and variants, as far as rows of orders and carts show them.

use serde::{Deserialize, Serialize};

use super::is_zero;

/// A picture at the shop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// URL of the thumbnail.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thumb: String,
    /// URL of the full picture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src: String,
}

impl Image {
    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.thumb.is_empty() && self.src.is_empty()
    }
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Product {
    /// Part of the shop's URL that names the product.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Title in the connection's language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Its picture.
    #[serde(skip_serializing_if = "Image::is_empty")]
    pub image: Image,
}

/// A variant of a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Variant {
    /// The product's id at the source; 0 when it is gone.
    #[serde(skip_serializing_if = "is_zero")]
    pub product_id: i64,
    /// Title in the connection's language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The shop's own number of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article_code: String,
    /// Stock keeping unit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sku: String,
    /// Barcode.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ean: String,
    /// Its picture.
    #[serde(skip_serializing_if = "Image::is_empty")]
    pub image: Image,
}
