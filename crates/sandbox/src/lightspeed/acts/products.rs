//! The merchant's work on the catalogue.

use super::ProductChange;
use crate::lightspeed::Simulator;
use crate::lightspeed::webhooks::Item;

impl Simulator {
    /// Changes slug, title or picture of a product; `false` when there is no such product.
    pub fn change_product(&self, change: &ProductChange) -> bool {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.products.find(change.product) else {
            return false;
        };
        let file = 480_000_000 + shop.seed.below(10_000_000);
        if let Some(record) = shop.products.get_mut(at) {
            if let Some(url) = &change.url {
                record.url = Some(url.clone());
            }
            if let Some(title) = &change.title {
                record.title = Some(title.clone());
            }
            match change.has_image {
                Some(true) => record.image = Some(file),
                Some(false) => record.image = None,
                None => {}
            }
            record.updated_s = now_s;
        }
        if let Some(has_image) = change.has_image {
            let (shop_id, product) = (shop.id, change.product);
            shop.plain.clear_images(product);
            if has_image {
                shop.plain.add_image(shop_id, product, file, now_s);
            }
        }
        self.tell(&mut shop, Item::Product, "updated", at);
        true
    }
}
