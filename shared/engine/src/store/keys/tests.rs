//! Keys sort as they are scanned, and read back.

use super::*;
use crate::store::id::{CardHash, SignalHash};
use domain::{
    event::GrantName,
    id::{BatchId, BlockRef, BrandId, OfferId, OrderId, RefundId},
    offer::printed::Printed,
    time::Month,
};

#[test]
fn the_due_index_sorts_by_time_and_reads_back() {
    let id = MemberId([7; 16]);
    let times = [-5, -1, 0, 1, 1_451_577_600_000].map(Instant);
    let keys = times.map(|at| due(at, id));
    assert!(keys.is_sorted());
    for (at, key) in times.iter().zip(&keys) {
        assert_eq!(read_due(key), Some((*at, id)));
        let range = due_until(due_shard(id), *at);
        assert!(range.from <= *key && *key < range.to);
        assert!(due(at.plus_millis(1), MemberId([7; 16])) >= range.to);
        assert!(due_until(due_shard(id) + 1, *at).from >= range.to);
    }
}

#[test]
fn links_sort_by_brand_and_the_newest_first_and_read_back() {
    let id = MemberId([7; 16]);
    let places = [("bean", 300), ("bean", 2), ("bean", 1), ("bean.two", 1), ("tea", 9)];
    let keys = places.map(|(brand, number)| member_link(id, &named(brand), number));
    assert!(keys.is_sorted());
    let (all, codes) = (member_links(id, None), asked_codes(id));
    for ((brand, number), key) in places.iter().zip(&keys) {
        assert_eq!(read_member_link(key), Some((id, named(brand), *number)));
        assert_eq!(read_asked_code(key), None);
        for other in ["bean", "bean.two", "tea"] {
            let of_other = member_links(id, Some(&named(other)));
            assert_eq!(of_other.from <= *key && *key < of_other.to, *brand == other, "{brand} {other}");
        }
        assert!(all.from <= *key && *key < all.to && *key >= codes.to);
    }
    let code = asked_code(id, LinkCodeHash([0xff; 16]));
    assert_eq!((read_asked_code(&code), read_member_link(&code)), (Some(LinkCodeHash([0xff; 16])), None));
    assert!(codes.from <= code && code < codes.to && code < all.from);
    let everything = links_and_codes(id);
    assert!(everything.from <= code && keys[4] < everything.to);
    assert!(asked_code(MemberId([8; 16]), LinkCodeHash([0; 16])) >= everything.to);
    // An entry of the same member is no link, whatever follows its id.
    assert_eq!(read_member_link(&entry(id, u64::from_be_bytes(*b"\x01aa\0\0\0\0\0"))), None);
}

#[test]
fn a_card_is_the_members_own() {
    let (id, hash) = (MemberId([7; 16]), CardHash([7; 16]));
    assert_eq!(read_member_card(&member_card(id)), Some(id));
    for other in [card(hash), member(id), Key::new(&b"zw"[..]), Key::new(&b"zw12345678901234567"[..])] {
        assert_eq!(read_member_card(&other), None, "{other:?}");
    }
    assert_ne!(card(hash), member_card(id));
}

#[test]
fn friends_stand_with_who_has_brought_them() {
    let [own, next, friend] = [[7; 16], [8; 16], [0xff; 16]].map(MemberId);
    let within = |range: &Range, key: &Key| range.from <= *key && *key < range.to;
    assert!(within(&edges(own), &edge(own, friend)) && !within(&edges(own), &edge(next, friend)));
    let hash = SignalHash([7; 16]);
    assert!(within(&signalled(hash), &signal(hash, friend)));
    assert!(!within(&signalled(hash), &signal(SignalHash([8; 16]), friend)));
    assert_eq!(read_signal(&signal(hash, friend)), Some(friend));
    assert_eq!(read_signal(&edge(own, friend)), None);
}

#[test]
fn parts_stand_with_their_order_alone_and_read_back() {
    let [own, next] = [[7; 16], [8; 16]].map(RedemptionId);
    let parts = paid_parts(own);
    for part in ["1", "card 2", "\u{10ffff}", &"积".repeat(64)].map(RedemptionPart::of_checked) {
        let key = paid_part(own, &part);
        assert!((parts.from.clone()..parts.to.clone()).contains(&key));
        assert!(paid_part(next, &part) >= parts.to);
        assert_eq!(read_paid_part(&key), Some(part));
        assert_eq!(read_paid_part(&redemption(own)), None);
    }
}

#[test]
fn accounts_and_blocks_are_found_by_their_brand() {
    assert_eq!(read_account(&account(&named("bean"), POOL)), Some((named("bean"), POOL)));
    assert_eq!(read_account(&account(&named("b.1"), 0)), Some((named("b.1"), 0)));
    for reference in ["A", "z-9", &"z".repeat(64)].map(BlockRef::of_checked) {
        let Range { from, to } = blocks(&named("bean"));
        assert!((from..to).contains(&block(&named("bean"), &reference)));
        assert!(
            !(blocks(&named("be")).from..blocks(&named("be")).to)
                .contains(&block(&named("bean"), &reference))
        );
    }
}

#[test]
fn settlements_sort_from_the_newest_month_and_keep_apart() {
    let month = |text| Month::parse(text).unwrap();
    let (older, newer) = (month("2025-12"), month("2026-01"));
    assert!(settlement(newer) < settlement(older));
    let within = |range: &Range, key: &Key| range.from <= *key && *key < range.to;
    assert!(within(&settlements(None), &settlement(newer)));
    assert!(within(&settlements(Some(newer)), &settlement(older)));
    assert!(!within(&settlements(Some(newer)), &settlement(newer)));
    let all = settlement_accounts(older, None);
    assert!(within(&all, &settlement_account(older, &named("a"))));
    assert!(!within(&all, &settlement_account(newer, &named("a"))));
    assert!(!within(&all, &settlement_paid(older, &named("a"))));
    assert!(!within(&settlement_accounts(older, Some(&named("a"))), &settlement_account(older, &named("a"))));
    assert!(within(&settlement_accounts(older, Some(&named("a"))), &settlement_account(older, &named("a."))));
}

#[test]
fn a_settlements_key_says_which_part_it_is() {
    let month = Month::parse("2026-01").unwrap();
    for (key, want) in [
        (settlement(month), Some(SettlementPart::Month)),
        (settlement_sums(month), Some(SettlementPart::Counted)),
        (settlement_honoured(month, &named("a")), Some(SettlementPart::Counted)),
        (settlement_offers(month, 15), Some(SettlementPart::Counted)),
        (settlement_account(month, &named("a")), Some(SettlementPart::Account)),
        (settlement_paid(month, &named("a")), Some(SettlementPart::Paid)),
        (Key::new(&b"s\x09"[..]), None),
        (Key::new(&b"s"[..]), None),
        // Another kind's second byte is no part.
        (Key::new(&b"b\x00"[..]), None),
    ] {
        assert_eq!(read_settlement_part(&key), want, "{key:?}");
    }
}

#[test]
fn offers_sort_by_id_and_their_versions_by_number_and_read_back() {
    let ids = ["A", "a", "a.1", "a:1", "b"].map(OfferId::of_checked);
    let keys = ids.clone().map(|id| offer(&id));
    assert!(keys.is_sorted());
    for (at, (id, key)) in ids.iter().zip(&keys).enumerate() {
        assert_eq!(
            (read_offer(key).as_ref(), read_offer_version(key), read_word(key)),
            (Some(id), None, None)
        );
        for (after, last) in ids.iter().enumerate() {
            let Range { from, to } = offers_after(Some(last));
            assert_eq!((from..to).contains(key), at > after, "{id} after {last}");
        }
        let Range { from, to } = offers_after(None);
        assert!((from..to).contains(key));
        let versions = [1, 2, 255, 256, 10_000].map(|number| offer_version(id, number));
        assert!(versions.is_sorted());
        for (version, number) in versions.iter().zip([1, 2, 255, 256, 10_000]) {
            assert_eq!(
                (read_offer_version(version), read_offer(version)),
                (Some((id.clone(), number)), None)
            );
        }
    }
    assert_eq!(read_word(&word("SPR1NG20")), Some("SPR1NG20"));
    assert_eq!((read_word(&offers()), read_offer(&offers())), (None, None));
}

#[test]
fn grants_stand_with_their_member_and_sort_by_offer_window_and_number() {
    let name =
        |byte, offer, window, number| GrantName { holder: MemberId([byte; 16]), offer, window, number };
    let places =
        [(1, 0, 0), (1, 0, 1), (1, 0, 255), (1, 2_026, 1), (1, 740_000, 200), (2, 0, 1), (2_000, 7, 0)];
    let keys = places.map(|(offer, window, number)| grant(name(7, offer, window, number)));
    assert!(keys.is_sorted());
    let within = |range: Range, key: &Key| range.from <= *key && *key < range.to;
    for (place, key) in places.iter().zip(&keys) {
        assert_eq!(read_grant(key), Some(*place));
        assert!(within(grants(MemberId([7; 16])), key) && !within(grants(MemberId([8; 16])), key));
        assert_eq!(within(grants_of_offer(MemberId([7; 16]), 1), key), place.0 == 1);
    }
    let last = grant(name(0xff, u16::MAX, (1 << 24) - 1, 255));
    assert!(within(grants(MemberId([0xff; 16])), &last));
    assert_eq!(read_grant(&offers()), None);
    let account = offer_account(&OfferId::of_checked("a.1"), POOL);
    assert_eq!(read_offer_account(&account), Some((OfferId::of_checked("a.1"), POOL)));
    let days = offer_days(&OfferId::of_checked("a.1"), 0, 11_531);
    assert_eq!(read_offer_days(&days), Some((OfferId::of_checked("a.1"), 0, 11_531)));
    assert_eq!((read_offer_account(&days), read_offer_days(&account)), (None, None));
}

#[test]
fn ids_cannot_run_into_each_other() {
    let [b, bc, c, dashed] = ["b", "bc", "c", "b-c"].map(OrderId::of_checked);
    assert_ne!(order(&named("a"), &bc), order(&named("ab"), &c));
    let [refund_c, none] = ["c", ""].map(RefundId::of_checked);
    assert_ne!(refund(&named("a"), &b, &refund_c), refund(&named("a"), &dashed, &none));
}

fn named(id: &str) -> BrandId {
    BrandId::of_checked(id)
}

#[test]
fn codes_of_others_are_their_offers() {
    let ids = ["film", "film.two"].map(OfferId::of_checked);
    for id in &ids {
        let batch = |name: &str| stock_batch(id, &BatchId::of_checked(name));
        for (key, part) in [
            (stock(id), StockPart::Pool),
            (stock_codes(id, 0), StockPart::Codes),
            (stock_codes(id, u32::MAX), StockPart::Codes),
            (batch("b"), StockPart::Batch),
            (printed(id), StockPart::Printed),
            (printed_code(id, Printed { offer: 7, batch: 0, index: 99_999 }), StockPart::PrintedCode),
            (printed_used(id, 15), StockPart::PrintedUsed),
            (batch("票 1"), StockPart::Batch),
        ] {
            assert_eq!(read_stock(&key), Some((id.clone(), part)), "{key:?}");
        }
        let code = printed_code(id, Printed { offer: 7, batch: 3, index: 99_999 });
        assert_eq!(read_printed_code(&code), Some((3, 99_999)));
        assert_eq!(read_printed_code(&stock_codes(id, 0)), None);
    }
    for other in
        [offer(&ids[0]), Key::new(&b"zb"[..]), Key::new(&b"zbfilm"[..]), Key::new(&b"zbfilm\0\x01a"[..])]
    {
        assert_eq!(read_stock(&other), None, "{other:?}");
    }
}
