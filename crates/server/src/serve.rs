//! Serves a router on a socket, within the limits of reliability.md §11.2.
//!
//! A loop of our own instead of the framework's, because strangers may connect: heads have a time and a size, and
//! the number of connections is bounded, in all and per address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::hooks::guard::network;

/// Longest time for the head of a request, and longest rest between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Most connections at once; further ones wait at the operating system's door.
const CONNECTIONS: usize = 1_000;
/// Most connections of one address at once, so that a stranger can't take all places. A shop sends from several
/// addresses and uses a few dozen of each.
const CONNECTIONS_PER_ADDRESS: usize = 200;
/// Pause after a connection could not be accepted, such as for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests that are under way may take after the stop.
const GRACE: Duration = Duration::from_secs(5);

/// The address at the other end of a connection, in the extensions of its requests; behind a proxy the proxy's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

/// Answers the connections of `listener` with `router` until `stopped` becomes true or its sender is gone.
///
/// Then no connection is accepted any more, idle ones are closed, and requests under way have five seconds to end.
pub async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let guests = Guests::default();
    let mut connections = JoinSet::new();
    let end = stopped.clone();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => break,
            Some(_) = connections.join_next() => {}
            (stream, peer, place) = accept(&listener, &places) => {
                match guests.enter(peer) {
                    Some(stay) => {
                        connections.spawn(answer(stream, peer, router.clone(), end.clone(), (place, stay)));
                    }
                    None => tracing::debug!(%peer, "an address has too many connections"),
                }
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_ended).await.is_err() {
        tracing::warn!("requests that did not end in time were cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
    let place = places
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip(), place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    mut stopped: watch::Receiver<bool>,
    _place: (OwnedSemaphorePermit, Stay),
) {
    // Without it small answers wait for the acknowledgement of earlier ones; a failure costs only speed.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How a stranger's connection ends is the stranger's business: nothing to report.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// How many connections each stranger has: an address of IPv4, a network of IPv6. Not larger than there are connections.
#[derive(Debug, Clone, Default)]
struct Guests(Arc<Mutex<BTreeMap<u128, usize>>>);

/// One connection of an address, for as long as it lives.
#[derive(Debug)]
struct Stay {
    guests: Guests,
    network: u128,
}

impl Guests {
    /// Lets one more connection of `address` in, or not. Machines of our own are not counted: there stands the proxy
    /// through which everybody comes.
    fn enter(&self, address: IpAddr) -> Option<Stay> {
        let address = address.to_canonical();
        let network = network(address);
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = guests.entry(network).or_default();
        if *connections >= CONNECTIONS_PER_ADDRESS && !is_ours(address) {
            return None;
        }
        *connections += 1;
        Some(Stay {
            guests: self.clone(),
            network,
        })
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = guests.get_mut(&self.network) {
            *connections -= 1;
            if *connections == 0 {
                guests.remove(&self.network);
            }
        }
    }
}

fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places_but_a_proxy_can() {
        let guests = Guests::default();
        let fill = |text: &str| {
            let address: IpAddr = text.parse().unwrap();
            std::iter::from_fn(|| guests.enter(address))
                .take(CONNECTIONS)
                .collect::<Vec<_>>()
        };
        let stays = fill("203.0.113.9");
        assert_eq!(stays.len(), CONNECTIONS_PER_ADDRESS);
        assert!(fill("::ffff:203.0.113.9").is_empty(), "it is the same address");
        assert_eq!(fill("203.0.113.10").len(), CONNECTIONS_PER_ADDRESS);
        for proxy in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1"] {
            assert_eq!(fill(proxy).len(), CONNECTIONS, "{proxy}");
        }
        let network = fill("2001:db8:1:2::1");
        assert_eq!(network.len(), CONNECTIONS_PER_ADDRESS);
        assert!(fill("2001:db8:1:2::2").is_empty(), "it is the same customer");
        drop((stays, network));
        assert_eq!(fill("203.0.113.9").len(), CONNECTIONS_PER_ADDRESS);
        assert!(guests.0.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
