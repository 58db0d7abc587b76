//! The rooms of the engine: which may use which, and that no modules use each other in a circle. The compiler
//! checks what a handle reaches; this checks the paths in the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::tidy::{files, root};

/// From the lowest to the highest: a room uses those before it, and none after it.
const ROOMS: [&str; 9] =
    ["store", "access", "programme", "accounts", "ledger", "partners", "people", "offers", "webhooks"];

/// The modules of the rooms by their paths (`ledger::act`), with their sources: without comments, and
/// without tests, which may use what they like.
fn modules() -> BTreeMap<String, String> {
    let folder = root().join("shared/engine/src");
    let mut modules = BTreeMap::new();
    for path in files(&folder, ".rs") {
        let own = path.strip_prefix(&folder).unwrap().with_extension("");
        let mut parts: Vec<&str> = own.iter().map(|part| part.to_str().unwrap()).collect();
        let apart = ["conformance", "golden", "tests"];
        if !ROOMS.contains(&parts[0]) || parts.iter().any(|part| apart.contains(part)) {
            continue;
        }
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap());
        modules.insert(parts.join("::"), code.collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// The paths that a tree of `use` names: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn paths(tree: &str) -> Vec<String> {
    let (mut branches, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&tree[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&tree[from..]);
    let branches = branches.into_iter().map(str::trim).filter(|branch| !branch.is_empty());
    let spread = branches.flat_map(|branch| match branch.split_once("::{") {
        Some((stem, rest)) => {
            let rest = rest.strip_suffix('}').unwrap();
            paths(rest).into_iter().map(|path| format!("{stem}::{path}")).collect()
        }
        None => vec![branch.to_owned()],
    });
    spread.collect()
}

/// What a module names, as paths from the crate: by `use`, and in its text.
fn named(module: &str, code: &str) -> BTreeSet<String> {
    let own: Vec<&str> = module.split("::").collect();
    let mut named = BTreeSet::new();
    for line in code.split(';') {
        // What is passed on is not used.
        let Some((before, tree)) = line.split_once("use ") else { continue };
        if before.lines().last().is_some_and(|start| !start.trim().is_empty()) {
            continue;
        }
        for path in paths(tree) {
            let ups = path.split("::").take_while(|part| *part == "super").count();
            match path.strip_prefix("crate::") {
                Some(path) => _ = named.insert(path.to_owned()),
                None if ups > 0 => {
                    let parts = own[..own.len() - ups].iter().copied().chain(path.split("::").skip(ups));
                    named.insert(parts.collect::<Vec<_>>().join("::"));
                }
                None => {}
            }
        }
    }
    for text in code.split("crate::").skip(1).filter(|text| !text.starts_with('{')) {
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':');
        named.insert(text[..end.unwrap_or(text.len())].trim_end_matches(':').to_owned());
    }
    named
}

/// Which modules each module uses.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules();
    let module_of = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        let stems = (1..=parts.len()).rev().map(|count| parts[..count].join("::"));
        stems.into_iter().find(|stem| modules.contains_key(stem))
    };
    let mut uses = BTreeMap::new();
    for (module, code) in &modules {
        let named = named(module, code);
        let used = named.iter().map(|path| {
            module_of(path).unwrap_or_else(|| {
                panic!(
                    "{module} names crate::{path}, which is in no room: name it by its room, as crate::room::file::Name"
                )
            })
        });
        uses.insert(module.clone(), used.filter(|used| used != module).collect());
    }
    uses
}

#[test]
fn a_room_uses_only_those_below_it() {
    let level = |module: &str| {
        let room = module.split("::").next().unwrap();
        ROOMS.iter().position(|known| *known == room).unwrap()
    };
    let uses = uses();
    assert!(uses.len() > 50, "this test looks in the wrong place");
    for (module, used) in &uses {
        for used in used {
            assert!(
                level(used) <= level(module),
                "{module} uses {used}, which is in a room above it ({}). Move what both need down into the lower \
                 room, or hand it in as an argument; see docs/decisions/0011-rooms.md",
                ROOMS.join(" < "),
            );
        }
    }
}

#[test]
fn nothing_in_a_room_goes_in_a_circle() {
    fn walk<'a>(
        module: &'a str,
        uses: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) {
        if let Some(at) = way.iter().position(|earlier| *earlier == module) {
            panic!(
                "{} → {module} is a circle. Move what two of them need into a file of its own that uses neither",
                way[at..].join(" → "),
            );
        }
        if !done.contains(module) {
            way.push(module);
            uses[module].iter().for_each(|used| walk(used, uses, way, done));
            way.pop();
            done.insert(module);
        }
    }
    let uses = uses();
    let mut done = BTreeSet::new();
    uses.keys().for_each(|module| walk(module, &uses, &mut Vec::new(), &mut done));
}

#[test]
fn what_a_module_names_is_read_from_its_use_lines() {
    let code = "
        use std::fmt;
        use crate::{ledger::{Ledger, act::{Act, Whom}}, store::Key};
        use super::records::decode;
        pub use act::Done;
        pub(crate) use crate::people::People;
        fn f() { crate::store::keys::member(id) }";
    let named: Vec<String> = named("store::look", code).into_iter().collect();
    let want = ["ledger::Ledger", "ledger::act::Act", "ledger::act::Whom", "people::People", "store::Key"];
    assert_eq!(named, [&want[..], &["store::keys::member", "store::records::decode"]].concat());
}
