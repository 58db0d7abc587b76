//! A copy of the sources, some of them changed, that cargo builds beside the workspace's own build.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    process::Command,
};

/// Copies every file that git tracks, or would track, from `root` to the same place below `to`, with
/// `changed` replacing those files' own text. Removes everything else there. Leaves an identical file alone,
/// so that cargo builds only what has changed. Every package gets `-suffix` after its version: cargo builds
/// both into one folder and would otherwise mistake one for the other.
///
/// # Errors
/// Git does not run, or a file cannot be read or written.
pub fn make(root: &Path, to: &Path, suffix: &str, changed: &BTreeMap<String, String>) -> io::Result<()> {
    let mut names = known(root)?;
    names.extend(changed.keys().cloned());
    for name in &names {
        let text = match changed.get(name) {
            Some(text) => text.clone().into_bytes(),
            None if name == "Cargo.toml" => {
                versioned(&fs::read_to_string(root.join(name))?, suffix).into_bytes()
            }
            None => fs::read(root.join(name))?,
        };
        let path = to.join(name);
        if fs::read(&path).ok().as_ref() != Some(&text) {
            fs::create_dir_all(path.parent().unwrap_or(to))?;
            fs::write(&path, text)?;
        }
    }
    let mut folders = vec![to.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(to).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !names.contains(&name) && name != "Cargo.lock" {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Every existing file that git tracks, or would track if it were added.
fn known(root: &Path) -> io::Result<BTreeSet<String>> {
    let asked = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let listed = Command::new("git").args(asked).current_dir(root).output()?;
    if !listed.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&listed.stderr).into_owned()));
    }
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = names.split('\0').filter(|name| !name.is_empty());
    Ok(names.filter(|name| root.join(name).is_file()).map(str::to_owned).collect())
}

fn versioned(manifest: &str, suffix: &str) -> String {
    let mut lines: Vec<String> = manifest.lines().map(str::to_owned).collect();
    if let Some(line) = lines.iter_mut().find(|line| line.starts_with("version = \"")) {
        let end = line.rfind('"').unwrap_or(line.len());
        line.insert_str(end, &format!("-{suffix}"));
    }
    lines.join("\n") + "\n"
}
