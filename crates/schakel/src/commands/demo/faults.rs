//! What goes wrong in a demo with `--faults`, and how often it did.

use std::collections::BTreeMap;

use schakel_sandbox::copernica::{self as account, FaultKind};
use schakel_sandbox::lightspeed::{self as shop, RestFault};
use serde::Serialize;

/// How long a late answer takes, in milliseconds.
const LATENCY_MS: u32 = 250;
/// The pause between the ten parts of a dripping answer, in milliseconds.
const DRIP_MS: u32 = 25;
/// What `Retry-After` says, in seconds; it knows no shorter wait.
const RETRY_AFTER_S: u32 = 1;
/// How much later a delayed call is done, in milliseconds: less than [`super::world::SETTLE_FAULTS_MS`].
const DELAY_MS: i64 = 700;
/// How late a webhook comes that is overtaken by others, in milliseconds at most.
const OVERTAKEN_MS: u64 = 1_000;

/// The name of the webhooks that a stranger sent.
const FORGED: &str = "forged";

/// Everything that can go wrong with a call to the account, one way for a call; a latency comes on top.
const OF_ACCOUNT: [FaultKind; 10] = [
    FaultKind::TooMany,
    FaultKind::TooManyRetryAfter,
    FaultKind::ErrorBefore,
    FaultKind::ErrorAfter,
    FaultKind::AnswerLost,
    FaultKind::DelayedGateway,
    FaultKind::HtmlPage,
    FaultKind::SlowDrip,
    FaultKind::ResetBefore,
    FaultKind::Overload503,
];

/// Everything that can go wrong with a call to the shop, one way for a call. The hub only reads there, so a delayed
/// execution would be no fault of its own.
const OF_SHOP: [RestFault; 10] = [
    RestFault::Late(LATENCY_MS),
    RestFault::TooManyBare,
    RestFault::TooManySeconds(RETRY_AFTER_S),
    RestFault::ServerError(500),
    RestFault::ServerErrorAfter(500),
    RestFault::AnswerLost,
    RestFault::HtmlOk,
    RestFault::Drip(DRIP_MS),
    RestFault::Reset,
    RestFault::LoadBalancer,
];

/// How often each fault hit, as the simulators counted them; a kind that never hit is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hits {
    /// Share of each kind, in percent.
    pub percent: u8,
    /// Calls to the shop.
    pub lightspeed: BTreeMap<&'static str, u64>,
    /// Calls to the account.
    pub copernica: BTreeMap<&'static str, u64>,
    /// Webhooks of the shop.
    pub webhooks: BTreeMap<&'static str, u64>,
}

impl Hits {
    /// Gives how many webhooks were forged.
    #[must_use]
    pub fn forged(&self) -> u64 {
        self.webhooks.get(FORGED).copied().unwrap_or(0)
    }

    /// Gives the hits with the words for what they hit.
    pub fn by_system(&self) -> [(&'static str, &BTreeMap<&'static str, u64>); 3] {
        [
            ("shop", &self.lightspeed),
            ("account", &self.copernica),
            ("webhooks", &self.webhooks),
        ]
    }
}

/// Lets things go wrong from now on; `percent` of 0 is nothing at all.
pub fn begin(shop: &shop::Simulator, account: &account::Simulator, percent: u8) {
    if percent == 0 {
        return;
    }
    shop.set_rest_faults(shop::RestFaults {
        percent: OF_SHOP.iter().map(|fault| (*fault, f64::from(percent))).collect(),
        ..shop::RestFaults::default()
    });
    shop.set_webhook_faults(shop::WebhookFaults {
        duplicated_percent: percent,
        delayed_percent: percent,
        delay_ms_max: OVERTAKEN_MS,
        forged_too_percent: percent,
        ..shop::WebhookFaults::default()
    });
    account.set_faults(account::Faults {
        latency_ms: u64::from(LATENCY_MS),
        latency_percent: u64::from(percent),
        percent: OF_ACCOUNT
            .iter()
            .map(|kind| (*kind, f64::from(percent)))
            .collect(),
        retry_after_s: u64::from(RETRY_AFTER_S),
        delay_ms: DELAY_MS,
        drip_pause_ms: u64::from(DRIP_MS),
        ..account::Faults::default()
    });
}

/// Reads what hit so far; `None` when nothing was to go wrong.
#[must_use]
pub fn hits(shop: &shop::Simulator, account: &account::Simulator, percent: u8) -> Option<Hits> {
    if percent == 0 {
        return None;
    }
    let of_shop = shop.fault_hits();
    let lightspeed = OF_SHOP.map(|fault| (fault.name(), of_shop.get(fault.name()).copied().unwrap_or(0)));
    let counts = account.counts();
    let copernica = OF_ACCOUNT.map(|kind| (kind.name(), counts.faults.get(&kind).copied().unwrap_or(0)));
    let sent = shop.webhook_counts();
    Some(Hits {
        percent,
        lightspeed: lightspeed.into(),
        copernica: copernica
            .into_iter()
            .chain([("latency", counts.slowed)])
            .collect(),
        webhooks: BTreeMap::from([
            ("duplicated", sent.duplicated),
            ("reordered", sent.delayed),
            (FORGED, sent.forged),
        ]),
    })
}
