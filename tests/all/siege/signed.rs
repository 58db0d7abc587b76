//! Attacks on signatures: whatever is wrong with one, the answer is the same.

use laurel_tests::{
    model::Dice,
    partner::{Claims, Partner, Secret, now},
};

use super::{
    bodies::index,
    stage::{Ask, Cell, Point, Stage, Verdict, sign},
};

fn refused() -> Option<Verdict> {
    Some(Verdict::at(Point::Caller, 401, "signature_invalid"))
}

/// Signed by the cell's partner, with other contents than it should have.
fn saying(stage: &Stage, cell: &Cell, ask: &mut Ask, change: impl FnOnce(&mut Claims)) -> Option<Verdict> {
    sign(stage.partner(cell)?, ask, change);
    refused()
}

pub(super) fn expired(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let off = dice.pick(&[&310i64, &86_400, &1_000_000_000]);
    let way = dice.below(3);
    saying(stage, cell, ask, |claims| match way {
        0 => claims.created -= off,
        1 => claims.created += off,
        _ => claims.expires = Some(now() - 10),
    })
}

/// The same request again, byte for byte: the first time it was accepted.
pub(super) fn replayed(_: &mut Dice, _: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    ask.twice = true;
    cell.is_signed().then(refused).flatten()
}

pub(super) fn body_changed(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    saying(stage, cell, ask, |_| ())?;
    match dice.below(3) {
        0 => ask.body.push(b' '),
        1 => ask.body.truncate(index(dice, ask.body.len())),
        _ => {
            let at = index(dice, ask.body.len());
            ask.body[at] ^= 1;
        }
    }
    refused()
}

pub(super) fn request_changed(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let (path, method) = (ask.path.clone(), ask.method.clone());
    match dice.below(4) {
        0 => ask.path.push('/'),
        1 => ask.path.push_str("?limit=1"),
        2 => ask.method = "HEAD".to_owned(),
        // A header that must be covered is added after signing.
        _ => {
            saying(stage, cell, ask, |_| ())?;
            ask.header("idempotency-key", "afterwards");
            return refused();
        }
    }
    saying(stage, cell, ask, |_| ())?;
    (ask.path, ask.method) = (path, method);
    refused()
}

pub(super) fn covers_too_little(
    dice: &mut Dice,
    stage: &Stage,
    cell: &Cell,
    ask: &mut Ask,
) -> Option<Verdict> {
    let way = dice.below(5);
    saying(stage, cell, ask, |claims| match way {
        0 => claims.covered.clear(),
        1 => drop(claims.covered.pop()),
        2 => drop(claims.covered.remove(0)),
        3 => claims.covered.push("@method".to_owned()),
        _ => claims.covered.push("x-not-there".to_owned()),
    })
}

pub(super) fn unknown_key(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let mut partner = stage.partner(cell)?.clone();
    let keyids =
        ["pk_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "pk_", "key", "../keys", "pk_00000000000000000000000000"];
    partner.keyid = dice.pick(&keyids).to_owned();
    sign(&partner, ask, |_| ());
    refused()
}

/// One partner's name over another one's signature.
pub(super) fn foreign_key(_: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let own = stage.partner(cell)?;
    let other = stage.partners.iter().map(|(_, other)| other).find(|other| other.keyid != own.keyid)?;
    sign(&Partner { keyid: other.keyid.clone(), secret: own.secret.clone() }, ask, |_| ());
    refused()
}

/// The public key used as a secret, which everybody knows, and names that are not the key's.
pub(super) fn wrong_alg(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    let own = stage.partner(cell)?;
    let Secret::Ed25519(key) = &own.secret else { return None };
    let public = key.verifying_key().as_bytes().to_vec();
    if dice.percent(50) {
        sign(&Partner { keyid: own.keyid.clone(), secret: Secret::Hmac(public) }, ask, |_| ());
        return refused();
    }
    let alg = dice.pick(&["none", "", "hmac-sha256", "ED25519", "rsa-v1_5-sha256", "ecdsa-p256-sha256"]);
    saying(stage, cell, ask, |claims| claims.alg = alg.to_owned())
}

pub(super) fn garbled(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    saying(stage, cell, ask, |_| ())?;
    let field = dice.pick(&["signature", "signature-input"]);
    let way = dice.below(4);
    let (_, value) = ask.headers.iter_mut().find(|(name, _)| name == field)?;
    match way {
        0 => value.clear(),
        1 => value.truncate(index(dice, value.len())),
        2 => value.splice(.., *b"sig1=:AAAA:").for_each(drop),
        _ => value.extend(b", sig1=()"),
    }
    refused()
}

/// Two signatures, many, or one beside a key.
pub(super) fn twice(dice: &mut Dice, stage: &Stage, cell: &Cell, ask: &mut Ask) -> Option<Verdict> {
    saying(stage, cell, ask, |_| ())?;
    match dice.below(3) {
        0 => ask.header("authorization", format!("Bearer {}", stage.walk.key(crate::walk::Who::Admin))),
        way => {
            let times = if way == 1 { 1 } else { 200 };
            let own: Vec<_> =
                ask.headers.iter().filter(|(name, _)| name.starts_with("signature")).cloned().collect();
            (0..times).for_each(|_| ask.headers.extend(own.clone()));
        }
    }
    refused()
}
