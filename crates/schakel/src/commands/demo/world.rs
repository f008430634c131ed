//! The simulated world of a demo: a shop, a mailing tool, and the hub between them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use schakel_connectors::{copernica, lightspeed};
use schakel_core::privacy::Secret;
use schakel_core::time::Zone;
use schakel_sandbox::door::{self, MachineClock, Seed, Served};
use schakel_sandbox::{copernica as account, lightspeed as shop};
use schakel_store::{OpenOptions, ProcessLock, Store};
use tokio::net::TcpListener;

use crate::cli::DemoArgs;
use crate::config::{Newsletter, Scope};
use crate::error::Failure;
use crate::hook_paths;
use crate::keys::HubKey;
use crate::output::Output;
use crate::service::{Listeners, Service};
use crate::wiring::{self, Parts, RoutePart, SinkPart, SourcePart, Wired};

use super::folder::Folder;

/// The database in the simulated account.
pub(super) const DATABASE: &str = "Schakel";
const SHOP: &str = "shop";
const ACCOUNT: &str = "copernica";
const LOCAL: &str = "127.0.0.1:0";
/// Where the pages of a demo are when nobody else is there.
const PAGES: &str = "127.0.0.1:8080";
/// Of 100 webhooks so many come twice: the platform repeats itself (lightspeed-ecom.md §4.3).
const DUPLICATED: u8 = 3;
/// How much later the second one comes, in milliseconds at most.
const DUPLICATED_MS: u64 = 100;
/// The simulated account executes nothing later than it answers, so a short settle delay is long enough.
const SETTLE_MS: i64 = 2_000;
/// The shortest settle delay that a configuration may ask for; with `--faults` calls are done late, but not that late.
pub(super) const SETTLE_FAULTS_MS: i64 = 1_000;

/// Everything that runs in a demo.
pub(super) struct World {
    /// The simulated shop.
    pub shop: shop::Simulator,
    /// Where it listens.
    pub shop_at: Served,
    /// The simulated mailing tool.
    pub account: account::Simulator,
    /// Where it listens.
    pub account_at: Served,
    /// The hub.
    pub wired: Wired,
    /// Its tasks and servers.
    pub service: Service,
    folder: Folder,
    lock: ProcessLock,
}

impl World {
    /// Starts simulators and hub and does the set-up: structure in the mailing tool, webhooks in the shop.
    pub async fn start(args: &DemoArgs, output: Output) -> anyhow::Result<Self> {
        let folder = Folder::new(args.data.as_deref())?;
        let url = args
            .database
            .clone()
            .unwrap_or_else(|| folder.path().join("schakel.db").display().to_string());
        let store = Store::open(&url, OpenOptions::default())
            .await
            .map_err(Failure::from)?;
        let lock = store.lock().map_err(Failure::from)?;
        if !store.connections(wiring::TENANT).await?.is_empty() {
            return Err(used_before(args, folder.path()).into());
        }
        let (shop, shop_at) = start_shop(args).await?;
        let (account, account_at) = start_account(args).await?;
        let parts = parts(args, &shop, &shop_at, &account_at);
        let key = HubKey::open(&store, &Secret::default(), folder.path()).await?;
        let wired = wiring::wire(store, key, parts).await?;
        let pages = if args.exit || TcpListener::bind(PAGES).await.is_err() {
            LOCAL
        } else {
            PAGES
        };
        let listeners = Listeners::open(LOCAL, pages, &[]).await?;
        let hooks = listeners.hooks.local_addr()?;
        set_up(&wired, &format!("http://{hooks}"), output).await?;
        let service = Service::start(&wired, listeners, true).context("the sockets cannot be used")?;
        Ok(Self {
            shop,
            shop_at,
            account,
            account_at,
            wired,
            service,
            folder,
            lock,
        })
    }

    /// Stops everything.
    pub async fn stop(self) {
        let Self {
            shop_at,
            account_at,
            wired,
            service,
            folder,
            lock,
            ..
        } = self;
        service.stop().await;
        wired.hub.store.close().await;
        shop_at.stop().await;
        account_at.stop().await;
        drop(lock);
        drop(folder);
    }
}

/// The simulated systems start empty, so what a database holds of earlier ones would never fit.
fn used_before(args: &DemoArgs, folder: &Path) -> Failure {
    let (what, hint) = if args.database.is_some() {
        let hint = "name an empty database with `--database`, or leave it out for a temporary one";
        ("the database of `--database`".to_owned(), hint.to_owned())
    } else {
        let hint = format!(
            "name another folder with `--data`, leave it out for a temporary one, or remove {}",
            folder.display()
        );
        (format!("the database in {}", folder.display()), hint)
    };
    Failure::usage(
        "SCH-0107",
        format!("{what} was used before, and the demo begins with an empty one"),
    )
    .hint(hint)
}

async fn start_shop(args: &DemoArgs) -> anyhow::Result<(shop::Simulator, Served)> {
    let options = shop::Options {
        // As in most shops: each order of such a product makes webhooks of the product and its variant. A finite run
        // leaves them out, since its figures are about orders.
        products_with_stock_percent: if args.exit { 0 } else { 60 },
        // The largest plan: the demo shows throughput, and budgets are their own subject.
        limits: [1_000_000, 10_000_000, 100_000_000],
        per_second: 100_000,
        webhooks: shop::WebhookOptions {
            // A platform of many shops sends many webhooks at once; what waits for one commit shares it.
            concurrency: 160,
            retry_wait_ms: 200,
            ..shop::WebhookOptions::default()
        },
        ..shop::Options::default()
    };
    let shop = shop::Simulator::new(options, Arc::new(MachineClock), Seed::new(args.seed));
    shop.set_webhook_faults(shop::WebhookFaults {
        send_twice: args.twice,
        duplicated_percent: DUPLICATED,
        delay_ms_max: DUPLICATED_MS,
        ..shop::WebhookFaults::default()
    });
    let served = door::serve(TcpListener::bind(LOCAL).await?, shop.router())?;
    Ok((shop, served))
}

async fn start_account(args: &DemoArgs) -> anyhow::Result<(account::Simulator, Served)> {
    let account = account::Simulator::new(account::Options::default(), Arc::new(MachineClock), args.seed);
    account.set_faults(account::Faults {
        latency_ms: args.sink_latency_ms,
        ..account::Faults::default()
    });
    let served = door::serve(TcpListener::bind(LOCAL).await?, account.router())?;
    Ok((account, served))
}

fn settle_ms(args: &DemoArgs) -> i64 {
    if args.faults > 0 {
        SETTLE_FAULTS_MS
    } else {
        SETTLE_MS
    }
}

fn parts(args: &DemoArgs, shop: &shop::Simulator, shop_at: &Served, account_at: &Served) -> Parts {
    let options = shop.options();
    let mut from = lightspeed::Settings::new(
        i64::try_from(options.shop_id).unwrap_or(0),
        Secret::new(&options.api_key),
        Secret::new(&options.api_secret),
    );
    from.base_url = format!("http://{}/", shop_at.addr);
    from.language.clone_from(&options.default_language);
    let mut to = copernica::Settings::new(Secret::new("sandbox-token"), DATABASE.to_owned());
    to.base_url = format!("http://{}", account_at.addr);
    to.auth_url = format!("http://{}/authenticate", account_at.addr);
    Parts {
        sources: vec![SourcePart {
            name: SHOP.to_owned(),
            settings: from,
            scope: Scope::Shop,
            fetches: 8,
            walks: schakel_engine::hub::WalkSettings::OFF,
            has_webhooks: true,
            limits: lightspeed::KeyLimits {
                windows: Some(options.limits),
                per_second: options.per_second,
                ..lightspeed::KeyLimits::default()
            },
        }],
        sinks: vec![SinkPart {
            name: ACCOUNT.to_owned(),
            settings: to,
            attempt_ms: 30_000,
            settle_ms: settle_ms(args),
            concurrency: 200,
        }],
        routes: vec![RoutePart {
            from: SHOP.to_owned(),
            to: ACCOUNT.to_owned(),
            newsletter: Newsletter::Confirmed,
            extras: Vec::new(),
            has_pictures: true,
            has_quotes: true,
            has_quote_rows: false,
            carts: schakel_engine::hub::CartRule::default(),
            has_groups: false,
            has_hub_numbers: false,
            zone: Zone::amsterdam(),
            hold_ms: 30_000,
        }],
        public: String::new(),
    }
}

async fn set_up(wired: &Wired, hooks: &str, output: Output) -> anyhow::Result<()> {
    for sink in wired.hub.sinks.values() {
        let steps = sink
            .sink
            .setup(&sink.cx)
            .await
            .context("the structure can't be made")?;
        output.line(format!(
            "structure in the simulated account: {} fields and collections",
            steps.len()
        ));
    }
    for source in wired.hub.sources.values() {
        let path = hook_paths::path(&wired.ways.key, &source.name, 0);
        let done = source
            .source
            .register(&source.cx, &format!("{hooks}{path}"))
            .await
            .context("the webhooks can't be registered")?;
        output.line(format!(
            "webhooks in the simulated shop: {} registered",
            done.created + done.kept
        ));
    }
    Ok(())
}
