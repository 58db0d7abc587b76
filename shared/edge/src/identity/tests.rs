//! What is read, as data. Numbers are in `tests/phones/cases.csv`: sent, region, and the number or the code of the
//! refusal; `tests/phones` compares with another library on a million spellings.

use super::{Earlier, email, phone};

const CASES: &str = include_str!("../../../../tests/phones/cases.csv");
const REGIONS: [&str; 8] = ["CN", "US", "IT", "SG", "RU", "FR", "AR", "BY"];

/// The rows of the file; every cell is in quotes, and none has one within.
fn cases() -> impl Iterator<Item = [&'static str; 3]> {
    CASES.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line[1..line.len() - 1].split("\",\"").collect();
        cells.try_into().expect("sent, region, right")
    })
}

#[track_caller]
fn check_phone(sent: &str, region: &str, want: &str) {
    match phone(sent, region) {
        Ok(number) => {
            assert_eq!(number, want, "{sent:?} ({region})");
            // What is stored finds itself under every region.
            for region in REGIONS {
                assert_eq!(phone(&number, region).as_ref(), Ok(&number), "{number} ({region})");
            }
        }
        Err(refused) => {
            assert_eq!(refused.code, want, "{sent:?} ({region}): {}", refused.detail);
            assert!(!refused.detail.is_empty() && refused.detail.starts_with('"'), "{}", refused.detail);
        }
    }
}

#[test]
fn numbers_have_one_form() {
    let mut count = 0;
    for [sent, region, want] in cases() {
        check_phone(sent, region, want);
        count += 1;
    }
    assert!(count > 300, "{count}");
    // A region that has no numbers: what has a country is read, and nothing else.
    check_phone("+86 138 0013 8000", "ZZ", "+8613800138000");
    check_phone("138 0013 8000", "ZZ", "unknown_region");
}

/// What people are told.
#[test]
fn refusals_say_what_was_sent_and_what_would_be_right() {
    let rows = [
        ("1380013800O", "CN", "\"1380013800O\" has the letter O among its digits: a zero?"),
        (
            "13800138000;13900139000",
            "CN",
            "\"13800138000;13900139000\" is two numbers: each is an identity of its own",
        ),
        ("13800138000 ext. 5", "CN", "\"13800138000 ext. 5\" has an extension: the number alone can be kept"),
        (
            "1.38E+10",
            "CN",
            "\"1.38E+10\" was written by a spreadsheet as a number, without its last digits: format the column as text",
        ),
        (
            "13800138000.0",
            "CN",
            "\"13800138000.0\" was written by a spreadsheet as a number: 13800138000? Format the column as text",
        ),
        ("86+13800138000", "CN", "\"86+13800138000\" has a + that does not stand before all digits"),
        ("12", "CN", "\"12\" has too few digits for a number: with its area, or with + and its country"),
        (
            "13800138000 13900139000",
            "CN",
            "\"13800138000 13900139000\" has more digits than a number: two numbers?",
        ),
        ("253-0000", "US", "\"253-0000\" is a number of any area: with its area, or with + and its country"),
        ("+999 1234 5678", "CN", "\"+999 1234 5678\" begins with the calling code of no country"),
        ("", "CN", "\"\" has no digits"),
    ];
    for (sent, region, want) in rows {
        assert_eq!(phone(sent, region).unwrap_err().detail, want, "{sent}");
    }
    let long = "x".repeat(300);
    assert!(phone(&long, "CN").unwrap_err().detail.len() < 120, "no more of it than helps");
}

/// Any characters, and those of telephone numbers: nothing panics, and what is read is read again as itself.
#[test]
fn any_text_is_read_or_refused() {
    let likely: Vec<char> =
        "0123456789０１٣৪+＋-()[]/.,;#*xX ext=tel:~\u{a0}\u{3000}\u{202a}\u{200b}é中０\n\t\"OE"
            .chars()
            .collect();
    let mut state = 18_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut taken = 0;
    for at in 0..4_000 {
        let length = next(if at % 100 == 0 { 260 } else { 24 });
        let text: String = (0..length)
            .map(|_| match (at % 4, next(20)) {
                (0, 0) => char::from_u32(u32::try_from(next(0x11_0000)).unwrap()).unwrap_or('x'),
                (0 | 1, _) => likely[next(16)],
                _ => likely[next(likely.len())],
            })
            .collect();
        if let Ok(number) = phone(&text, REGIONS[next(REGIONS.len())]) {
            taken += 1;
            for region in REGIONS {
                assert_eq!(phone(&number, region).as_ref(), Ok(&number), "{text:?} ({region})");
            }
        }
        if let Ok(address) = email(&text) {
            assert_eq!(email(&address).as_ref(), Ok(&address), "{text:?}");
        }
    }
    assert!(taken > 50, "{taken}");
}

#[test]
fn addresses_have_one_form() {
    let label = "x".repeat(63);
    let rows = [
        (" Li@Example.CN ", "li@example.cn"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
        ("A@BÜCHER.de", "a@xn--bcher-kva.de"),
        ("a@xn--bcher-kva.de", "a@xn--bcher-kva.de"),
        ("a@XN--BCHER-KVA.de", "a@xn--bcher-kva.de"),
        ("a@bu\u{308}cher.de", "a@xn--bcher-kva.de"),
        ("李雷@例子。中国", "李雷@xn--fsqu00a.xn--fiqs8s"),
        ("rene\u{301}@example.fr", "rené@example.fr"),
        ("a@ｅｘａｍｐｌｅ.cn", "a@example.cn"),
        ("a@mail_1.example.cn", "a@mail_1.example.cn"),
        ("first.last+tag@example.co.uk", "first.last+tag@example.co.uk"),
        ("Li Lei <li@example.cn>", "display_text"),
        ("<li@example.cn>", "display_text"),
        ("\"Li, Lei\" <li@example.cn>", "display_text"),
        ("a@localhost", "no_dot_in_domain"),
        ("a@b.cn;c@d.cn", "second_address"),
        ("a@b.cn, c@d.cn", "second_address"),
        ("no", "wrong_format"),
        ("", "wrong_format"),
        ("a@", "wrong_format"),
        ("@b.cn", "wrong_format"),
        ("a b@c.cn", "wrong_format"),
        ("a@b..cn", "wrong_format"),
        ("a@.cn", "wrong_format"),
        ("a@b.cn.", "wrong_format"),
        ("a@[192.0.2.1]", "wrong_format"),
        ("a@xn--zzzzzzzz9999.de", "wrong_format"),
        (&format!("a@{label}x.cn"), "wrong_format"),
        (&format!("{}@b.cn", "x".repeat(65)), "wrong_format"),
    ];
    for (sent, want) in rows {
        let read = email(sent);
        let told = read.as_ref().map_or_else(|refused| refused.code, |address| address.as_str());
        assert_eq!(told, want, "{sent:?}: {read:?}");
        if let Ok(address) = &read {
            assert_eq!(email(address).as_ref(), Ok(address), "{sent:?}");
        }
    }
    let told = email("Li Lei <li@example.cn>").unwrap_err().detail;
    assert_eq!(told, "\"Li Lei <li@example.cn>\" has a name beside its address: li@example.cn alone");
}

/// Where 0.1.0 may have stored an address: none of these is the one form of another.
#[test]
fn addresses_are_looked_up_as_they_were_stored() {
    let rows = [
        ("Li@example.cn", None, None),
        ("a@BÜCHER.de", Some("a@bücher.de"), None),
        ("a@xn--bcher-kva.de", None, Some("a@bücher.de")),
        ("李雷@例子.xn--fiqs8s", Some("李雷@例子.xn--fiqs8s"), Some("李雷@例子.中国")),
        ("a@ｅｘａｍｐｌｅ.cn", Some("a@ｅｘａｍｐｌｅ.cn"), None),
        // 0.1.0 took nothing with its marks apart.
        ("rene\u{301}@example.fr", None, None),
    ];
    for (sent, as_sent, other) in rows {
        let own = email(sent).unwrap();
        let found = Earlier::of(sent, &own);
        assert_eq!((found.sent.as_deref(), found.other.as_deref()), (as_sent, other), "{sent:?}");
        for form in found.sent.iter().chain(&found.other) {
            assert_eq!(email(form).as_ref(), Ok(&own), "{form:?}");
        }
    }
}
