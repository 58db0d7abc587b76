//! Every bug can still be planted, and is documented.

use std::{collections::BTreeSet, fs};

#[test]
fn every_edit_has_its_one_place_in_the_sources() {
    let bugs = zoo::all();
    let planted = zoo::planted(&zoo::sources(&zoo::root(), &bugs).unwrap(), &bugs);
    assert!(planted.is_ok(), "\n{}\n", planted.unwrap_err().join("\n\n"));
}

#[test]
fn every_bug_has_a_name_of_its_own_a_reason_and_an_edit() {
    let bugs = zoo::all();
    assert!(bugs.len() >= 80, "this test looks in the wrong place");
    for bug in &bugs {
        let whole = !bug.wrong.is_empty() && !bug.breaks.is_empty() && !bug.edits.is_empty();
        assert!(whole && bug.edits.iter().all(|edit| !edit.folder.is_empty()), "{bug:?}");
    }
    assert_eq!(bugs.iter().map(|bug| bug.name).collect::<BTreeSet<_>>().len(), bugs.len());
}

#[test]
fn the_document_lists_every_bug_and_no_other() {
    let document = fs::read_to_string(zoo::root().join("docs/SIMULATOR.md")).unwrap();
    let (_, table) = document.split_once("| planted | what is wrong | what it breaks |").unwrap();
    let listed: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let bugs: Vec<String> = zoo::all().iter().map(ToString::to_string).collect();
    for bug in &bugs {
        assert!(listed.contains(&bug.as_str()), "docs/SIMULATOR.md does not list, under The zoo:\n{bug}");
    }
    for row in listed {
        assert!(
            bugs.iter().any(|bug| bug == row),
            "docs/SIMULATOR.md lists what tests/zoo/bugs/ does not have:\n{row}"
        );
    }
}
