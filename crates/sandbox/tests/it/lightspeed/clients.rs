//! Clients that we did not write, against a shop on a socket.

use std::process::Command;

use schakel_sandbox::door::serve;
use schakel_sandbox::lightspeed::{Buyer, Options, WebhookFaults};
use schakel_testkit::outside;
use tokio::net::TcpListener;

use super::{open, open_with, person};
use crate::clients;

/// The npm package `seoshop-api` lists, pages, creates, changes and deletes, is refused, and meets the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_npm_client_works_unchanged() {
    let Some(node) = outside::node("seoshop-api") else {
        return;
    };
    let world = open_with(Options {
        limits: [100, 1_000, 10_000],
        per_second: 1_000_000,
        ..Options::default()
    });
    world.order(Buyer::Guest(person("gast@example.org")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(listener, world.shop.router()).unwrap();
    let options = world.shop.options();
    clients::run(
        Command::new(node.program)
            .arg(clients::file("shop.js"))
            .arg(node.folder)
            .arg(served.addr.port().to_string())
            .args([&options.api_key, &options.api_secret]),
    );
    served.stop().await;
}

/// A tester that knows only the description of the API finds no answer that the description does not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_described() {
    let world = open();
    // What it registers must not be called.
    world.shop.set_webhook_faults(WebhookFaults {
        lost_percent: 100,
        ..WebhookFaults::default()
    });
    world.order(Buyer::Guest(person("gast@example.org")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(listener, world.shop.router()).unwrap();
    let options = world.shop.options();
    let pair = format!("{}:{}", options.api_key, options.api_secret);
    clients::test_generically("shop.yaml", served.addr, "/nl", ("--auth", &pair));
    served.stop().await;
}
