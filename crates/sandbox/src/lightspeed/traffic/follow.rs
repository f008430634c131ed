//! What happens after an order: payment, sending, cancelling; confirmations; changes of people.

use super::Generator;
use super::people;
use crate::door::Seed;
use crate::lightspeed::Text;
use crate::lightspeed::acts::{CustomerChange, ProductChange, Sent};

/// Orders and subscriptions something may still happen to; beyond this many the oldest are left alone.
const BACKLOG_MAX: usize = 64;

/// What waits to go on.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    orders: Vec<u64>,
    subscriptions: Vec<u64>,
    /// Addresses of guests.
    guests: Vec<String>,
    /// Customers who went over to the address of a guest.
    gone_over: Vec<u64>,
}

impl Backlog {
    /// Notes a new order.
    pub(super) fn placed(&mut self, order: u64, seed: &mut Seed) {
        put(&mut self.orders, order, seed);
    }

    /// Notes a subscription that is not confirmed.
    pub(super) fn subscribed(&mut self, subscription: u64, seed: &mut Seed) {
        put(&mut self.subscriptions, subscription, seed);
    }

    /// Notes the address of a guest.
    pub(super) fn ordered_as_guest(&mut self, email: &str, seed: &mut Seed) {
        put(&mut self.guests, email.to_owned(), seed);
    }
}

/// Adds to a bounded list, in place of any other when it is full.
fn put<T>(list: &mut Vec<T>, id: T, seed: &mut Seed) {
    if list.len() < BACKLOG_MAX {
        list.push(id);
        return;
    }
    let at = usize::try_from(seed.below(BACKLOG_MAX as u64)).unwrap_or(0);
    list[at] = id;
}

fn take_one<T>(list: &mut Vec<T>, seed: &mut Seed) -> Option<T> {
    if list.is_empty() {
        return None;
    }
    let at = usize::try_from(seed.below(list.len() as u64)).unwrap_or(0);
    Some(list.swap_remove(at))
}

impl Generator {
    /// Lets one waiting order and one waiting subscription go on, and now and then something change.
    pub(super) fn follow_up(&mut self) {
        if let Some(order) = take_one(&mut self.follow.orders, &mut self.seed) {
            self.follow_order(order);
        }
        if let Some(subscription) = take_one(&mut self.follow.subscriptions, &mut self.seed) {
            self.follow_subscription(subscription);
        }
        if !self.registered.is_empty() && self.seed.percent(self.mix.customer_change_percent) {
            let customer = self.one_registered();
            self.change_customer(customer);
        }
        let taken_over = self.mix.taken_over_percent;
        if taken_over > 0 && !self.registered.is_empty() && self.seed.percent(taken_over) {
            self.go_over();
        }
        if !self.products.is_empty() && self.seed.percent(self.mix.product_change_percent) {
            self.change_product();
        }
        if self.mix.deletion_percent > 0 && self.seed.percent(self.mix.deletion_percent) {
            self.delete_something();
        }
    }

    fn follow_order(&mut self, order: u64) {
        if self.seed.percent(self.mix.cancelled_percent) {
            self.simulator.cancel_order(order);
            return;
        }
        if !self.seed.percent(self.mix.paid_percent) {
            return;
        }
        self.simulator.pay_order(order);
        if self.seed.percent(self.mix.shipped_percent) {
            let tracking_code = format!("3SEXMP{:09}", order % 1_000_000_000);
            self.simulator.ship_order(&Sent { order, tracking_code });
        }
    }

    fn follow_subscription(&mut self, subscription: u64) {
        if self.seed.percent(self.mix.unsubscribed_percent) {
            self.simulator.unsubscribe(subscription);
        } else if self.seed.percent(self.mix.confirmed_percent) {
            self.simulator.confirm_subscription(subscription);
        }
    }

    fn change_customer(&mut self, customer: u64) {
        let number = 10_000_000 + self.seed.below(89_999_999);
        match self.seed.below(10) {
            0 => self.move_mailbox(customer),
            1..=4 => {
                let texts = people::moved(&mut self.seed);
                self.simulator
                    .update_customer(&CustomerChange { customer, texts });
            }
            _ => {
                let texts = vec![(Text::Phone, format!("+31 6 {number}"))];
                self.simulator
                    .update_customer(&CustomerChange { customer, texts });
            }
        }
    }

    /// Gives a customer an address that nobody had.
    fn move_mailbox(&mut self, customer: u64) {
        self.serial += 1;
        let shop = self.simulator.options().shop_id;
        let email = format!("moved.{}.{shop}@example.net", self.serial);
        self.simulator.change_email(customer, &email);
    }

    /// Lets a registered customer go over to the address of a guest, or one who did so go on to another.
    fn go_over(&mut self) {
        if self.seed.percent(25)
            && let Some(customer) = take_one(&mut self.follow.gone_over, &mut self.seed)
        {
            self.move_mailbox(customer);
        } else if let Some(email) = take_one(&mut self.follow.guests, &mut self.seed) {
            let customer = self.one_registered();
            self.simulator.change_email(customer, &email);
            put(&mut self.follow.gone_over, customer, &mut self.seed);
        }
    }

    /// Picks any order that exists.
    fn any_order(&mut self) -> Option<u64> {
        let shop = self.simulator.shop();
        let at = usize::try_from(self.seed.below(shop.orders.positions() as u64)).ok()?;
        shop.orders.get(at).map(|_| shop.orders.id(at))
    }

    /// Deletes an account or an order.
    fn delete_something(&mut self) {
        if self.seed.percent(50)
            && let Some(customer) = take_one(&mut self.registered, &mut self.seed)
        {
            self.simulator.delete_customer(customer);
        } else if let Some(order) = self.any_order() {
            self.simulator.delete_order(order);
        }
    }

    fn change_product(&mut self) {
        let at = usize::try_from(self.seed.below(self.products.len() as u64)).unwrap_or(0);
        let product = self.products[at];
        let url = self
            .seed
            .percent(50)
            .then(|| format!("vernieuwd-{}", self.seed.below(1_000_000)));
        let has_image = url.is_none().then(|| self.seed.percent(80));
        self.simulator.change_product(&ProductChange {
            product,
            url,
            title: None,
            has_image,
        });
    }
}
