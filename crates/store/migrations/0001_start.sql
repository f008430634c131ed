-- The intermediate database, one text for SQLite and PostgreSQL.
--
-- Times are microseconds since 1970 (UTC). Ids are made by the program, except the numbers of table `number`.
-- Every key begins with the tenant, so that a distributed PostgreSQL can shard by it. There are no foreign keys:
-- rows of one tenant are written by one transaction that holds them all, and a shard could not check them.

-- Small values of the installation itself, such as its key check. Owner: setting. Kept for ever.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- The configured connections, so that a renamed or removed one keeps its id. Owner: setting. Kept for ever.
CREATE TABLE connection (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    connector TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX connection_name ON connection (tenant_id, name);

-- Why nothing goes through a connection; one that works has no row. Owner: health. A row goes when it works again.
CREATE TABLE health (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    -- What of it ails: calls, its webhooks, its places, or looking who was imported there by hand.
    concern TEXT NOT NULL,
    ailment TEXT NOT NULL,
    -- What the connector said.
    detail TEXT NOT NULL,
    since BIGINT NOT NULL,
    -- When it is tried again.
    next_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, concern)
);

-- Running totals, moved by the transaction that causes them. Owner: counter. Kept for ever.
CREATE TABLE counter (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    origin TEXT NOT NULL,
    name TEXT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, origin, name)
);

-- Durable numbers that are never given twice. Owner: relation. Kept for ever.
CREATE TABLE number (
    tenant_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- The inbox: what came in, byte for byte. Owner: inbox. Kept until the retention of events has passed.
CREATE TABLE event (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    origin TEXT NOT NULL,
    -- Who pays for the calls that follow: 0 live, 1 retry, 2 sweep, 3 backfill.
    class BIGINT NOT NULL,
    trust TEXT NOT NULL,
    stream TEXT NOT NULL,
    kind TEXT,
    action TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    status BIGINT NOT NULL,
    floor_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- When the words of an answer were asked for; NULL for webhooks.
    asked_at BIGINT,
    -- NULL for events whose repeat may say something new.
    dedup_key BYTEA,
    state TEXT NOT NULL,
    -- The code for which it was set aside; empty for the others.
    reason TEXT NOT NULL,
    problems TEXT NOT NULL,
    -- How often a process began with it and did not come to its end; counted only for what waits at a start.
    starts BIGINT NOT NULL DEFAULT 0,
    headers TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    -- Size of the body as it came; one that is shorter here is packed (LZ4, one block).
    body_bytes BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
-- Finds repeats and all events of one thing. NULLs differ from each other on both engines, so only payloads are
-- unique; the thing's id stands before the digest so that new entries land near each other.
CREATE UNIQUE INDEX event_thing ON event (tenant_id, connection_id, remote_id, dedup_key);
-- Answers to our own questions stand before what was sent, so that nothing is asked twice under a backlog; what lists
-- brought stands behind both, so that live events never wait for a history.
CREATE INDEX event_waiting ON event (
    tenant_id, (CASE WHEN origin = 'fetch' THEN 0 WHEN origin = 'webhook' THEN 1 ELSE 2 END), id, connection_id
) WHERE state = 'waiting';
CREATE INDEX event_quarantined ON event (tenant_id, reason, id) WHERE state = 'quarantined';

-- What each source last said about one thing. Owner: record. Kept as long as the thing's person.
CREATE TABLE record (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    -- The owner is a thing of the same connection.
    owner_kind TEXT,
    owner_id BIGINT,
    ref_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    -- Whether its rows are not known at its newest version: they are still to be read.
    rows_due BOOLEAN NOT NULL,
    -- When an order was placed or a cart last changed, by the source; NULL for other things.
    moment BIGINT,
    -- Whether the hub first knew it from history; never changes.
    is_historic BOOLEAN NOT NULL,
    live_at BIGINT,
    live_ordinal BIGINT,
    live_rank BIGINT,
    live_digest BYTEA,
    live_event_id BIGINT,
    gone_at BIGINT,
    gone_ordinal BIGINT,
    gone_rank BIGINT,
    gone_digest BYTEA,
    gone_event_id BIGINT,
    fetched_at BIGINT,
    fetched_ordinal BIGINT,
    fetched_rank BIGINT,
    fetched_digest BYTEA,
    fetched_match BYTEA,
    content TEXT,
    PRIMARY KEY (tenant_id, connection_id, kind, remote_id)
);
CREATE INDEX record_owner ON record (tenant_id, connection_id, owner_kind, owner_id, kind, moment)
    WHERE owner_id IS NOT NULL;
CREATE INDEX record_ref ON record (tenant_id, connection_id, kind, ref_id) WHERE ref_id <> 0;
CREATE INDEX record_label ON record (tenant_id, label) WHERE label <> '';
-- Carts by their age, for those that expire; the owner only counts whose nobody knows.
CREATE INDEX record_cart ON record (tenant_id, connection_id, moment, remote_id, owner_id) WHERE kind = 'quote';
CREATE INDEX record_rows_due ON record (tenant_id, connection_id, kind, remote_id) WHERE rows_due;

-- The source records of persons, as identity sees them. Owner: node. Kept as long as the record.
CREATE TABLE node (
    tenant_id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    class BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    is_confirmed BOOLEAN NOT NULL,
    home BIGINT,
    relation_id BIGINT,
    -- The keys of table match_key once more, as a JSON list: to read a node without a second look-up.
    match_keys TEXT NOT NULL,
    PRIMARY KEY (tenant_id, scope, connection_id, kind, remote_id)
);
CREATE INDEX node_relation ON node (tenant_id, scope, relation_id) WHERE relation_id IS NOT NULL;

-- Which nodes have which key. Owner: node. Kept as long as the node.
CREATE TABLE match_key (
    tenant_id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    match_key TEXT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, match_key, scope, connection_id, kind, remote_id)
);

-- Which nodes had which key before, so that a person is found by a former address. It joins nobody. Owner: node. Kept as
-- long as the node: who is forgotten takes former addresses along.
CREATE TABLE former_key (
    tenant_id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    match_key TEXT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, match_key, scope, connection_id, kind, remote_id)
);
CREATE INDEX former_key_node ON former_key (tenant_id, scope, connection_id, kind, remote_id);

-- The numbers of persons and where they lead. Owner: relation. Kept for ever: a number is never reused.
CREATE TABLE relation (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    alias_of BIGINT,
    is_unconfirmed BOOLEAN NOT NULL,
    -- Whether the hub first knew this person from history; never changes.
    is_historic BOOLEAN NOT NULL,
    -- When this person placed the newest order by which the carts were planned; NULL while there was none.
    ordered_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX relation_alias ON relation (tenant_id, alias_of) WHERE alias_of IS NOT NULL;
CREATE INDEX relation_unconfirmed ON relation (tenant_id, id) WHERE is_unconfirmed;

-- Golden things below a person, with the values that the hub gives them. Owner: entity. Kept for ever.
CREATE TABLE entity (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    relation_id BIGINT NOT NULL,
    parent_id BIGINT NOT NULL,
    ref_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX entity_thing ON entity (tenant_id, connection_id, kind, remote_id);
CREATE INDEX entity_relation ON entity (tenant_id, relation_id);
CREATE INDEX entity_ref ON entity (tenant_id, connection_id, kind, ref_id) WHERE ref_id <> 0;

-- The outbox: what each sink shall hold of each object, and what it confirmed. Owner: outbox. Kept as long as the
-- object is in the sink.
CREATE TABLE delivery (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    sink_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    object BIGINT NOT NULL,
    parent_id BIGINT,
    root_id BIGINT,
    state TEXT NOT NULL,
    -- Where apply wants it after the open attempt; NULL when nothing came in meanwhile.
    next_state TEXT,
    due_at BIGINT NOT NULL,
    -- Nothing may be sent before: an uncertain attempt may still be executing (I14). 0 for none.
    settle_at BIGINT NOT NULL,
    wish TEXT NOT NULL,
    desired_version BIGINT NOT NULL,
    desired_digest BYTEA NOT NULL,
    confirmed_version BIGINT NOT NULL,
    confirmed_digest BYTEA,
    remote_id BIGINT,
    remote_parent BIGINT,
    is_uncertain BOOLEAN NOT NULL,
    -- Its profile was made anew during the open attempt: what that attempt confirms does not count.
    is_forgotten BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    faults BIGINT NOT NULL,
    -- The open attempt, its worker and until when that worker may send; NULL unless claimed.
    attempt_id BIGINT,
    owner TEXT,
    lease_until BIGINT,
    since BIGINT NOT NULL,
    -- How often apply wrote the row after it made it.
    writes BIGINT NOT NULL,
    desired TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX delivery_object ON delivery (tenant_id, sink_id, kind, object);
-- One index per state that is not clean. They end with the kind, so that counting reads no row.
CREATE INDEX delivery_ready ON delivery (tenant_id, sink_id, due_at, id, kind) WHERE state = 'ready';
CREATE INDEX delivery_held ON delivery (tenant_id, sink_id, due_at, id, kind) WHERE state = 'held';
CREATE INDEX delivery_unplaced ON delivery (tenant_id, sink_id, kind, id) WHERE state = 'unplaced';
CREATE INDEX delivery_leaving ON delivery (tenant_id, sink_id, remote_id) WHERE state = 'held' AND wish = 'absent';
CREATE INDEX delivery_claimed ON delivery (tenant_id, sink_id, lease_until, kind) WHERE state = 'claimed';
CREATE INDEX delivery_dead ON delivery (tenant_id, sink_id, id, kind) WHERE state = 'dead';
CREATE INDEX delivery_parent ON delivery (tenant_id, parent_id, sink_id, kind) WHERE state = 'parent';
CREATE INDEX delivery_root ON delivery (tenant_id, root_id) WHERE root_id IS NOT NULL;
CREATE INDEX delivery_remote_parent ON delivery (tenant_id, sink_id, remote_parent) WHERE remote_parent IS NOT NULL;

-- Every try to pay a delivery, written before it is sent. Owner: deliver. Kept until the retention of attempts has
-- passed.
CREATE TABLE attempt (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    delivery_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    wish TEXT NOT NULL,
    owner TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    ended_at BIGINT,
    -- Empty while it is open.
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX attempt_delivery ON attempt (tenant_id, delivery_id, id);

-- What shall be read from a source. Owner: fetch. A row goes a few seconds after its answer came into the inbox.
CREATE TABLE wanted_fetch (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    -- NULL when it is answered: then the row only keeps a new wish from being paid before not_before.
    due_at BIGINT,
    -- No wish makes it due before: a back-off, or the last answer is only a moment old.
    not_before BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- Answers in a row that were taken in and doubted, and when the first in a row found nothing.
    doubts BIGINT NOT NULL,
    missing_since BIGINT,
    wanted BIGINT NOT NULL,
    -- Who it is made for, as a number: the lower goes first.
    class BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    error TEXT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, kind, remote_id)
);
CREATE INDEX wanted_fetch_due ON wanted_fetch (tenant_id, connection_id, class, due_at, kind, remote_id)
    WHERE owner IS NULL;
-- What a history holds back (class 3), kind by kind: looked at with every page that a walk reads.
CREATE INDEX wanted_fetch_held ON wanted_fetch (tenant_id, connection_id, kind, due_at, not_before)
    WHERE class = 3 AND owner IS NULL AND attempts = 0 AND wanted = 0;
CREATE INDEX wanted_fetch_answered ON wanted_fetch (tenant_id, connection_id, not_before) WHERE due_at IS NULL;
CREATE INDEX wanted_fetch_claimed ON wanted_fetch (tenant_id, connection_id, lease_until) WHERE owner IS NOT NULL;

-- Merges and splits of persons, for those who ask why. Owner: relation. Kept for ever.
CREATE TABLE merge_log (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    relation_id BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    match_key TEXT NOT NULL,
    record_connection_id BIGINT NOT NULL,
    record_kind TEXT NOT NULL,
    record_remote_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX merge_log_relation ON merge_log (tenant_id, relation_id);
CREATE INDEX merge_log_other ON merge_log (tenant_id, other_id);

-- What was repaired in the record that is held. Owner: problem. Replaced with the record.
CREATE TABLE problem (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    field TEXT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, kind, remote_id, code, field)
);

-- Rights to work on something until a time. Owner: lease. Kept for ever: the epoch must not start again.
CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Our places in the streams of the sources. Owner: checkpoint. Kept as long as the connection.
CREATE TABLE checkpoint (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, name)
);

-- Walks through the lists of a source: history, sweep, reconciliation. Owner: walk. Kept as long as the connection.
CREATE TABLE walk (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    job TEXT NOT NULL,
    part TEXT NOT NULL,
    state TEXT NOT NULL,
    phase TEXT NOT NULL,
    span TEXT NOT NULL,
    place TEXT NOT NULL,
    -- NULL until the source was asked.
    expected BIGINT,
    seen BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    doubted BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    -- How often in a row it waited until what it read was applied.
    waits BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    note TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    -- When its list began to be read, by the lower of two clocks: the hub's and the source's.
    asked_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When the last one that came to its end began, and which periods histories read to their end, in JSON: both stay when
    -- the next begins.
    done_at BIGINT,
    read_spans TEXT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, job, part)
);

-- Pieces of things that a list brings one by one and that count as a whole only (memberships of a customer). Owner:
-- walk. A row goes when its thing is put together.
CREATE TABLE walk_piece (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    job TEXT NOT NULL,
    part TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, job, part, remote_id, digest)
);

-- What walks found that nobody had told. Owner: walk. Kept until the retention of findings has passed.
CREATE TABLE finding (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    job TEXT NOT NULL,
    part TEXT NOT NULL,
    remote_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX finding_connection ON finding (tenant_id, connection_id, id);

-- Budgets of calls: what of each connection's limits is spent or may be, as JSON. Owner: budget. Kept as long as the
-- connection.
CREATE TABLE budget (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    saved TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id)
);

-- Calls that commands make beside the hub, and what answers told them of the limits, until the owner of the budget counts
-- them. Owner: budget.
CREATE TABLE budget_guest (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    -- Who pays for the call; null for an answer.
    class TEXT,
    -- What an answer told, as JSON; null for a call.
    told TEXT,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, id)
);

-- Calls by day and class. Owner: budget. Kept for 90 days.
CREATE TABLE budget_day (
    tenant_id BIGINT NOT NULL,
    connection_id BIGINT NOT NULL,
    -- Days since 1970 (UTC).
    day BIGINT NOT NULL,
    class TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, day, class)
);
