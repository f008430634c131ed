//! The small writes: logins and tokens of customers, the shop itself, and what follows from pictures.

use serde_json::Value;

use super::body::Fields;
use super::read::position;
use super::write::named;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::plain;
use crate::lightspeed::webhooks::Item;
use crate::lightspeed::write::{self, For};

/// Members of the shop that can be written.
const SHOP_TEXTS: [&str; 10] = [
    "email",
    "phone",
    "fax",
    "street",
    "street2",
    "zipcode",
    "city",
    "region",
    "vatNumber",
    "cocNumber",
];
/// How long a one-time login lasts at most, in seconds.
const TOKEN_S_MAX: i64 = 3_600;

impl Simulator {
    /// Tries a password; the simulator knows none, so only an empty one is wrong.
    pub(super) fn post_login(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        position(&self.shop(), named("customers")?, id).ok_or(Refusal::NOT_FOUND)?;
        let password = Fields::of(call, "customerLogin")?.text("password")?;
        let is_in = password.is_some_and(|password| !password.is_empty());
        let body = format!(r#"{{"customerLogin":{{"loggedin":{is_in}}}}}"#);
        Ok(Reply::created(body.into_bytes()))
    }

    /// Makes the address of a one-time login.
    pub(super) fn post_token(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        position(&shop, named("customers")?, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "customerToken")?;
        let expires_in = fields.int("expiresIn")?.unwrap_or(60);
        if !(1..=TOKEN_S_MAX).contains(&expires_in) {
            return Err(Refusal::INVALID);
        }
        let token = shop.seed.next_u64();
        let back = fields.text("returnUrl")?.unwrap_or_default();
        let mut out = self.style(For::Answer, call.language).out(512);
        out.open();
        out.open_at("customerToken");
        let domain = &shop.sub_domain;
        let address = format!("https://www.{domain}.example/account/token/{token:016x}?return={back}");
        out.text("redirectUrl", &address);
        out.close();
        out.close();
        Ok(Reply::created(out.buf))
    }

    /// Changes texts of the shop.
    pub(super) fn put_shop(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let fields = Fields::of(call, "shop")?;
        let mut shop = self.shop();
        for key in SHOP_TEXTS {
            if let Some(text) = fields.text(key)? {
                shop.own.shop.insert(key.to_owned(), text);
            }
        }
        let mut out = self.style(For::Answer, call.language).out(2_048);
        out.open();
        out.key("shop");
        write::shop(&mut out, &shop);
        out.close();
        Ok(Reply::ok(out.buf))
    }

    /// Changes the script of the storefront.
    pub(super) fn put_javascript(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let fields = Fields::of(call, "shopJavascript")?;
        let mut shop = self.shop();
        if let Some(is_active) = fields.flag("isActive")? {
            shop.own.is_script_active = is_active;
        }
        if let Some(script) = fields.text("script")? {
            shop.own.script = script;
        }
        let mut out = self.style(For::Answer, call.language).out(512);
        out.open();
        out.open_at("shopJavascript");
        out.bool("isActive", shop.own.is_script_active);
        out.text("script", &shop.own.script);
        out.close();
        out.close();
        Ok(Reply::ok(out.buf))
    }

    /// Lets a product show the first of its pictures, and tells, when a call changed them.
    pub(super) fn after_image(&self, segments: &[&str]) {
        let ["products", id, "images", ..] = segments else {
            return;
        };
        let (Ok(id), Some(of)) = (id.parse::<u64>(), plain::resource("products/{}/images")) else {
            return;
        };
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.products.find(id) else { return };
        let place = |record: &plain::Record| record.members.get("sortOrder").and_then(Value::as_u64);
        let images = shop.plain.below(of, id);
        let first = images.min_by_key(|(image, record)| (place(record), *image));
        let first = first.map(|(image, _)| image);
        if let Some(product) = shop.products.get_mut(at) {
            product.image = first;
            product.updated_s = now_s;
        }
        self.tell(&mut shop, Item::Product, "updated", at);
    }
}
