//! What a row of a file says, and what becomes of it.

use std::sync::Arc;

use domain::{
    brought::Opening,
    id::{BadgeId, BalanceId, BrandId, TierId},
    member::MemberId,
    number::SignedFigure,
    programme::Required,
    time::Instant,
};

use crate::{people::register::Registration, store::error::Error};

/// What a row of a file says of a person.
#[derive(Clone, Debug)]
pub struct Coming {
    /// Who it is.
    pub registration: Registration,
    /// Whether the row says when the person registered.
    pub says_registered: bool,
    /// What is said of the standing.
    pub opening: Opening,
    /// A balance, if the row has one.
    pub balance: Option<ComingBalance>,
    /// All balances that the file has of this person, in its order.
    pub all: Arc<[Named]>,
    /// Badges.
    pub badges: Vec<BadgeId>,
    /// Tags that are set by hand.
    pub tags: Vec<String>,
    /// The brand of the entries.
    pub brand: BrandId,
    /// Why, for people.
    pub reason: String,
    /// Whether balances are settled as if they had been issued now.
    pub bill: bool,
    /// Whether a figure that was said otherwise is corrected.
    pub correct: bool,
    /// Whether a newcomer must tell what everybody who registers must, and be one who may.
    pub strict: bool,
}

/// A balance, as a row says it.
#[derive(Clone, Debug)]
pub struct ComingBalance {
    /// Its name, of one member and brand.
    pub id: BalanceId,
    /// Its points; below 0 they are owed.
    pub points: SignedFigure,
    /// Its end; `None` is not said, the inner one is never.
    pub expires_at: Option<Option<Instant>>,
    /// Its hold; `None` is not said.
    pub held_until: Option<Instant>,
}

/// A balance of the file, beside the row's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The brand of its points.
    pub brand: BrandId,
    /// Its name.
    pub id: BalanceId,
    /// Its points.
    pub points: i64,
    /// Its end; `None` is not said, the inner one is never.
    pub expires_at: Option<Option<Instant>>,
}

/// What became of a row.
#[derive(Clone, Debug)]
pub struct Came {
    /// The member.
    pub member: MemberId,
    /// Whether the row made it.
    pub created: bool,
    /// What the row's balance changed, if it changed anything.
    pub points: Option<i64>,
    /// What of the row was not taken.
    pub left: Vec<Left>,
}

/// Something that a row says and that was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Left {
    /// The identity at that place.
    Identity(usize),
    /// A field of the person, by the name of its column.
    Field(&'static str),
    /// The attribute of that id.
    Attribute(String),
    /// A consent that nobody has said yet.
    Consent(String),
    /// A consent that was said otherwise, and how.
    ConsentKept(String, bool),
    /// A figure of the standing that is another one so far, by the name of its column, and what it is.
    Standing(&'static str, Opening),
    /// The end of a tier that the member has no more; the tier that it has.
    TierOver(TierId),
    /// A badge that staff has taken back.
    BadgeTaken(BadgeId),
    /// Tags: the member has left.
    Tags,
    /// Something that everybody who registers must tell, and that the row does not.
    Missing(Required),
    /// The programme does not take the person as a member who registers.
    NotAdmitted,
}

/// Why a row did not come.
#[derive(Clone, Debug)]
pub enum Stay {
    /// A balance of that name was said otherwise before, or a lot is another one by now.
    Balance {
        /// Its points then.
        points: i64,
        /// Its end then; the inner `None` is never. `None` where nothing shows it.
        expires_at: Option<Option<Instant>>,
        /// Whether it was billed then and is not to be now, or the other way round.
        billing: bool,
    },
    /// A row before it has told the same balance.
    Duplicate,
    /// Any other reason.
    Other(Error),
}

impl<E: Into<Error>> From<E> for Stay {
    fn from(error: E) -> Stay {
        Stay::Other(error.into())
    }
}
