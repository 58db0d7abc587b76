//! Bytes from outside, into a whole shop: whatever they are, the answer follows the contract.

use std::{cell::RefCell, sync::Arc};

use bytes::Bytes;
use edge::Api;
use http::Request;
use laurel_tests::{
    model::{Dice, random_program},
    partner::Partner,
};
use serde_json::Value;

use crate::{
    home::Home,
    instance::{ask, at_once, found, instance, secrets},
    partner::{add_partner, sign_up},
    store::Weather,
};

/// Requests until the shop is rebuilt, so that an input's effect depends on few others.
pub(super) const REQUESTS: u32 = 200;

/// 2027-01-15 in milliseconds.
pub(super) const NOW: i64 = 1_800_000_000_000;

struct Shop {
    api: Arc<Api>,
    member: String,
    partner: Partner,
    left: u32,
}

thread_local! {
    static SHOP: RefCell<Option<Shop>> = const { RefCell::new(None) };
}

fn open() -> Shop {
    let mut dice = Dice::new(11);
    let (mut document, _) = random_program(&mut dice);
    add_partner(&mut document, &mut dice);
    let store = Home::Memory.open().expect("a store in memory");
    let weather = Arc::new(std::sync::Mutex::new(Weather::new()));
    let api = instance(&store, &weather, &secrets(), 11, NOW, 0);
    found(&api, &document.to_string()).expect("a programme without faults");
    let partner = sign_up(&api, &mut dice).expect("a partner's key");
    let body = r#"{"identities":[{"kind":"external","channel":"sim","value":"p1"}],"brand":"acme"}"#;
    let (_, made) = ask(&api, "POST", "/register", body, &[]).expect("a request");
    let made: Value = serde_json::from_slice(&made).expect("an answer");
    let member = made["member"]["id"].as_str().expect("a member").to_owned();
    let earn = format!(r#"{{"member_id":"{member}","brand":"acme","order_id":"o1","amount":"100"}}"#);
    ask(&api, "POST", "/earn-points", &earn, &[]).expect("an answer");
    Shop { api, member, partner, left: REQUESTS }
}

fn in_shop(visit: impl FnOnce(&Shop)) {
    SHOP.with_borrow_mut(|shop| {
        let shop = match shop {
            Some(shop) if shop.left > 0 => shop,
            over => over.insert(open()),
        };
        shop.left -= 1;
        visit(shop);
    });
}

/// The answer is not a 5xx, and a refusal says why in a form that programs can read.
pub(super) fn check(status: u16, body: &[u8], asked: &str) {
    assert!(status < 500, "{asked}: {status} {}", String::from_utf8_lossy(body));
    if status >= 400 {
        let problem: Value = serde_json::from_slice(body).expect("a problem is JSON");
        assert_eq!(problem["status"], status, "{asked}: {problem}");
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{asked}: {problem}");
    }
}

/// Routes that take a body; `{}` stands for the existing member.
const ROUTES: [(&str, &str); 28] = [
    ("POST", "/register"),
    ("POST", "/members/find"),
    ("PATCH", "/members/{}"),
    ("POST", "/members/{}/status"),
    ("POST", "/members/{}/identities"),
    ("POST", "/members/{}/link-codes"),
    ("POST", "/members/{}/tokens"),
    ("POST", "/earn-points"),
    ("POST", "/redeem"),
    ("POST", "/reverse"),
    ("POST", "/adjust"),
    ("POST", "/issue-badge"),
    ("POST", "/evaluate-tier"),
    ("POST", "/expire-points"),
    ("PUT", "/program"),
    ("POST", "/program/validate"),
    ("POST", "/partners/moon/keys"),
    ("POST", "/partners/moon/blocks"),
    ("POST", "/link"),
    ("POST", "/settle"),
    ("POST", "/scan"),
    ("POST", "/members/{}/card/replace"),
    ("PUT", "/offers/o"),
    ("POST", "/offers/o/codes"),
    ("POST", "/offers/o/stock"),
    ("POST", "/grants"),
    ("POST", "/evaluate-order"),
    ("POST", "/use"),
];

/// A body for one of the routes; `{}` in it stands for the existing member.
pub(super) fn body(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let Ok(body) = std::str::from_utf8(body) else { return };
    in_shop(|shop| {
        let (method, path) = ROUTES[usize::from(*which) % ROUTES.len()];
        let (path, body) = (path.replace("{}", &shop.member), body.replace("{}", &shop.member));
        let (status, answer) = ask(&shop.api, method, &path, &body, &[]).expect("a request");
        check(status, &answer, &path);
    });
}

/// A whole request: `METHOD /path`, a header a line, an empty line, the body.
pub(super) fn request(data: &[u8]) {
    let split = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = split.map_or((data, &[][..]), |at| (&data[..at], &data[at + 2..]));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Some((method, path)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    in_shop(|shop| {
        let mut request = Request::builder().method(method).uri(path.replace("{}", &shop.member));
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            request = request.header(name, value.trim());
        }
        let Ok(request) = request.body(Bytes::copy_from_slice(body)) else { return };
        let answer = at_once(shop.api.serve(request));
        // Anything but /healthz and an answer of the contract is a problem.
        check(answer.status().as_u16(), answer.body(), path);
    });
}

/// Three headers that claim to be a partner's, a line each; `{}` stands for its key's name. Nobody without a
/// key is let in, and the answer does not say why.
pub(super) fn signature(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    in_shop(|shop| {
        let body = r#"{"member_ref":"lnk_0","brand":"moon","order_id":"o","amount":"1"}"#;
        let text = text.replace("{}", &shop.partner.keyid);
        let names = ["signature-input", "signature", "content-digest"];
        let mut request = Request::builder().method("POST").uri("/earn-points");
        for (name, value) in names.into_iter().zip(text.lines()) {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Bytes::from_static(body.as_bytes())) else { return };
        let answer = at_once(shop.api.serve(request));
        let (status, body) = (answer.status().as_u16(), answer.into_body());
        check(status, &body, "a signature");
        assert_eq!(status, 401, "let in by {text}");
    });
}

/// A query, behind each list.
pub(super) fn cursor(data: &[u8]) {
    let Some((which, query)) = data.split_first() else { return };
    let Ok(query) = std::str::from_utf8(query) else { return };
    in_shop(|shop| {
        let ledger = format!("/members/{}/ledger", shop.member);
        let links = format!("/members/{}/links", shop.member);
        let lists = [ledger.as_str(), "/keys", "/partners/moon/blocks", "/settlements", &links, "/activity"];
        let path = format!("{}?{query}", lists[usize::from(*which) % lists.len()]);
        let Ok(uri) = http::Uri::try_from(&path) else { return };
        let (status, answer) = ask(&shop.api, "GET", &uri.to_string(), "", &[]).expect("a request");
        check(status, &answer, &path);
    });
}

/// A file of members: every row is imported or reported, and the same file again imports nothing.
pub(super) fn import(data: &[u8]) {
    in_shop(|shop| {
        let take = || at_once(server::import_csv(&shop.api, data, true)).ok();
        let Some(first) = take() else { return };
        let again = take().expect("what was read is read again");
        for imported in [&first, &again] {
            let landed = imported.created + imported.known;
            assert_eq!(imported.rows, landed + imported.rejected(), "{imported:?}");
            assert!(imported.told.iter().all(|told| !told.code.is_empty()), "{imported:?}");
        }
        let (created, balances, points) = (again.created, again.balances, again.points);
        assert_eq!((created, balances, points), (0, 0, 0), "after {first:?}");
    });
}
