//! Clients that we did not write, against an account on a socket. There is a generic tester only: no registry has a
//! client of Copernica.

use schakel_sandbox::door::serve;
use tokio::net::TcpListener;

use super::World;
use crate::clients;

/// A tester that knows only the description of the API finds no answer that the description does not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_described() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port of the local machine is free");
    let served = serve(listener, world.simulator.router()).expect("the port can be served");
    let bearer = format!("Authorization: Bearer {}", world.bearer);
    clients::test_generically("account.yaml", served.addr, "/v4", ("--header", &bearer));
    served.stop().await;
}
