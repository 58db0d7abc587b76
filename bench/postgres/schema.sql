-- A points ledger as a careful PostgreSQL author would lay it out for throughput.
--
-- Few indexes, each with a job; rows that are updated in place leave room on their page (fillfactor) and
-- no updated column is indexed, so that updates stay heap-only; the ledger's order columns are themselves
-- the natural keys, so that an earn touches no separate table of orders; texts compare bytewise. No CHECK
-- on the hot tables and no foreign keys: the functions are the only writers, and each such check is parsed
-- again on every statement.

CREATE TYPE entry_kind AS ENUM ('earn', 'redeem');

CREATE TABLE members (
    id               bigint      PRIMARY KEY,
    phone            text        NOT NULL UNIQUE,
    name             text        NOT NULL,
    registered_at    timestamptz NOT NULL,
    seq              integer     NOT NULL DEFAULT 0,   -- number of the newest ledger entry
    available        bigint      NOT NULL DEFAULT 0,
    growth           bigint      NOT NULL DEFAULT 0,
    period_growth    bigint      NOT NULL DEFAULT 0,
    tier             smallint    NOT NULL DEFAULT 0,   -- 0 basic, 1 silver, 2 gold
    tier_since       timestamptz NOT NULL,
    tier_valid_until timestamptz,
    orders_count     integer     NOT NULL DEFAULT 0,
    orders_amount    numeric     NOT NULL DEFAULT 0,
    last_order_at    timestamptz
) WITH (fillfactor = 50);

-- Balance buckets: what expires together is one row. An emptied one stays and is filled again.
CREATE TABLE lots (
    member_id  bigint      NOT NULL,
    expires_at timestamptz NOT NULL,
    brand      text        NOT NULL,
    points     bigint      NOT NULL,
    PRIMARY KEY (member_id, expires_at, brand)
) WITH (fillfactor = 50);

CREATE TABLE ledger (
    member_id     bigint      NOT NULL,
    seq           integer     NOT NULL,
    kind          entry_kind  NOT NULL,
    tier_after    smallint    NOT NULL,
    upgraded_to   smallint,
    points        bigint      NOT NULL,
    growth        bigint      NOT NULL,
    balance_after bigint      NOT NULL,
    growth_after  bigint      NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL,
    order_id      text        NOT NULL,
    brand         text        NOT NULL,
    amount        numeric,
    category      text,
    lots          jsonb       NOT NULL,   -- a plus enters a lot, a minus leaves it
    PRIMARY KEY (member_id, seq)
);

-- The natural keys: an order earns once, and is redeemed for once.
CREATE UNIQUE INDEX ledger_order ON ledger (order_id, brand, kind);

-- Requests that came with an Idempotency-Key, pointing at the entry that holds their answer.
CREATE TABLE requests (
    caller       text        NOT NULL,
    function     text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    member_id    bigint      NOT NULL,
    seq          integer     NOT NULL,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (key, function, caller)
);
