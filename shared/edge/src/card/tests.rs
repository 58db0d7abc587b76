//! Codes against what another implementation makes (`scripts/cards.py` is one too), and against tampering.

use super::*;

const MASTER: &[u8] = b"tests-master-key-0123456789abcdef";
const NUMBER: CardNumber = CardNumber([7; 16]);
/// 2026-03-02T10:00:00+08:00
const NOW: Instant = Instant(1_772_416_800_000);
/// Made by another implementation, of that number, at that moment.
const TOKEN: &str = "L15Q6088RFKW3B5X3Q01RAZVGBW8M5MCJCVZJZD6W";
const DEVICE_KEY: &str = "de9856144f3d2d377505401364dd2789e8fad919b4d7d3ab21a2014d6efed189";

/// Made by the same, of the place 2 and 500 points.
const OFFLINE_TOKEN: &str = "L2HWSSZPKJ4U4K2SM02F+RO BN0005B0JH5+7F+TS0%RYOMQ92IBG68R1RJT7HGQA*SG2LDUZ5H.1AJILL31VD3SSU8KK8B7/IBV8O2MPD3-I0NS3YE2$BUJRO1BJOES";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn card() -> (Secrets, CardReference) {
    let secrets = Secrets::new(MASTER);
    let reference = secrets.card_reference(NUMBER);
    (secrets, reference)
}

fn offline(at: Instant) -> Offline {
    match Made::offline(at, 2, 500) {
        Some(Made::Offline(offline)) => offline,
        other => panic!("{other:?}"),
    }
}

/// RFC 9285, 4.3 and 4.4, and what it does not allow.
#[test]
fn base_45_is_that_of_its_standard() {
    for (bytes, text) in [
        (&b"AB"[..], "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
        (b"", ""),
        (&[0xff, 0xff], "FGW"),
        (&[0], "00"),
    ] {
        assert_eq!(base45(bytes), text);
        assert_eq!(read_base45(text).as_deref(), Some(bytes), "{text}");
    }
    for wrong in ["A", "AB8C", "GGW", ":::", "V5", "bb8", "B8é", "BB8\n"] {
        assert_eq!(read_base45(wrong), None, "{wrong}");
    }
}

#[test]
fn base_32_has_one_text_for_each_number() {
    assert_eq!(base32(u128::from(u64::MAX), 16), "000FZZZZZZZZZZZZ");
    assert_eq!(read_base32("000FZZZZZZZZZZZZ", 16), Some(u128::from(u64::MAX)));
    for wrong in ["", "000000O", "0000000I", "000000l", "00000", "000000 ", "000000é"] {
        assert_eq!(read_base32(wrong, 7), None, "{wrong}");
    }
}

/// RFC 5869, appendix A.3: neither salt nor info.
#[test]
fn keys_are_derived_by_hkdf() {
    let extracted = extract(&[0x0b; 22]);
    assert_eq!(
        (hex(&extracted).as_str(), hex(&expand(&extracted, b"", b"")).as_str()),
        (
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        )
    );
}

#[test]
fn a_token_is_as_another_implementation_makes_it() {
    let (secrets, reference) = card();
    assert_eq!(hex(&secrets.device_key(reference)), DEVICE_KEY);
    let made = Made::online(NOW);
    assert_eq!(secrets.online_token(reference, made.at()), TOKEN);
    assert_eq!(secrets.card_token(TOKEN), Some(CardToken { reference, made }));
    assert_eq!(TOKEN.len(), 41);
}

#[test]
fn an_offline_token_is_verified_with_the_public_key_alone() {
    let (secrets, reference) = card();
    let said = offline(NOW);
    let text = secrets.offline_token(reference, said);
    assert_eq!((text.len(), text.as_str()), (128, OFFLINE_TOKEN));
    assert_eq!(secrets.card_token(&text), Some(CardToken { reference, made: Made::Offline(said) }));
    let bytes = read_base45(&text[2..]).unwrap();
    assert_eq!(bytes.len(), 84);
    let keys = secrets.card_keys(NOW);
    let (_, key) = keys.iter().find(|(id, _)| *id == bytes[0]).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
    let signature = Signature::from_slice(&bytes[20..]).unwrap();
    key.verify_strict(&[b"L2", &bytes[..20]].concat(), &signature).unwrap();
    assert_eq!(bytes[1..11], reference.0);
    assert_eq!(bytes[11..20], [&said.minute.to_be_bytes()[..], &[2], &500_u32.to_be_bytes()].concat());
}

/// Any other text is none of ours, and neither are those of another master key.
#[test]
fn what_is_tampered_with_is_no_token() {
    let (secrets, reference) = card();
    let other = Secrets::new(b"another-master-key-0123456789abcdef");
    for text in [TOKEN.to_owned(), secrets.offline_token(reference, offline(NOW))] {
        assert_eq!(other.card_token(&text), None);
        for at in 0..text.len() {
            assert_eq!(secrets.card_token(&text[..at]), None, "{at} letters of {text}");
            for letter in ["0", "Z", "7", "l", "李"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, letter);
                assert_eq!(secrets.card_token(&changed).is_some(), changed == text, "{changed}");
            }
        }
        for wrong in [text.to_lowercase(), format!("{text}0"), format!(" {text}"), format!("{text}\n")] {
            assert_eq!(secrets.card_token(&wrong), None, "{wrong}");
        }
    }
    for wrong in ["", "L", "L1", "L2", "李", "L李", "L3000"] {
        assert_eq!(secrets.card_token(wrong), None, "{wrong}");
    }
}

#[test]
fn when_a_token_is_good() {
    let after = |millis| NOW.plus_millis(millis);
    // The moment begins a step and a minute.
    let (online, offline) = (Made::online(NOW), Made::offline(NOW, 0, 0).unwrap());
    for (made, millis, want) in [
        (online, -30_001, false),
        (online, -30_000, true),
        (online, 59_999, true),
        (online, 60_000, false),
        (offline, -1, false),
        (offline, 0, true),
        (offline, 299_999, true),
        (offline, 300_000, false),
    ] {
        assert_eq!(made.is_good_at(after(millis)), want, "{made:?} {millis}");
    }
    assert_eq!((online.refresh_at(), online.expires_at()), (after(30_000), after(60_000)));
    assert_eq!((offline.refresh_at(), offline.expires_at()), (after(60_000), after(300_000)));
    assert_eq!(Made::online(after(29_999)), online);
    assert_eq!(Made::online(Instant(-1)).at(), 0);
}

/// A till that has asked once in a period can verify whatever is shown until the end of the next.
#[test]
fn the_published_keys_are_those_that_sign() {
    let (secrets, reference) = card();
    let minutes = |at: Instant| at.0 / MINUTE_MILLIS;
    let begins = Instant((minutes(NOW) / 129_600 + 1) * 129_600 * MINUTE_MILLIS);
    let key_of = |at: Instant| read_base45(&secrets.offline_token(reference, offline(at))[2..]).unwrap()[0];
    assert_ne!(key_of(begins), key_of(begins.plus_millis(-1)));
    for (asked, shown) in [(-1, 0), (-1, 89 * 1_440), (0, -4), (0, 0), (59, -4), (60, 0), (60, 100 * 1_440)] {
        let [asked, shown] = [asked, shown].map(|minutes| begins.plus_millis(minutes * MINUTE_MILLIS));
        let ids = secrets.card_keys(asked).map(|(id, _)| id);
        assert!(ids.contains(&key_of(shown)), "{asked:?} {shown:?}");
    }
}

#[test]
fn a_scan_stands_for_its_member_at_its_brand() {
    let (secrets, _) = card();
    let [acme, bean] = ["acme", "bean"].map(BrandId::of_checked);
    for scanned in [Scanned::Member(MemberId([9; 16])), Scanned::Linked(Reference([8; 16]))] {
        let id = secrets.scan_id(&acme, scanned, NOW).unwrap();
        assert_eq!(secrets.read_scan_id(&acme, &id), Some((scanned, NOW)));
        assert_eq!(secrets.read_scan_id(&bean, &id), None);
        assert_eq!(secrets.read_scan_id(&acme, &id[1..]), None);
        assert_eq!(secrets.read_scan_id(&acme, &id[..id.len() - 1]), None);
    }
    for wrong in ["", "scn_", "scn_AAAA", "scn_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(secrets.read_scan_id(&acme, wrong), None, "{wrong}");
    }
}
