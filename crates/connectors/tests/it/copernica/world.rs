//! A simulated account on a socket, and a sink that is connected to it.

use std::sync::Arc;

use schakel_connectors::copernica::{ApiVersion, Copernica};
use schakel_core::connector::{ConnectorError, Cx, Receipt, Sink, Work};
use schakel_sandbox::copernica::{Options, Simulator};
use schakel_sandbox::door::{HandClock, Served, serve};

use super::door::{Socket, cx};
use super::{START, sink_at};

pub(super) struct World {
    pub(super) account: Simulator,
    pub(super) clock: HandClock,
    pub(super) sink: Copernica,
    pub(super) cx: Cx,
    pub(super) base_url: String,
    _served: Served,
}

impl World {
    /// An empty account.
    pub(super) async fn empty(options: Options, version: ApiVersion) -> Self {
        let clock = HandClock::at(START.as_micros());
        let account = Simulator::new(options, Arc::new(clock.clone()), 7);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = serve(listener, account.router()).unwrap();
        let base_url = format!("http://{}", served.addr);
        Self {
            sink: sink_at(&base_url, version),
            cx: cx(Arc::new(Socket::new())),
            account,
            clock,
            base_url,
            _served: served,
        }
    }

    /// An account with the structure, and a sink that knows it.
    pub(super) async fn ready(options: Options, version: ApiVersion) -> Self {
        let world = Self::empty(options, version).await;
        world.sink.setup(&world.cx).await.unwrap();
        world.sink.connect(&world.cx).await.unwrap();
        world
    }

    /// The usual account: v4.
    pub(super) async fn usual() -> Self {
        Self::ready(Options::default(), ApiVersion::V4).await
    }

    pub(super) async fn deliver(&self, work: &Work) -> Result<Receipt, ConnectorError> {
        self.sink.deliver(&self.cx, work).await
    }

    /// Delivers, and gives the receipt with the number of calls that it took.
    pub(super) async fn delivered(&self, work: &Work) -> (Receipt, u64) {
        let before = self.account.counts().calls;
        let receipt = self.deliver(work).await.unwrap();
        (receipt, self.account.counts().calls - before)
    }

    /// Delivers and gives the id in the sink.
    pub(super) async fn id_of(&self, work: &Work) -> i64 {
        self.deliver(work).await.unwrap().remote_id.unwrap()
    }
}
