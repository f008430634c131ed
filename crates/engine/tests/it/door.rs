//! The real door, on real sockets.

use bytes::Bytes;
use schakel_core::connector::{Class, ConnectorError, Http, HttpError, Method, Request};
use schakel_core::delivery::Pressure;
use schakel_engine::http::HyperDoor;
use tokio::net::TcpListener;

fn request(listener: &TcpListener, timeout_ms: u64) -> Request {
    Request {
        method: Method::Put,
        url: format!("http://{}/", listener.local_addr().unwrap()),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout_ms,
        class: Class::Live,
        label: "PUT /",
    }
}

#[tokio::test]
async fn what_is_not_answered_in_time_is_told_from_what_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = HyperDoor::new(true);
    let silent = door.send(request(&listener, 100)).await.unwrap_err();
    assert_eq!(silent, HttpError::TimedOut);
    let (cut, _) = tokio::join!(door.send(request(&listener, 60_000)), async {
        // The first one is the silent call's.
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut some = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut some).await;
        }
    });
    let cut = cut.unwrap_err();
    assert!(matches!(cut, HttpError::Lost(_)), "{cut:?}");
    let pressure = |error: HttpError| Pressure::of::<()>(&Err(ConnectorError::from(error)));
    assert_eq!(
        (pressure(silent), pressure(cut)),
        (Pressure::Overload, Pressure::Fine)
    );
}
