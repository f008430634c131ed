//! Judges a webhook request: is it genuine, and what is it about? Pure; the body is not parsed here.
//!
//! Lightspeed signs with `md5(body ‖ secret)` (lightspeed-ecom.md §4.2). That is weak, and nothing better is
//! offered: reliability.md §11.1 lists what makes up for it. This module keeps points 1 and 3 of that list.

use md5::{Digest, Md5};
use schakel_core::connector::{Normalised, Received, Refused, Webhook};
use schakel_core::event::{Action, Event, Trust};
use schakel_core::problem::{Code, Problem};
use schakel_core::record::RecordKind;
use serde::Serialize;
use subtle::ConstantTimeEq;

use super::config::{Cluster, Settings};

/// The item groups (§4.1): name, header of the id, canonical kind.
const GROUPS: [(&str, &str, Option<RecordKind>); 12] = [
    ("customers", "x-customer-id", Some(RecordKind::Customer)),
    (
        "subscriptions",
        "x-subscription-id",
        Some(RecordKind::Subscription),
    ),
    ("orders", "x-order-id", Some(RecordKind::Order)),
    ("quotes", "x-quote-id", Some(RecordKind::Quote)),
    ("shipments", "x-shipment-id", Some(RecordKind::Shipment)),
    ("invoices", "x-invoice-id", Some(RecordKind::Invoice)),
    ("products", "x-product-id", Some(RecordKind::Product)),
    ("variants", "x-variant-id", Some(RecordKind::Variant)),
    ("reviews", "x-review-id", None),
    ("returns", "x-return-id", None),
    ("tickets", "x-ticket-id", None),
    ("contacts", "x-contact-id", None),
];

/// Lets an event without a kind go by when its group is one that is not used, and sets it aside when the group is in no
/// list: what a newer platform tells of must not vanish unseen.
pub(super) fn unused(event: &Event) -> Normalised {
    let is_known = GROUPS.iter().any(|(name, ..)| *name == event.stream);
    let problem = (!is_known).then(|| Problem::new(Code::UnknownItemGroup, "x-event"));
    Normalised {
        problems: problem.into_iter().collect(),
        ..Normalised::default()
    }
}

/// Longest word that is taken from a header, in bytes.
const WORD_BYTES: usize = 64;

/// The headers that are kept with the event.
#[derive(Serialize)]
struct Kept<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cluster: &'a str,
}

/// Judges `hook` by `settings`.
pub(super) fn receive(settings: &Settings, hook: &Webhook<'_>) -> Result<Received, Refused> {
    let signed_trust = trust(settings, hook)?;
    check_shop(settings, hook)?;
    if hook.is_ambiguous("x-event") {
        return Err(Refused::Headers);
    }
    let event = hook.header("x-event").map(str::trim).ok_or(Refused::Headers)?;
    let (group, action) = event.split_once('/').ok_or(Refused::Headers)?;
    if !is_word(group) || !is_word(action) {
        return Err(Refused::Headers);
    }
    let known = GROUPS.iter().find(|(name, ..)| *name == group);
    let remote_id = known.and_then(|(_, header, _)| hook.header(header)).map_or(0, id);
    // A body in XML is not read, but that something changed is known all the same.
    let is_json = hook
        .header("x-format")
        .is_none_or(|format| format.trim().eq_ignore_ascii_case("json"));
    let kept = Kept {
        event,
        request_id: short(hook.header("x-request-id")),
        language: short(hook.header("x-language")),
        cluster: short(hook.header("x-cluster-id")),
    };
    Ok(Received {
        stream: group.to_owned(),
        kind: known.and_then(|(.., kind)| *kind),
        action: Action::parse(action),
        remote_id,
        trust: if is_json { signed_trust } else { Trust::Hint },
        headers: serde_json::to_string(&kept).expect("an object of texts always serialises"),
    })
}

/// Checks the signature; without one, where that is allowed, the content is not believed.
fn trust(settings: &Settings, hook: &Webhook<'_>) -> Result<Trust, Refused> {
    if hook.is_ambiguous("x-signature") {
        return Err(Refused::Signature);
    }
    let Some(signature) = hook.header("x-signature") else {
        return if settings.accept_unsigned {
            Ok(Trust::Hint)
        } else {
            Err(Refused::Signature)
        };
    };
    let body = Md5::new_with_prefix(hook.body);
    let secrets = std::iter::once(&settings.api_secret).chain(&settings.extra_secrets);
    // Every secret is tried, so that the time does not tell which one fits.
    let fits = secrets
        .filter(|secret| !secret.is_empty())
        .fold(0, |fits, secret| {
            let digest = body.clone().chain_update(secret.expose()).finalize();
            let expected = hex::encode(digest);
            fits | expected.as_bytes().ct_eq(signature.trim().as_bytes()).unwrap_u8()
        });
    if fits == 1 {
        Ok(settings.webhook_trust)
    } else {
        Err(Refused::Signature)
    }
}

/// The shop must be ours; so must the cluster where it is named, since clusters number their shops on their own.
fn check_shop(settings: &Settings, hook: &Webhook<'_>) -> Result<(), Refused> {
    let shop = hook.header("x-shop-id").ok_or(Refused::Headers)?;
    let is_ours = shop.trim().parse() == Ok(settings.shop_id);
    let is_cluster = hook
        .header("x-cluster-id")
        .and_then(|name| Cluster::parse(name.trim()))
        .is_none_or(|cluster| cluster == settings.cluster);
    let is_clear = !["x-shop-id", "x-cluster-id"]
        .iter()
        .any(|name| hook.is_ambiguous(name));
    if is_ours && is_cluster && is_clear {
        Ok(())
    } else {
        Err(Refused::OtherShop)
    }
}

/// Tells whether a part of `X-Event` can be a name: lower-case letters and underscores, not long.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= WORD_BYTES && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Reads an id; what is none counts as missing, and the body decides.
fn id(text: &str) -> i64 {
    text.trim().parse().ok().filter(|id| *id > 0).unwrap_or(0)
}

fn short(header: Option<&str>) -> &str {
    header
        .map(str::trim)
        .filter(|text| text.len() <= WORD_BYTES)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use schakel_core::privacy::Secret;

    use super::*;

    /// The formula of lightspeed-ecom.md §9.4 #72: of an empty body it is the digest of the secret alone.
    #[test]
    fn an_empty_body_is_signed_by_the_secret_alone() {
        let settings = Settings::new(7, Secret::new("k"), Secret::new("s"));
        let signature = hex::encode(Md5::digest("s"));
        let headers = [
            ("x-signature".to_owned(), signature),
            ("x-shop-id".to_owned(), "7".to_owned()),
            ("x-event".to_owned(), "quotes/deleted".to_owned()),
            ("x-quote-id".to_owned(), "1501464901".to_owned()),
            ("x-request-id".to_owned(), "9".repeat(WORD_BYTES + 1)),
        ];
        let hook = Webhook {
            headers: &headers,
            body: &Bytes::new(),
        };
        let received = receive(&settings, &hook).unwrap();
        assert_eq!(
            (received.action, received.remote_id),
            (Action::Deleted, 1_501_464_901)
        );
        assert_eq!(received.headers, r#"{"event":"quotes/deleted"}"#);
    }

    #[test]
    fn a_header_that_guards_and_stands_there_twice_is_refused_as_a_wrong_one() {
        let settings = Settings::new(7, Secret::new("k"), Secret::new("s"));
        let good = [
            ("x-signature", hex::encode(Md5::digest("s"))),
            ("x-shop-id", "7".to_owned()),
            ("x-cluster-id", "eu1".to_owned()),
            ("x-event", "quotes/updated".to_owned()),
            ("x-request-id", "1".to_owned()),
        ];
        let twice = |name: &str| {
            let again = good.iter().filter(|(other, _)| *other == name);
            let all = good.iter().chain(again);
            let headers: Vec<_> = all
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            let hook = Webhook {
                headers: &headers,
                body: &Bytes::new(),
            };
            receive(&settings, &hook).map(|_| ())
        };
        assert_eq!(twice("x-signature"), Err(Refused::Signature));
        assert_eq!(twice("x-shop-id"), Err(Refused::OtherShop));
        assert_eq!(twice("x-cluster-id"), Err(Refused::OtherShop));
        assert_eq!(twice("x-event"), Err(Refused::Headers));
        assert_eq!(twice("x-request-id"), Ok(()));
    }

    #[test]
    fn an_empty_secret_fits_nothing() {
        let settings = Settings::new(7, Secret::new("k"), Secret::new(""));
        let headers = [("x-signature".to_owned(), hex::encode(Md5::digest("")))];
        let hook = Webhook {
            headers: &headers,
            body: &Bytes::new(),
        };
        assert_eq!(receive(&settings, &hook), Err(Refused::Signature));
    }

    #[test]
    fn xml_is_a_hint() {
        let settings = Settings::new(7, Secret::new("k"), Secret::new("s"));
        let headers = [
            ("x-signature".to_owned(), hex::encode(Md5::digest("s"))),
            ("x-shop-id".to_owned(), "7".to_owned()),
            ("x-event".to_owned(), "quotes/updated".to_owned()),
            ("x-format".to_owned(), "xml".to_owned()),
        ];
        let hook = Webhook {
            headers: &headers,
            body: &Bytes::new(),
        };
        assert_eq!(receive(&settings, &hook).unwrap().trust, Trust::Hint);
    }
}
