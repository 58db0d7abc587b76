//! Tokens for a member's own page: a shop's server makes one, the page in the browser uses it.

use domain::{
    id::{BrandId, OrderId, RedemptionPart},
    programme::BrandKind,
};
use edge::{
    Answer, Api, At, Call, Code, Grant, Kind, Method, Positive, Problem, Route, Spend, TOKEN_MINUTES_MAX,
    Text, Whole, answer, body, taking,
};

use crate::{SHOP, named};

body! {
    /// The one redemption that a token allows.
    struct TokenSpend {
        /// the order that points may be spent on
        order_id: OrderId,
        /// which of the order's redemptions; the one without a name of its own unless given
        part: Option<RedemptionPart>,
        /// at most so many
        points_max: Positive,
        /// the order's brand; the key's own, or the house's only one, unless given
        brand: Option<BrandId>,
    }
}

body! {
    /// A token is made.
    struct MakeToken {
        /// how long it is good
        minutes: Whole<1, TOKEN_MINUTES_MAX>,
        /// the one redemption it allows; none unless given
        redeem: Option<TokenSpend>,
        /// whether it closes the member: the person leaves. False unless given
        leave: Option<bool>,
    }
}

answer! {
    /// A token.
    struct MadeToken {
        /// for Authorization: Bearer; shown once and not stored
        token: Text<1_000>,
        /// until when it is good
        expires_at: At,
    }
}

/// `POST /members/{id}/tokens`.
pub(crate) const CREATE: Route = Route {
    method: Method::Post,
    path: "/{id}/tokens",
    summary: "A token with which a member's page reads the member, and spends what it names",
    access: SHOP,
    remembers: false,
    answers: &[(201, MadeToken::SHAPE)],
    problems: &[Code::MemberNotFound, Code::BrandNotFound],
    ..taking!(MakeToken => create)
};

async fn create(api: &Api, call: &Call, body: MakeToken) -> Result<Answer, Problem> {
    let member = named(call)?;
    let brand = match &body.redeem {
        Some(redeem) => Some(brand(api, call, redeem)?),
        None => call.caller.brand.clone(),
    };
    let spend = body.redeem.map(|redeem| Spend {
        order_id: redeem.order_id,
        part: redeem.part,
        points_max: redeem.points_max.0,
    });

    // Checks only that the member exists.
    api.engine.people().member(member, call.request.now).await?;

    let (_, zone) = api.engine.programme().currency_and_zone()?;
    let expires_at = call.request.now.plus_millis(body.minutes.0 * 60_000);
    let grant = Grant { member, spend, leave: body.leave.unwrap_or(false) };
    let token = api.member_token(&call.caller, grant, brand, expires_at);
    // A key that is revoked meanwhile makes no token.
    let token = Text(token.ok_or_else(Problem::forbidden)?);
    Ok(Answer::new(201, &MadeToken { token, expires_at: At(zone.show(expires_at)) }))
}

/// The one brand at which the token spends: an order's id means nothing without it.
fn brand(api: &Api, call: &Call, redeem: &TokenSpend) -> Result<BrandId, Problem> {
    let told = redeem.brand.clone().or_else(|| call.caller.brand.clone());
    let brand = match told {
        Some(brand) => brand,
        None => {
            let programmes = api.engine.programme().timeline()?;
            let mut own = programmes.newest().brands.iter().filter(|brand| brand.kind == BrandKind::Own);
            match (own.next(), own.next()) {
                (Some(only), None) => only.id.clone(),
                _ => return Err(Problem::field("/redeem/brand", "required", "the order's brand")),
            }
        }
    };
    api.may_act_for(call, &brand)?;
    match api.partner(&brand)? {
        // Only the partner itself makes redemptions at its brand.
        Some(_) => Err(Problem::forbidden()),
        None => Ok(brand),
    }
}
