//! The source: the contract's functions, each handed to its module, and the fetch.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use schakel_core::connector::{
    BoxFuture, CheckReport, ConnectorError, Cx, Fetched, Normalised, Received, Refused, Registration, Source,
    Webhook,
};
use schakel_core::event::Event;
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_core::time::{Timestamp, Zone};
use serde_json::value::RawValue;

use super::call::{self, Answer, Call};
use super::config::Settings;
use super::wire::answers::OrderAnswer;
use super::wire::{self, GROUPS_KEY, ROWS_KEY};
use super::{check, mapping, receive, webhooks};

/// Most records in one page of a list (lightspeed-ecom.md §3.4).
pub(super) const PAGE: usize = 250;

/// Most groups of one customer that are read; whoever is in more has a page that goes on for ever.
const GROUPS_MAX: usize = 1_000;

/// One Lightspeed shop as a source.
#[derive(Debug)]
pub struct Lightspeed {
    settings: Settings,
    zone: Zone,
}

impl Lightspeed {
    /// Makes a source of the shop that `settings` name.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let zone = settings.fallback_zone();
        Self { settings, zone }
    }

    async fn fetch_one(&self, cx: &Cx, kind: RecordKind, id: i64) -> Result<Fetched, ConnectorError> {
        if kind == RecordKind::Groups {
            return self.fetch_groups(cx, id).await;
        }
        let (path, label, section) = place_of(kind);
        let answer = call::ask(
            cx,
            &self.settings,
            Call::get(&format!("{path}/{id}"), label, section),
        )
        .await?;
        let Some(body) = &answer.body else {
            return Ok(Fetched {
                status: 404,
                body: answer.refusal,
                at: answer.at,
            });
        };
        let body = if kind == RecordKind::Order {
            self.with_rows(cx, id, &answer).await?
        } else {
            body.clone()
        };
        Ok(Fetched {
            status: 200,
            body,
            at: answer.at,
        })
    }

    /// Puts the rows beside the order: `{"order":…,"orderProducts":[…]}`, each part as the API wrote it.
    async fn with_rows(&self, cx: &Cx, id: i64, order: &Answer) -> Result<Bytes, ConnectorError> {
        let answer: OrderAnswer<'_> = call::read(order)?;
        let mut whole = format!("{{\"order\":{},\"{ROWS_KEY}\":[", answer.order.get());
        let path = format!("orders/{id}/products");
        let call = Call::get(&path, "GET orders/{id}/products", "orders");
        // One more than allowed is enough for the mapping to say that there are too many.
        self.add_pages(cx, call, (ROWS_KEY, limits::ORDER_ROWS), &mut whole, |_| true)
            .await?;
        whole.push_str("]}");
        Ok(whole.into())
    }

    /// Reads the groups of one customer: `{"groupsCustomers":[…]}`, a call for 250 of them, so one (§6.5).
    ///
    /// No webhook tells of a change and the list has no times (§8 #25, #40): the engine asks when the customer changed.
    async fn fetch_groups(&self, cx: &Cx, id: i64) -> Result<Fetched, ConnectorError> {
        let mut whole = format!("{{\"{GROUPS_KEY}\":[");
        let filter = format!("customer={id}&");
        let call = Call {
            query: &filter,
            ..Call::get("groups/customers", "GET groups/customers", "customers")
        };
        // A filter that is passed over would make everybody's groups his, and then end them.
        let at = self
            .add_pages(cx, call, (GROUPS_KEY, GROUPS_MAX), &mut whole, |one| {
                wire::is_of_customer(one, id)
            })
            .await?;
        whole.push_str("]}");
        Ok(Fetched {
            status: 200,
            body: whole.into(),
            at,
        })
    }

    /// Adds the items of every page of a list to `whole`, with commas between them and each as the API wrote it; gives
    /// the other side's clock. Reads no further than one page beyond `most` items.
    async fn add_pages(
        &self,
        cx: &Cx,
        call: Call<'_>,
        (key, most): (&str, usize),
        whole: &mut String,
        is_asked_for: impl Fn(&str) -> bool,
    ) -> Result<Option<Timestamp>, ConnectorError> {
        let mut count = 0;
        let mut at = None;
        for page in 1.. {
            let query = format!("{}limit={PAGE}&page={page}", call.query);
            let call = Call {
                query: &query,
                ..Call::get(call.path, call.label, call.section)
            };
            let answer = call::ask(cx, &self.settings, call).await?;
            // What it belongs to was there a moment ago: either it went just now or the 404 is one of the passing ones.
            if answer.body.is_none() {
                return Err(ConnectorError::Unavailable(format!("`{key}` is not there")));
            }
            at = answer.at;
            // The list may be missing when it is empty (§3.1).
            let lists: BTreeMap<String, &RawValue> = call::read(&answer)?;
            let items: Vec<&RawValue> = match lists.get(key) {
                Some(list) => serde_json::from_str(list.get())
                    .map_err(|_| ConnectorError::Malformed(format!("`{key}` is no list")))?,
                None => Vec::new(),
            };
            for item in &items {
                if !is_asked_for(item.get()) {
                    return Err(ConnectorError::Malformed(format!(
                        "`{key}` holds what was not asked for"
                    )));
                }
                let comma = if count == 0 { "" } else { "," };
                write!(whole, "{comma}{item}").expect("writing to a text cannot fail");
                count += 1;
            }
            if items.len() < PAGE || count > most {
                break;
            }
        }
        Ok(at)
    }
}

/// Path, label and section of the records of `kind` (lightspeed-ecom.md §5.0, §1.4).
const fn place_of(kind: RecordKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        RecordKind::Customer => ("customers", "GET customers/{id}", "customers"),
        RecordKind::Subscription => ("subscriptions", "GET subscriptions/{id}", "customers"),
        RecordKind::Order => ("orders", "GET orders/{id}", "orders"),
        RecordKind::Quote => ("quotes", "GET quotes/{id}", "orders"),
        RecordKind::Shipment => ("shipments", "GET shipments/{id}", "orders"),
        RecordKind::Invoice => ("invoices", "GET invoices/{id}", "orders"),
        RecordKind::Product => ("products", "GET products/{id}", "products"),
        RecordKind::Variant => ("variants", "GET variants/{id}", "products"),
        RecordKind::Groups => ("groups/customers", "GET groups/customers", "customers"),
        RecordKind::Checkout => ("checkouts", "GET checkouts/{id}", "orders"),
    }
}

impl Source for Lightspeed {
    fn receive(&self, hook: &Webhook<'_>) -> Result<Received, Refused> {
        receive::receive(&self.settings, hook)
    }

    fn normalise(&self, event: &Event) -> Normalised {
        mapping::normalise(event, &self.zone)
    }

    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        kind: RecordKind,
        remote_id: i64,
    ) -> BoxFuture<'a, Result<Fetched, ConnectorError>> {
        Box::pin(self.fetch_one(cx, kind, remote_id))
    }

    fn check<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<CheckReport, ConnectorError>> {
        Box::pin(check::check(cx, &self.settings))
    }

    fn register<'a>(
        &'a self,
        cx: &'a Cx,
        address: &'a str,
    ) -> BoxFuture<'a, Result<Registration, ConnectorError>> {
        Box::pin(webhooks::register(cx, &self.settings, address))
    }

    fn unregister<'a>(
        &'a self,
        cx: &'a Cx,
        address: &'a str,
    ) -> BoxFuture<'a, Result<usize, ConnectorError>> {
        Box::pin(webhooks::unregister(cx, &self.settings, address))
    }

    fn shop_id(&self) -> i64 {
        self.settings.shop_id
    }
}
