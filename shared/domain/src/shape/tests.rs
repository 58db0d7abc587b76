//! What shapes refuse, in which words, and how they are published.

use super::*;

const LINE: Shape = Shape::Object(&[
    required("line_id", Shape::Id, ""),
    optional("quantity", Shape::Whole { min: 1, max: 9 }, ""),
]);
const ORDER: Shape = Shape::Object(&[
    required("brand", Shape::Id, ""),
    optional("lines", Shape::List { of: &LINE, min: 1, max: 2 }, ""),
    optional("refund", Shape::WordOr("all", &LINE), ""),
]);

#[track_caller]
fn check(document: &str, want: &[(&str, &str)]) {
    let faults = ORDER.check(&Json::parse(document.as_bytes()).unwrap());
    let got: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    assert_eq!(got, want, "{document}");
}

/// The fault says in words what is expected, whatever was sent.
#[test]
fn what_is_wanted_is_told() {
    let part: &'static Shape = &LINE;
    for (shape, wanted) in [
        (Shape::Text { max: 9 }, "text without control characters"),
        (Shape::Cell { max: 9 }, "a text of at most 9 characters"),
        (Shape::Id, "1 to 64 of A-Z a-z 0-9 . _ : -"),
        (
            Shape::ShopId,
            "1 to 64 characters of NFC text, without control characters, and without blanks at its ends",
        ),
        (
            Shape::Quantity,
            "a quantity above 0: a whole number, or a decimal string with at most 3 digits after the point, such as \"0.350\"",
        ),
        (Shape::Ulid { prefix: "mbr_" }, "mbr_ and 26 characters"),
        (Shape::Whole { min: 1, max: 9 }, "a whole number from 1 to 9"),
        (Shape::Bool, "true or false"),
        (Shape::Money, "an amount as a decimal string, such as \"88.50\""),
        (Shape::Rate, "a rate as a decimal string, at most 6 digits before and 6 after the point"),
        (Shape::Decimal, "a decimal string, such as \"-88.50\""),
        (Shape::Pointer, "a JSON pointer, such as \"/lines/0\""),
        (Shape::Named("Line", part), "an object"),
        (Shape::Instant, "an RFC 3339 instant, such as \"2026-01-01T00:00:00+08:00\""),
        (Shape::Day, "a date, YYYY-MM-DD"),
        (Shape::Month, "a month, YYYY-MM"),
        (Shape::LocalMoment, "a local date and time, such as \"2026-12-01T20:00\""),
        (Shape::Clock, "a time of the day from 00:00 to 24:00, such as \"20:00\""),
        (Shape::OneOf(&["day", "month"]), "one of day, month"),
        (Shape::List { of: part, min: 1, max: 2 }, "a list"),
        (LINE, "an object"),
        (Shape::WordOr("all", part), "\"all\" or an object"),
        (Shape::Either(part, &Shape::Id), "an object or 1 to 64 of A-Z a-z 0-9 . _ : -"),
        (Shape::OrNull(&Shape::Bool), "true or false or null"),
    ] {
        let nested = Json::List(vec![Json::NotWhole]);
        let faults = match &shape {
            // The list itself is right; its elements are not.
            Shape::List { .. } => shape.check(&Json::NotWhole),
            shape => shape.check(&nested),
        };
        // Of two shapes, the first one's fault is reported.
        let first = match &shape {
            Shape::WordOr(_, inner)
            | Shape::Either(inner, _)
            | Shape::OrNull(inner)
            | Shape::Named(_, inner) => inner.wanted(),
            shape => shape.wanted(),
        };
        assert_eq!(faults.iter().map(|fault| &fault.detail).collect::<Vec<_>>(), [&first], "{wanted}");
        assert_eq!(shape.wanted(), wanted);
    }
}

#[test]
fn either_of_two_shapes_is_right_and_nothing_else() {
    let either = Shape::Either(&LINE, &Shape::OneOf(&["day", "month"]));
    for (value, right) in
        [(r#"{"line_id":"1"}"#, true), (r#""day""#, true), (r#""week""#, false), (r"{}", false), ("1", false)]
    {
        assert_eq!(either.check(&Json::parse(value.as_bytes()).unwrap()).is_empty(), right, "{value}");
    }
}

/// Of two shapes the faults of the one are told that the value's type means; of neither, the first's.
#[test]
fn of_two_shapes_the_one_that_is_meant_says_what_is_wrong() {
    let either = Shape::Either(&Shape::Whole { min: 1, max: 9 }, &LINE);
    for (value, pointer, code) in [
        ("0", "", "out_of_range"),
        (r#"{"line_id":"1","quantity":0}"#, "/quantity", "out_of_range"),
        ("true", "", "wrong_type"),
    ] {
        let faults = either.check(&Json::parse(value.as_bytes()).unwrap());
        let told: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
        assert_eq!(told, [(pointer, code)], "{value}");
    }
}

/// A named shape is once among the schemas, and is referred to; named shapes inside it are too.
#[test]
fn what_has_a_name_is_published_under_it() {
    const INNER: Shape = Shape::Named("Inner", &LINE);
    let outer = Shape::OrNull(&Shape::Named("Outer", &Shape::List { of: &INNER, min: 0, max: 2 }));
    let mut schemas = Map::new();
    outer.name_schemas(&mut schemas);
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Outer", "Inner"]);
    assert_eq!(schemas["Outer"]["items"]["$ref"], "#/components/schemas/Inner");
    assert_eq!(schemas["Inner"], LINE.schema());
    assert_eq!(outer.schema()["oneOf"][0]["$ref"], "#/components/schemas/Outer");
}

#[test]
#[should_panic(expected = "two shapes are called Twice")]
fn a_name_stands_for_one_shape() {
    let mut schemas = Map::new();
    Shape::Named("Twice", &LINE).name_schemas(&mut schemas);
    Shape::Named("Twice", &Shape::Bool).name_schemas(&mut schemas);
}

#[test]
fn a_decimal_may_be_below_nought() {
    for (text, right) in [
        ("0", true),
        ("-1", true),
        ("-1.25", true),
        ("12.5", true),
        ("", false),
        ("-", false),
        ("1.", false),
        (".5", false),
        ("1e3", false),
        ("+1", false),
    ] {
        assert_eq!(Shape::Decimal.check(&Json::Text(text.into())).is_empty(), right, "{text}");
    }
}

#[test]
fn faults_are_told_all_at_once() {
    check(r#"{"brand":"a"}"#, &[]);
    check(r#"{"brand":"a","refund":"everything"}"#, &[("/refund", "wrong_type")]);
    check(r#"{"brand":"a","a~b/c":1}"#, &[("/a~0b~1c", "unknown_field")]);
    check(r#"{"brand":"a","lines":null,"refund":"all"}"#, &[]);
    check("[]", &[("", "wrong_type")]);
    check(
        r#"{"brand":"../a","lines":[{"quantity":0,"x/y":1},{"line_id":1e3}],"other":1}"#,
        &[
            ("/brand", "wrong_format"),
            ("/lines/0/quantity", "out_of_range"),
            ("/lines/0/x~1y", "unknown_field"),
            ("/lines/0/line_id", "required"),
            ("/lines/1/line_id", "wrong_type"),
            ("/other", "unknown_field"),
        ],
    );
    check(r#"{"lines":[]}"#, &[("/lines", "wrong_count"), ("/brand", "required")]);
}
