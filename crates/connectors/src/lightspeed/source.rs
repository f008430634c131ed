//! The source: the contract's functions, each handed to its module, and the fetch.

use std::fmt::Write;

use bytes::Bytes;
use schakel_core::connector::{
    BoxFuture, CheckReport, ConnectorError, Cx, Fetched, Normalised, Received, Refused, Registration, Source,
    Webhook,
};
use schakel_core::event::Event;
use schakel_core::limits;
use schakel_core::record::RecordKind;
use schakel_core::time::Zone;

use super::call::{self, Answer, Call};
use super::config::Settings;
use super::wire::ROWS_KEY;
use super::wire::answers::{OrderAnswer, RowsAnswer};
use super::{check, mapping, receive, webhooks};

/// Most records in one page of a list (lightspeed-ecom.md §3.4).
pub(super) const PAGE: usize = 250;

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
        let path = format!("orders/{id}/products");
        let answer: OrderAnswer<'_> = call::read(order)?;
        let mut whole = format!("{{\"order\":{},\"{ROWS_KEY}\":[", answer.order.get());
        let mut count = 0;
        for page in 1.. {
            let query = format!("limit={PAGE}&page={page}");
            let call = Call {
                query: &query,
                ..Call::get(&path, "GET orders/{id}/products", "orders")
            };
            let answer = call::ask(cx, &self.settings, call).await?;
            // The order was there a moment ago: either it went just now or the 404 is one of the passing ones.
            if answer.body.is_none() {
                return Err(ConnectorError::Unavailable(
                    "an order without its rows".to_owned(),
                ));
            }
            let rows: RowsAnswer<'_> = call::read(&answer)?;
            for row in &rows.order_products {
                let comma = if count == 0 { "" } else { "," };
                write!(whole, "{comma}{row}").expect("writing to a text cannot fail");
                count += 1;
            }
            // One more than allowed is enough for the mapping to say that there are too many.
            if rows.order_products.len() < PAGE || count > limits::ORDER_ROWS {
                break;
            }
        }
        whole.push_str("]}");
        Ok(whole.into())
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
