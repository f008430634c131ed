//! Every bound of the system, named, with its reason.

/// Largest webhook body, in bytes (reliability.md §11.2).
pub const WEBHOOK_BODY_BYTES: usize = 1024 * 1024;

/// Most bytes that the webhook bodies which are held at once take beyond [`WEBHOOK_BODY_FREE_BYTES`] of each, 32 MiB: a
/// thousand connections with the largest body would take thirty times as much (reliability.md §11.2).
pub const WEBHOOK_BODIES_BYTES: usize = 32 * 1024 * 1024;

/// First bytes of a webhook body that find room whatever else is held: most webhooks are smaller, and those of a thousand
/// connections take 16 MiB.
pub const WEBHOOK_BODY_FREE_BYTES: usize = 16 * 1024;

/// Deepest nesting of a JSON body (reliability.md §11.1).
pub const JSON_DEPTH: usize = 32;

/// Most values in one JSON body (reliability.md §11.2).
pub const JSON_NODES: usize = 50_000;

/// Longest number literal in a JSON body, in characters (reliability.md §11.2).
pub const JSON_NUMBER_CHARS: usize = 40;

/// Longest string in a JSON body, in bytes (reliability.md §11.2).
pub const JSON_STRING_BYTES: usize = 64 * 1024;

/// Most events in one commit of the intake (reliability.md §4, T0).
pub const INTAKE_BATCH: usize = 200;

/// Longest wait of a webhook for the commit that holds it, in milliseconds: its sender hangs up then, and sends it again
/// either way.
pub const INTAKE_WAIT_MS: u64 = 5_000;

/// Webhooks that may wait for a commit before the entrance answers 503 (reliability.md, I25).
pub const INTAKE_QUEUE: usize = 2_000;

/// Most events in one apply transaction: large enough for group commit, small enough for latency.
pub const APPLY_BATCH: usize = 250;

/// Most bytes of bodies in one apply transaction, 8 MiB, unless its first event alone has more: what is read of them
/// takes several times as much memory (reliability.md, I25; docs/adr/0003).
pub const APPLY_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Most deliveries claimed in one transaction.
pub const CLAIM_BATCH: usize = 200;

/// Most calls in flight to one sink connection (reliability.md §7).
pub const CONCURRENCY_MAX: usize = 200;

/// A key shared by more records than this joins nothing (mission, Identity; reliability.md I8).
pub const SHARED_KEY_RECORDS: usize = 8;

/// Longest e-mail address (RFC 5321: 254 characters between the angle brackets).
pub const EMAIL_CHARS: usize = 254;

/// Largest answer of an outside system, in bytes (reliability.md §11, source and sink APIs).
pub const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Longest wait that a `Retry-After` may ask for, in milliseconds: 24 hours (reliability.md §6).
pub const RETRY_AFTER_MS: i64 = 24 * 3600 * 1000;

/// First wait of the backoff, in milliseconds (reliability.md §6).
pub const RETRY_BASE_MS: i64 = 1_000;

/// Longest wait of the backoff, in milliseconds: 15 minutes (reliability.md §6).
pub const RETRY_CAP_MS: i64 = 15 * 60 * 1000;

/// Longest wait of one object for a connection that fails as a whole, in milliseconds: ten seconds. The pause and the
/// breaker of the connection hold back the crowd, so that an object need not be far away when it comes back.
pub const RETRY_SOON_CAP_MS: i64 = 10 * 1000;

/// Wait before a sink that refuses our credentials is asked again, in milliseconds: so long for each time that it did so in a
/// row, up to [`BLOCKS_MAX`] times (docs/spec/delivery.md).
pub const BLOCK_MS: i64 = 30_000;

/// How often [`BLOCK_MS`] grows.
pub const BLOCKS_MAX: u32 = 8;

/// Entity faults after which a delivery is a dead letter (reliability.md §6).
pub const ENTITY_FAULTS: u32 = 8;

/// Failures in a row, a round trip apart, after which a connection is left alone: so many that a connection which
/// spoils every other call is never left alone by chance (docs/spec/delivery.md).
pub const BREAKER_FAILURES: u32 = 20;

/// How long a connection is left alone before one call tries it again, in milliseconds (reliability.md §7).
pub const BREAKER_MS: i64 = 30_000;

/// How long answers only fail, all about too few things for the breaker, before it is looked whether the other side is there
/// at all, in milliseconds (docs/spec/delivery.md).
pub const DOUBT_MS: i64 = 60_000;

/// Longest time that a connection is left alone, without its jitter, in milliseconds (reliability.md §7).
pub const BREAKER_CAP_MS: i64 = 10 * 60 * 1000;

/// A thing is asked for once in this time, in milliseconds, so that webhooks said again cost no calls
/// (reliability.md §11.1).
pub const FETCH_QUOTA_MS: i64 = 5_000;

/// How long after a payload of a tie the source is asked which of them is true, in milliseconds. The second that all of
/// them name is over by then at the source, so the answer is later than all of them, and a burst costs one call
/// (docs/adr/0009).
pub const TIE_MS: i64 = 1_000;

/// How long a history holds back a wish for what it refers to and does not hold, in milliseconds: until it is known whether
/// its list is the cheaper way (docs/spec/walks.md). A day, longer than lists are read; it is paid one by one then whatever
/// became of the history.
pub const HELD_BACK_MS: i64 = 24 * 3_600_000;

/// Wait before a second 404 counts, in milliseconds (lightspeed-ecom.md §7: minutes apart).
pub const GONE_AGAIN_MS: i64 = 3 * 60 * 1000;

/// How often an answer that is older than what is known is doubted before it counts.
pub const STALE_ANSWERS: u32 = 5;

/// Starts without an end after which an event is set aside: once among all that waited, once in a small group, and six
/// times alone. Reliability.md §4 asks for three; but a kill from outside looks the same, and fifty of those in a few seconds
/// set one aside that was only under way, since the last one that waits is begun alone at each of these starts.
pub const EVENT_STARTS: u32 = 8;

/// Order rows of one order that are kept; an order of more is quarantined.
pub const ORDER_ROWS: usize = 2_000;

/// Longest time between the start of a call and the moment at which the other side counts it, in microseconds: the
/// time-out of a whole call, 30 s, and 5 s for what is on its way then (docs/adr/0007).
pub const TRAVEL_US: i64 = 35_000_000;

/// The same for limits of one second, over connections that are open already (reliability.md §7).
pub const TRAVEL_SECOND_US: i64 = 500_000;

/// Most calls of a budget that are written down at once: so many a restart may waste.
pub const BUDGET_BLOCK: i64 = 500;

/// How many days the calls of a day are kept.
pub const BUDGET_DAYS: i64 = 90;

/// How long calls of commands wait to be counted by a hub, in microseconds: longer than the longest window, a day, with
/// the travel of its calls.
pub const GUEST_CALLS_US: i64 = 90_000_000_000;
