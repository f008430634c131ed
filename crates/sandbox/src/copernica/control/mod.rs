//! The control port of the account: looking inside, faults, and what a person does by hand.
//!
//! Pages are under `/control/`, the same things as JSON under `/control/api/`. A person's edits go through the
//! `hand` functions, so a page and a test can do the same.
//!
//! Reading order: `api` (what there is to read), `edits` (what can be changed), `pages` (what a person sees).

mod api;
mod edits;
mod pages;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware;
use axum::routing::{get, post};

use super::Simulator;
use crate::control::{Given, data, log_json, refusals_for_people};

impl Simulator {
    /// Gives the router of the control port; serve it on a port of its own, never beside the simulated API.
    pub fn control(&self) -> Router {
        let pages = Router::new()
            .route("/", get(async || axum::response::Redirect::to("/control/")))
            .route("/control/", get(pages::overview))
            .route("/control/databases/{id}", get(pages::database))
            .route("/control/collections/{id}", get(pages::collection))
            .route("/control/profiles/{id}", get(pages::profile))
            .route("/control/faults", get(pages::faults))
            .route("/control/webhooks", get(pages::webhooks))
            .route("/control/log", get(pages::log));
        let read = Router::new()
            .route("/control/api/state", get(state))
            .route("/control/api/databases", get(databases))
            .route("/control/api/databases/{id}/profiles", get(profiles))
            .route("/control/api/collections/{id}/subprofiles", get(subprofiles))
            .route("/control/api/profiles/{id}", get(profile))
            .route("/control/api/log", get(log))
            .route("/control/api/key", get(key))
            .route("/control/api/faults", get(faults).post(edits::set_faults))
            .route(
                "/control/api/webhooks",
                get(webhooks).post(edits::set_webhook_faults),
            );
        let write = Router::new()
            .route("/control/api/faults/next", post(edits::fail_next))
            .route("/control/api/outage", post(edits::outage))
            .route("/control/api/tokens/expire", post(edits::expire_tokens))
            .route("/control/api/fields/remove", post(edits::remove_field))
            .route("/control/api/fields/rename", post(edits::rename_field))
            .route("/control/api/fields/change", post(edits::change_field))
            .route("/control/api/fields/unlock", post(edits::unlock_field))
            .route("/control/api/restrictions/add", post(edits::add_restriction))
            .route("/control/api/restrictions/clear", post(edits::clear_restrictions))
            .route("/control/api/removal", post(edits::set_removal))
            .route("/control/api/delete", post(edits::delete))
            .route("/control/api/profiles/remove", post(edits::remove_profile))
            .route("/control/api/subprofiles/remove", post(edits::remove_subprofile));
        let all = pages.merge(read).merge(write).with_state(self.clone());
        all.layer(middleware::from_fn(refusals_for_people))
    }
}

type Answer = Result<http::Response<axum::body::Body>, crate::control::Trouble>;

async fn state(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::state(&simulator)))
}

async fn databases(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::databases(&simulator)))
}

async fn profiles(State(simulator): State<Simulator>, Path(id): Path<String>, given: Given) -> Answer {
    Ok(data(&api::profiles(&simulator, &id, &given)?.json("profiles")))
}

async fn subprofiles(State(simulator): State<Simulator>, Path(id): Path<u32>, given: Given) -> Answer {
    Ok(data(
        &api::subprofiles(&simulator, id, &given)?.json("subprofiles"),
    ))
}

async fn profile(State(simulator): State<Simulator>, Path(id): Path<u32>) -> Answer {
    Ok(data(&api::profile(&simulator, id)?.json()))
}

async fn log(State(simulator): State<Simulator>, given: Given) -> Answer {
    let (after, limit) = (given.number("after")?, given.number("limit")?);
    let calls = simulator.0.log.newest(after.unwrap_or(0), limit.unwrap_or(100));
    Ok(data(&log_json(&calls)))
}

async fn key(State(simulator): State<Simulator>) -> Answer {
    let key = simulator.webhook_key();
    Ok(data(
        &serde_json::json!({"key_id": key.key_id, "record": key.record}),
    ))
}

async fn faults(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::faults(&simulator)))
}

async fn webhooks(State(simulator): State<Simulator>) -> Answer {
    Ok(data(&api::webhooks(&simulator)))
}
