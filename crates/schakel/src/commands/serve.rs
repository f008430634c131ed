//! `schakel serve`: runs the hub until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use schakel_engine::clock::SystemClock;
use schakel_store::OpenOptions;
use serde_json::json;

use super::{open, renamed};
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::error::Exit;
use crate::keys::HubKey;
use crate::output::Output;
use crate::service::{Listeners, Service};
use crate::skew;
use crate::wiring::{self, Parts};

/// Runs the hub.
///
/// The first SIGINT or SIGTERM stops claiming and lets work under way end, for some seconds; the second ends the process at
/// once. Whatever was open then is looked at after the next start (I23).
pub(crate) async fn run(config: &Config, args: &ServeArgs, output: Output) -> anyhow::Result<Exit> {
    let store = open(config, OpenOptions::default()).await?;
    let lock = store.lock().map_err(crate::error::Failure::from)?;
    // PostgreSQL takes several processes, so none may think that it is alone.
    let is_alone = store.engine_name() == "SQLite";
    let hub = &config.hub;
    let listeners = Listeners::open(&hub.hooks_listen, &hub.pages_listen, &hub.pages_hosts).await?;
    renamed::refuse(config, &store).await?;
    skew::check(&store, &SystemClock::new()).await?;
    let key = HubKey::open(&store, &config.hub.key, &config.hub.data).await?;
    let wired = wiring::wire(store.clone(), key, Parts::of_config(config)).await?;
    let service = Service::start(&wired, listeners, is_alone).context("the sockets cannot be used")?;
    say_ready(&service, args.ready_file.as_deref(), output)?;
    signal().await?;
    tracing::info!("stopping: work under way ends, a second signal ends it at once");
    tokio::select! {
        () = service.stop() => {}
        second = signal() => {
            second?;
            tracing::warn!("stopped at once: what was under way is looked at after the next start");
            return Ok(Exit::Failed);
        }
    }
    drop(wired);
    store.close().await;
    drop(lock);
    Ok(Exit::Good)
}

fn say_ready(service: &Service, file: Option<&Path>, output: Output) -> anyhow::Result<()> {
    let url = |address: SocketAddr| format!("http://{address}");
    let (hooks, pages) = (url(service.hooks), url(service.pages));
    tracing::info!(hooks, pages, "the hub listens");
    output.line(format!("ready hooks={hooks} pages={pages}"));
    let ready = json!({ "ready": true, "hooks": hooks, "pages": pages });
    output.value(&ready);
    if let Some(file) = file {
        let text = if output.is_json() {
            ready.to_string()
        } else {
            format!("ready hooks={hooks} pages={pages}")
        };
        std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate()).context("signals cannot be received")?;
        tokio::select! {
            end = tokio::signal::ctrl_c() => end.context("signals cannot be received"),
            _ = term.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c()
        .await
        .context("signals cannot be received")
}
