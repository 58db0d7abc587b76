//! The data folder: the store, the master key and the first admin's key.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use edge::Secrets;

/// Where the first admin's key came from.
pub(crate) enum AdminKey {
    /// From the environment.
    Given(String),
    /// From the folder's file, which may have been written just now.
    File(String, PathBuf),
}

/// The name of the master key's file.
const MASTER_KEY: &str = "master-key";

/// The secrets of the folder's master key: `LAUREL_MASTER_KEY`, or the folder's own, made at the
/// first start.
pub(crate) fn secrets(folder: &Path) -> io::Result<Secrets> {
    match secrets_if_any(&[folder])? {
        Some(secrets) => Ok(secrets),
        None => of_master_key(&kept(&folder.join(MASTER_KEY))?),
    }
}

/// The secrets of `LAUREL_MASTER_KEY`, or of the first of these folders that has a master key; none is made.
pub(crate) fn secrets_if_any(folders: &[&Path]) -> io::Result<Option<Secrets>> {
    if let Ok(key) = std::env::var("LAUREL_MASTER_KEY")
        && !key.is_empty()
    {
        return of_master_key(&key).map(Some);
    }
    for folder in folders {
        match fs::read_to_string(folder.join(MASTER_KEY)) {
            Ok(key) => return of_master_key(&key).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn of_master_key(key: &str) -> io::Result<Secrets> {
    if !edge::is_master_key(key) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the master key must have at least 32 characters, on each line",
        ));
    }
    Ok(Secrets::new(key.trim().as_bytes()))
}

/// The first admin's key: `LAUREL_ADMIN_KEY`, or the folder's own, made at the first start.
pub(crate) fn admin_key(folder: &Path) -> io::Result<AdminKey> {
    if let Ok(key) = std::env::var("LAUREL_ADMIN_KEY")
        && !key.is_empty()
    {
        if key.len() < 16 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let detail = "LAUREL_ADMIN_KEY must have at least 16 visible ASCII characters";
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        return Ok(AdminKey::Given(key));
    }
    let file = folder.join("admin-key");
    let key = kept(&file)?;
    Ok(AdminKey::File(key.trim().to_owned(), file))
}

/// The file's content; a new secret if there is no file yet.
fn kept(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    let chance: [u8; 32] = edge::random().map_err(io::Error::other)?;
    let secret: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(folder) = file.parent() {
        // With a table there may be no folder yet.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // Under another name first: a start that is cut off here must not leave half a secret behind.
    let draft = file.with_extension("new");
    let mut created =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    created.set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(created, "{secret}")?;
    created.sync_all()?;
    fs::rename(&draft, file)?;
    if let Some(folder) = file.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(secret)
}
