//! The control port of the shop: traffic, acts by hand, faults, and looking inside.
//!
//! Pages are under `/control/`, the same things as JSON under `/control/api/`. An act done here is the same
//! method that a test calls, so a page and a test can do the same.
//!
//! Reading order: `api` (what there is to read), `acts` and `edits` (what can be changed), `pages` (what a
//! person sees).

mod acts;
mod api;
mod edits;
mod pages;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware;
use axum::routing::{get, post};

use super::{Simulator, locked};
use crate::control::{Given, Trouble, data, log_json, refusals_for_people};
use crate::door::Outage;

type Answer = Result<http::Response<axum::body::Body>, Trouble>;

impl Simulator {
    /// Gives the router of the control port; serve it on a port of its own, never beside the simulated API.
    pub fn control(&self) -> Router {
        let pages = Router::new()
            .route("/", get(async || axum::response::Redirect::to("/control/")))
            .route("/control/", get(pages::overview))
            .route("/control/acts", get(pages::acts))
            .route("/control/records", get(pages::kinds))
            .route("/control/records/{*path}", get(pages::records))
            .route("/control/faults", get(pages::faults))
            .route("/control/webhooks", get(pages::webhooks))
            .route("/control/log", get(pages::log));
        let api = Router::new()
            .route("/control/api/state", get(state))
            .route("/control/api/log", get(log))
            .route("/control/api/records/{*path}", get(records))
            .route("/control/api/traffic", get(traffic).post(edits::start_traffic))
            .route("/control/api/traffic/stop", post(edits::stop_traffic))
            .route("/control/api/fill", post(edits::fill))
            .route("/control/api/switches", get(switches))
            .route("/control/api/switches/language", post(edits::switch_language))
            .route("/control/api/switches/permission", post(edits::set_permission))
            .route("/control/api/switches/count", post(edits::set_count))
            .route("/control/api/switches/rules", post(edits::set_rules))
            .route("/control/api/switches/limits", post(edits::set_limits))
            .route("/control/api/acts/{name}", post(acts::act))
            .route("/control/api/faults", get(faults).post(edits::set_faults))
            .route("/control/api/faults/next", post(edits::fail_next))
            .route("/control/api/outage", post(edits::outage))
            .route(
                "/control/api/webhooks",
                get(webhooks).post(edits::set_webhook_faults),
            );
        let all = pages.merge(api).with_state(self.clone());
        all.layer(middleware::from_fn(refusals_for_people))
    }

    /// Returns the switch that takes the served API off the network; give it to
    /// [`serve_until`](crate::door::serve_until).
    #[must_use]
    pub fn outage(&self) -> Outage {
        self.inner.outage.clone()
    }
}

async fn state(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::state(&simulator)))
}

async fn log(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (after, limit) = (given.number("after")?, given.number("limit")?);
    let calls = simulator
        .inner
        .log
        .newest(after.unwrap_or(0), limit.unwrap_or(100));
    Ok(data(&log_json(&calls)))
}

async fn records(State(simulator): State<Simulator>, Path(path): Path<String>, given: Given) -> Answer {
    api::peek(&simulator, &path, &api::list_query(&given))
        .map(|value| data(&value))
        .ok_or_else(|| Trouble::unknown("record"))
}

async fn traffic(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::traffic(&simulator)))
}

async fn faults(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::faults(&simulator)))
}

async fn switches(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::switches(&simulator)))
}

async fn webhooks(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::webhooks(&simulator)))
}

/// Traffic that the control port started.
#[derive(Debug)]
pub(super) struct Running {
    rate: u32,
    seed: u64,
    /// Orders placed before it began.
    before: u64,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Simulator {
    /// Starts traffic at `rate` orders per second, in place of any that runs; the control port shows it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a simulator is a process of its own; nobody supervises it"
    )]
    pub fn start_traffic(&self, rate: u32, seed: u64, mix: super::traffic::Mix) {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut generator = super::traffic::Generator::resumed(self, crate::door::Seed::new(seed), mix);
        tokio::spawn(async move { generator.run_rate(rate, stopped).await });
        let before = self.counts().orders_placed;
        // Dropping the sender of the traffic before stops it.
        *locked(&self.inner.traffic) = Some(Running {
            rate,
            seed,
            before,
            stop,
        });
    }

    /// Stops the traffic that was started here or on the control port.
    pub fn stop_traffic(&self) {
        if let Some(running) = locked(&self.inner.traffic).take() {
            running.stop.send_replace(true);
        }
    }
}
