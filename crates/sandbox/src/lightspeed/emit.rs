//! Tells the receivers what happened: one body per language, one signature, one delivery each.

use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5};

use super::dispatch::Delivery;
use super::language::Language;
use super::options::DeletionBody;
use super::plain;
use super::state::Shop;
use super::webhooks::Item;
use super::write::{self, For, Style};
use super::{Simulator, locked};

impl Simulator {
    /// Tells every active registration that `action` happened to the record at `at`.
    ///
    /// For a deletion this is called while the record is still there.
    pub(crate) fn tell(&self, shop: &mut Shop, item: Item, action: &'static str, at: usize) {
        shop.revision += 1;
        if self.burst.is_silent {
            return;
        }
        let mut made: Option<(Language, usize, Bytes, String)> = None;
        let mut rates = None;
        for place in 0..shop.webhooks.positions() {
            let Some(hook) = shop.webhooks.get(place) else {
                continue;
            };
            let is_meant =
                hook.is_active && hook.group == item.group() && (hook.action == "*" || hook.action == action);
            if !is_meant {
                continue;
            }
            let (target, language, owner) = (Arc::clone(&hook.target), hook.language, hook.owner);
            let (body, signature) = match &made {
                Some((known, signer, body, signature)) if (*known, *signer) == (language, owner) => {
                    (body.clone(), signature.clone())
                }
                _ => {
                    let body = self.body(shop, item, action, at, language);
                    let signature = self.sign(&body, owner);
                    made = Some((language, owner, body.clone(), signature.clone()));
                    (body, signature)
                }
            };
            let rates = rates.get_or_insert_with(|| Arc::new(self.rate_headers()));
            self.inner.dispatcher.push(Delivery {
                webhook: shop.webhooks.id(place),
                target,
                event: format!("{}/{action}", item.group()),
                language: language.code(),
                id_header: item.id_header(),
                id: id_of(shop, item, at),
                request_id: format!("{:016x}", shop.seed.next_u64()),
                signature: Some(signature),
                rates: Arc::clone(rates),
                body,
            });
        }
    }

    fn body(&self, shop: &Shop, item: Item, action: &str, at: usize, language: Language) -> Bytes {
        if action == "deleted" {
            match self.rules().deletion_body {
                DeletionBody::Empty => return Bytes::new(),
                DeletionBody::EmptyList => return Bytes::from_static(b"[]"),
                DeletionBody::LastRecord => {}
            }
        }
        let style = self.style(For::Webhook, language);
        let mut out = style.out(if item == Item::Order { 20_000 } else { 6_000 });
        out.open();
        out.key(item.singular());
        match item {
            Item::Customer => write::customer(&mut out, shop, at),
            Item::Subscription => write::subscription(&mut out, shop, at),
            Item::Quote => write::quote(&mut out, shop, at),
            Item::Order => write::order(&mut out, shop, at, For::Webhook),
            Item::Invoice => write::invoice(&mut out, shop, at),
            Item::Shipment => write::shipment(&mut out, shop, at, For::Webhook),
            Item::Product => write::product(&mut out, shop, at, For::Webhook, language),
            Item::Variant => write::variant(&mut out, shop, at),
            Item::Credit => write::credit(&mut out, shop, at),
            Item::Parcel => write::parcel(&mut out, shop, at, For::Webhook),
            Item::Review | Item::Return | Item::Ticket | Item::Contact => {
                let id = at as u64;
                if let Some(of) = plain::resource(item.group())
                    && let Some(record) = shop.plain.get(of, 0, id)
                {
                    of.write(&mut out, id, record);
                }
            }
        }
        out.close();
        Bytes::from(out.buf)
    }

    /// Signs as the platform does: MD5 of the body followed by the secret (lightspeed-ecom.md §4.2).
    ///
    /// The secret is that of the key which registered the webhook; an app signs with its own.
    fn sign(&self, body: &[u8], owner: usize) -> String {
        let keys = &self.inner.keys;
        let options = &self.inner.options;
        let app = owner.checked_sub(keys.len() - options.apps.len());
        let secret = match app {
            Some(app) => options.apps.get(app).map(|app| app.secret.as_str()),
            None => keys.get(owner).map(|key| key.api_secret.as_str()),
        };
        let mut digest = Md5::new();
        digest.update(body);
        digest.update(secret.unwrap_or_default().as_bytes());
        hex::encode(digest.finalize())
    }

    /// Returns the three rate headers of the first key, which deliveries carry too.
    fn rate_headers(&self) -> [String; 3] {
        let now_s = self.now_s();
        let mut budgets = locked(&self.inner.budgets);
        match budgets.first_mut() {
            Some(budget) => budget.peek(&self.inner.wall, now_s).headers(),
            None => [String::new(), String::new(), String::new()],
        }
    }

    /// Returns how records in `language` are written for `target`.
    pub(crate) fn style(&self, target: For, language: Language) -> Style<'_> {
        Style {
            bases: &self.inner.bases,
            wall: &self.inner.wall,
            target,
            language,
        }
    }
}

fn id_of(shop: &Shop, item: Item, at: usize) -> u64 {
    match item {
        Item::Customer => shop.customers.id(at),
        Item::Subscription => shop.subscriptions.id(at),
        Item::Quote => shop.quotes.id(at),
        Item::Order => shop.orders.id(at),
        Item::Invoice => shop.invoice_id(at),
        Item::Shipment => shop.shipment_id(at),
        Item::Product => shop.products.id(at),
        Item::Variant => shop.variants.id(at),
        Item::Credit => shop.credits.id(at),
        Item::Parcel => shop.parcels.id(at),
        Item::Review | Item::Return | Item::Ticket | Item::Contact => at as u64,
    }
}
