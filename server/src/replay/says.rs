//! What an event without a name says, and the name that follows from it. The name is stored for ever and must be the
//! same in every file that tells the event, however its cells are spelled: it is made of plain texts alone.

use domain::time::Instant;
use files::{Row, value};
use sha2::{Digest, Sha256};

use super::events::Kind;

/// What a refund or a redemption without a name of its own says: its kind, its brand, its order, and what of it;
/// `None` if it has a name. `only` is the programme's brand, if it has one.
pub(super) fn says(rows: &[Row<'_>], kind: Kind, only: Option<&str>) -> Option<Vec<String>> {
    let row = rows.first()?;
    let own_name = match kind {
        Kind::Earn => return None,
        Kind::Redeem => "part",
        Kind::Refund => "refund_id",
    };
    if row.get(own_name).is_some() {
        return None;
    }
    let cell = |field: &str| row.get(field).map_or(String::new(), |cell| cell.text.to_owned());
    let brand = row.get("brand").map_or(only.unwrap_or_default(), |cell| cell.text).to_owned();
    let mut says = vec![kind.word().to_owned(), brand, cell("order_id")];
    says.extend(match kind {
        Kind::Redeem => vec![format!("points {}", number(&cell("points")))],
        _ if row.get("line_id").is_some() => lines(rows),
        _ if is_all(&cell("amount")) => vec!["all".to_owned()],
        _ => vec![format!("amount {}", number(&cell("amount")))],
    });
    Some(says)
}

/// Whether a refund's amount is the whole order.
pub(super) fn is_all(amount: &str) -> bool {
    amount.eq_ignore_ascii_case("all")
}

/// The lines of a refund, in whatever order the file has them.
fn lines(rows: &[Row<'_>]) -> Vec<String> {
    let line = |row: &Row<'_>| {
        let cell = |field: &str| row.get(field).map_or(String::new(), |cell| cell.text.to_owned());
        // The quantity first: it has no blank, and an id may.
        format!("line {} {}", number(&cell("quantity")), cell("line_id"))
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

/// A number without zeros that say nothing; what is none stays as it is, and its event does not land.
fn number(text: &str) -> String {
    let Ok(number) = value::decimal(text) else { return text.to_owned() };
    let (sign, digits) = number.strip_prefix('-').map_or(("", number.as_str()), |digits| ("-", digits));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = Some(whole.trim_start_matches('0')).filter(|whole| !whole.is_empty()).unwrap_or("0");
    match rest.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{rest}"),
    }
}

/// The name of what is said at that moment, for the how-manieth time of those that say the same then.
pub(super) fn name(says: &[String], at: Instant, times: u32) -> String {
    let mut hash = Sha256::new();
    let (at, times) = (at.0.to_string(), times.to_string());
    for part in says.iter().map(String::as_str).chain([at.as_str(), times.as_str()]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("replay:{hex}")
}

#[cfg(test)]
mod tests {
    use files::{Options, names};

    use super::*;

    const HEADER: &str =
        "kind,occurred_at,brand,phone,order_id,line_id,quantity,amount,points,refund_id,part";

    fn named(kind: Kind, rows: &str) -> Option<String> {
        let text = format!("{HEADER}\n{rows}");
        let sheet = files::read(text.as_bytes(), &Options::default(), &names::EVENTS).unwrap();
        let rows: Vec<Row<'_>> = sheet.rows().map(Result::unwrap).collect();
        says(&rows, kind, Some("acme")).map(|says| name(&says, Instant(1_767_405_600_000), 1))
    }

    /// These names are stored: what makes others takes every refund and redemption without a name again.
    #[test]
    fn a_name_is_the_same_for_ever() {
        for (kind, rows, name) in [
            (Kind::Refund, "refund,,acme,,A-1,,,10,,,\n", "replay:39fecbd8d83b98bbd2bcc45553ec34b9"),
            (Kind::Refund, "refund,,acme,,A-1,,,all,,,\n", "replay:f9cbc35f3ad9480a73ba408d67bb4119"),
            (
                Kind::Refund,
                "refund,,acme,,A-1,1,0.35,,,,\nrefund,,acme,,A-1,2 b,1,,,,\n",
                "replay:bd790fb007e5a261afb9eb7ee8ea124c",
            ),
            (Kind::Redeem, "redeem,,acme,,A-1,,,,40,,\n", "replay:fe89664adb65ac3d8e093cc11d29536b"),
        ] {
            assert_eq!(named(kind, rows).as_deref(), Some(name), "{rows}");
        }
        assert_eq!(named(Kind::Refund, "refund,,acme,,A-1,,,10,,r-1,\n"), None);
        assert_eq!(named(Kind::Redeem, "redeem,,acme,,A-1,,,,40,,p\n"), None);
        assert_eq!(named(Kind::Earn, "earn,,acme,,A-1,,,10,,,\n"), None);
    }

    #[test]
    fn a_name_does_not_depend_on_spelling() {
        for (kind, plain, others) in [
            (
                Kind::Refund,
                "refund,,acme,,A-1,,,10,,,\n",
                &["refund,,,,A-1,,,10.00,,,\n", "REFUND,,acme,x,A-1,,,１０,,,\n", "refund,,,,A-1,,,010,,,\n"]
                    [..],
            ),
            (Kind::Refund, "refund,,acme,,A-1,,,all,,,\n", &["refund,,,,A-1,,,ALL,,,\n"]),
            (
                Kind::Refund,
                "refund,,acme,,A-1,1,0.35,,,,\nrefund,,acme,,A-1,2,1,,,,\n",
                &["refund,,,,A-1,2,1.0,,,,\nrefund,,,,A-1,1,0.350,,,,\n"],
            ),
            (Kind::Redeem, "redeem,,acme,,A-1,,,,40,,\n", &["redeem,,,,A-1,,,,40.0,,\n"]),
        ] {
            for other in others {
                assert_eq!(named(kind, other), named(kind, plain), "{other}");
            }
        }
        let different = [
            named(Kind::Refund, "refund,,acme,,A-1,,,10,,,\n"),
            named(Kind::Refund, "refund,,bean,,A-1,,,10,,,\n"),
            named(Kind::Refund, "refund,,acme,,A-10,,,10,,,\n"),
            named(Kind::Refund, "refund,,acme,,A-1,,,100,,,\n"),
            named(Kind::Refund, "refund,,acme,,A-1,10,,,,,\n"),
            named(Kind::Refund, "refund,,acme,,A-1,1,1,,,,\n"),
            named(Kind::Refund, "refund,,acme,,A-1,1,10,,,,\n"),
            named(Kind::Redeem, "redeem,,acme,,A-1,,,,10,,\n"),
        ];
        for (index, one) in different.iter().enumerate() {
            assert!(!different[index + 1..].contains(one), "{index}");
        }
    }
}
