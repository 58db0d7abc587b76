//! Bytes as letters that a code shows in little room: Crockford's base 32, and base 45 (RFC 9285). Both are read
//! strictly: each value has one text.

/// The alphabet of Crockford's base 32, which leaves out letters that are easily confused.
pub(crate) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The alphabet of base 45: what a QR code takes as alphanumeric.
const BASE45: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// A number in so many digits of base 32; higher ones are left out.
pub(super) fn base32(number: u128, digits: usize) -> String {
    let digit = |place: usize| CROCKFORD[(number >> (5 * place) & 31) as usize];
    (0..digits).rev().map(|place| char::from(digit(place))).collect()
}

/// The number of that text, which has so many digits of base 32, up to 25.
pub(super) fn read_base32(text: &str, digits: usize) -> Option<u128> {
    let value = |letter: u8| CROCKFORD.iter().position(|own| *own == letter);
    let all = text.bytes().map(value).collect::<Option<Vec<usize>>>()?;
    (all.len() == digits).then(|| all.iter().fold(0, |number, digit| number << 5 | *digit as u128))
}

/// Bytes in base 45.
pub(super) fn base45(bytes: &[u8]) -> String {
    let letter = |value: u32| char::from(BASE45[(value % 45) as usize]);
    let mut text = String::with_capacity(bytes.len() / 2 * 3 + 2);
    for pair in bytes.chunks(2) {
        let value = pair.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
        text.extend([letter(value), letter(value / 45)]);
        if pair.len() == 2 {
            text.push(letter(value / 45 / 45));
        }
    }
    text
}

/// The bytes of that text in base 45; `None` if it has another letter, or is not how those bytes are written.
pub(super) fn read_base45(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 3 * 2 + 1);
    for part in text.as_bytes().chunks(3) {
        let value = |letter: &u8| BASE45.iter().position(|own| own == letter);
        let digits = part.iter().map(value).collect::<Option<Vec<usize>>>()?;
        let value = digits.iter().rev().fold(0, |value, digit| value * 45 + *digit);
        match digits.len() {
            3 => bytes.extend(u16::try_from(value).ok()?.to_be_bytes()),
            2 => bytes.push(u8::try_from(value).ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}
