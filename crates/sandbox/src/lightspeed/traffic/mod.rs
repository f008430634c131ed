//! Traffic: shoppers by the thousand, each a short story of acts, from one seed.
//!
//! One story places one order and does what tends to happen around it. What happens later to an order
//! or a person happens in a later story, so that events of many orders are mixed as in a real shop.

mod follow;
mod mix;
mod names;
mod past;
mod people;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub use mix::Mix;
pub use past::Past;
pub(crate) use past::Telling;

use super::acts::{Buyer, Cart, CartChange, Goods, NewCustomer, NewOrder, NewSubscription};
use super::inspect::Kind;
use super::person::Person;
use super::{Burst, Simulator};
use crate::door::Seed;
use people::Invented;

/// Stories between two chances for other tasks, when nothing else makes the generator wait.
const STORIES_PER_TURN: u64 = 16;
/// How often the generator at a fixed rate looks at the clock.
const TICK: Duration = Duration::from_millis(5);

/// Makes traffic in one shop.
pub struct Generator {
    simulator: Simulator,
    seed: Seed,
    mix: Mix,
    /// Number of the next invented person; makes addresses unique.
    serial: u64,
    variants: Vec<u64>,
    products: Vec<u64>,
    /// Registered customers.
    registered: Vec<u64>,
    follow: follow::Backlog,
}

/// Who buys in a story, and what the newsletter needs to know of him.
struct Shopper {
    buyer: Buyer,
    /// Set for people who are new to the shop.
    new: Option<Invented>,
}

impl Generator {
    /// Prepares traffic; the same shop, seed and mix give the same traffic.
    #[must_use]
    pub fn new(simulator: &Simulator, seed: Seed, mix: Mix) -> Self {
        Self {
            simulator: simulator.with_burst(mix.burst),
            seed,
            serial: 0,
            variants: simulator.ids(Kind::Variant),
            products: simulator.ids(Kind::Product),
            registered: Vec::new(),
            follow: follow::Backlog::default(),
            mix,
        }
    }

    /// Goes on in a shop that has customers already: they come back, and new people get new addresses.
    pub(crate) fn resumed(simulator: &Simulator, seed: Seed, mix: Mix) -> Self {
        let (serial, registered) = {
            let shop = simulator.shop();
            let accounts = shop.customers.iter().filter(|(_, record)| !record.is_guest);
            let registered = accounts.map(|(at, _)| shop.customers.id(at)).collect();
            let ever = shop.customers.positions() + shop.subscriptions.positions();
            (ever as u64, registered)
        };
        Self {
            serial,
            registered,
            ..Self::new(simulator, seed, mix)
        }
    }

    /// Invents somebody, and says in which language he shops.
    pub(crate) fn somebody(&mut self) -> (Person, &'static str) {
        let new = self.invent();
        (new.person, new.language)
    }

    /// Performs one story and returns the id of its order.
    pub fn story(&mut self) -> Option<u64> {
        if self.seed.percent(self.mix.abandoned_cart_percent) {
            self.abandon_cart();
        }
        let shopper = self.shopper();
        let is_newsletter = match &shopper.new {
            Some(person) => self.subscribe(person),
            None => false,
        };
        let goods = self.goods();
        let quote = self.cart_of(&shopper.buyer, &goods);
        let discount_percent = if self.seed.percent(self.mix.discount_percent) {
            10
        } else {
            0
        };
        let order = self.simulator.place_order(NewOrder {
            buyer: shopper.buyer,
            goods,
            quote,
            is_newsletter,
            discount_percent,
        });
        if let Some(order) = order {
            self.follow.placed(order, &mut self.seed);
        }
        self.follow_up();
        order
    }

    /// Performs `orders` stories as fast as the deliveries are taken.
    pub async fn run(&mut self, orders: u64) {
        for nth in 0..orders {
            self.simulator.webhooks_room().await;
            self.story();
            if nth % STORIES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Performs stories at a steady rate until `stop` turns true or its sender is gone.
    ///
    /// When the deliveries are not taken fast enough the generator waits, and does not catch up on more
    /// than one second of missed stories. It does not wait for those that were refused and are sent again later.
    pub async fn run_rate(&mut self, orders_per_second: u32, mut stop: watch::Receiver<bool>) {
        let per_second = f64::from(orders_per_second.max(1));
        let mut due = 0.0;
        let mut before = Instant::now();
        loop {
            tokio::select! {
                stopped = stop.wait_for(|is_stopped| *is_stopped) => {
                    let _ = stopped;
                    return;
                }
                () = tokio::time::sleep(TICK) => {}
            }
            let now = Instant::now();
            due = f64::min(due + (now - before).as_secs_f64() * per_second, per_second);
            before = now;
            while due >= 1.0 && !*stop.borrow() {
                due -= 1.0;
                self.simulator.webhooks_under_way().await;
                self.story();
            }
        }
    }

    /// Fills the shop with `orders` stories of the past, spread evenly over `over_s` seconds, silently.
    pub fn history(&mut self, orders: u64, over_s: i64) {
        let now = self.simulator.clone();
        for nth in 0..orders {
            let left = i128::from(over_s) * i128::from(orders - nth) / i128::from(orders);
            let ago_s = i64::try_from(left).unwrap_or(over_s);
            self.simulator = now.with_burst(Burst::SILENT).in_the_past(ago_s);
            self.story();
        }
        self.simulator = now;
    }

    /// Picks who buys, inventing and registering people as the mix says.
    fn shopper(&mut self) -> Shopper {
        let die = self.seed.below(100);
        let mix = &self.mix;
        let returning = mix.new_registered_percent + mix.returning_percent;
        let twin = returning + mix.guest_known_email_percent;
        if !self.registered.is_empty() && (mix.new_registered_percent..returning).contains(&die) {
            let customer = self.one_registered();
            return Shopper {
                buyer: Buyer::Customer(customer),
                new: None,
            };
        }
        if !self.registered.is_empty() && (returning..twin).contains(&die) {
            let customer = self.one_registered();
            if let Some(person) = self.simulator.person(customer) {
                let guest = people::as_guest(&person, &mut self.seed);
                return Shopper {
                    buyer: Buyer::Guest(guest),
                    new: None,
                };
            }
        }
        let new = self.invent();
        if die < self.mix.new_registered_percent {
            let customer = self.register(&new);
            return Shopper {
                buyer: Buyer::Customer(customer),
                new: Some(new),
            };
        }
        let mut guest = people::as_guest(&new.person, &mut self.seed);
        let share = self.mix.shared_mailbox_percent;
        if share > 0 && !self.registered.is_empty() && self.seed.percent(share) {
            let owner = self.one_registered();
            if let Some(owner) = self.simulator.person(owner) {
                guest = guest.with(&[(super::Text::Email, owner.email())]);
            }
        }
        if self.mix.taken_over_percent > 0 {
            self.follow.ordered_as_guest(guest.email(), &mut self.seed);
        }
        Shopper {
            buyer: Buyer::Guest(guest),
            new: Some(new),
        }
    }

    fn invent(&mut self) -> Invented {
        self.serial += 1;
        let mut new = people::invent(self.serial, self.simulator.options().shop_id, &mut self.seed);
        if self.mix.typo_percent > 0 && self.seed.percent(self.mix.typo_percent) {
            new.person = people::mistyped(&new.person, &mut self.seed);
        }
        new
    }

    fn register(&mut self, new: &Invented) -> u64 {
        let customer = self.simulator.create_customer(NewCustomer {
            person: new.person.clone(),
            language: Some(new.language.to_owned()),
            is_confirmed: self.seed.percent(80),
        });
        self.registered.push(customer);
        customer
    }

    fn one_registered(&mut self) -> u64 {
        let at = usize::try_from(self.seed.below(self.registered.len() as u64)).unwrap_or(0);
        self.registered[at]
    }

    /// Subscribes a share of the new people, some in another spelling of their address.
    fn subscribe(&mut self, new: &Invented) -> bool {
        if !self.seed.percent(self.mix.subscription_percent) {
            return false;
        }
        let is_confirmed = self.seed.percent(30);
        let subscription = self.simulator.subscribe(NewSubscription {
            email: people::respelt(new.person.email(), &mut self.seed),
            firstname: new.person.text(super::Text::Firstname).to_owned(),
            lastname: new.person.text(super::Text::Lastname).to_owned(),
            language: Some(new.language.to_owned()),
            is_confirmed,
        });
        if !is_confirmed {
            self.follow.subscribed(subscription, &mut self.seed);
        }
        true
    }

    fn goods(&mut self) -> Vec<Goods> {
        let rows = match self.mix.rows_per_order {
            Some(rows) => u64::from(rows),
            None => 1 + self.seed.below(5),
        };
        (0..rows).map(|_| self.some_goods()).collect()
    }

    fn some_goods(&mut self) -> Goods {
        let is_gift = self.variants.is_empty() || self.seed.percent(self.mix.gift_row_percent);
        let at = usize::try_from(self.seed.below(self.variants.len() as u64)).unwrap_or(0);
        let variant = if is_gift { None } else { Some(self.variants[at]) };
        let quantity = if self.seed.percent(85) { 1 } else { 2 };
        Goods { variant, quantity }
    }

    fn cart_of(&mut self, buyer: &Buyer, goods: &[Goods]) -> Option<u64> {
        if !self.seed.percent(self.mix.cart_percent) {
            return None;
        }
        let customer = match buyer {
            Buyer::Customer(id) => Some(*id),
            Buyer::Guest(_) => None,
        };
        Some(self.simulator.fill_cart(&Cart {
            customer,
            goods: goods.to_vec(),
        }))
    }

    /// Leaves a cart behind: of a known customer, anonymous, or anonymous and then tied by logging in.
    fn abandon_cart(&mut self) {
        let goods = vec![self.some_goods()];
        let owner = (!self.registered.is_empty()).then(|| self.one_registered());
        match self.seed.below(3) {
            0 => {
                self.simulator.fill_cart(&Cart {
                    customer: owner,
                    goods,
                });
            }
            1 => {
                self.simulator.fill_cart(&Cart {
                    customer: None,
                    goods,
                });
            }
            _ => {
                let quote = self.simulator.fill_cart(&Cart {
                    customer: None,
                    goods,
                });
                if owner.is_some() {
                    self.simulator.change_cart(&CartChange {
                        quote,
                        customer: owner,
                        goods: None,
                    });
                }
            }
        }
    }
}
