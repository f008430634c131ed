//! What a large shop costs in memory, to fill, and to read page by page.
//!
//! Run it with `cargo run --release -p schakel-sandbox --example lightspeed_size -- [CUSTOMERS] [ORDERS]`. Needs
//! `/proc`, so Linux.

#![expect(clippy::print_stdout, reason = "an example says what it measured")]

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use base64::Engine;
use http::{Request, StatusCode};
use schakel_sandbox::door::{MachineClock, Seed};
use schakel_sandbox::lightspeed::traffic::Past;
use schakel_sandbox::lightspeed::{Options, Simulator};
use tower::ServiceExt;

#[path = "measure/mod.rs"]
mod measure;

use measure::{memory, processor};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Reads a list and gives the length of the answer in bytes.
async fn read(shop: &Simulator, path: &str) -> Outcome<usize> {
    let options = shop.options();
    let pair = format!("{}:{}", options.api_key, options.api_secret);
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    let request = Request::builder()
        .uri(path)
        .header("authorization", format!("Basic {basic}"))
        .body(Body::empty())?;
    let response = shop.router().oneshot(request).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("{path}: {}", response.status()).into());
    }
    Ok(to_bytes(response.into_body(), usize::MAX).await?.len())
}

/// Says what one of `times` reads of the path costs.
async fn measure(shop: &Simulator, times: u32, path: &str) -> Outcome<()> {
    let length = read(shop, path).await?;
    let before = processor()?;
    for _ in 0..times {
        read(shop, path).await?;
    }
    let each_ms = (processor()? - before) * 1e3 / f64::from(times);
    println!("{each_ms:8.3} ms {length:8} bytes  {path}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse());
    let customers: u64 = numbers.next().unwrap_or(Ok(100_000))?;
    let orders: u64 = numbers.next().unwrap_or(Ok(250_000))?;
    let options = Options {
        limits: [u32::MAX; 3],
        per_second: u32::MAX,
        ..Options::default()
    };
    let shop = Simulator::new(options, Arc::new(MachineClock), Seed::new(1));
    let (start, empty) = (processor()?, memory()?);
    shop.fill(&Past {
        customers,
        orders,
        ..Past::default()
    });
    println!(
        "{customers} customers and {orders} orders made in {:.1} s of processor time, {:.0} MB held",
        processor()? - start,
        (memory()? - empty) as f64 / 1e6
    );
    let deep = orders / 250;
    let half = customers / 500;
    for path in [
        "/nl/orders/count.json".to_owned(),
        "/nl/orders/count.json?created_at_min=2026-01-01&created_at_max=2030-01-01".to_owned(),
        "/nl/orders.json?limit=250&fields=id,updatedAt,customer".to_owned(),
        format!("/nl/orders.json?limit=250&page={deep}&fields=id,updatedAt,customer"),
        format!("/nl/orders.json?limit=250&page={deep}"),
        format!("/nl/orders.json?limit=250&page={half}&updated_at_min=2020-01-01&updated_at_max=2030-01-01"),
        format!("/nl/customers.json?limit=250&page={half}&fields=id,email"),
        format!("/nl/customers.json?limit=250&page={half}"),
        format!("/nl/invoices.json?limit=250&page={deep}&fields=id,number"),
    ] {
        measure(&shop, 100, &path).await?;
    }
    Ok(())
}
