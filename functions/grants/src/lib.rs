//! `/grants`: staff issue offers to members, and take back what a member has. And what a member has and could have, below
//! the paths of the function `members`.

mod members;

use domain::{
    id::{BrandId, GrantId, IssueId, OfferId, OrderId},
    member::MemberId,
    offer::Offer,
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, Call, Code, Form, Function, IdentitySent, Kind, Method, Notes, Problem, Role, Route,
    Text, Ulid, Whole, body, taking,
    wire::{GrantIssued, GrantRevoked, Show, read_id},
};
use engine::{Act, GrantAsk, Revoke};

body! {
    /// Staff issue an offer to a member.
    struct IssueOffer {
        /// the member, or `identity`
        member_id: Option<Ulid<MemberId>>,
        /// in place of `member_id`
        identity: Option<IdentitySent>,
        /// the offer, of `issue`, `claim` or `buy`: its audience, opening and price are not asked
        offer: OfferId,
        /// how many; 1 unless given
        quantity: Option<Whole<1, 200>>,
        /// the natural key of the issue, within the member and the offer
        issue_id: Option<IssueId>,
        /// why; kept with the entry
        reason: Text<500>,
        /// where; the offer's brand unless given
        brand: Option<BrandId>,
        /// the order, at `brand`, that it is a gift for: it is taken back when nothing of that remains
        order_id: Option<OrderId>,
        /// answer what would happen and write nothing
        dry_run: Option<bool>,
    }
}

body! {
    /// Staff take a grant back.
    struct RevokeGrant {
        /// why; kept with the entry
        reason: Text<500>,
    }
}

pub use members::MEMBERS;

/// The function.
pub static FUNCTION: Function = Function {
    name: "grants",
    routes: &[
        Route {
            method: Method::Post,
            path: "",
            summary: "Staff issue an offer to a member",
            notes: Some(Notes::of_staff("grant.issued")),
            access: Access::keys(&[Role::Operator]),
            remembers: true,
            answers: &[(201, GrantIssued::SHAPE)],
            problems: &[
                Code::MemberNotFound,
                Code::BrandNotFound,
                Code::OfferNotFound,
                Code::OrderNotFound,
                Code::OrderRefunded,
                Code::MemberNotActive,
                Code::MemberLimit,
                Code::OfferNotOpen,
                Code::SoldOut,
                Code::IdConflict,
                Code::AlreadyCancelled,
                Code::LimitExceeded,
            ],
            ..taking!(IssueOffer => issue)
        },
        Route {
            method: Method::Post,
            path: "/{id}/revoke",
            summary: "Staff take back what a member has of an offer",
            notes: Some(Notes::of_staff("grant.revoked")),
            access: Access::keys(&[Role::Operator]),
            remembers: true,
            answers: &[(200, GrantRevoked::SHAPE)],
            problems: &[Code::GrantNotFound, Code::GrantNotUsable],
            ..taking!(RevokeGrant => revoke)
        },
    ],
};

async fn issue(api: &Api, call: &Call, body: IssueOffer) -> Result<Answer, Problem> {
    let mut form = Form::new(api, call)?;
    let whom = form.whom(body.member_id, body.identity.as_ref(), None);
    let whom = form.finish(whom)?;
    let shelf = api.engine.programme().offers().await?;
    // Of another brand's offers a bound key knows nothing, and issues none under its own name.
    let foreign = |offer: &Offer| call.caller.brand.as_ref().is_some_and(|bound| *bound != offer.brand);
    let known = shelf.offer(&body.offer).zip(shelf.number(&body.offer));
    let known = known.filter(|(offer, _)| !foreign(offer));
    let (offer, number) = known.ok_or(Refusal::OfferNotFound)?;
    let brand = body.brand.unwrap_or_else(|| offer.brand.clone());
    api.may_act_for(call, &brand)?;
    let ask = GrantAsk {
        offer: offer.clone(),
        number,
        brand,
        by_staff: true,
        pieces: body.quantity.map_or(1, |quantity| u32::try_from(quantity.0).unwrap_or(1)),
        points: None,
        asked_as: body.issue_id.map(|id| id.to_string()),
        reason: Some(body.reason.0),
        order_id: body.order_id,
    };

    let done = api.engine.ledger().execute(&call.request, &Act::issue_grant(whom, ask)).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let answer = done.entry.as_ref().and_then(|entry| show.issued(&api.secrets, entry));
    let answer = answer.ok_or_else(|| Problem::broken("an issue's entry is of another kind"))?;
    Ok(answer.replayed(done.replayed))
}

async fn revoke(api: &Api, call: &Call, body: RevokeGrant) -> Result<Answer, Problem> {
    let shown = call.path.first().and_then(|id| read_id::<GrantId>(id)).ok_or(Refusal::GrantNotFound)?;
    let act = Act::revoke_grant(api.secrets.grant_shown_as(shown), Revoke::Staff(body.reason.0));

    let done = api.engine.ledger().execute(&call.request, &act).await?;

    let entry = done.entry.ok_or_else(|| Problem::broken("a grant was taken back without an entry"))?;
    let issued = api.engine.ledger().issue_of(&entry).await?;
    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let answer = issued.and_then(|issued| show.revoked(&api.secrets, &issued, &entry));
    let answer = answer.ok_or_else(|| Problem::broken("a grant is taken back by another kind of entry"))?;
    Ok(answer.replayed(done.replayed))
}
