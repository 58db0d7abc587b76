//! The code that a member's friends come with: as text, as a link and as an image; and what has come of them.

use domain::{
    member::MemberId,
    number::Figure,
    programme::{ReferralRules, Reward},
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, Call, Code, Id, Kind, List, Members, Method, OrNull, Problem, Role, Route, Text,
    answer, asking,
    wire::{FriendsCount, read_id},
};
use engine::id::FriendCode;
use qrcode::{EcLevel, QrCode, render::svg};

/// The least width of an image, in pixels; it is scaled without loss.
const IMAGE_PIXELS: u32 = 240;

/// The most bytes of an image: the largest code has 31,329 modules of about 20 letters each.
const IMAGE_BYTES: usize = 1_000_000;

/// How many codes are tried: each is another's once in 34 thousand million, times the members who have one.
const CODES: usize = 8;

answer! {
    /// What is given from the n-th friend on.
    struct LadderStep<'a> {
        /// n
        from: u64,
        /// points; 0: none
        points: u64,
        /// a grant of this offer besides
        offer: OrNull<Id<&'a str>>,
    }
}

answer! {
    /// A member's code that friends come with, and what has come of them.
    struct MemberReferral<'a> {
        /// the code; case, blanks and hyphens are forgiven
        code: Text<16>,
        /// the programme's address, and the code
        link: OrNull<Text<2_100>>,
        /// the link as a QR code, in SVG; the code alone where the programme has no address
        qr: Text<IMAGE_BYTES>,
        /// the friends
        friends: FriendsCount,
        /// how many are done
        count: u64,
        /// what is given for the n-th friend: the highest step reached
        ladder: List<LadderStep<'a>, 0, 50>,
    }
}

/// `GET /members/{id}/referral`.
pub(crate) const SHOW: Route = Route {
    method: Method::Get,
    path: "/{id}/referral",
    summary: "A member's code that friends come with, made at the first look, and what has come of them",
    access: Access::keys(&[Role::Storefront, Role::Operator]).and_members(Members::Own),
    answers: &[(200, MemberReferral::SHAPE)],
    problems: &[Code::MemberNotFound, Code::MemberNotActive, Code::ReferralNotFound],
    ..asking!(show)
};

async fn show(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id: Option<MemberId> = call.path.first().and_then(|id| read_id(id));
    let id = id.ok_or(Refusal::MemberNotFound)?;
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let symbols: [u8; 7] = api.chance.bytes()?;
        codes.push(FriendCode(symbols.map(|symbol| symbol & 31)));
    }

    let own = api.engine.people().referring(id, call.request.now, &codes).await?;

    let programmes = api.engine.programme().timeline()?;
    let rules = programmes.at(call.request.now).referral.as_ref().ok_or(Refusal::ReferralNotFound)?;
    let link = rules.url.as_ref().map(|url| format!("{url}{}", own.code));
    let qr = image(link.as_ref().unwrap_or(&own.code))?;
    let friends = FriendsCount::from(own.friends);
    let answer = MemberReferral {
        code: Text(own.code),
        link: OrNull(link.map(Text)),
        qr: Text(qr),
        count: friends.done,
        friends,
        ladder: ladder(rules),
    };
    Ok(Answer::new(200, &answer))
}

fn ladder(rules: &ReferralRules) -> List<LadderStep<'_>, 0, 50> {
    let step = |(from, reward): &'_ (u32, Reward)| (u64::from(*from), reward.points.map_or(0, Figure::get));
    let steps = rules.referrer.iter().map(|own| {
        let (from, points) = step(own);
        LadderStep { from, points, offer: OrNull(own.1.offer.as_ref().map(|offer| Id(offer.as_str()))) }
    });
    steps.collect()
}

fn image(text: &str) -> Result<String, Problem> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|_| Problem::broken("a link has no room in an image"))?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(IMAGE_PIXELS, IMAGE_PIXELS).build())
}
