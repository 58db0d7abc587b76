//! Every route for every caller; and that no route is left out.

use std::collections::{BTreeMap, BTreeSet};

use edge::{Partners, Role};
use engine::{
    keys::kind,
    store::{Changes, Key, Position},
};

use super::{ROUTES, WHO, Walk, Who, filled, further::route_of};
use crate::{coalition::told, difference::same, support::Shop};

#[tokio::test]
async fn every_route_for_every_caller() {
    let walk = Walk::open().await;
    for (method, path, body, wants) in ROUTES {
        for (who, want) in WHO.into_iter().zip(wants) {
            let n = format!("n-{}", walk.shop.fresh());
            let (filling, member) = walk.filling(who, &n, &format!("{path} {body}")).await;
            let token = walk.shown_by(who, &member, &n).await;
            let asked = |there: bool| (filled(path, &filling, there), filled(body, &filling, there));
            let before = walk.shop.api.engine.store().feed().unwrap().end().await.unwrap();
            let (path, body) = asked(true);
            let reply = walk.ask(who, &token, method, &path, &body).await;
            assert_eq!(
                reply.status, *want,
                "{who:?}: {method} {path} {body}: {}\nwho may ask stands in the route's `access` (shared/edge/src/reach.rs), \
                 what each gets in ROUTES of tests/all/walk.rs",
                reply.body
            );
            if *want < 400 {
                continue;
            }
            let wrote = written_since(&walk.shop, &before).await;
            assert!(wrote.is_empty(), "{who:?}: {method} {path} wrote {wrote:?}");
            // Its own, and something of the request or of the token is missing: nothing is told of anybody else.
            if matches!(*want, 403 | 422) && who == Who::Own {
                continue;
            }
            let (path, body) = asked(false);
            let absent = walk.ask(who, &token, method, &path, &body).await;
            assert_eq!(told(&reply), told(&absent), "{who:?}: {method} {path}: it is told that there is one");
        }
    }
}

/// What was written since then, but nonces: a signature is used up whatever its request's outcome. A look at every record
/// for each of a thousand refusals would take most of the walk.
async fn written_since(shop: &Shop, position: &Position) -> Vec<Key> {
    let feed = shop.api.engine.store().feed().unwrap();
    let Changes::Commits { commits, .. } = feed.after(position, usize::MAX).await.unwrap() else {
        panic!("a gap")
    };
    let keys = commits.into_iter().flat_map(|commit| commit.writes).map(|write| write.key);
    keys.filter(|key| key.kind() != kind::NONCE).collect()
}

/// Every route by its name, as [`route_of`] writes it.
fn routes() -> BTreeMap<String, &'static edge::Route> {
    let named = |function: &'static edge::Function| {
        let name = |route: &edge::Route| format!("{} /{}{}", route.method.word(), function.name, route.path);
        function.routes.iter().map(move |route| (name(route), route))
    };
    server::FUNCTIONS.iter().copied().flat_map(named).collect()
}

/// A new route is a new row above.
#[test]
fn no_route_is_left_out() {
    let tested = ROUTES.iter().map(|(method, path, ..)| route_of(method, path));
    same(
        "rows of ROUTES in tests/all/walk.rs",
        tested,
        routes().into_keys(),
        "give a new route a row there, with the status that each caller gets; what its path holds in braces `Walk::filling` \
         fills in and `route_of` turns into the route's own names; see docs/ADDING.md, \"A route\"",
    );
}

/// A route's access agrees with the rows above: a caller that it does not admit gets 403 in each of its rows,
/// and one that it admits gets something else in at least one.
#[test]
fn what_a_route_says_is_what_is_answered() {
    let routes = routes();
    for (method, path, ..) in ROUTES {
        let name = route_of(method, path);
        let route = routes.get(&name);
        let access = route.unwrap_or_else(|| panic!("{name}: no route; see `no_route_is_left_out`")).access;
        let rows: Vec<_> = ROUTES.iter().filter(|row| route_of(row.0, row.1) == name).collect();
        for role in
            [Role::Admin, Role::Operator, Role::Storefront, Role::Scheduler, Role::Partner, Role::Member]
        {
            let of_role: Vec<usize> = (0..WHO.len()).filter(|who| WHO[*who].role() == Some(role)).collect();
            let statuses = rows.iter().flat_map(|row| of_role.iter().map(|who| row.3[*who]));
            let statuses: BTreeSet<u16> = statuses.collect();
            assert_eq!(
                access.admits(role),
                statuses != BTreeSet::from([403]),
                "{name}: {role:?} may or may not by the route's `access`, and gets {statuses:?} by ROUTES above"
            );
        }
        let idle = WHO.iter().position(|who| *who == Who::MayNothing).unwrap();
        let needs_leave = !matches!(access.partners, Partners::Refused | Partners::Any);
        assert!(
            !needs_leave || rows.iter().all(|row| row.3[idle] == 403),
            "{name}: a partner that may nothing"
        );
    }
}
