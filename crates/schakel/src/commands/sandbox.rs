//! `schakel sandbox`: simulators of the outside systems, on their own, until stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use schakel_sandbox::copernica;
use schakel_sandbox::door::{MachineClock, Seed, Served, serve};
use schakel_sandbox::lightspeed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::serve::signal;
use crate::cli::{SandboxArgs, SandboxSystem};
use crate::error::{Exit, Failure};
use crate::output::Output;

/// Runs the simulators and prints where they are and what lets one in.
pub(crate) async fn run(args: &SandboxArgs, output: Output) -> anyhow::Result<Exit> {
    let mut next = args.listen;
    let mut served = Vec::new();
    let mut shop = None;
    if args.system != SandboxSystem::Copernica {
        let options = lightspeed::Options {
            // The largest plan: budgets are tried out with a plan of their own.
            limits: [1_000_000, 10_000_000, 100_000_000],
            per_second: 100_000,
            ..lightspeed::Options::default()
        };
        let simulator = lightspeed::Simulator::new(options, Arc::new(MachineClock), Seed::new(args.seed));
        let listener = bind(&mut next).await?;
        served.push(serve(listener, simulator.router())?);
        say_shop(&simulator, served[served.len() - 1].addr, output);
        shop = Some(simulator);
    }
    if args.system != SandboxSystem::Lightspeed {
        let listener = bind(&mut next).await?;
        let address = listener.local_addr()?;
        let options = copernica::Options {
            base_url: format!("http://{address}"),
            ..copernica::Options::default()
        };
        let token = options.access_tokens.join(" ");
        let simulator = copernica::Simulator::new(options, Arc::new(MachineClock), args.seed);
        served.push(serve(listener, simulator.router())?);
        say_account(&token, address, output);
    }
    match (shop, args.traffic) {
        (Some(shop), Some(rate)) => with_traffic(&shop, args.seed, rate).await?,
        _ => signal().await?,
    }
    for simulator in served {
        Served::stop(simulator).await;
    }
    Ok(Exit::Good)
}

/// Lets shoppers shop until the process is told to stop.
async fn with_traffic(shop: &lightspeed::Simulator, seed: u64, rate: u32) -> anyhow::Result<()> {
    let mut generator = Generator::new(shop, Seed::new(seed), Mix::default());
    let (stop, stopped) = watch::channel(false);
    tokio::select! {
        () = generator.run_rate(rate, stopped) => {}
        end = signal() => end?,
    }
    drop(stop);
    Ok(())
}

/// Opens a socket at `next`, and moves `next` to the port behind it; port 0 stays 0.
async fn bind(next: &mut SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(*next).await.map_err(|error| {
        Failure::new("SCH-0105", format!("cannot listen on {next}"))
            .caused_by(error)
            .hint("another program may have that port; choose another with `--listen ADDR`")
    })?;
    if next.port() != 0 {
        next.set_port(
            next.port()
                .checked_add(1)
                .context("there is no port behind the last one")?,
        );
    }
    Ok(listener)
}

fn say_shop(shop: &lightspeed::Simulator, address: SocketAddr, output: Output) {
    let options = shop.options();
    let url = format!("http://{address}");
    output.value(&serde_json::json!({
        "simulator": "lightspeed",
        "base_url": url,
        "cluster": options.cluster.id(),
        "shop_id": options.shop_id,
        "api_key": options.api_key,
        "api_secret": options.api_secret,
    }));
    output.line(format!(
        "lightspeed base_url={url} cluster={} shop_id={} api_key={} api_secret={}",
        options.cluster.id(),
        options.shop_id,
        options.api_key,
        options.api_secret
    ));
}

fn say_account(token: &str, address: SocketAddr, output: Output) {
    let url = format!("http://{address}");
    let auth_url = format!("{url}/authenticate");
    output.value(&serde_json::json!({
        "simulator": "copernica",
        "base_url": url,
        "auth_url": auth_url,
        "access_token": token,
    }));
    output.line(format!(
        "copernica base_url={url} auth_url={auth_url} access_token={token}"
    ));
}
