-- One call, one transaction, one answer: the two functions that pgbench drives.
--
-- The programme (tiers, rates, multipliers: the figures of program.json) is compiled into `earn` as constants,
-- which cost nothing; as tables it would have to be joined. Both lock the member first, and so does whoever
-- writes a member's lots, which therefore need no locks of their own. Four plain statements were measured
-- against one of chained CTEs: equal for `earn`, better for `redeem`.

-- What both answer, and what a replay answers again.
CREATE TYPE answer AS (
    seq integer, points bigint, balance_after bigint, growth_after bigint,
    tier_after smallint, upgraded_to smallint, lots jsonb, replayed boolean
);

CREATE FUNCTION stored_answer(p_member bigint, p_seq integer) RETURNS answer
LANGUAGE sql STABLE AS $$
    SELECT seq, points, balance_after, growth_after, tier_after, upgraded_to, lots, true
      FROM ledger WHERE member_id = p_member AND seq = p_seq
$$;

-- The entry that an order already has, if it is the same request; another content is refused.
CREATE FUNCTION replay_order(p_kind entry_kind, p_member bigint, p_brand text, p_order text,
                             p_amount numeric, p_category text, p_points bigint) RETURNS answer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    e ledger;
BEGIN
    SELECT * INTO STRICT e FROM ledger
     WHERE order_id = p_order AND brand = p_brand AND kind = p_kind;
    IF (e.member_id, e.amount, e.category) IS DISTINCT FROM (p_member, p_amount, p_category)
       OR (p_points IS NOT NULL AND e.points <> -p_points) THEN
        RAISE EXCEPTION 'order_conflict' USING ERRCODE = 'LR409';
    END IF;
    RETURN stored_answer(e.member_id, e.seq);
END $$;

-- The answer to a key seen before, null for a new one. The member is locked, so equal keys queue up.
CREATE FUNCTION replay_key(p_function text, p_key text, p_hash bytea) RETURNS answer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r requests;
BEGIN
    SELECT * INTO r FROM requests WHERE key = p_key AND function = p_function AND caller = 'bench';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF r.request_hash <> p_hash THEN
        RAISE EXCEPTION 'idempotency_key_reused' USING ERRCODE = 'LR422';
    END IF;
    RETURN stored_answer(r.member_id, r.seq);
END $$;

CREATE FUNCTION earn(p_member bigint, p_brand text, p_order text, p_amount numeric, p_category text,
                     p_occurred_at timestamptz DEFAULT now(), p_key text DEFAULT NULL) RETURNS answer
LANGUAGE plpgsql AS $$
DECLARE
    m         record;
    v_answer  answer;
    v_hash    bytea;
    v_points  bigint;
    v_growth  bigint := floor(p_amount);
    v_expires timestamptz;
    v_lots    jsonb;
    v_tier    smallint;
    v_raised  smallint;
BEGIN
    SELECT seq, available, growth, tier INTO m FROM members WHERE id = p_member FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'member_not_found' USING ERRCODE = 'LR404';
    END IF;
    IF p_key IS NOT NULL THEN
        v_hash := sha256(convert_to(concat_ws('|', p_member, p_brand, p_order, p_amount, p_category), 'UTF8'));
        v_answer := replay_key('earn', p_key, v_hash);
        IF v_answer.seq IS NOT NULL THEN
            RETURN v_answer;
        END IF;
    END IF;

    v_points := floor(p_amount
        * CASE p_category WHEN 'tea' THEN 2 WHEN 'coffee' THEN 1.5 WHEN 'gift_card' THEN 0 ELSE 1 END
        * CASE m.tier WHEN 0 THEN 1 WHEN 1 THEN 1.2 ELSE 1.5 END);
    -- Points of a local year live through the end of the next one.
    v_expires := make_timestamptz(extract(year FROM p_occurred_at)::int + 2, 1, 1, 0, 0, 0);
    v_tier := greatest(m.tier, CASE WHEN m.growth + v_growth >= 20000 THEN 2
                                    WHEN m.growth + v_growth >= 8000 THEN 1 ELSE 0 END);
    v_raised := nullif(v_tier, m.tier);
    v_lots := jsonb_build_array(jsonb_build_object('expires_at', v_expires, 'brand', p_brand, 'points', v_points));

    INSERT INTO ledger (member_id, seq, kind, brand, order_id, amount, category, points, growth, lots,
                        balance_after, growth_after, tier_after, upgraded_to, occurred_at, recorded_at)
    VALUES (p_member, m.seq + 1, 'earn', p_brand, p_order, p_amount, p_category, v_points, v_growth, v_lots,
            m.available + v_points, m.growth + v_growth, v_tier, v_raised, p_occurred_at, now())
    ON CONFLICT (order_id, brand, kind) DO NOTHING;
    IF NOT FOUND THEN
        RETURN replay_order('earn', p_member, p_brand, p_order, p_amount, p_category, NULL);
    END IF;

    INSERT INTO lots AS l (member_id, expires_at, brand, points)
    VALUES (p_member, v_expires, p_brand, v_points)
    ON CONFLICT (member_id, expires_at, brand) DO UPDATE SET points = l.points + excluded.points;

    UPDATE members
       SET seq = m.seq + 1,
           available = m.available + v_points,
           growth = m.growth + v_growth,
           period_growth = CASE WHEN v_raised IS NULL THEN period_growth + v_growth ELSE 0 END,
           tier = v_tier,
           tier_since = CASE WHEN v_raised IS NULL THEN tier_since ELSE now() END,
           tier_valid_until = CASE WHEN v_raised IS NULL THEN tier_valid_until
                                   ELSE date_trunc('day', now()) + interval '12 months' END,
           orders_count = orders_count + 1,
           orders_amount = orders_amount + p_amount,
           last_order_at = greatest(last_order_at, p_occurred_at)
     WHERE id = p_member;

    IF p_key IS NOT NULL THEN
        INSERT INTO requests (caller, function, key, request_hash, member_id, seq, recorded_at)
        VALUES ('bench', 'earn', p_key, v_hash, p_member, m.seq + 1, now());
    END IF;
    RETURN (m.seq + 1, v_points, m.available + v_points, m.growth + v_growth, v_tier, v_raised, v_lots, false)::answer;
END $$;

CREATE FUNCTION redeem(p_member bigint, p_brand text, p_order text, p_points bigint,
                       p_key text DEFAULT NULL) RETURNS answer
LANGUAGE plpgsql AS $$
DECLARE
    m        record;
    lot      record;
    v_answer answer;
    v_hash   bytea;
    v_left   bigint := p_points;
    v_taken  bigint;
    v_lots   jsonb := '[]';
BEGIN
    IF p_points < 1 THEN
        RAISE EXCEPTION 'invalid_field' USING ERRCODE = 'LR422';
    END IF;
    SELECT seq, available, growth, tier INTO m FROM members WHERE id = p_member FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'member_not_found' USING ERRCODE = 'LR404';
    END IF;
    IF p_key IS NOT NULL THEN
        v_hash := sha256(convert_to(concat_ws('|', p_member, p_brand, p_order, p_points), 'UTF8'));
        v_answer := replay_key('redeem', p_key, v_hash);
        IF v_answer.seq IS NOT NULL THEN
            RETURN v_answer;
        END IF;
    END IF;

    IF EXISTS (SELECT FROM ledger WHERE order_id = p_order AND brand = p_brand AND kind = 'redeem') THEN
        RETURN replay_order('redeem', p_member, p_brand, p_order, NULL, NULL, p_points);
    END IF;

    -- Earliest first.
    FOR lot IN
        SELECT expires_at, brand, points FROM lots
         WHERE member_id = p_member AND expires_at > now() AND points > 0
         ORDER BY expires_at, brand
    LOOP
        v_taken := least(lot.points, v_left);
        UPDATE lots SET points = points - v_taken
         WHERE member_id = p_member AND expires_at = lot.expires_at AND brand = lot.brand;
        v_lots := v_lots || jsonb_build_object('expires_at', lot.expires_at, 'brand', lot.brand, 'points', -v_taken);
        v_left := v_left - v_taken;
        EXIT WHEN v_left = 0;
    END LOOP;
    IF v_left > 0 THEN
        RAISE EXCEPTION 'insufficient_points' USING ERRCODE = 'LR409', DETAIL = (p_points - v_left)::text;
    END IF;

    -- Two members who redeem for one order at once: the unique key fails the second.
    INSERT INTO ledger (member_id, seq, kind, brand, order_id, points, growth, lots,
                        balance_after, growth_after, tier_after, occurred_at, recorded_at)
    VALUES (p_member, m.seq + 1, 'redeem', p_brand, p_order, -p_points, 0, v_lots,
            m.available - p_points, m.growth, m.tier, now(), now());

    UPDATE members SET seq = m.seq + 1, available = m.available - p_points WHERE id = p_member;

    IF p_key IS NOT NULL THEN
        INSERT INTO requests (caller, function, key, request_hash, member_id, seq, recorded_at)
        VALUES ('bench', 'redeem', p_key, v_hash, p_member, m.seq + 1, now());
    END IF;
    RETURN (m.seq + 1, -p_points, m.available - p_points, m.growth, m.tier, NULL, v_lots, false)::answer;
END $$;
