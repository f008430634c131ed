//! A receiver of webhooks on a real socket, which notes what it gets and answers what it is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use schakel_sandbox::door::{Served, serve};
use tokio::net::TcpListener;

/// One delivery as it came in.
#[derive(Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn event(&self) -> &str {
        self.header("x-event")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// The receiver and what it got so far.
pub struct Receiver {
    pub address: String,
    got: Arc<Mutex<Vec<Received>>>,
    /// Statuses of the next answers, the last first; 200 when there is none.
    pub statuses: Arc<Mutex<Vec<u16>>>,
    _served: Served,
}

impl Receiver {
    pub async fn open() -> Self {
        let got: Arc<Mutex<Vec<Received>>> = Arc::default();
        let statuses: Arc<Mutex<Vec<u16>>> = Arc::default();
        let (notes, answers) = (Arc::clone(&got), Arc::clone(&statuses));
        let router = Router::new().fallback(move |request: Request<Body>| {
            let (notes, answers) = (Arc::clone(&notes), Arc::clone(&answers));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
                notes.lock().unwrap().push(Received {
                    headers: parts.headers,
                    body,
                });
                let status = answers.lock().unwrap().pop().unwrap_or(200);
                StatusCode::from_u16(status).unwrap()
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = serve(listener, router).unwrap();
        let address = format!("http://{}/hooks?shop=nl", served.addr);
        Self {
            address,
            got,
            statuses,
            _served: served,
        }
    }

    pub fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<String> {
        self.got()
            .iter()
            .map(|received| received.event().to_owned())
            .collect()
    }
}
