//! What the account shows, beside what the shop has.

use std::collections::BTreeMap;

use schakel_sandbox::lightspeed as shop;

use super::world::{DATABASE, Past};

impl Past {
    /// The orders that are not marked deleted, with their words.
    pub fn orders(&self) -> BTreeMap<u64, [String; 2]> {
        let mut orders = BTreeMap::new();
        self.account.for_each_subprofile("Orders", |view| {
            let text = |name: &str| view.get(name).unwrap().into_owned();
            if text("BookerzOrderIsDeleted") != "Yes" {
                let words = [text("Status"), text("PaymentStatus")];
                orders.insert(text("OrderID").parse().unwrap(), words);
            }
        });
        orders
    }

    /// Fails unless the account shows what the shop has: every order with its rows, none double, none that is gone.
    pub fn assert_like_the_shop(&self) {
        let known = self.shop.ids(shop::Kind::Order);
        let mut rows = Vec::new();
        let mut orders = BTreeMap::new();
        for id in known {
            let facts = self.shop.order(id).unwrap();
            rows.extend(facts.rows.iter().map(|row| row.id.to_string()));
            let words = [facts.status.to_owned(), facts.payment_status.to_owned()];
            orders.insert(id, words);
        }
        assert_eq!(self.orders(), orders);
        let mut shown = Vec::new();
        self.account.for_each_subprofile("OrderRows", |view| {
            let text = |name: &str| view.get(name).unwrap().into_owned();
            let order: u64 = text("OrderID").parse().unwrap();
            if text("BookerzOrderRowsDeleted") != "Yes" && orders.contains_key(&order) {
                shown.push(text("OrderRowID"));
            }
        });
        shown.sort();
        rows.sort();
        assert_eq!(shown, rows);
        for (collection, key) in [("Orders", "OrderID"), ("OrderRows", "OrderRowID")] {
            let double = self.account.duplicate_subprofiles(collection, &[key]);
            assert_eq!(double, 0, "{collection} are double");
        }
    }

    /// The things that are marked deleted, by the column of their mark.
    pub fn deleted(&self, collection: &str, id: &str, mark: &str) -> Vec<String> {
        let mut deleted = Vec::new();
        let mut note = |is_deleted: bool, id: String| {
            if is_deleted {
                deleted.push(id);
            }
        };
        if collection == "profile" {
            self.account.for_each_profile(DATABASE, |view| {
                note(
                    view.get(mark).unwrap() == "Yes",
                    view.get(id).unwrap().into_owned(),
                );
            });
        } else {
            self.account.for_each_subprofile(collection, |view| {
                note(
                    view.get(mark).unwrap() == "Yes",
                    view.get(id).unwrap().into_owned(),
                );
            });
        }
        deleted.sort();
        deleted
    }

    /// Fails when anything is marked deleted.
    pub fn assert_nothing_deleted(&self) {
        for (collection, id, mark) in [
            ("profile", "CustomerID", "BookerzCustomerIsDeleted"),
            ("Orders", "OrderID", "BookerzOrderIsDeleted"),
        ] {
            let none: Vec<String> = Vec::new();
            assert_eq!(self.deleted(collection, id, mark), none, "{collection}");
        }
    }

    /// What one column of a collection holds, sorted; `profile` for the profiles themselves.
    pub fn column(&self, collection: &str, field: &str) -> Vec<String> {
        let mut values = Vec::new();
        if collection == "profile" {
            self.account.for_each_profile(DATABASE, |view| {
                values.push(view.get(field).unwrap().into_owned());
            });
        } else {
            self.account.for_each_subprofile(collection, |view| {
                values.push(view.get(field).unwrap().into_owned());
            });
        }
        values.sort();
        values
    }
}
