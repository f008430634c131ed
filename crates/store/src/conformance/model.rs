//! Random days against a naive model: intake, apply, deliver, crashes, in any order.
//!
//! Checked at every step: the inbox's numbers add up and equal what is stored (I2, F1); no object is claimed while an
//! attempt of it is open (I11); versions only rise, and none is sent below a confirmed one (I12); nothing is sent
//! before an uncertain attempt's settle time (I14). At the end everything that is not dead gets confirmed (I16).

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::event::EventState;
use schakel_core::id::{DeliveryId, EventId, TenantId};

use super::make::{SINK, at, child, claim, confirmed, event, finished, ids, profile, settle};
use crate::Store;
use crate::rows::{Claim, Claimed, DeliveryRow, Inserted, Outcome, Settle};

/// One thing that happens. The numbers choose among what there is at that moment.
#[derive(Debug, Clone)]
enum Deed {
    /// Webhooks come in; each number is a body.
    Receive(Vec<u8>),
    /// Apply finishes some waiting events in one transaction, or dies before its commit.
    Apply { events: usize, is_committed: bool },
    /// An object gets new content.
    Change { object: usize, content: u8 },
    /// The worker claims.
    Claim { limit: usize },
    /// Open attempts end.
    Settle { which: Vec<usize>, how: u8 },
    /// An attempt that was settled or lost long ago is settled once more.
    SettleStale { which: usize, how: u8 },
    /// The worker's process dies and starts again.
    Crash,
    /// Time goes on.
    Wait { seconds: i64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        2 => prop::collection::vec(0u8..12, 1..6).prop_map(Deed::Receive),
        2 => (1usize..5, any::<bool>())
            .prop_map(|(events, is_committed)| Deed::Apply { events, is_committed }),
        4 => (0usize..6, 1u8..4).prop_map(|(object, content)| Deed::Change { object, content }),
        4 => (1usize..5).prop_map(|limit| Deed::Claim { limit }),
        5 => (prop::collection::vec(any::<prop::sample::Index>(), 1..4), 0u8..8)
            .prop_map(|(which, how)| Deed::Settle { which: which.iter().map(|i| i.index(64)).collect(), how }),
        1 => (0usize..64, 0u8..8).prop_map(|(which, how)| Deed::SettleStale { which, how }),
        1 => Just(Deed::Crash),
        3 => (1i64..40).prop_map(|seconds| Deed::Wait { seconds }),
    ]
}

/// What the model knows of one object.
#[derive(Debug, Default, Clone)]
struct Known {
    row: Option<DeliveryRow>,
    sent: i64,
    confirmed: i64,
    may_not_start_before: i64,
    is_open: bool,
}

struct Day {
    store: Store,
    tenant: TenantId,
    now: i64,
    worker: u32,
    events: i64,
    offered: i64,
    things: BTreeMap<u8, ()>,
    waiting: Vec<EventId>,
    applied: i64,
    objects: BTreeMap<i64, Known>,
    open: Vec<Claimed>,
    closed: Vec<Claimed>,
}

type Checked = Result<(), TestCaseError>;

impl Day {
    fn new(store: Store, tenant: i64) -> Self {
        Self {
            store,
            tenant: TenantId(tenant),
            now: 1_000,
            worker: 0,
            events: 0,
            offered: 0,
            things: BTreeMap::new(),
            waiting: Vec::new(),
            applied: 0,
            objects: BTreeMap::new(),
            open: Vec::new(),
            closed: Vec::new(),
        }
    }

    async fn run(&mut self, deeds: &[Deed]) -> Checked {
        for deed in deeds {
            match deed {
                Deed::Receive(bodies) => self.receive(bodies).await?,
                Deed::Apply { events, is_committed } => self.apply(*events, *is_committed).await,
                Deed::Change { object, content } => self.change(*object, *content).await,
                Deed::Claim { limit } => self.claim(*limit).await?,
                Deed::Settle { which, how } => self.settle(which, *how).await,
                Deed::SettleStale { which, how } => self.settle_stale(*which, *how).await,
                Deed::Crash => self.crash().await,
                Deed::Wait { seconds } => self.now += seconds,
            }
            self.check_inbox().await?;
        }
        self.finish().await
    }

    async fn receive(&mut self, bodies: &[u8]) -> Checked {
        let mut batch = Vec::new();
        let mut expected = Vec::new();
        for body in bodies {
            self.events += 1;
            let mut event = event(self.events, i64::from(body % 3), &format!("{body}"));
            event.tenant = self.tenant;
            if self.things.insert(*body, ()).is_none() {
                expected.push(Inserted::New);
                self.waiting.push(event.id);
            } else {
                expected.push(Inserted::Duplicate);
            }
            batch.push(event);
        }
        self.offered += i64::try_from(bodies.len()).unwrap();
        prop_assert_eq!(self.store.insert_events(&batch).await.unwrap(), expected);
        Ok(())
    }

    async fn apply(&mut self, events: usize, is_committed: bool) {
        let n = events.min(self.waiting.len());
        let done: Vec<_> = self.waiting[..n]
            .iter()
            .map(|id| finished(id.0, EventState::Applied))
            .collect();
        let mut tx = self.store.write().await.unwrap();
        tx.finish_events(self.tenant, &done).await.unwrap();
        if is_committed {
            tx.commit().await.unwrap();
            self.waiting.drain(..n);
            self.applied += i64::try_from(n).unwrap();
        }
    }

    /// Objects 1 to 3 are profiles; 4 to 6 are orders, each of a profile.
    async fn change(&mut self, object: usize, content: u8) {
        let object = i64::try_from(object).unwrap() + 1;
        let known = self.objects.entry(object).or_default().clone();
        let mut row = known.row.unwrap_or_else(|| {
            let fresh = if object > 3 {
                child(object, ObjectKind::Order, object - 3, object - 3)
            } else {
                profile(object)
            };
            DeliveryRow {
                desired_version: 0,
                ..fresh
            }
        });
        let mut tx = self.store.write().await.unwrap();
        let slots = [
            (ObjectKind::Relation, object - 3),
            (ObjectKind::Relation, object),
            (ObjectKind::Order, object),
        ];
        let held = tx.deliveries(self.tenant, SINK, &slots).await.unwrap();
        let has_parent = held
            .iter()
            .any(|held| held.object == object - 3 && held.confirmed_version > 0);
        let is_clean = held
            .iter()
            .any(|held| held.object == object && held.confirmed_digest == Some([content; 16]));
        row.desired_version += 1;
        row.desired_digest = [content; 16];
        row.due_at = at(self.now);
        row.state = match (is_clean, object > 3 && !has_parent) {
            (true, _) => DeliveryState::Clean,
            (false, true) => DeliveryState::Parent,
            (false, false) => DeliveryState::Ready,
        };
        tx.put_deliveries(self.tenant, std::slice::from_ref(&row))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.objects.entry(object).or_default().row = Some(row);
    }

    fn worker(&self) -> String {
        format!("worker {}", self.worker)
    }

    async fn claim(&mut self, limit: usize) -> Checked {
        let claim = Claim {
            tenant: self.tenant,
            owner: self.worker(),
            ..claim(self.now, limit)
        };
        let claimed = self
            .store
            .deliver_step(self.tenant, SINK, &[], Some(&claim), &mut ids())
            .await
            .unwrap();
        prop_assert!(claimed.len() <= limit);
        for one in claimed {
            let has_parent = one.object <= 3
                || self
                    .objects
                    .get(&(one.object - 3))
                    .is_some_and(|parent| parent.confirmed > 0);
            prop_assert!(has_parent, "{} before its parent", one.object);
            let Some(known) = self.objects.get_mut(&one.object) else {
                return Err(TestCaseError::fail("an object that nobody wished"));
            };
            prop_assert!(!known.is_open, "{} twice in flight", one.object);
            prop_assert!(one.version >= known.sent && one.version > known.confirmed);
            prop_assert!(self.now >= known.may_not_start_before);
            prop_assert_eq!(Some(one.digest), known.row.as_ref().map(|row| row.desired_digest));
            known.sent = one.version;
            known.is_open = true;
            self.open.push(one);
        }
        Ok(())
    }

    fn outcome(&self, object: i64, how: u8) -> Outcome {
        let due_at = at(self.now + i64::from(how) * 7);
        match how {
            0..=3 => confirmed(100 + object, (object > 3).then_some(100 + object - 3)),
            4 => Outcome::Again { due_at },
            5 => Outcome::Uncertain { due_at },
            6 => Outcome::Fault { due_at },
            _ => Outcome::Dead,
        }
    }

    async fn settle(&mut self, which: &[usize], how: u8) {
        let mut settles: Vec<Settle> = Vec::new();
        for index in which {
            if self.open.is_empty() {
                break;
            }
            let one = self.open.swap_remove(index % self.open.len());
            let settled = settle(&one, self.now, self.outcome(one.object, how));
            let known = self.objects.entry(one.object).or_default();
            known.is_open = false;
            match settled.outcome {
                Outcome::Confirmed { .. } => known.confirmed = known.confirmed.max(one.version),
                Outcome::Uncertain { .. } => known.may_not_start_before = self.now + 35,
                _ => {}
            }
            settles.push(settled);
            self.closed.push(one);
        }
        self.end(&settles).await;
    }

    async fn settle_stale(&mut self, which: usize, how: u8) {
        if self.closed.is_empty() {
            return;
        }
        let one = self.closed[which % self.closed.len()].clone();
        self.end(&[settle(&one, self.now, self.outcome(one.object, how))])
            .await;
    }

    async fn end(&self, settles: &[Settle]) {
        self.store
            .deliver_step(self.tenant, SINK, settles, None, &mut ids())
            .await
            .unwrap();
    }

    async fn crash(&mut self) {
        self.worker += 1;
        let recovered = self
            .store
            .recover_claims(self.tenant, SINK, at(self.now), &self.worker(), false, 10_000)
            .await
            .unwrap();
        assert_eq!(recovered, self.open.len() as u64);
        for one in self.open.drain(..) {
            let known = self.objects.entry(one.object).or_default();
            known.is_open = false;
            self.closed.push(one);
        }
    }

    async fn check_inbox(&self) -> Checked {
        let counts = self.store.inbox_counts(self.tenant, None, None).await.unwrap();
        let audit = self.store.inbox_audit(self.tenant, None, None).await.unwrap();
        prop_assert!(counts.adds_up() && counts == audit, "{counts:?} {audit:?}");
        prop_assert_eq!(counts.received, self.offered);
        prop_assert_eq!(counts.applied, self.applied);
        prop_assert_eq!(usize::try_from(counts.waiting).unwrap(), self.waiting.len());
        Ok(())
    }

    /// A quiet sink: everything that is not dead, and whose parent is not, gets confirmed.
    async fn finish(&mut self) -> Checked {
        let all: Vec<usize> = (0..self.open.len()).rev().collect();
        self.settle(&all, 0).await;
        self.now += 10_000;
        loop {
            self.claim(4).await?;
            if self.open.is_empty() {
                break;
            }
            self.settle(&[0, 0, 0, 0], 0).await;
        }
        for (object, known) in &self.objects {
            let Some(desired) = &known.row else { continue };
            let kind = desired.kind;
            let held = self
                .store
                .deliveries_of(self.tenant, SINK, &[(kind, *object)])
                .await
                .unwrap();
            prop_assert_eq!(held.len(), 1);
            let is_paid = held[0].confirmed_digest == Some(desired.desired_digest);
            match held[0].state {
                DeliveryState::Clean => prop_assert!(is_paid),
                DeliveryState::Dead => {}
                DeliveryState::Parent => {
                    let parent = self.objects.get(&(object - 3));
                    prop_assert!(parent.is_none_or(|parent| parent.confirmed == 0));
                }
                other => prop_assert!(false, "{} ends as {:?}", object, other),
            }
            prop_assert_eq!(held[0].id, DeliveryId(*object));
        }
        Ok(())
    }
}

/// Runs `cases` days; each is a tenant of its own, so that they share one database and prove that they do not meet.
fn days(store: &Store, runtime: &tokio::runtime::Runtime, cases: u32) {
    let tenant = std::cell::Cell::new(0);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(deed(), 1..60), |deeds| {
            tenant.set(tenant.get() + 1);
            runtime.block_on(Day::new(store.clone(), tenant.get()).run(&deeds))
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn random_days_on_sqlite() {
    let runtime = runtime();
    let (store, _folder) = runtime.block_on(super::lite());
    days(&store, &runtime, 100);
    runtime.block_on(store.close());
}

#[test]
fn random_days_on_postgresql() {
    let runtime = runtime();
    if let Some((store, _database)) = runtime.block_on(super::pg()) {
        days(&store, &runtime, 50);
        runtime.block_on(store.close());
    }
}
