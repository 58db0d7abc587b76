//! Persons.

use std::collections::BTreeMap;

use domain::{
    attribute::Attribute,
    member::{Changed, ConsentWay, Consented, Identity, IdentityKind, Locale, Person, QuietHours},
    time::DayNumber,
};

use super::{AT, LONG_AGO, Samples, named, text, texts};

fn quiet(from: u32, to: u32, days: Option<Vec<u32>>) -> QuietHours {
    QuietHours { from, to, days }
}

pub(in super::super) fn person() -> Samples<Person> {
    let identity = |kind, channel: &str, value: &str, verified| Identity {
        kind,
        channel: text(channel),
        value: text(value),
        verified,
    };
    let identities =
        [IdentityKind::Phone, IdentityKind::Email, IdentityKind::External].map(|kind| match kind {
            IdentityKind::Phone => identity(kind, "", "+8613800138000", true),
            IdentityKind::Email => identity(kind, "", "café@münchen.example", false),
            IdentityKind::External => identity(kind, "wechat", "o-1", true),
        });
    let full = Person {
        identities: identities.to_vec(),
        name: Some(text("王小明")),
        birthday: Some(text("1990-02-28")),
        birthday_since: None,
        gender: Some(text("female")),
        locale: None,
        time_zone: None,
        quiet_hours: Vec::new(),
        region: BTreeMap::from([(text("country"), text("CN")), (text("city"), text("上海"))]),
        brand: text("acme"),
        channel: Some(text("pos")),
        referral_code: Some("R-1".parse().unwrap()),
        terms_version: Some(text("2026-01")),
        consents: BTreeMap::from([(text("sms"), true), (text("email"), false)]),
        consents_since: BTreeMap::new(),
        attributes: BTreeMap::new(),
        changed: None,
    };
    let attributes = [
        Attribute::Choice(text("tea")),
        Attribute::Choices(texts(&["tea", "chess"])),
        Attribute::Number(-9_999_999_999_999_999_999),
        Attribute::Date(DayNumber(-1)),
        Attribute::Flag(true),
        Attribute::Text(text("一\n二")),
    ]
    .map(|value| match value {
        Attribute::Choice(_)
        | Attribute::Choices(_)
        | Attribute::Number(_)
        | Attribute::Date(_)
        | Attribute::Flag(_)
        | Attribute::Text(_) => (text(value.kind()), value),
    });
    let attributed = Person { attributes: BTreeMap::from(attributes), ..full.clone() };
    let changed = Some(Changed { by: text("key_1"), at: AT });
    // Before it was kept since when a birthday is known, it was at the last change of anything at the latest.
    let corrected = Person { changed, birthday_since: Some(AT), ..full.clone() };
    let since = |ways: &[ConsentWay]| {
        let ways = ways.iter().map(|how| match how {
            ConsentWay::Import => (text("sms"), Consented { at: AT, how: *how }),
            ConsentWay::Registration => (text("email"), Consented { at: LONG_AGO, how: *how }),
            ConsentWay::Correction => (text("wechat"), Consented { at: AT, how: *how }),
        });
        Person { consents_since: ways.collect(), ..full.clone() }
    };
    let told = since(&[ConsentWay::Import, ConsentWay::Registration, ConsentWay::Correction]);
    let since = since(&[ConsentWay::Import]);
    let reached = [Locale::Zh, Locale::En].map(|locale| {
        let (name, quiet_hours) = match locale {
            Locale::Zh => ("reached", vec![quiet(22 * 60, 8 * 60, None)]),
            Locale::En => {
                ("reached_by_week", vec![quiet(0, 1_440, Some(vec![5, 6])), quiet(1, 0, Some(vec![0]))])
            }
        };
        let time_zone = Some(text("Asia/Urumqi"));
        (name, Person { locale: Some(locale), time_zone, quiet_hours, ..full.clone() })
    });
    let [reached, reached_by_week] = reached;
    named([
        ("nobody", Person::default()),
        ("full", full.clone()),
        ("corrected", corrected),
        ("since", since),
        ("told", told),
        ("attributed", attributed),
        reached,
        reached_by_week,
    ])
}
