//! Accounts and newsletter.

use std::sync::Arc;

use super::{CustomerChange, NewCustomer, NewSubscription};
use crate::lightspeed::Simulator;
use crate::lightspeed::language::Language;
use crate::lightspeed::person::{Person, Text};
use crate::lightspeed::records::{Customer, Subscription};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;

impl Simulator {
    /// Registers an account and returns its id.
    pub fn create_customer(&self, new: NewCustomer) -> u64 {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let remote_ip = visitor_ip(&mut shop);
        let at = shop.customers.push(Customer {
            created_s: now_s,
            updated_s: now_s,
            last_online_s: Some(now_s),
            person: Arc::new(new.person),
            language: new.language.as_deref().and_then(Language::of),
            remote_ip,
            is_guest: false,
            is_confirmed: new.is_confirmed,
            notify: [false; 3],
        });
        self.tell(&mut shop, Item::Customer, "created", at);
        shop.customers.id(at)
    }

    /// Changes texts of a customer; `false` when there is no such customer.
    pub fn update_customer(&self, change: &CustomerChange) -> bool {
        let texts: Vec<(Text, &str)> = change
            .texts
            .iter()
            .map(|(text, value)| (*text, value.as_str()))
            .collect();
        let mut shop = self.shop();
        self.change_person(&mut shop, change.customer, |person| person.with(&texts))
    }

    /// Gives a customer another e-mail address; `false` when there is no such customer.
    pub fn change_email(&self, customer: u64, email: &str) -> bool {
        let mut shop = self.shop();
        self.change_person(&mut shop, customer, |person| person.with(&[(Text::Email, email)]))
    }

    /// Lets two customers exchange their e-mail addresses; `false` when one of them is unknown.
    pub fn swap_emails(&self, one: u64, other: u64) -> bool {
        let mut shop = self.shop();
        let email = |shop: &Shop, id: u64| {
            let record = shop.customers.get(shop.customers.find(id)?)?;
            Some(record.person.email().to_owned())
        };
        let (Some(of_one), Some(of_other)) = (email(&shop, one), email(&shop, other)) else {
            return false;
        };
        self.change_person(&mut shop, one, |person| person.with(&[(Text::Email, &of_other)]))
            && self.change_person(&mut shop, other, |person| person.with(&[(Text::Email, &of_one)]))
    }

    /// Deletes a customer; its orders keep their copy of the person.
    pub fn delete_customer(&self, customer: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.customers.find(customer) else {
            return false;
        };
        self.tell(&mut shop, Item::Customer, "deleted", at);
        shop.customers.remove(at);
        let memberships: Vec<usize> = shop
            .memberships
            .iter()
            .filter(|(_, membership)| membership.customer == at)
            .map(|(place, _)| place)
            .collect();
        for place in memberships {
            shop.memberships.remove(place);
        }
        true
    }

    /// Subscribes an address to the newsletter and returns the subscription's id.
    pub fn subscribe(&self, new: NewSubscription) -> u64 {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let at = shop.subscriptions.push(Subscription {
            created_s: now_s,
            updated_s: now_s,
            email: new.email.into_boxed_str(),
            firstname: new.firstname.into_boxed_str(),
            lastname: new.lastname.into_boxed_str(),
            language: new.language.as_deref().and_then(Language::of),
            is_confirmed: new.is_confirmed,
            do_notify: false,
        });
        self.tell(&mut shop, Item::Subscription, "created", at);
        shop.subscriptions.id(at)
    }

    /// Answers the double opt-in; `false` when there is no such subscription.
    pub fn confirm_subscription(&self, subscription: u64) -> bool {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let Some(at) = shop.subscriptions.find(subscription) else {
            return false;
        };
        if let Some(record) = shop.subscriptions.get_mut(at) {
            record.is_confirmed = true;
            record.updated_s = now_s;
        }
        self.tell(&mut shop, Item::Subscription, "updated", at);
        true
    }

    /// Unsubscribes: the record is deleted (lightspeed-ecom.md §5.6).
    pub fn unsubscribe(&self, subscription: u64) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.subscriptions.find(subscription) else {
            return false;
        };
        self.tell(&mut shop, Item::Subscription, "deleted", at);
        shop.subscriptions.remove(at);
        true
    }

    fn change_person(&self, shop: &mut Shop, id: u64, change: impl Fn(&Person) -> Person) -> bool {
        let now_s = self.now_s();
        let Some(at) = shop.customers.find(id) else {
            return false;
        };
        if let Some(record) = shop.customers.get_mut(at) {
            record.person = Arc::new(change(&record.person));
            record.updated_s = now_s;
        }
        self.tell(shop, Item::Customer, "updated", at);
        true
    }

    /// Makes the record the platform makes for a guest, and returns its position.
    pub(super) fn create_guest(&self, shop: &mut Shop, person: Arc<Person>) -> usize {
        let now_s = self.now_s();
        let at = shop.customers.push(Customer {
            created_s: now_s,
            updated_s: now_s,
            last_online_s: None,
            person,
            language: None,
            remote_ip: 0,
            is_guest: true,
            is_confirmed: false,
            notify: [false; 3],
        });
        self.tell(shop, Item::Customer, "created", at);
        at
    }
}

/// Gives an address of the range for documentation, 203.0.113.0/24.
pub(super) fn visitor_ip(shop: &mut Shop) -> u32 {
    0xCB00_7100 | u32::try_from(1 + shop.seed.below(254)).unwrap_or(1)
}
