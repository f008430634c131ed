//! A hub with its servers, from start to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schakel_engine::hub::Hub;
use schakel_engine::report::Probe;
use schakel_engine::supervise::{self, Running};
use schakel_server::pages::Hosts;
use schakel_server::{hooks, pages, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::error::Failure;
use crate::hook_paths::Ways;
use crate::skew;
use crate::wiring::Wired;

/// A hub that works, with its webhook entrance and its pages.
pub(crate) struct Service {
    /// Where webhooks are received.
    pub hooks: SocketAddr,
    /// Where the pages are.
    pub pages: SocketAddr,
    /// The readings of what runs.
    pub probe: Probe,
    running: Running,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
}

/// The sockets of a service.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Where webhooks are received.
    pub hooks: TcpListener,
    /// Where the pages are.
    pub pages: TcpListener,
    /// Further names under which they answer.
    pub pages_hosts: Vec<String>,
}

impl Listeners {
    /// Opens both.
    ///
    /// # Errors
    /// `SCH-0301` and `SCH-0701` when a port is in use or the address is not this machine's.
    pub(crate) async fn open(hooks: &str, pages: &str, pages_hosts: &[String]) -> Result<Self, Failure> {
        let hooks = bind(hooks, "SCH-0301", "hub.hooks_listen").await?;
        let pages = bind(pages, "SCH-0701", "hub.pages_listen").await?;
        let pages_hosts = pages_hosts.to_vec();
        Ok(Self {
            hooks,
            pages,
            pages_hosts,
        })
    }
}

async fn bind(address: &str, code: &'static str, key: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(code, format!("cannot listen on {address}"))
            .caused_by(error)
            .hint(format!(
                "another program may have that port; choose another with `{key}`"
            ))
    })
}

/// How often a running hub looks for paths of webhooks that were replaced, and at its clock.
const KEEP_UP: Duration = Duration::from_secs(10);

/// Follows what other processes change about the ways in, until `stopped`.
async fn keep_up(hub: Arc<Hub>, ways: Ways, mut stopped: watch::Receiver<bool>) {
    let mut due = tokio::time::interval(KEEP_UP);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_clock_off = false;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            _ = due.tick() => {}
        }
        let looked = tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            looked = look(&hub, &ways) => looked,
        };
        let ahead_ms = match looked {
            Ok(ahead_ms) => ahead_ms.unwrap_or_default(),
            Err(error) => {
                match error.downcast_ref() {
                    Some(error) => hub.note_store_failed("ways in", error),
                    None => {
                        tracing::warn!(%error, "the paths of webhooks could not be read, those of before stay open");
                    }
                }
                continue;
            }
        };
        hub.note_store_works();
        let was_clock_off = is_clock_off;
        is_clock_off = skew::is_too_far(ahead_ms);
        if is_clock_off && !was_clock_off {
            let said = skew::said(ahead_ms);
            tracing::error!(
                code = "SCH-0210",
                "the clock of this machine is {said}; `schakel doctor` says more"
            );
        }
    }
}

/// Takes over what was replaced, and gives how far the clock of this machine is ahead, in milliseconds.
async fn look(hub: &Hub, ways: &Ways) -> anyhow::Result<Option<i64>> {
    let ahead_ms = skew::ahead_ms(&ways.store, hub.clock.as_ref()).await?;
    ways.refresh().await?;
    Ok(ahead_ms)
}

impl Service {
    /// Starts the hub and its servers. `is_alone`: no other process works on the same store.
    ///
    /// # Errors
    /// When a socket has no address.
    pub(crate) fn start(wired: &Wired, listeners: Listeners, is_alone: bool) -> std::io::Result<Self> {
        let Listeners {
            hooks,
            pages,
            pages_hosts,
        } = listeners;
        let (hooks_address, pages_address) = (hooks.local_addr()?, pages.local_addr()?);
        let running = supervise::start(&wired.hub, is_alone);
        let probe = Probe {
            gauges: running.gauges.clone(),
            calls: wired.calls.clone(),
            configured: Some(wired.hub.names()),
        };
        let (stop, stopped) = watch::channel(false);
        let clock = wired.hub.clock.clone();
        let entrance = hooks::router(running.entrance.clone(), wired.ways.paths.clone(), clock);
        let hosts = Hosts::new(pages_address, &pages_hosts);
        let shown = pages::router(wired.hub.clone(), probe.clone(), hosts);
        let mut servers = JoinSet::new();
        servers.spawn(serve(hooks, entrance, stopped.clone()));
        servers.spawn(serve(pages, shown, stopped.clone()));
        servers.spawn(keep_up(wired.hub.clone(), wired.ways.clone(), stopped));
        Ok(Self {
            hooks: hooks_address,
            pages: pages_address,
            probe,
            running,
            stop,
            servers,
        })
    }

    /// Closes the entrance, lets work under way end, and returns when everything stands still.
    pub(crate) async fn stop(self) {
        let Self {
            running,
            stop,
            mut servers,
            ..
        } = self;
        // No receiver left means that the servers ended already.
        let _ = stop.send(true);
        running.halt();
        while servers.join_next().await.is_some() {}
        running.stop().await;
    }
}
