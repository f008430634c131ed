//! A past for a shop: so many customers and orders, spread over the last days, quickly and in silence.

use super::{Generator, Mix, people};
use crate::door::Seed;
use crate::lightspeed::acts::{Buyer, NewOrder, Sent};
use crate::lightspeed::{Burst, Simulator};

const DAY_S: i64 = 86_400;
/// How soon after the order it is paid, in seconds.
const PAID_AFTER_S: (u64, u64) = (60, 3_600);
/// How soon after the payment it is sent, in seconds.
const SENT_AFTER_S: (u64, u64) = (4 * 3_600, 3 * 86_400);

/// What a shop shall have behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Customers who register.
    pub customers: u64,
    /// Orders; of people who registered, or of guests in a shop where nobody ever did.
    pub orders: u64,
    /// Rows of each order.
    pub rows_per_order: u8,
    /// Over how many days until now all of this is spread evenly.
    pub days: u32,
    /// The same seed in the same shop gives the same past.
    pub seed: u64,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            customers: 0,
            orders: 0,
            rows_per_order: 3,
            days: 365,
            seed: 1,
        }
    }
}

/// A past that is being told, one record after the other, the oldest first.
pub(crate) struct Telling {
    generator: Generator,
    present: Simulator,
    past: Past,
    customers: u64,
    orders: u64,
}

impl Simulator {
    /// Fills the shop with a past; no webhook is sent.
    ///
    /// Most orders are paid and sent by now, some hours or days after they were placed.
    pub fn fill(&self, past: &Past) {
        let mut telling = Telling::new(self, *past);
        while telling.step() {}
    }
}

impl Telling {
    /// Begins; every [`step`](Self::step) tells one record.
    pub(crate) fn new(simulator: &Simulator, past: Past) -> Self {
        let mix = Mix {
            rows_per_order: Some(past.rows_per_order),
            ..Mix::default()
        };
        let silent = Burst {
            is_silent: true,
            ..Burst::FULL
        };
        Self {
            generator: Generator::resumed(simulator, Seed::new(past.seed), mix),
            present: simulator.with_burst(silent),
            past,
            customers: 0,
            orders: 0,
        }
    }

    /// Makes the next customer or order; `false` when everything is told.
    pub(crate) fn step(&mut self) -> bool {
        let all = self.past.customers + self.past.orders;
        let told = self.customers + self.orders;
        if told >= all {
            return false;
        }
        let over_s = i128::from(self.past.days) * i128::from(DAY_S);
        let ago_s = over_s * i128::from(all - told) / i128::from(all);
        let ago_s = i64::try_from(ago_s).unwrap_or(i64::MAX);
        self.generator.simulator = self.present.in_the_past(ago_s);
        // Customers and orders come in step, a customer first.
        let is_customer = u128::from(self.customers) * u128::from(self.past.orders)
            <= u128::from(self.orders) * u128::from(self.past.customers);
        if self.customers < self.past.customers && is_customer {
            self.customers += 1;
            let new = self.generator.invent();
            self.generator.register(&new);
        } else {
            self.orders += 1;
            self.order(ago_s);
        }
        true
    }

    fn order(&mut self, ago_s: i64) {
        let of = &mut self.generator;
        let buyer = if of.registered.is_empty() {
            let new = of.invent();
            Buyer::Guest(people::as_guest(&new.person, &mut of.seed))
        } else {
            Buyer::Customer(of.one_registered())
        };
        let goods = of.goods();
        let discount_percent = if of.seed.percent(of.mix.discount_percent) {
            10
        } else {
            0
        };
        let order = of.simulator.place_order(NewOrder {
            buyer,
            goods,
            quote: None,
            is_newsletter: false,
            discount_percent,
        });
        if let Some(order) = order {
            self.follow(order, ago_s);
        }
    }

    /// Lets an order be cancelled, or paid and sent, as far as that is not in the future.
    fn follow(&mut self, order: u64, ago_s: i64) {
        let of = &mut self.generator;
        let is_cancelled = of.seed.percent(of.mix.cancelled_percent);
        let paid_s = ago_s - between(PAID_AFTER_S, &mut of.seed);
        let sent_s = paid_s - between(SENT_AFTER_S, &mut of.seed);
        if paid_s < 0 {
            return;
        }
        let then = self.present.in_the_past(paid_s);
        if is_cancelled {
            then.cancel_order(order);
            return;
        }
        then.pay_order(order);
        if sent_s >= 0 {
            let tracking_code = format!("3SEXMP{:09}", order % 1_000_000_000);
            let sent = Sent { order, tracking_code };
            self.present.in_the_past(sent_s).ship_order(&sent);
        }
    }
}

fn between((least, most): (u64, u64), seed: &mut Seed) -> i64 {
    i64::try_from(least + seed.below(most - least)).unwrap_or(0)
}
