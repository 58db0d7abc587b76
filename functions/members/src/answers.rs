//! Cursors of the ledger: where to continue, as opaque text.

use domain::member::MemberId;
use edge::Problem;
use engine::{ChainPlace, Place};

/// Longest cursor: for each of up to nine ledgers a number and a key, in hexadecimal. The longest key names a brand, an
/// order and a refund, each text of up to 64 characters.
const CURSOR_BYTES_MAX: usize = 12_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    pairs.collect()
}

/// The place as opaque text: that in the member's own ledger, then those in others, each behind whose it is.
pub(crate) fn cursor(place: &Place) -> String {
    let chains = place.chains.iter().map(|chain| {
        let whose = chain.member.map_or_else(String::new, |id| format!("{}.", hex(&id.0)));
        format!("{whose}{:x}.{}", chain.seq, hex(&chain.key))
    });
    chains.collect::<Vec<_>>().join("~")
}

/// The place of that text.
///
/// # Errors
/// It is none of ours.
pub(crate) fn read_cursor(text: Option<&str>) -> Result<Option<Place>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Problem::field("/query/cursor", "wrong_format", "a next_cursor of this ledger");
    if text.len() > CURSOR_BYTES_MAX {
        return Err(wrong());
    }
    let chains: Option<Vec<ChainPlace>> = text.split('~').map(read_chain).collect();
    Ok(Some(Place { chains: chains.ok_or_else(wrong)? }))
}

fn read_chain(text: &str) -> Option<ChainPlace> {
    let parts: Vec<&str> = text.split('.').collect();
    let (member, seq, key) = match parts.as_slice() {
        [seq, key] => (None, seq, key),
        [whose, seq, key] => (Some(MemberId(unhex(whose)?.try_into().ok()?)), seq, key),
        _ => return None,
    };
    let is_hex = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seq = u64::from_str_radix(seq, 16).ok().filter(|seq| is_hex && *seq > 0)?;
    Some(ChainPlace { member, seq, key: unhex(key)? })
}
