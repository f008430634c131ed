//! Survivorship: which source's value a person's golden record takes.

use crate::entity::{Customer, LanguageName, Person, Subscription};
use crate::id::ConnectionId;
use crate::identity::SourceClass;
use crate::record::{Content, Held, RecordKey};
use crate::time::Timestamp;

/// What we believe of one person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relation {
    /// The surviving values, field by field (addresses, names and company data each as one block).
    pub person: Person,
    /// Whether this person wants the newsletter.
    pub newsletter: bool,
    /// The source's id of the account; 0 when the person only subscribed.
    pub customer_id: i64,
    /// The source's id of the subscription; 0 when the person never said what he wants.
    pub subscriber_id: i64,
    /// `registered`, `guest`, another word, or empty without an account.
    pub customer_type: String,
    /// Whether the account is confirmed.
    pub is_confirmed_customer: bool,
    /// Whether the subscription is confirmed.
    pub is_confirmed_subscriber: bool,
    /// When the account was made.
    pub customer_created_at: Option<Timestamp>,
    /// When the account was last changed.
    pub customer_updated_at: Option<Timestamp>,
    /// When the subscription was made.
    pub subscriber_created_at: Option<Timestamp>,
    /// When the person was last seen in the shop.
    pub last_online_at: Option<Timestamp>,
    /// Whether there was an account and none is left.
    pub is_customer_deleted: bool,
}

/// One source record of a person, ready for comparison.
struct Voice<'a> {
    rank: Rank,
    person: std::borrow::Cow<'a, Person>,
}

/// The one total order of voices: living before deleted, class, newer source time, then names, so that a tie never
/// depends on arrival. Nothing else of a version counts here: it compares words about one record only, and how
/// often we fetched a record gives it no advantage over another (I7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_living: bool,
    class: SourceClass,
    at: Timestamp,
    key: std::cmp::Reverse<RecordKey>,
}

/// Computes the golden record of the person that `members` describe.
///
/// `members` are the customers, subscriptions and orders without a customer of one component; others are
/// ignored. `order_language` is that of the person's newest order, used when nobody else names one.
/// `is_unconfirmed_enough`: whether a subscription without double opt-in counts as a Yes
/// (`newsletter = "subscribed"`).
#[must_use]
pub fn relation(
    members: &[&Held],
    order_language: Option<&LanguageName>,
    is_unconfirmed_enough: bool,
) -> Relation {
    let mut voices: Vec<Voice<'_>> = members.iter().filter_map(|held| voice(held)).collect();
    voices.sort_by_key(|voice| std::cmp::Reverse(voice.rank));
    let mut golden = Relation {
        person: surviving_person(&voices),
        ..Relation::default()
    };
    if golden.person.language.is_empty()
        && let Some(language) = order_language
    {
        golden.person.language = language.clone();
    }
    tell_account(&mut golden, members);
    tell_subscription(&mut golden, members, is_unconfirmed_enough);
    golden
}

/// Gives the shop from which ShopID, CustomerID and SubscriberID come together: that of the account whose number stands
/// on the profile, else of the oldest subscription, else of the oldest order; the living before the deleted (mission,
/// Identity). `None` when no member has content.
#[must_use]
pub fn home(members: &[&Held]) -> Option<ConnectionId> {
    if let Some((held, _)) = account(members) {
        return Some(held.key.connection);
    }
    let others = members.iter().filter_map(|held| match held.live.as_ref()? {
        (version, _, Content::Subscription(subscription)) => {
            Some((held, true, subscription.created_at.unwrap_or(version.at)))
        }
        (version, _, Content::Order(order)) => Some((held, false, order.created_at.unwrap_or(version.at))),
        _ => None,
    });
    others
        .max_by_key(|(held, is_subscription, at)| {
            let age = std::cmp::Reverse((*at, held.key));
            (*is_subscription, !held.is_deleted(), age)
        })
        .map(|(held, ..)| held.key.connection)
}

fn voice(held: &Held) -> Option<Voice<'_>> {
    let (version, _, content) = held.live.as_ref()?;
    let (class, person) = match content {
        Content::Customer(customer) => (
            SourceClass::of_customer(customer),
            std::borrow::Cow::Borrowed(&customer.person),
        ),
        Content::Subscription(subscription) => (
            SourceClass::Subscription,
            std::borrow::Cow::Owned(subscriber_person(subscription)),
        ),
        Content::Order(order) => (SourceClass::Order, std::borrow::Cow::Borrowed(&order.person)),
        _ => return None,
    };
    let is_living = !held.is_deleted();
    Some(Voice {
        rank: Rank {
            is_living,
            class,
            at: version.at,
            key: std::cmp::Reverse(held.key),
        },
        person,
    })
}

fn subscriber_person(subscription: &Subscription) -> Person {
    Person {
        email: subscription.email.clone(),
        firstname: subscription.firstname.clone(),
        lastname: subscription.lastname.clone(),
        language: subscription.language.clone(),
        ..Person::default()
    }
}

/// Takes each field, or block of fields that only make sense together, from the first voice that has it.
fn surviving_person(voices: &[Voice<'_>]) -> Person {
    let first = |has: fn(&Person) -> bool| voices.iter().map(|voice| voice.person.as_ref()).find(|p| has(p));
    let text = |of: fn(&Person) -> &String| {
        voices
            .iter()
            .map(|voice| of(voice.person.as_ref()))
            .find(|text| !text.is_empty())
            .cloned()
            .unwrap_or_default()
    };
    let mut person = Person {
        email: text(|p| &p.email),
        gender: text(|p| &p.gender),
        phone: text(|p| &p.phone),
        mobile: text(|p| &p.mobile),
        birth_date: text(|p| &p.birth_date),
        ..Person::default()
    };
    if let Some(named) = first(|p| !p.firstname.is_empty() || !p.lastname.is_empty()) {
        person.firstname.clone_from(&named.firstname);
        person.middlename.clone_from(&named.middlename);
        person.lastname.clone_from(&named.lastname);
    }
    if let Some(company) = first(|p| p.is_company || !p.company_name.is_empty()) {
        person.is_company = company.is_company;
        person.company_name.clone_from(&company.company_name);
        person.company_coc_number.clone_from(&company.company_coc_number);
        person.company_vat_number.clone_from(&company.company_vat_number);
    }
    if let Some(billed) = first(|p| !p.billing.is_empty()) {
        person.billing = billed.billing.clone();
    }
    if let Some(shipped) = first(|p| !p.shipping.is_empty()) {
        person.shipping = shipped.shipping.clone();
    }
    if let Some(speaking) = first(|p| !p.language.is_empty()) {
        person.language = speaking.language.clone();
    }
    person
}

/// The account whose number stands on the profile: living before deleted, registered before guest, then the
/// oldest (mission, Identity). An account that does not tell its age is as old as its last change.
fn account<'a>(members: &[&'a Held]) -> Option<(&'a Held, &'a Customer)> {
    let accounts = members.iter().filter_map(|held| match &held.live {
        Some((version, _, Content::Customer(customer))) => Some((*held, version, customer)),
        _ => None,
    });
    let best = accounts.max_by_key(|(held, version, customer)| {
        let age = std::cmp::Reverse((customer.created_at.unwrap_or(version.at), held.key));
        (!held.is_deleted(), SourceClass::of_customer(customer), age)
    });
    best.map(|(held, _, customer)| (held, &**customer))
}

fn tell_account(golden: &mut Relation, members: &[&Held]) {
    let Some((held, customer)) = account(members) else {
        return;
    };
    let Customer {
        customer_type,
        is_confirmed,
        created_at,
        updated_at,
        last_online_at,
        ..
    } = customer;
    golden.customer_id = held.key.remote_id;
    golden.customer_type.clone_from(customer_type);
    golden.is_confirmed_customer = *is_confirmed;
    golden.customer_created_at = *created_at;
    golden.customer_updated_at = *updated_at;
    golden.last_online_at = *last_online_at;
    golden.is_customer_deleted = held.is_deleted();
}

/// The subscription (of the home shop) and the consent (of the whole person): Yes only with a living, confirmed subscription that is younger than every
/// No. Nothing else ever raises it (I7, mission F2); a subscription that is there again takes no No back.
fn tell_subscription(golden: &mut Relation, members: &[&Held], is_unconfirmed_enough: bool) {
    let subscriptions: Vec<(&Held, &Subscription)> = members
        .iter()
        .filter_map(|held| match &held.live {
            Some((_, _, Content::Subscription(subscription))) => Some((*held, &**subscription)),
            _ => None,
        })
        .collect();
    let no = subscriptions
        .iter()
        .filter_map(|(held, _)| held.tombstone.as_ref().map(|(version, _)| version.at))
        .max();
    let is_yes = |held: &Held, subscription: &Subscription| {
        let is_proven = subscription.is_confirmed || is_unconfirmed_enough;
        let is_younger = no.is_none_or(|no| subscription.created_at.is_some_and(|at| at > no));
        !held.is_deleted() && is_proven && is_younger
    };
    golden.newsletter = subscriptions
        .iter()
        .any(|(held, subscription)| is_yes(held, subscription));
    let home = home(members);
    let at_home = subscriptions
        .iter()
        .filter(|(held, _)| Some(held.key.connection) == home);
    let best = at_home.max_by_key(|(held, subscription)| {
        (
            is_yes(held, subscription),
            !held.is_deleted(),
            subscription.created_at,
            std::cmp::Reverse(held.key),
        )
    });
    let Some((held, subscription)) = best else { return };
    golden.subscriber_id = held.key.remote_id;
    golden.is_confirmed_subscriber = subscription.is_confirmed;
    golden.subscriber_created_at = subscription.created_at;
}
