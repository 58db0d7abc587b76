//! Between the rules and the stores: the port that a store implements, and the one shell that every command
//! goes through.
//!
//! Nothing here reads a clock, a random number or the environment; nothing here knows a rule of
//! the programme.

mod access;
mod accounts;
mod engine;
mod ledger;
mod offers;
mod partners;
mod people;
mod programme;
pub mod store;
mod webhooks;

pub use access::{
    Access,
    activity::{ActivityFilter, ActivityPlace},
    callers::{CALLERS_MAX, Caller},
    requests::{Request, RequestKey, Told},
    staff::ByStaff,
};
pub use accounts::{
    Accounts, CodeBatch, Metered, PrintRun, Purchase, Usage, offers::OfferLeft, taken::Taken,
};
pub use engine::{Engine, Trials};
pub use ledger::{
    Ledger,
    act::{Act, Done, Whom, redemption_id},
    asking::{GrantAsk, Revoke},
    audit::Finding,
    books::{Books, Strays},
    issued as grants,
    read::{ChainPlace, Filter, LedgerEntry, Place},
    referrals::Verdict,
    signals::signal,
    sweep::{Part, Swept},
    told::FoundOrder,
    would::WouldEarn,
};
pub use offers::{
    Offers,
    asking::UseAsk,
    draft::{DraftOrder, NamedGrant},
    evaluation::Evaluated,
    listing::{Closed, GrantsOf, OpenTo, in_state},
    noted::SetAside,
    quote::{OfferTag, Promise, QUOTE_MILLIS, Quote, QuotedCoupon, QuotedOffer},
    refusing::NotUsed,
    returning::{ReturnAsk, ReturnDone},
    using::UseDone,
};
pub use partners::{
    Partners,
    links::{LINK_CODE_MILLIS, Link, LinkAsk, LinkPlace},
    settlement::{BrandAccount, Closing, Settlement, State},
    signing::{LIVE_KEYS_MAX, Partner, TooManyKeys},
};
pub use people::{
    People,
    bring::{Came, Coming, ComingBalance, DEBT_NAME, Left, Named, Stay, lot_name},
    card::{Card, CardSpend, NewCard},
    doubles::{Double, Doubles, DoublesPlace, Pair},
    identities::{NewIdentity, OwnIdentity},
    merge::{MergeAsk, Merged},
    referral::{FriendsNow, HeldReferral, Referring},
    register::{Registered, Registration},
    tags::TagChange,
    unmerge::{UnmergeAsk, Unmerged},
    view::MemberView,
};
pub use programme::{
    Programmes,
    offers::{NotSaved, SavedOffer, SentOffer},
    shelf::Shelf,
    versions::ProgramError,
};
#[cfg(feature = "conformance")]
pub use store::conformance;
pub use store::{Records, error::Error, id, keys, memory, records, records::CouponName};
pub use webhooks::{
    Webhooks,
    deliveries::{DELIVERIES_DAYS, Delivery, Forgets, Found, REDELIVERED_MAX, Sent, Waiting},
    happening::{Happening, What, event_id},
    registered::{NoSuchWebhook, WEBHOOKS_MAX, WEBHOOKS_OF_BRAND_MAX},
};
