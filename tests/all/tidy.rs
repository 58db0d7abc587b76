//! The shape of the code itself: who depends on whom, what is where, and what must not exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::difference::same;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every file below the folder with that ending, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Lines of the source without comments and without the contents of string literals.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn functions() -> Vec<String> {
    let folders = fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Which of our packages each of our packages may depend on; all functions have the same rule.
const LAYERS: &[(&str, &[&str])] = &[
    ("laurel-domain", &[]),
    ("laurel-engine", &["laurel-domain"]),
    ("laurel-files", &["laurel-domain"]),
    // Formulas of numbers alone.
    ("insight", &[]),
    ("laurel-landing", &["laurel-domain", "laurel-engine", "laurel-files", "laurel-edge"]),
    ("laurel-store-redb", &["laurel-engine"]),
    ("laurel-store-dynamodb", &["laurel-engine"]),
    ("laurel-edge", &["laurel-domain", "laurel-engine"]),
    ("laurel-outward", &["laurel-domain", "laurel-engine", "laurel-edge"]),
    // Its tests run functions.
    (
        "laurel-lambda",
        &["laurel-domain", "laurel-engine", "laurel-store-dynamodb", "laurel-edge", "function"],
    ),
    (
        "function",
        &[
            "laurel-domain",
            "laurel-engine",
            "laurel-files",
            "laurel-landing",
            "laurel-edge",
            "laurel-outward",
            "laurel-lambda",
        ],
    ),
    // The table of functions, and the template made of it.
    ("laurel-infra", &["laurel-engine", "laurel-edge", "function"]),
    (
        "laurel",
        &[
            "laurel-domain",
            "laurel-engine",
            "laurel-files",
            "laurel-landing",
            "laurel-store-redb",
            "laurel-store-dynamodb",
            "laurel-edge",
            "laurel-outward",
            "laurel-infra",
        ],
    ),
    (
        "laurel-tests",
        &[
            "laurel-domain",
            "laurel-engine",
            "laurel-files",
            "laurel-store-redb",
            "laurel-store-dynamodb",
            "laurel-edge",
            "laurel-infra",
            "laurel",
            // What nobody calls.
            "function",
        ],
    ),
    (
        "simulate",
        &[
            // What sends to webhooks: no caller asks for it, so it is handed over what was committed.
            "function",
            "laurel-domain",
            "laurel-engine",
            "laurel-edge",
            // Its workbooks come from outside, and so are among the fuzz targets.
            "laurel-files",
            "laurel-store-redb",
            "laurel-store-dynamodb",
            "laurel-lambda",
            "laurel-infra",
            "laurel-tests",
            "laurel",
        ],
    ),
    ("zoo", &[]),
    ("hunt", &["laurel-store-redb", "simulate", "zoo"]),
];

/// External packages that only these packages of ours may name.
const ONLY: &[(&str, &[&str])] = &[
    ("redb", &["laurel-store-redb"]),
    ("aws-sdk-dynamodb", &["laurel-store-dynamodb"]),
    ("aws-sdk-secretsmanager", &["laurel-lambda"]),
    ("lambda_http", &["laurel-lambda"]),
    ("lambda_runtime", &["laurel-lambda"]),
    ("rlibphonenumber", &["laurel-edge"]),
    ("calamine", &["laurel-files"]),
    ("encoding_rs", &["laurel-files"]),
    ("hmac", &["laurel-edge", "laurel-tests"]),
    ("sfv", &["laurel-edge"]),
    ("ed25519-dalek", &["laurel-edge", "laurel-tests"]),
    ("chacha20poly1305", &["laurel-edge"]),
    ("getrandom", &["laurel-edge", "laurel", "laurel-store-dynamodb"]),
    ("hyper", &["laurel", "laurel-outward", "laurel-tests"]),
    ("clap", &["laurel", "simulate"]),
    ("libm", &["insight"]),
    ("chrono", &["laurel-domain", "laurel", "laurel-tests"]),
    ("chrono-tz", &["laurel-domain", "laurel-tests"]),
];

/// Cargo's metadata of our packages.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output();
    serde_json::from_slice(&asked.unwrap().stdout).unwrap()
}

/// The first command of the README builds the binary and its dependencies: an SDK would triple the wait.
#[test]
fn cargo_run_builds_no_sdk() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["tree", "--offline", "--edges=normal,build", "--prefix=none"];
    let asked = Command::new(cargo).args(words).current_dir(root()).output().unwrap();
    let built = String::from_utf8(asked.stdout).unwrap();
    assert!(built.starts_with("laurel v"), "`cargo run` means the server: default-members in Cargo.toml");
    let sdk = built.lines().find(|line| line.starts_with("aws-"));
    assert_eq!(
        sdk, None,
        "`cargo run` builds it: `cargo tree --invert NAME` says for whom; put that behind a feature"
    );
}

#[test]
fn dependencies_run_one_way() {
    let metadata = metadata();
    let functions: BTreeSet<String> = functions().into_iter().collect();
    let kind =
        |package: &str| if functions.contains(package) { "function".to_owned() } else { package.to_owned() };
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let only: BTreeMap<&str, &[&str]> = ONLY.iter().copied().collect();
    let packages = metadata["packages"].as_array().unwrap();
    let own: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for package in packages {
        let package_name = package["name"].as_str().unwrap();
        let allowed = layers.get(kind(package_name).as_str());
        let allowed = allowed.unwrap_or_else(|| panic!(
                "{package_name} is a new package: give it a layer in LAYERS of tests/all/tidy.rs and a row in docs/ARCHITECTURE.md"
            ));
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let fine = !own.contains(on) || allowed.contains(&kind(on).as_str()) || on == package_name;
            assert!(
                fine,
                "{package_name} may not depend on {on}: LAYERS in tests/all/tidy.rs says what it may lean on, and \
                 docs/ARCHITECTURE.md why"
            );
            let fine =
                only.get(on).is_none_or(|names| names.contains(&package_name)) || dependency["kind"] == "dev";
            assert!(
                fine,
                "{package_name} may not name {on}: ask {} for what you need of it (ONLY in tests/all/tidy.rs)",
                only[on].join(" or ")
            );
        }
    }
}

/// What to do if the core needs more.
const HANDED_IN: &str = "rules and engine are functions of their arguments: let the caller hand it in, and count in whole \
    numbers (shared/domain/src/number.rs)";

/// No value is ever a float, and nothing below the edge knows the machine it runs on.
#[test]
fn the_core_has_no_floats_and_no_surroundings() {
    let sources = ["shared/domain/src", "shared/engine/src"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"));
    let sources: Vec<PathBuf> = sources.collect();
    assert!(sources.len() > 20, "this test looks in the wrong place");
    for path in sources {
        let code = code(&path).replace("fn visit_f64<E: Error>(self, _: f64)", "");
        let words: BTreeSet<&str> =
            code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        for word in ["f32", "f64", "SystemTime", "getrandom", "TcpStream", "println", "eprintln", "dbg"] {
            // The conformance cases print which one runs.
            let told = word == "println" && path.ends_with("conformance/mod.rs");
            assert!(told || !words.contains(word), "{}: {word}\n{HANDED_IN}", name(&path));
        }
        for part in
            ["std::env", "std::fs", "std::net", "std::process", "Utc::now", "Local::now", "Instant::now"]
        {
            assert!(!code.contains(part), "{}: {part}\n{HANDED_IN}", name(&path));
        }
    }
}

/// Chances and rates are floats in one package, the same to the last bit on every machine. Everywhere else clippy refuses
/// arithmetic with them, and `clippy.toml` the platform's logarithms, here too.
#[test]
fn floats_are_in_insight_alone() {
    let lint = concat!("float", "_arithmetic");
    let allows = |path: &PathBuf| fs::read_to_string(path).unwrap().contains(lint);
    let allowed = files(&root(), ".rs").into_iter().filter(allows).map(|path| name(&path));
    let outside: Vec<String> = allowed.filter(|path| !path.starts_with("shared/insight/")).collect();
    assert!(outside.is_empty(), "{outside:?}: {lint} may be allowed in shared/insight alone\n{HANDED_IN}");
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for function in ["ln", "exp", "powf", "powi", "ln_1p", "exp_m1"] {
        assert!(
            clippy.contains(&format!("path = \"f64::{function}\"")),
            "clippy.toml lets f64::{function} through"
        );
    }
    let sources = files(&root().join("shared/insight/src"), ".rs");
    assert!(sources.len() > 10, "this test looks in the wrong place");
    for path in sources {
        let code = code(&path);
        for part in
            ["HashMap", "HashSet", "std::env", "std::fs", "std::net", "std::process", "std::time", "mul_add"]
        {
            assert!(
                !code.contains(part),
                "{}: {part}: its answers are to be the same everywhere",
                name(&path)
            );
        }
    }
}

#[test]
fn unsafe_is_forbidden_in_every_package() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    // The bench, the mutants and the numbers say it for themselves; the fuzzer's one line is a macro, which exports a symbol.
    let apart = |path: &PathBuf| {
        ["bench/", "tests/fuzz/", "tests/mutants/", "tests/phones/"]
            .iter()
            .any(|folder| name(path).starts_with(folder))
    };
    let manifests = files(&root(), "Cargo.toml").into_iter().filter(|path| !apart(path));
    let manifests: Vec<PathBuf> = manifests.filter(|path| *path != root().join("Cargo.toml")).collect();
    assert!(manifests.len() > 20, "this test looks in the wrong place");
    for path in manifests {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}: write `[lints]` with `workspace = true`",
            name(&path)
        );
    }
}

#[test]
fn files_are_short_and_finished() {
    let own = Path::new(file!()).file_name().unwrap();
    let unfinished = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX:", "dbg!("];
    for path in files(&root(), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(
            lines <= 500,
            "{}: {lines} lines, at most 500: part it where it has two subjects",
            name(&path)
        );
        if path.file_name() != Some(own) {
            for word in unfinished {
                assert!(!text.contains(word), "{}: {word} is for work that is not finished", name(&path));
            }
        }
    }
}

/// `ls functions` is the product: a folder is a package, a handler, a sample event, and is served.
#[test]
fn every_function_is_whole() {
    let folders = functions();
    same(
        "functions in the table of infra/src/functions.rs",
        infra::DEPLOYED.iter().map(|row| row.name()),
        folders.iter().map(String::as_str),
        "give each folder of functions/ a row there",
    );
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for function in &folders {
        assert!(
            readme.contains(&format!("`{function}`")),
            "name {function} in README.md, among the functions"
        );
        assert!(
            root().join("functions").join(function).join("src/lib.rs").is_file(),
            "functions/{function} has no src/lib.rs"
        );
        let event = root().join("events").join(format!("{function}.json"));
        assert!(event.is_file(), "write {}, a request to try it with: see events/README.md", name(&event));
    }
    for path in files(&root().join("events"), ".json") {
        let parsed: Result<Value, _> = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        assert!(parsed.is_ok(), "{}: {parsed:?}", name(&path));
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let of = file.split('.').next().unwrap_or_default().to_owned();
        assert!(folders.contains(&of), "{}: its name must begin with that of a function", name(&path));
    }
}
