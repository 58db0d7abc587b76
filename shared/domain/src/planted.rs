//! Bugs that somebody could have written here, planted on purpose, to see whether the checks find them.
//!
//! Only a build with the feature `planted` has them, and there one is chosen by its name when a process
//! begins. Without the feature [`is`] is a constant, and what stands behind it is not there. The zoo (`tests/zoo/`)
//! chooses one after another; `docs/SIMULATOR.md` lists them.

/// A bug, by what is wrong.
#[allow(missing_docs)] // the table below says what each of them is
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    // In the domain.
    EndInclusive,
    SettleInUtc,
    SecondMidnight,
    GapIgnored,
    MonthsOverflow,
    AheadExclusive,
    LateDaysIgnored,
    NeverSpentFirst,
    HoldIgnored,
    ActivityHeld,
    RedeemIsNoActivity,
    RoundByLine,
    RoundUp,
    TrialIgnored,
    GrowthMultiplied,
    LimitsByRecording,
    MonthLimitByDay,
    ActivitiesUnlimited,
    DebtNotRepaid,
    SuspendedEarns,
    RefundTwice,
    RefundRoundsItself,
    RefundAtTodaysRate,
    OwnLotForgotten,
    ExpiredLotTaken,
    DebtDespiteForgive,
    EveryRefundCloses,
    RestoredToHonourer,
    RestoredPastEnd,
    RaisedOneStep,
    TrialTwice,
    PeriodNotReset,
    PeriodGrowthGross,
    KeptByAllGrowth,
    StepToThreshold,
    LifetimeLate,
    StreakNeverBreaks,
    SkippedDateMissed,
    ClosedKeepsPoints,
    // In the engine.
    MemberUnconditional,
    EntryUnconditional,
    TargetUnconditional,
    ClaimUnconditional,
    KeyForgotten,
    KeyReuseUnseen,
    ConflictUnseen,
    ReplayRecomputed,
    RefusedBeforeLook,
    TwinRefused,
    UnknownIsDone,
    LostRaceIsDone,
    TwoStepCommit,
    DryRunWrites,
    CancelledTwice,
    CancelledReplays,
    RecordedWhenOccurred,
    ChainBroken,
    DueForgotten,
    DuePlaceLeft,
    NonceForgotten,
    // At the edge.
    KeyWithoutCaller,
    KeyWithoutFunction,
    ContentWithoutPath,
    BodyUnsigned,
    SignatureNeverOld,
    KeyUncovered,
    BrandUnbound,
    HouseUnbound,
    RedemptionUnbound,
    RevokedLives,
    // In the store.
    SyncDropped,
    SyncFailureIgnored,
    WritesAfterFailedSync,
    TornFrameTaken,
    OldFrameTaken,
    LastFrameUnsettled,
    SegmentReusedEarly,
    TablesUnsynced,
    DeletesUndrained,
    BatchJudgedApart,
}

/// Whether that bug is there.
#[cfg(not(feature = "planted"))]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
mod zoo;
#[cfg(feature = "planted")]
pub use zoo::{Planted, ZOO, choose, is};
