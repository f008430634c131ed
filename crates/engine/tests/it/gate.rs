//! A door to the account that a test shuts.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use schakel_core::connector::{BoxFuture, Cx, Http, HttpError, Method, Request, Response};

use crate::world::{SINK, World};

/// What comes through the door to the account.
#[derive(Debug, Clone, Copy, Default)]
pub enum Through {
    /// Everything.
    #[default]
    All,
    /// What only reads.
    Reads,
    /// Nothing: there is no connection.
    Nothing,
    /// Nothing: this status is the answer.
    Status(u16),
    /// Everything, but what writes gets no answer, ever.
    NoAnswers,
}

/// Lets another part through from now on.
pub type Shut = Arc<Mutex<Through>>;

/// A door to the account that can be shut.
struct Gate {
    inner: Arc<dyn Http>,
    shut: Shut,
}

impl Http for Gate {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let through = *self.shut.lock().unwrap();
            match through {
                Through::Reads | Through::NoAnswers if request.method == Method::Get => {
                    self.inner.send(request).await
                }
                Through::All => self.inner.send(request).await,
                Through::NoAnswers => {
                    let _unheard = self.inner.send(request).await;
                    std::future::pending().await
                }
                Through::Reads | Through::Nothing => Err(HttpError::NotSent("the cable is out".to_owned())),
                Through::Status(status) => Ok(Response {
                    status,
                    headers: Vec::new(),
                    body: Bytes::from_static(b"{\"error\":{\"message\":\"Invalid access token\"}}"),
                }),
            }
        })
    }
}

/// A hub whose door to the account can be shut.
pub async fn gated() -> (World, Shut) {
    let shut = Shut::default();
    let own = shut.clone();
    let world = World::with(|hub| {
        let sink = hub.sinks.get_mut(&SINK).unwrap();
        // Longer than any test waits.
        sink.attempt_ms = 3_600_000;
        let inner = sink.cx.http.clone();
        sink.cx = Cx::new(Arc::new(Gate { inner, shut: own }), hub.clock.clone());
    })
    .await;
    (world, shut)
}
