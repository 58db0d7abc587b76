//! Feeds every fuzz target the inputs worth keeping, and each of them cut, doubled and with a byte changed.

use std::{collections::BTreeSet, fs, path::Path};

use simulate::fuzz::{TARGETS, feed};

#[test]
fn every_target_holds_on_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for target in TARGETS {
        let mut inputs: Vec<_> = fs::read_dir(corpus.join(target.name)).unwrap().collect();
        assert!(inputs.len() >= 3, "tests/fuzz/corpus/{} has fewer than three inputs: add some", target.name);
        inputs.sort_by_key(|input| input.as_ref().unwrap().path());
        for input in inputs {
            let path = input.unwrap().path();
            let data = fs::read(&path).unwrap();
            println!("{}", path.display());
            feed(target.name, &data);
            if target.name == "history" {
                continue; // Each is a simulation: others are run by their seeds.
            }
            feed(target.name, &data[..data.len() / 2]);
            feed(target.name, &[&data[..], &data[..]].concat());
            for at in (0..data.len()).step_by(data.len() / 8 + 1) {
                let mut changed = data.clone();
                changed[at] = changed[at].wrapping_add(1);
                feed(target.name, &changed);
            }
        }
    }
}

/// The fuzzer has a binary for each target, and no others.
#[test]
fn the_fuzzer_has_every_target() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != "[[bin]]");
    let bins: BTreeSet<&str> = lines.filter_map(|line| line.strip_prefix("name = ")).collect();
    let names: Vec<String> = TARGETS.iter().map(|target| format!("{:?}", target.name)).collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    if let Some(missing) = names.difference(&bins).next() {
        panic!("the target {missing} has no [[bin]] in tests/fuzz/Cargo.toml: add one");
    }
    if let Some(other) = bins.difference(&names).next() {
        panic!(
            "tests/fuzz/Cargo.toml has a [[bin]] {other} that is no target in tests/simulate/src/fuzz.rs: take it out"
        );
    }
}
