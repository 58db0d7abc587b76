//! How far a replay has come, noted in the store under the hash of its file.

use std::path::Path;

use bytes::Bytes;
use edge::Api;
use sha2::{Digest, Sha256};

use crate::start::{StartError, failed};

/// How far a replay has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    /// Events that are over, in their order.
    pub(super) events: usize,
    /// How many of them were refused.
    pub(super) refused: u64,
    /// Whether 0.1.0 noted it, which left events of one moment in the file's order.
    pub(super) older: bool,
}

/// The name under which the file's progress is noted.
pub(super) fn name(file: &Path) -> Result<String, StartError> {
    let bytes =
        std::fs::read(file).map_err(|error| failed(&format!("cannot read {}", file.display()), &error))?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    Ok(format!("replay:{}", digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// What is noted; `None` if this file has not been replayed.
pub(super) async fn noted(api: &Api, note: &str) -> Result<Option<Progress>, StartError> {
    let noted =
        api.engine.records().note(note).await.map_err(|error| failed("cannot read the store", &error))?;
    let Some(bytes) = noted else { return Ok(None) };
    let (numbers, older) = match bytes.strip_suffix(&[2]) {
        Some(numbers) if bytes.len() == 17 => (numbers, false),
        _ => (&bytes[..], true),
    };
    let numbers: [u8; 16] = numbers.try_into().unwrap_or_default();
    let numbers = u128::from_be_bytes(numbers);
    let (events, refused) = ((numbers >> 64) as u64, numbers as u64);
    Ok(Some(Progress { events: usize::try_from(events).unwrap_or(usize::MAX), refused, older }))
}

/// Notes two numbers of eight bytes, the events and how many of them were refused, and a 2 behind them.
pub(super) async fn set(api: &Api, note: &str, progress: Progress) -> Result<(), StartError> {
    let Progress { events, refused, older: _ } = progress;
    let value = (u128::from(events as u64) << 64) | u128::from(refused);
    let value = Bytes::from([&value.to_be_bytes()[..], &[2]].concat());
    api.engine
        .records()
        .set_note(note, value)
        .await
        .map_err(|error| failed("cannot write to the store", &error))
}
