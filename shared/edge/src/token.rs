//! Member tokens: a shop gives one to its member's page, for one member and a few minutes.
//!
//! A token is its own content and a seal over it; nothing is stored. The seal is made under a secret of
//! the master key and the hash of the key that asked for it, so that it breaks when that key is
//! revoked or rotated.

use engine::records::By;
use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    id::{BrandId, OrderId, RedemptionPart},
    member::MemberId,
    number::Figure,
    time::Instant,
};
use serde::{Deserialize, Serialize};

use crate::{Api, Caller, Role, wire};

const PREFIX: &str = "mt_";

/// The longest life of a token, in minutes.
pub const TOKEN_MINUTES_MAX: i64 = 15;

/// What a token grants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The member that its bearer is.
    pub member: MemberId,
    /// What may be spent, if anything.
    pub spend: Option<Spend>,
    /// Whether its bearer may leave.
    pub leave: bool,
}

/// The one redemption that a token allows, at its caller's brand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spend {
    /// The order.
    pub order_id: OrderId,
    /// Which of the order's redemptions; `None` is the one without a name of its own.
    pub part: Option<RedemptionPart>,
    /// The most points.
    pub points_max: Figure,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Content {
    /// Whose key asked for it.
    maker: String,
    member: String,
    /// Milliseconds of the Unix epoch.
    expires_at: i64,
    brand: Option<String>,
    spend: Option<Spending>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leave: bool,
}

/// A [`Spend`] as it is sealed.
#[derive(Serialize, Deserialize)]
struct Spending {
    order_id: String,
    part: Option<String>,
    points_max: u64,
}

impl Api {
    /// A token from that maker, valid until that moment; `None` if the maker has no key.
    pub fn member_token(
        &self,
        maker: &Caller,
        grant: Grant,
        brand: Option<BrandId>,
        expires_at: Instant,
    ) -> Option<String> {
        let By::Caller(maker) = maker.by else { return None };
        let content = Content {
            maker: wire::id(maker),
            member: wire::member_id(grant.member),
            expires_at: expires_at.0,
            brand: brand.map(|brand| brand.to_string()),
            spend: grant.spend.map(|spend| Spending {
                order_id: spend.order_id.to_string(),
                part: spend.part.map(|part| part.to_string()),
                points_max: spend.points_max.get(),
            }),
            leave: grant.leave,
        };
        #[expect(clippy::expect_used, reason = "a struct with string keys, written to memory")]
        let content = serde_json::to_vec(&content).expect("a struct with string keys");
        let content = BASE64_URL_SAFE_NO_PAD.encode(content);
        let (hash, _) = self.keyed(maker)?;
        let seal = BASE64_URL_SAFE_NO_PAD.encode(self.secrets.sign_token(content.as_bytes(), hash));
        Some(format!("{PREFIX}{content}.{seal}"))
    }

    /// The caller with this token, if the token is one of ours, its maker's key is live and it has not
    /// expired.
    pub(crate) fn token_bearer(&self, token: &str) -> Option<Arc<Caller>> {
        let (content, seal) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let told: Content = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(content).ok()?).ok()?;
        let (hash, _) = self.keyed(wire::read_id(&told.maker)?)?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        let good = self.secrets.is_sealed(content.as_bytes(), hash, &seal);
        if !good || self.clock.now().0 >= told.expires_at {
            return None;
        }
        let member = wire::read_member_id(&told.member)?;
        // Its seal is ours, and so is its content.
        let spend = match told.spend {
            Some(told) => Some(Spend {
                order_id: OrderId::of_checked(&told.order_id),
                part: told.part.as_deref().map(RedemptionPart::of_checked),
                points_max: Figure::of(told.points_max)?,
            }),
            None => None,
        };
        let grant = Some(Grant { member, spend, leave: told.leave });
        let brand = told.brand.as_deref().map(BrandId::of_checked);
        let (by, roles) = (By::Member(member), vec![Role::Member]);
        Some(Arc::new(Caller { by, name: String::new(), roles, brand, grant }))
    }
}
