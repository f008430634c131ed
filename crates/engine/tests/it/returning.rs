//! What customers who come back cost in calls to Copernica, beside the least: one for a profile whose content changed, one
//! for the order, one for each of its rows. Counted by the simulated account, on a virtual clock.

use serde_json::{Value, json};

use crate::payloads::{customer, plain_order};
use crate::world::World;

/// Rows of each order.
const ROWS: usize = 3;

/// What they cost.
#[derive(Debug)]
pub struct Figures {
    pub customers: i64,
    /// Minutes from one order to the next.
    pub gap_min: i64,
    pub made: u64,
    pub least: u64,
    /// How often it was looked whether anybody was put back by hand: one list for all.
    pub looks: u64,
    /// How often one person was looked at.
    pub looked_at: u64,
}

impl Figures {
    /// Gives the figures for programs.
    pub fn value(&self) -> Value {
        json!({
            "returning": self.customers, "gap_min": self.gap_min, "calls": self.made, "least": self.least,
            "looks": self.looks, "looked_at": self.looked_at,
        })
    }
}

/// Lets so many customers, whom an earlier process delivered, come back one after the other: each with something new about
/// himself and an order.
pub async fn measure(customers: i64, gap_min: i64) -> Figures {
    let mut world = World::new().await;
    for id in 1..=customers {
        place(&world, id, 1_000 + id, "010 0000000", 6).await;
        world.apply().await;
    }
    world.run_until_idle().await;
    let mut world = world.restarted(Some).await;
    world.run_until_idle().await;
    let count = |world: &World, kind: &str| {
        let calls = world.copernica.counts().calls_by_kind;
        calls.get(kind).copied().unwrap_or(0)
    };
    let kinds = ["GET database/profiles", "GET profile"];
    let before = kinds.map(|kind| count(&world, kind));
    let made = world.copernica.counts().calls;
    for id in 1..=customers {
        world.clock.advance_ms(gap_min * 60_000);
        place(&world, id, 100_000 + id, "020 0000000", 10).await;
        world.run_until_idle().await;
    }
    world.assert_nothing_double();
    assert_eq!(
        world.subprofiles("OrderRows", &["OrderRowID"]).len(),
        2 * ROWS * usize::try_from(customers).unwrap()
    );
    let [looks, looked_at] = kinds.map(|kind| count(&world, kind));
    Figures {
        customers,
        gap_min,
        made: world.copernica.counts().calls - made,
        least: u64::try_from(customers).unwrap() * (2 + ROWS as u64),
        looks: looks - before[0],
        looked_at: looked_at - before[1],
    }
}

/// Lets customer `id` place the order `order`, at second `updated` of the story.
async fn place(world: &World, id: i64, order: i64, phone: &str, updated: u32) {
    let mut person = customer(id, "registered", &format!("p{id}@example.org"), updated - 1);
    person["phone"] = json!(phone);
    let rows = ROWS.try_into().unwrap();
    world
        .webhook(
            "orders/created",
            order,
            &plain_order(order, &person, rows, updated),
        )
        .await;
}

#[cfg(test)]
#[tokio::test]
async fn customers_who_come_back_cost_the_least_and_a_list_now_and_then() {
    for gap_min in [1, 20, 180] {
        let figures = measure(40, gap_min).await;
        let Figures {
            made, least, looks, ..
        } = figures;
        let said = figures.value();
        assert_eq!((made - looks, figures.looked_at), (least, 0), "{said}");
        assert!(made * 100 <= least * 105, "{said}");
        assert!(looks > 0, "{said}");
    }
}
