//! `GET /partners/{id}`: what a brand has used of its limits and of what it has paid for.

use domain::{
    id::BrandId,
    number::{Amount, Currency},
    programme::{BrandKind, BrandLimit, BrandPer, Funding, Way},
    refusal::Refusal,
};
use edge::{
    Access, Answer, Api, Call, Code, Decimal, Id, Kind, List, Method, OrNull, Partners, Problem, Role, Route,
    Text, answer, asking, word_of, words,
};
use engine::Usage;

answer! {
    /// What is used of a limit.
    struct UsedOfLimit {
        /// the limit
        total: u64,
        /// used of it in the day or month of now; left out where it is a member's
        used: Option<u64>,
        /// what is left of it; left out where it is a member's
        left: Option<u64>,
    }
}

word_of! {
    /// What a limit counts over.
    struct Per: &["day", "month", "member_day"];
}

answer! {
    /// A limit of a brand.
    struct UsedLimit {
        /// what it counts over, by recorded_at
        per: Per,
        /// points issued; what refunds take back stays used
        issue: Option<UsedOfLimit>,
        /// points honoured; what is cancelled stays used
        redeem: Option<UsedOfLimit>,
    }
}

answer! {
    /// A brand's credit.
    struct UsedCredit {
        /// the most it may owe
        total: Decimal,
        /// closed balances that are not paid, and what is issued and not closed
        used: Decimal,
        /// what is left of it, exact to the millionth; below 0 where it was lowered
        left: Decimal,
    }
}

words! {
    /// How a brand pays.
    enum PaymentMode {
        /// From blocks that it bought.
        Prepaid = "prepaid",
        /// By the month.
        Postpaid = "postpaid",
    }
}

answer! {
    /// How a brand pays.
    struct UsedFunding {
        /// from blocks bought before, or by the month
        mode: PaymentMode,
        /// null without bounds
        credit: OrNull<UsedCredit>,
    }
}

answer! {
    /// What a block still holds.
    struct BlockLeft {
        /// the block's number among the brand's, from 1
        number: u32,
        /// points it still holds
        left: u64,
    }
}

words! {
    /// Whose a brand is.
    enum WhoseBrand {
        /// The house's.
        Own = "own",
        /// Somebody else's.
        Partner = "partner",
    }
}

answer! {
    /// What a brand has used.
    struct BrandUsage<'a> {
        /// the brand
        brand: Id<&'a BrandId>,
        /// as people know it
        name: Text<100, &'a str>,
        /// whether it belongs to the house
        kind: WhoseBrand,
        /// its limits, as of now
        limits: List<UsedLimit, 0, 3>,
        /// how it pays for what it issues; null: by the month
        funding: OrNull<UsedFunding>,
        /// blocks that still hold points
        blocks: List<BlockLeft, 0, 10_000>,
    }
}

/// The route.
pub(crate) const GET: Route = Route {
    method: Method::Get,
    path: "/{id}",
    summary: "What a brand has used of its limits, its blocks and its credit",
    access: Access::keys(&[Role::Operator]).and_partners(Partners::Any),
    remembers: false,
    answers: &[(200, BrandUsage::SHAPE)],
    problems: &[Code::BrandNotFound],
    ..asking!(get)
};

/// The brand that the path names, if the caller may ask about it.
pub(crate) fn named(api: &Api, call: &Call) -> Result<BrandId, Problem> {
    let name = call.path.first().ok_or_else(|| Problem::broken("a route about a brand names none"))?;
    api.brand_named(call, name)
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Problem> {
    let id = named(api, call)?;

    let usage = api.engine.accounts().usage(&id, call.request.now).await?;

    let programmes = api.engine.programme().timeline()?;
    let programme = programmes.newest();
    let brand = programme.brand(&id).ok_or(Refusal::BrandNotFound)?;
    let usage = BrandUsage {
        brand: Id(&brand.id),
        name: Text(&brand.name),
        kind: match brand.kind {
            BrandKind::Own => WhoseBrand::Own,
            BrandKind::Partner => WhoseBrand::Partner,
        },
        limits: brand.limits.iter().map(|limit| used_limit(limit, &usage)).collect(),
        funding: OrNull(brand.funding.map(|funding| used_funding(funding, &usage, programme.currency))),
        blocks: usage
            .blocks
            .iter()
            .map(|(number, left)| BlockLeft { number: *number, left: *left })
            .collect(),
    };
    Ok(Answer::new(200, &usage))
}

fn used_limit(limit: &BrandLimit, usage: &Usage) -> UsedLimit {
    let of = |way: Way, total: Option<u64>| {
        let metered = usage.limits.iter().find(|metered| metered.way == way && metered.per == limit.per);
        let used = metered.filter(|_| limit.per != BrandPer::MemberDay).map(|metered| metered.used);
        // More may be used than the limit, where that was lowered.
        total.map(|total| UsedOfLimit { total, used, left: used.map(|used| total.saturating_sub(used)) })
    };
    UsedLimit {
        per: Per(limit.per.word()),
        issue: of(Way::Issue, limit.issue),
        redeem: of(Way::Redeem, limit.redeem),
    }
}

fn used_funding(funding: Funding, usage: &Usage, currency: Currency) -> UsedFunding {
    let mode = match funding {
        Funding::Prepaid => PaymentMode::Prepaid,
        Funding::Postpaid { .. } => PaymentMode::Postpaid,
    };
    let shown = |amount: Amount| Decimal(amount.show(currency));
    let credit = usage.credit.map(|(total, left)| UsedCredit {
        total: shown(total),
        used: shown(Amount(total.0 - left.0)),
        left: shown(left),
    });
    UsedFunding { mode, credit: OrNull(credit) }
}
