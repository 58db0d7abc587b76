//! Partners: whose signature a request carries, and what its brand may do.

use std::{collections::HashMap, sync::Arc};

use domain::{id::BrandId, programme::BrandKind, time::Instant};
use engine::{
    Error, Partner,
    id::{CallerId, NonceHash, PartnerKeyId, WebhookId},
    records::{By, KeyRecord, PartnerKeyRecord},
};
use http::header::AUTHORIZATION;

use crate::{
    Api, Caller, Code, Problem, Role,
    serve::hash,
    signature::{self, Key, Message, Refused, WINDOW_SECONDS},
    wire,
};

/// Partners' live keys by their ids.
pub(crate) type PartnerKeys = HashMap<PartnerKeyId, Arc<PartnerKey>>;

/// A key that a partner signs with.
pub(crate) struct PartnerKey {
    caller: Arc<Caller>,
    brand: BrandId,
    key: Key,
}

/// A partner as a caller: its id follows from the brand, so that what is remembered for it outlives its keys.
pub fn partner_id(brand: &BrandId) -> CallerId {
    CallerId::of(hash(&[b"laurel partner\0", brand.as_bytes()]))
}

impl Api {
    /// Whether the programme has a partner.
    pub(crate) fn has_partners(&self) -> bool {
        let programmes = self.engine.programme().timeline();
        programmes.is_ok_and(|all| all.newest().brands.iter().any(|brand| brand.kind == BrandKind::Partner))
    }

    /// The live keys, ready to verify with.
    pub(crate) fn live_keys(&self, partners: &[Partner]) -> PartnerKeys {
        let mut keys = PartnerKeys::new();
        for Partner { brand, keys: all } in partners {
            let roles = vec![Role::Partner];
            let caller = Arc::new(Caller {
                by: By::Caller(partner_id(brand)),
                name: String::new(),
                roles,
                brand: Some(brand.clone()),
                grant: None,
            });
            for known in all.iter().filter(|key| key.revoked_at.is_none()) {
                let id = wire::id(known.id);
                match self.verifying(known) {
                    Some(key) => {
                        let key = PartnerKey { caller: caller.clone(), brand: brand.clone(), key };
                        keys.insert(known.id, Arc::new(key));
                    }
                    // A key that was sealed under a missing master key must not affect the others.
                    None => tracing::error!(key = id, "a partner's key cannot be opened"),
                }
            }
        }
        keys
    }

    /// Seals the secrets of partners and webhooks under the newest version of the master key, so that an older one is no longer
    /// needed for them. Returns how many it resealed, and how many it cannot open.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn reseal(&self) -> Result<(usize, usize), Error> {
        let reseal = |known: &PartnerKeyRecord| match &known.key {
            KeyRecord::HmacSha256(sealed) if !self.secrets.is_newest(sealed) => {
                let secret = self.secrets.open(&known.id.0, sealed)?;
                self.secrets.seal(&known.id.0, &secret)
            }
            _ => None,
        };
        let anew = |webhook: WebhookId, sealed: &[u8]| match self.secrets.is_newest(sealed) {
            true => None,
            false => self.secrets.seal(&webhook.0, &self.secrets.open(&webhook.0, sealed)?),
        };
        let resealed = self.engine.partners().reseal_partner_keys(reseal).await?
            + self.engine.webhooks().reseal_secrets(anew).await?;
        let webhooks = self.engine.webhooks().all().await?;
        let secrets = webhooks.iter().flat_map(|own| own.secrets.iter().map(move |secret| (own.id, secret)));
        let lost = secrets.filter(|(id, secret)| self.secrets.open(&id.0, &secret.sealed).is_none()).count();
        let partners = self.engine.partners().all().await?;
        let closed = |known: &&PartnerKeyRecord| self.verifying(known).is_none();
        let keys = partners.iter().flat_map(|partner| &partner.keys);
        Ok((resealed, lost + keys.filter(closed).count()))
    }

    fn verifying(&self, known: &PartnerKeyRecord) -> Option<Key> {
        match &known.key {
            KeyRecord::Ed25519(public) => Key::ed25519(public),
            KeyRecord::HmacSha256(sealed) => self.secrets.open(&known.id.0, sealed).map(Key::Hmac),
        }
    }

    /// The partner that signed the request. This uses up the nonce, whatever the request's outcome.
    ///
    /// # Errors
    /// 401 `signature_invalid`, the same for every reason; 503 if the list of callers could not be read for a
    /// minute, or if the nonce could not be stored.
    pub(crate) async fn signed(
        &self,
        head: &http::request::Parts,
        body: &[u8],
    ) -> Result<Arc<Caller>, Problem> {
        let refused = |why: Refused| {
            tracing::debug!(?why, "a signature is refused");
            Problem::of(Code::SignatureInvalid)
        };
        // The caller must not depend on which of the two is checked.
        if head.headers.contains_key(AUTHORIZATION) {
            return Err(refused(Refused::Twice));
        }
        self.freshen().await?;
        let message = Message {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
            body,
        };
        // Signers use the real time, even under a test's clock.
        let now = self.clock.world();
        let mut signer = None;
        let find = |keyid: &str| {
            let found = self.partner_key(wire::read_id(keyid)?)?;
            // Without a programme nobody is a partner.
            self.partner(&found.brand).ok().flatten()?;
            let key = found.key.clone();
            signer = Some(found);
            Some(key)
        };
        let verified = signature::verify(&message, now, find).map_err(refused)?;
        let signer = signer.ok_or_else(|| refused(Refused::Key))?;
        let nonce = hash(&[b"laurel nonce\0", verified.keyid.as_bytes(), b"\0", verified.nonce.as_bytes()]);
        let nonce = NonceHash(nonce);
        let until: Instant = verified.created.plus_millis(WINDOW_SECONDS * 1_000);
        match self.engine.access().use_nonce(nonce, now, until).await? {
            true => Ok(signer.caller.clone()),
            false => Err(refused(Refused::Nonce)),
        }
    }
}
