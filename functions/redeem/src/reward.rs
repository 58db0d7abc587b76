//! An offer is claimed for nothing, or bought for points (rewards.md, 2).

use domain::{
    id::{BrandId, ClaimId, OfferId},
    number::Figure,
    offer::Offer,
    refusal::Refusal,
};
use edge::{Answer, Api, Call, Form, Problem, Role, wire::Show};
use engine::{Act, GrantAsk, Whom};

use crate::{Asked, RedeemPoints, SpentOn};

/// A claim or a purchase, as it was asked for.
pub(crate) struct Reward {
    brand: BrandId,
    offer: OfferId,
    pieces: u32,
    points: Option<Figure>,
    asked_as: Option<String>,
}

/// What is claimed or bought, or `None` and faults.
pub(crate) fn asked(form: &mut Form<'_>, body: &RedeemPoints) -> Option<Asked> {
    let SpentOn { kind: _, order_id, part, offer_id, quantity, claim_id } = &body.r#for;
    let of_orders = [("for/order_id", order_id.is_some()), ("for/part", part.is_some())];
    form.takes_no(&of_orders, "an offer is for no order");
    form.takes_no(&[("occurred_at", body.occurred_at.is_some())], "an offer is claimed now");
    let offer = form.needed("for/offer_id", offer_id.clone())?;
    let pieces = quantity.as_ref().map_or(1, |quantity| u32::try_from(quantity.0).unwrap_or(1));
    Some(Asked::Reward(Reward {
        brand: body.brand.clone(),
        offer,
        pieces,
        points: body.points,
        asked_as: claim_id.as_ref().map(ToString::to_string),
    }))
}

/// Refuses a partner: what it would be told of an offer's price and limits would tell it of the member.
///
/// # Errors
/// `forbidden`.
pub(crate) fn must_be_the_houses(call: &Call) -> Result<(), Problem> {
    if call.caller.is(Role::Partner) { Err(Problem::forbidden()) } else { Ok(()) }
}

/// Whether the offer was claimed or bought under that name before.
pub(crate) async fn is_claimed(
    api: &Api,
    call: &Call,
    whom: &Whom,
    (offer, name): (&OfferId, &ClaimId),
) -> Result<bool, Problem> {
    let shelf = api.engine.programme().offers().await?;
    let Some(number) = shelf.number(offer) else { return Ok(false) };
    Ok(api.engine.ledger().was_claimed(&call.request, whom, (number, name.as_str())).await?)
}

/// Claims or buys it.
pub(crate) async fn take(api: &Api, call: &Call, whom: Whom, reward: Reward) -> Result<Answer, Problem> {
    let Reward { brand, offer, pieces, points, asked_as } = reward;
    // Before the offer is looked for: a key of another brand is not told whether there is one.
    api.may_act_for(call, &brand)?;
    let shelf = api.engine.programme().offers().await?;
    let known = shelf.offer(&offer).zip(shelf.number(&offer));
    // A key that is bound to a brand sees what its brand gives, or takes.
    let is_seen = |offer: &Offer| {
        call.caller.brand.as_ref().is_none_or(|bound| *bound == offer.brand || offer.brands.contains(bound))
    };
    let (offer, number) = known.filter(|(offer, _)| is_seen(offer)).ok_or(Refusal::OfferNotFound)?;
    let ask = GrantAsk {
        offer: offer.clone(),
        number,
        brand,
        by_staff: false,
        pieces,
        points,
        asked_as,
        reason: None,
        order_id: None,
    };

    let done = api.engine.ledger().execute(&call.request, &Act::issue_grant(whom, ask)).await?;

    let programmes = api.engine.programme().timeline()?;
    let show = Show { programme: programmes.newest(), secrets: &api.secrets };
    let entry = done.entry.as_ref();
    let answer = entry.and_then(|entry| show.granted(&api.secrets, entry, entry.outcome.as_ref()?));
    let answer = answer.ok_or_else(|| Problem::broken("a claim's entry is of another kind"))?;
    Ok(answer.replayed(done.replayed))
}
