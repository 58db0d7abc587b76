//! Codes 券码 as people type them (rewards.md, 6).

/// What typed codes and words are compared by: capital letters and digits, I and L as 1, O as 0, U as V, without blanks
/// and hyphens. Any other character stays as it is, and is in no code.
pub fn fold(typed: &str) -> String {
    let told = typed.chars().filter(|letter| !letter.is_whitespace() && *letter != '-');
    told.map(|letter| match letter.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        'U' => 'V',
        other => other,
    })
    .collect()
}
