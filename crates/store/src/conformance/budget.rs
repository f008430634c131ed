//! Budgets of calls.

use std::collections::BTreeSet;

use schakel_core::connector::Class;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;

use super::make::{SHOP, TENANT, at};
use super::on_both;
use crate::Store;
use crate::rows::{BudgetRow, GuestAnswer, GuestCall, GuestRow, Written};

on_both! {
    a_budget_is_read_as_it_was_last_written,
    a_lost_lease_writes_no_budget,
    calls_add_up_by_day_and_class,
    old_days_go,
    calls_of_guests_are_counted_before_a_budget_is_written,
    calls_of_guests_that_count_in_no_window_go,
    guests_find_the_same_room_once_before_there_is_a_budget,
    no_call_of_a_guest_is_forgotten_by_the_first_budget,
    what_an_answer_told_a_guest_is_kept_until_it_is_counted,
}

fn row(saved: &str, saved_at: Timestamp) -> BudgetRow {
    BudgetRow {
        saved: saved.to_owned(),
        saved_at,
    }
}

async fn a_budget_is_read_as_it_was_last_written(store: Store) {
    assert_eq!(store.budget(TENANT, SHOP).await.unwrap(), None);
    for (saved, second) in [("one", 5), ("two", 3)] {
        let budget = row(saved, at(second));
        let written = store
            .put_budget(TENANT, SHOP, &budget, ([0; 4], &BTreeSet::new()), None)
            .await;
        assert_eq!(written.unwrap(), Written::Yes);
        assert_eq!(store.budget(TENANT, SHOP).await.unwrap(), Some(budget));
    }
    assert_eq!(
        store.budget(TENANT, ConnectionId(SHOP.0 + 1)).await.unwrap(),
        None
    );
    assert_eq!(store.budget_days(TENANT, SHOP).await.unwrap(), []);
}

async fn a_lost_lease_writes_no_budget(store: Store) {
    let take = async |owner, second| {
        let taken = store.take_lease("source:1", owner, at(second), 1_000).await;
        taken.unwrap().unwrap()
    };
    let first = take("a", 0).await;
    let write = async |saved, epoch| {
        let lease = Some(("source:1", epoch));
        store
            .put_budget(
                TENANT,
                SHOP,
                &row(saved, at(1)),
                ([1, 0, 0, 0], &BTreeSet::new()),
                lease,
            )
            .await
    };
    assert_eq!(write("first", first).await.unwrap(), Written::Yes);
    let second = take("b", 9).await;
    assert_eq!(write("stale", first).await.unwrap(), Written::Lost);
    assert_eq!(store.budget(TENANT, SHOP).await.unwrap().unwrap().saved, "first");
    assert_eq!(write("second", second).await.unwrap(), Written::Yes);
    let days = store.budget_days(TENANT, SHOP).await.unwrap();
    assert_eq!(days.first().map(|day| day.calls), Some([2, 0, 0, 0]));
}

async fn calls_add_up_by_day_and_class(store: Store) {
    let day_s = 86_400;
    for (second, calls) in [(10, [1, 0, 2, 0]), (20, [4, 1, 0, 0]), (day_s + 10, [0, 0, 0, 7])] {
        let budget = row("", at(second));
        store
            .put_budget(TENANT, SHOP, &budget, (calls, &BTreeSet::new()), None)
            .await
            .unwrap();
    }
    let days = store.budget_days(TENANT, SHOP).await.unwrap();
    let calls: Vec<_> = days.iter().map(|day| day.calls).collect();
    assert_eq!(calls, [[0, 0, 0, 7], [5, 1, 2, 0]]);
    assert_eq!(days[0].day, days[1].day + 1);
    assert!(days[0].start <= at(day_s + 10) && at(day_s + 10) < days[0].start.plus_ms(86_400_000));
}

async fn old_days_go(store: Store) {
    let day_s = 86_400;
    for day in [0, 50, 90, 91] {
        let budget = row("", at(day * day_s));
        store
            .put_budget(TENANT, SHOP, &budget, ([1, 0, 0, 0], &BTreeSet::new()), None)
            .await
            .unwrap();
    }
    let days = store.budget_days(TENANT, SHOP).await.unwrap();
    let first = days.last().map_or(0, |day| day.day);
    let kept: Vec<i64> = days.iter().map(|day| day.day - first).collect();
    assert_eq!(kept, [41, 40, 0]);
}

async fn calls_of_guests_are_counted_before_a_budget_is_written(store: Store) {
    let of = |id| GuestCall {
        id,
        class: Class::Sweep,
        made_at: at(2),
    };
    let put = async |id, is_room: bool| {
        let asked = |_: Option<&BudgetRow>, _: &[GuestRow]| if is_room { Ok(()) } else { Err("no room") };
        store.put_guest_call((TENANT, SHOP), of(id), asked).await.unwrap()
    };
    let write = async |saved, counted: &[i64]| {
        let (budget, counted) = (row(saved, at(3)), &counted.iter().copied().collect());
        let written = store.put_budget(TENANT, SHOP, &budget, ([0; 4], counted), None);
        written.await.unwrap()
    };
    assert_eq!(put(1, true).await, Ok(()));
    assert_eq!(put(2, false).await, Err("no room"));
    assert_eq!(write("one", &[]).await, Written::Uncounted);
    assert_eq!(store.budget(TENANT, SHOP).await.unwrap(), None);
    assert_eq!(put(3, true).await, Ok(()));
    let calls = [of(1), of(3)].map(GuestRow::Call);
    assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), calls);
    assert_eq!(write("one", &[1]).await, Written::Uncounted);
    assert_eq!(write("one", &[1, 3]).await, Written::Yes);
    assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), []);
    let mut seen = None;
    let look = |row: Option<&BudgetRow>, guests: &[GuestRow]| {
        seen = Some((row.map(|row| row.saved.clone()), guests.len()));
        Err::<(), ()>(())
    };
    store
        .put_guest_call((TENANT, SHOP), of(4), look)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(seen, Some((Some("one".to_owned()), 0)));
}

async fn calls_of_guests_that_count_in_no_window_go(store: Store) {
    let day_s = 86_400;
    for (id, second) in [(1, 0), (2, day_s), (3, day_s + 7_200)] {
        let new = GuestCall {
            id,
            class: Class::Live,
            made_at: at(second),
        };
        let put = store.put_guest_call((TENANT, SHOP), new, |_, _| Ok::<(), ()>(()));
        assert_eq!(put.await.unwrap(), Ok(()));
    }
    let kept = store.guests(TENANT, SHOP).await.unwrap();
    assert_eq!(kept.iter().map(GuestRow::id).collect::<Vec<_>>(), [2, 3]);
}

/// How often something is tried that goes wrong only when two of them meet.
const TIMES: i64 = 20;

fn shop(number: i64) -> ConnectionId {
    ConnectionId(SHOP.0 + number)
}

/// A call that a command writes down.
fn guest_call(id: i64) -> GuestCall {
    GuestCall {
        id,
        class: Class::Live,
        made_at: at(2),
    }
}

async fn guests_find_the_same_room_once_before_there_is_a_budget(store: Store) {
    for number in 0..TIMES {
        let put = |id| {
            let new = guest_call(id);
            let is_room = |row: Option<&BudgetRow>, guests: &[GuestRow]| {
                assert_eq!(row, None);
                if guests.is_empty() { Ok(()) } else { Err(()) }
            };
            store.put_guest_call((TENANT, shop(number)), new, is_room)
        };
        let all = tokio::join!(put(1), put(2), put(3), put(4));
        let all = [all.0, all.1, all.2, all.3].map(|put| u32::from(put.unwrap().is_ok()));
        assert_eq!(all.iter().sum::<u32>(), 1, "there was room for one");
        assert_eq!(
            store.budget(TENANT, shop(number)).await.unwrap(),
            None,
            "a locked row is no budget"
        );
    }
}

/// The owner counted the first call, and writes the first budget while a guest writes down the second.
async fn no_call_of_a_guest_is_forgotten_by_the_first_budget(store: Store) {
    for number in 0..TIMES {
        let put = |id| {
            let new = guest_call(id);
            store.put_guest_call((TENANT, shop(number)), new, |_, _| Ok::<(), ()>(()))
        };
        put(1).await.unwrap().unwrap();
        let (budget, counted) = (row("one", at(3)), BTreeSet::from([1]));
        let write = store.put_budget(TENANT, shop(number), &budget, ([0; 4], &counted), None);
        let (written, second) = tokio::join!(write, put(2));
        second.unwrap().unwrap();
        let left = store.guests(TENANT, shop(number)).await.unwrap();
        let left: Vec<i64> = left.iter().map(GuestRow::id).collect();
        let expected = match written.unwrap() {
            Written::Yes => vec![2],
            _ => vec![1, 2],
        };
        assert_eq!(left, expected);
    }
}

async fn what_an_answer_told_a_guest_is_kept_until_it_is_counted(store: Store) {
    let of = |id| GuestAnswer {
        id,
        told: format!("answer {id}"),
        heard_at: at(id),
    };
    let write = async |counted: &[i64]| {
        let (budget, counted) = (row("one", at(3)), &counted.iter().copied().collect());
        let written = store.put_budget(TENANT, SHOP, &budget, ([0; 4], counted), None);
        written.await.unwrap()
    };
    store.put_guest_answer((TENANT, SHOP), of(1)).await.unwrap();
    store.put_guest_answer((TENANT, SHOP), of(2)).await.unwrap();
    assert_eq!(store.budget(TENANT, SHOP).await.unwrap(), None);
    assert_eq!(write(&[1]).await, Written::Uncounted);
    let answers = [of(1), of(2)].map(GuestRow::Answer);
    assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), answers);
    assert_eq!(write(&[1, 2]).await, Written::Yes);
    assert_eq!(store.guests(TENANT, SHOP).await.unwrap(), []);
    // Beside an owner that writes at the same time.
    for id in 10..10 + TIMES {
        store.put_guest_answer((TENANT, SHOP), of(id)).await.unwrap();
        let counted = [id];
        let (written, put) = tokio::join!(
            write(&counted),
            store.put_guest_answer((TENANT, SHOP), of(id + TIMES))
        );
        put.unwrap();
        let left = store.guests(TENANT, SHOP).await.unwrap();
        assert_eq!(left.last().map(GuestRow::id), Some(id + TIMES), "{written:?}");
        let all: Vec<i64> = left.iter().map(GuestRow::id).collect();
        assert_eq!(write(&all).await, Written::Yes);
    }
}
