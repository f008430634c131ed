//! The source: the contract's functions, each handed to its module, and the fetch.

use bytes::Bytes;
use schakel_core::connector::{
    BoxFuture, CheckReport, ConnectorError, Cx, Fetched, Normalised, Page, PageAsk, Part, Received, Refused,
    Registration, Source, Span, Webhook,
};
use schakel_core::event::Event;
use schakel_core::record::RecordKind;
use schakel_core::time::Zone;

use super::call::{self, Call};
use super::config::Settings;
use super::wire::ROWS_KEY;
use super::{check, lists, mapping, receive, rows, webhooks};

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
            return rows::groups(cx, &self.settings, id).await;
        }
        let (path, label, section) = place_of(kind);
        let answer = call::ask(
            cx,
            &self.settings,
            Call::get(&format!("{path}/{id}"), label, section),
        )
        .await?;
        let Some(body) = answer.body else {
            return Ok(Fetched {
                status: 404,
                body: answer.refusal,
                at: answer.at,
            });
        };
        let body = if kind == RecordKind::Order {
            self.whole_order(cx, id, &body).await?
        } else {
            body
        };
        Ok(Fetched {
            status: 200,
            body,
            at: answer.at,
        })
    }

    /// Reads the rows of an order that was just fetched, and puts them beside it.
    async fn whole_order(&self, cx: &Cx, id: i64, order: &Bytes) -> Result<Bytes, ConnectorError> {
        let answer = rows::rows(cx, &self.settings, Part::OrderRows, id).await?;
        let rows = rows::there(answer, ROWS_KEY)?;
        rows::with_rows(Part::OrderRows, order, &rows.body)
            .ok_or_else(|| ConnectorError::Malformed("the answer holds no order".to_owned()))
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
        match event.kind {
            Some(_) => mapping::normalise(event, &self.zone),
            None => receive::unused(event),
        }
    }

    fn connect<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<(), ConnectorError>> {
        Box::pin(check::connect(cx, &self.settings))
    }

    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        kind: RecordKind,
        remote_id: i64,
    ) -> BoxFuture<'a, Result<Fetched, ConnectorError>> {
        Box::pin(self.fetch_one(cx, kind, remote_id))
    }

    fn parts(&self) -> &'static [Part] {
        &Part::ALL
    }

    fn count<'a>(&'a self, cx: &'a Cx, part: Part, span: Span) -> BoxFuture<'a, Result<u64, ConnectorError>> {
        Box::pin(lists::count(cx, &self.settings, &self.zone, (part, span)))
    }

    fn list<'a>(&'a self, cx: &'a Cx, ask: PageAsk<'a>) -> BoxFuture<'a, Result<Page, ConnectorError>> {
        Box::pin(lists::list(cx, &self.settings, &self.zone, ask))
    }

    fn rows<'a>(
        &'a self,
        cx: &'a Cx,
        part: Part,
        remote_id: i64,
    ) -> BoxFuture<'a, Result<Fetched, ConnectorError>> {
        Box::pin(rows::rows(cx, &self.settings, part, remote_id))
    }

    fn with_rows(&self, part: Part, body: &Bytes, rows: &Bytes) -> Option<Bytes> {
        rows::with_rows(part, body, rows)
    }

    fn join(&self, part: Part, bodies: &[Bytes]) -> Option<Bytes> {
        match part {
            Part::Groups => rows::join(bodies),
            _ => None,
        }
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
