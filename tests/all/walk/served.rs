//! What the server alone answers, beside the functions, for every role: for an admin of all brands, and nobody else.

use serde_json::{Value, json};

use crate::{
    client::Client,
    crash::{Server, binary},
    desk::Desk,
    support::ADMIN_KEY,
};

/// The callers, in the order of the columns below.
const CALLERS: [&str; 9] = [
    "nobody",
    "revoked",
    "admin",
    "admin of acme",
    "operator",
    "storefront",
    "storefront of acme",
    "scheduler",
    "member",
];

/// Each path, and what each caller gets.
const SERVED: &[(&str, &str, [u16; 9])] = &[
    ("GET", "/healthz", [200; 9]),
    ("GET", "/openapi.json", [200; 9]),
    ("GET", "/metrics", [401, 401, 200, 403, 403, 403, 403, 403, 403]),
    ("GET", "/backup", [401, 401, 200, 403, 403, 403, 403, 403, 403]),
    // Whoever may, asks for what is none.
    ("GET", "/backup?name=a%20b", [401, 401, 422, 403, 403, 403, 403, 403, 403]),
    ("DELETE", "/backup?name=copy", [401, 401, 204, 403, 403, 403, 403, 403, 403]),
];

fn made(admin: &mut Client, path: &str, body: &Value) -> Value {
    let heard = admin.call("POST", path, &body.to_string(), None).unwrap();
    assert_eq!(heard.status, 201, "{path}: {}", heard.json());
    heard.json()
}

/// A key, or a token, of such a caller.
fn credential(admin: &mut Client, caller: &str) -> String {
    let (role, brand) = caller.split_once(" of ").map_or((caller, None), |(role, brand)| (role, Some(brand)));
    let key = |role: &str| json!({"name": caller, "roles": [role], "brand": brand});
    let text = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();
    match role {
        "nobody" => "nobody".to_owned(),
        "admin" if brand.is_none() => ADMIN_KEY.to_owned(),
        "revoked" => {
            let made = made(admin, "/keys", &key("admin"));
            let path = format!("/keys/{}", text(&made, "id"));
            assert_eq!(admin.call("DELETE", &path, "", None).unwrap().status, 200);
            text(&made, "key")
        }
        "member" => {
            let identity = json!({"kind": "external", "channel": "c", "value": "1"});
            let member = made(admin, "/register", &json!({"brand": "acme", "identities": [identity]}));
            let path = format!("/members/{}/tokens", text(&member["member"], "id"));
            text(&made(admin, &path, &json!({"minutes": 5})), "token")
        }
        role => text(&made(admin, "/keys", &key(role)), "key"),
    }
}

#[test]
fn what_the_server_alone_answers_is_for_admins_of_all_brands() {
    let desk = Desk::new();
    let mut server = Server::spawn(&binary(), desk.path());
    server.ready();
    let mut admin = Client::connect(server.address).unwrap();
    for (at, caller) in CALLERS.into_iter().enumerate() {
        let credential = credential(&mut admin, caller);
        for (method, path, wants) in SERVED {
            // A copy has no length that is told before: each on a connection of its own.
            let mut client = Client::with_key(server.address, &credential).unwrap();
            let heard = client.call(method, path, "", None).unwrap();
            assert_eq!(heard.status, wants[at], "{caller}: {method} {path}");
        }
    }
    server.kill();
}
