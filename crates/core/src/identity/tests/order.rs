//! P1: the same observations give the same people, in whatever order and however often they come.

use proptest::prelude::*;

use super::hub::Hub;
use super::naive::{self, Model};
use super::world::{self, Choice};
use crate::entity::LanguageName;
use crate::golden;
use crate::identity::SourceClass;
use crate::record::{Held, RecordKey};

fn members<'a>(hub: &'a Hub, person: impl IntoIterator<Item = &'a RecordKey>) -> Vec<&'a Held> {
    person.into_iter().map(|key| &hub.held[key]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    // Each case arranges one set of observations in two ways and compares both with the naive model; golden
    // records are computed from members in both directions, with and without their optional inputs.
    #[test]
    fn people_do_not_depend_on_order_repeats_or_batches(draws in world::draws(0..15), seed: u64) {
        let records = world::records(&draws);
        let model = Model::of(&records);
        let (held, people) = (model.held(), model.people());
        let mut choice = Choice(seed);
        let language = LanguageName { code: "fr".to_owned(), title: String::new() };
        for _ in 0..2 {
            let hub = Hub::of(&choice.arrange(&records));
            prop_assert_eq!(&hub.held, &held);
            prop_assert_eq!(&hub.people(), &people);
            for person in &people {
                let mut members = members(&hub, person);
                prop_assert_eq!(golden::home(&members), naive::home_shop(&members));
                for (language, is_enough) in [(None, false), (Some(&language), true)] {
                    let golden = golden::relation(&members, language, is_enough);
                    prop_assert_eq!(&golden, &naive::golden(&members, language, is_enough));
                    members.reverse();
                }
            }
        }
    }

    // Whether accounts that met may be shown to a sink does depend on what was fetched when. It never depends for
    // long: one fetch of each ends every such wait, and nobody has another person's number because of it.
    #[test]
    fn fetching_all_accounts_ends_every_wait(draws in world::draws(0..12), seed: u64) {
        let records = world::records(&draws);
        let mut hub = Hub::of(&Choice(seed).arrange(&records));
        let people = hub.people();
        hub.confirm_all();
        prop_assert_eq!(hub.people(), people);
        for node in hub.nodes.values() {
            prop_assert!(node.class != SourceClass::Registered || !hub.is_unconfirmed(node.key));
        }
    }
}
