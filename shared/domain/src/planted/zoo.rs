//! Every planted bug, and the one that is chosen.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Bug;

/// The chosen bug's number, from 1.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Whether that bug is there.
pub fn is(bug: Bug) -> bool {
    CHOSEN.load(Ordering::Relaxed) == bug as usize + 1
}

/// Plants a bug in this process, for good.
pub fn choose(bug: Bug) {
    CHOSEN.store(bug as usize + 1, Ordering::Relaxed);
}

/// What there is to know of a bug.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// The bug.
    pub bug: Bug,
    /// What it is chosen by.
    pub name: &'static str,
    /// What is wrong.
    pub wrong: &'static str,
    /// The rule or promise that it breaks.
    pub breaks: &'static str,
}

const fn bug(bug: Bug, name: &'static str, wrong: &'static str, breaks: &'static str) -> Planted {
    Planted { bug, name, wrong, breaks }
}

/// Each bug has its row, in the order of their names in the code.
const _: () = {
    let mut place = 0;
    while place < ZOO.len() {
        assert!(ZOO[place].bug as usize == place);
        place += 1;
    }
};

/// Every bug.
pub const ZOO: &[Planted] = &[
    bug(
        Bug::EndInclusive,
        "end-inclusive",
        "`<` for `<=` at an end: what ends now lasts for this moment still",
        "rule 2: ends are exclusive",
    ),
    bug(Bug::SettleInUtc, "settle-in-utc", "local midnight is taken in UTC", "rule 2: the local calendar"),
    bug(Bug::SecondMidnight, "second-midnight", "of two midnights the later is taken", "rule 2: the earlier"),
    bug(
        Bug::GapIgnored,
        "gap-ignored",
        "midnight in a gap is 24 hours before the next one",
        "rule 2: the first instant after the gap",
    ),
    bug(Bug::MonthsOverflow, "months-overflow", "31 January and a month is 3 March", "rule 2: months clamp"),
    bug(
        Bug::AheadExclusive,
        "ahead-exclusive",
        "`>=` for `>` at five minutes ahead",
        "rule 2: more than 5 minutes is refused",
    ),
    bug(
        Bug::LateDaysIgnored,
        "late-days-ignored",
        "the brand's own `late_days` are not looked at",
        "rule 2: how late an event may be told",
    ),
    bug(
        Bug::NeverSpentFirst,
        "never-spent-first",
        "lots without an end are spent first",
        "rule 3: earliest end first, never last",
    ),
    bug(Bug::HoldIgnored, "hold-ignored", "held points are spent", "rule 3: holds"),
    bug(
        Bug::ActivityHeld,
        "activity-held",
        "an activity's points are held like an order's",
        "rule 8: no hold",
    ),
    bug(
        Bug::RedeemIsNoActivity,
        "redeem-is-no-activity",
        "a redemption does not move the instant of inactivity",
        "rule 3: inactivity",
    ),
    bug(
        Bug::RoundByLine,
        "round-by-line",
        "points are rounded line by line",
        "rule 4.2: one floor for the whole order",
    ),
    bug(Bug::RoundUp, "round-up", "a product is rounded up", "rule 1: rounded down"),
    bug(
        Bug::TrialIgnored,
        "trial-ignored",
        "an order earns by the tier without the trial",
        "rule 4.2: a trial counts",
    ),
    bug(
        Bug::GrowthMultiplied,
        "growth-multiplied",
        "categories' multipliers count for growth",
        "rule 4.3: no multiplier applies",
    ),
    bug(
        Bug::LimitsByRecording,
        "limits-by-recording",
        "limits count by the day of the recording",
        "rule 4.4: by `occurred_at`",
    ),
    bug(
        Bug::MonthLimitByDay,
        "month-limit-by-day",
        "a month's limit counts the day alone",
        "rule 4.4: limits of a month",
    ),
    bug(
        Bug::ActivitiesUnlimited,
        "activities-unlimited",
        "limits do not count what activities gave",
        "rule 4.4: orders and activities together",
    ),
    bug(
        Bug::DebtNotRepaid,
        "debt-not-repaid",
        "what comes in leaves the debt as it is",
        "rule 4.5: debt first",
    ),
    bug(
        Bug::SuspendedEarns,
        "suspended-earns",
        "a member who is suspended earns",
        "contract: 409 member_not_active",
    ),
    bug(
        Bug::RefundTwice,
        "refund-twice",
        "a refund takes again what an earlier one took",
        "rule 6: never one point more",
    ),
    bug(
        Bug::RefundRoundsItself,
        "refund-rounds-itself",
        "a refund takes what its own part would have earned",
        "rule 6: points so far less points for the remainder",
    ),
    bug(
        Bug::RefundAtTodaysRate,
        "refund-at-todays-rate",
        "a refund is judged by the newest programme",
        "rule 6: the rates of its own time",
    ),
    bug(
        Bug::OwnLotForgotten,
        "own-lot-forgotten",
        "a refund takes in spending order only",
        "rule 6: the order's own lot first",
    ),
    bug(
        Bug::ExpiredLotTaken,
        "expired-lot-taken",
        "an order whose lot has expired is taken from other lots",
        "rule 6: no points are taken",
    ),
    bug(Bug::DebtDespiteForgive, "debt-despite-forgive", "`on_short: forgive` makes debt", "rule 6: let go"),
    bug(
        Bug::EveryRefundCloses,
        "every-refund-closes",
        "a refund in part takes the order off the count",
        "rule 4: orders of which anything remains",
    ),
    bug(
        Bug::RestoredToHonourer,
        "restored-to-honourer",
        "a cancelled redemption gives its points to the brand that honoured it",
        "rule 6: to the lots they came from",
    ),
    bug(
        Bug::RestoredPastEnd,
        "restored-past-end",
        "points come back to a lot that has expired",
        "rule 6: the grace",
    ),
    bug(
        Bug::RaisedOneStep,
        "raised-one-step",
        "a tier is raised one step at a time",
        "rule 7: several steps are possible",
    ),
    bug(Bug::TrialTwice, "trial-twice", "a tier is tried again", "rule 7: once per tier"),
    bug(
        Bug::PeriodNotReset,
        "period-not-reset",
        "the period's growth runs on when a tier is kept",
        "rule 7: another period",
    ),
    bug(
        Bug::PeriodGrowthGross,
        "period-growth-gross",
        "refunds do not lower the period's growth",
        "rule 7: net of refunds",
    ),
    bug(
        Bug::KeptByAllGrowth,
        "kept-by-all-growth",
        "a tier is kept by all growth, not the period's",
        "rule 7: lapse",
    ),
    bug(
        Bug::StepToThreshold,
        "step-to-threshold",
        "`step` leaves the growth at the tier's threshold",
        "rule 7: the threshold less 1",
    ),
    bug(Bug::LifetimeLate, "lifetime-late", "a tier is for life one period too late", "rule 7: lifetime"),
    bug(
        Bug::StreakNeverBreaks,
        "streak-never-breaks",
        "a missed day does not end a streak",
        "rule 8: streaks",
    ),
    bug(
        Bug::SkippedDateMissed,
        "skipped-date-missed",
        "a date that the zone skipped ends a streak",
        "rule 8: it was not missed",
    ),
    bug(
        Bug::ClosedKeepsPoints,
        "closed-keeps-points",
        "who is closed keeps points",
        "contract: closing lets points lapse at once",
    ),
    bug(
        Bug::MemberUnconditional,
        "member-unconditional",
        "the member is written whatever it is by now",
        "exactly once: lost updates",
    ),
    bug(
        Bug::EntryUnconditional,
        "entry-unconditional",
        "a natural key is written whether it is there or not",
        "exactly once: natural keys",
    ),
    bug(
        Bug::TargetUnconditional,
        "target-unconditional",
        "an order's state is written whatever it is by now",
        "exactly once: refunds never exceed the order",
    ),
    bug(
        Bug::ClaimUnconditional,
        "claim-unconditional",
        "check then act: an identity is claimed without a condition",
        "contract: one member for an identity",
    ),
    bug(
        Bug::KeyForgotten,
        "key-forgotten",
        "a request's key is not remembered",
        "exactly once: Idempotency-Key",
    ),
    bug(
        Bug::KeyReuseUnseen,
        "key-reuse-unseen",
        "a known key is answered whatever is asked with it",
        "contract: 422 idempotency_key_reused",
    ),
    bug(
        Bug::ConflictUnseen,
        "conflict-unseen",
        "a known order is answered whatever it says now",
        "contract: 409 order_conflict",
    ),
    bug(
        Bug::ReplayRecomputed,
        "replay-recomputed",
        "a repeat is answered with the balance of today",
        "exactly once: the first answer again",
    ),
    bug(
        Bug::RefusedBeforeLook,
        "refused-before-look",
        "a refusal is final before a repeat was looked for",
        "exactly once: the first answer again",
    ),
    bug(
        Bug::TwinRefused,
        "twin-refused",
        "a request is refused for what its own twin did",
        "exactly once: the first answer again",
    ),
    bug(
        Bug::UnknownIsDone,
        "unknown-is-done",
        "a time-out of the store is taken for a commit",
        "contract: an answer given means the write is durable",
    ),
    bug(
        Bug::LostRaceIsDone,
        "lost-race-is-done",
        "a lost race is taken for a commit",
        "contract: an answer given means the write is durable",
    ),
    bug(
        Bug::TwoStepCommit,
        "two-step-commit",
        "the member and its entries are two commits",
        "rule 11: one entry for every change",
    ),
    bug(Bug::DryRunWrites, "dry-run-writes", "a dry run is committed", "contract: writes nothing"),
    bug(Bug::CancelledTwice, "cancelled-twice", "a redemption is cancelled again", "rule 6: once"),
    bug(
        Bug::CancelledReplays,
        "cancelled-replays",
        "a cancelled redemption's order is answered as if it stood",
        "contract: 409 already_cancelled",
    ),
    bug(
        Bug::RecordedWhenOccurred,
        "recorded-when-occurred",
        "`recorded_at` is when it happened",
        "rule 11: when it was recorded",
    ),
    bug(
        Bug::ChainBroken,
        "chain-broken",
        "an entry does not name the one before it",
        "rule 11: recomputable from the ledger",
    ),
    bug(
        Bug::DueForgotten,
        "due-forgotten",
        "a new end is not put into the due index",
        "rule 2: scheduled runs write it down",
    ),
    bug(
        Bug::DuePlaceLeft,
        "due-place-left",
        "the old place in the due index is left",
        "rule 2: scheduled runs come to an end",
    ),
    bug(
        Bug::NonceForgotten,
        "nonce-forgotten",
        "a nonce is taken again",
        "partners: a signature is taken once",
    ),
    bug(
        Bug::KeyWithoutCaller,
        "key-without-caller",
        "another caller's same key is the same key",
        "contract: it is a different key",
    ),
    bug(
        Bug::KeyWithoutFunction,
        "key-without-function",
        "the same key at another function is the same key",
        "contract: caller, function, key",
    ),
    bug(
        Bug::ContentWithoutPath,
        "content-without-path",
        "a repeat for another member is taken for the same request",
        "contract: same key, other request: 422",
    ),
    bug(
        Bug::BodyUnsigned,
        "body-unsigned",
        "the body is not held against its signed digest",
        "partners: signatures cover the body",
    ),
    bug(
        Bug::SignatureNeverOld,
        "signature-never-old",
        "a signature is good whenever it was made",
        "partners: a window of time",
    ),
    bug(
        Bug::KeyUncovered,
        "key-uncovered",
        "an idempotency key may be added to a signed request",
        "partners: what must be covered",
    ),
    bug(
        Bug::BrandUnbound,
        "brand-unbound",
        "a key that is bound to a brand acts for another",
        "contract: another brand's data is 403",
    ),
    bug(
        Bug::HouseUnbound,
        "house-unbound",
        "a storefront acts for a partner's brand",
        "contract: own brands are one house",
    ),
    bug(
        Bug::RedemptionUnbound,
        "redemption-unbound",
        "a redemption at another brand is cancelled by its id",
        "contract: 404 where it is not theirs to know",
    ),
    bug(
        Bug::RevokedLives,
        "revoked-lives",
        "a key that was revoked is still good",
        "contract: keys can be revoked",
    ),
    bug(
        Bug::SyncDropped,
        "sync-dropped",
        "a commit is answered before it is durable",
        "durability: power cuts",
    ),
    bug(
        Bug::SyncFailureIgnored,
        "sync-failure-ignored",
        "a failed sync is taken for one that went well",
        "durability: failing disks",
    ),
    bug(
        Bug::WritesAfterFailedSync,
        "writes-after-failed-sync",
        "writing goes on after a failed sync",
        "durability: failing disks",
    ),
    bug(
        Bug::TornFrameTaken,
        "torn-frame-taken",
        "a frame is read without its checksum",
        "durability: torn writes",
    ),
    bug(
        Bug::OldFrameTaken,
        "old-frame-taken",
        "frames of a segment's earlier use are read again",
        "durability: recovery",
    ),
    bug(
        Bug::LastFrameUnsettled,
        "last-frame-unsettled",
        "what was read at the start is not made durable",
        "durability: a killed process, then a power cut",
    ),
    bug(
        Bug::SegmentReusedEarly,
        "segment-reused-early",
        "a segment is free before the tables have what it held",
        "durability: power cuts",
    ),
    bug(Bug::TablesUnsynced, "tables-unsynced", "the tables are not synced", "durability: power cuts"),
    bug(
        Bug::DeletesUndrained,
        "deletes-undrained",
        "a deletion does not reach the tables",
        "durability: what was deleted comes back",
    ),
    bug(
        Bug::BatchJudgedApart,
        "batch-judged-apart",
        "commits of one batch do not see each other",
        "exactly once: one winner",
    ),
];
