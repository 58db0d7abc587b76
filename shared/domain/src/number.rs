//! Numbers: whole points, money in minor units, decimal rates, and their exact product.
//!
//! Nothing here rounds before the end and nothing here is a float (rules, 1).

mod fraction;
mod total;

use std::fmt;

pub use fraction::Fraction;
pub use total::{Term, Total, floor_of_product};

/// A whole number that counts something: points, growth, units, minor units of money. From 0 to 2^53 − 1, so that
/// every JSON reader keeps it whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Figure(u64);

impl Figure {
    /// The largest: 2^53 − 1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// The figure of that number; `None` of one that is none.
    pub fn of(number: impl TryInto<u64>) -> Option<Figure> {
        number.try_into().ok().filter(|number| *number <= Figure::MAX).map(Figure)
    }

    /// All of them together; `None` beyond [`Figure::MAX`].
    pub fn sum(parts: impl IntoIterator<Item = u64>) -> Option<Figure> {
        parts.into_iter().try_fold(0u64, u64::checked_add).and_then(Figure::of)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What a figure changes by, up or down: from −(2^53 − 1) to 2^53 − 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SignedFigure(i64);

impl SignedFigure {
    /// The largest: 2^53 − 1.
    pub const MAX: i64 = Figure::MAX.cast_signed();

    /// No change.
    pub const ZERO: SignedFigure = SignedFigure(0);

    /// The change by that number; `None` beyond what a figure can change by.
    pub fn of(number: impl TryInto<i64>) -> Option<SignedFigure> {
        number.try_into().ok().filter(|number| Figure::of(number.unsigned_abs()).is_some()).map(SignedFigure)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<Figure> for SignedFigure {
    fn from(figure: Figure) -> SignedFigure {
        SignedFigure(figure.0.cast_signed())
    }
}

/// A figure as a signed number.
///
/// # Panics
/// It is beyond 2^63 − 1, which no figure reaches: each is a [`Figure`] when it comes in, and
/// commands refuse to make it larger.
pub fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or_else(|_| panic!("{figure} is beyond every figure"))
}

/// A currency of ISO 4217 and how many minor digits its amounts have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Currency {
    /// The three-letter code.
    pub code: [u8; 3],
    /// Digits after the point: 0 to 4.
    pub digits: u32,
}

/// Codes whose amounts do not have two minor digits (ISO 4217, list one). Codes that ISO lists without any
/// minor unit (gold, test codes) are not money that a shop accepts, and are refused.
const OTHER_DIGITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Codes with two minor digits (ISO 4217, list one).
const TWO_DIGITS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP \
    BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST \
    XCD YER ZAR ZMW ZWG";

impl Currency {
    /// Amounts of so many minor digits in no particular currency: `XXX` is ISO 4217's code for none.
    pub const fn unnamed(digits: u32) -> Currency {
        Currency { code: *b"XXX", digits }
    }

    /// The currency of this code, if ISO 4217 knows it.
    pub fn of(code: &str) -> Option<Currency> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        let digits = match OTHER_DIGITS.iter().find(|(other, _)| *other == code) {
            Some((_, digits)) => *digits,
            None => TWO_DIGITS.split_ascii_whitespace().any(|two| two == code).then_some(2)?,
        };
        Some(Currency { code: letters, digits })
    }
}

/// An amount of money in the currency's minor unit; at most 13 digits before the point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Money(pub u64);

impl Money {
    /// Digits an amount may have before the point.
    pub const WHOLE_DIGITS_MAX: usize = 13;

    /// One unit of the currency.
    pub fn unit(currency: Currency) -> Money {
        Money(10u64.pow(currency.digits))
    }

    /// Reads a decimal string such as `88.50`: ASCII digits, at most the currency's minor digits but for zeros
    /// beyond them.
    pub fn parse(text: &str, currency: Currency) -> Option<Money> {
        let digits = currency.digits as usize;
        let (mantissa, scale) = decimal(without_zeros_beyond(text, digits), Money::WHOLE_DIGITS_MAX, digits)?;
        Some(Money(mantissa.checked_mul(10u64.checked_pow(currency.digits - scale)?)?))
    }

    /// The amount as a decimal string with all of the currency's minor digits.
    pub fn show(self, currency: Currency) -> String {
        let unit = 10u64.pow(currency.digits);
        match currency.digits {
            0 => self.0.to_string(),
            digits => format!("{}.{:0width$}", self.0 / unit, self.0 % unit, width = digits as usize),
        }
    }
}

/// Money that may be below zero, in the currency's minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct SignedMoney(pub i128);

impl SignedMoney {
    /// Reads a decimal string such as `-12.30`: as [`Money::parse`] does, with or without a minus.
    pub fn parse(text: &str, currency: Currency) -> Option<SignedMoney> {
        match text.strip_prefix('-') {
            Some(rest) => Money::parse(rest, currency).map(|money| SignedMoney(-i128::from(money.0))),
            None => Money::parse(text, currency).map(SignedMoney::from),
        }
    }

    /// The amount as a decimal string with all of the currency's minor digits: `-12.30`.
    pub fn show(self, currency: Currency) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (unit, value) = (10u128.pow(currency.digits), self.0.unsigned_abs());
        match currency.digits {
            0 => format!("{sign}{value}"),
            digits => format!("{sign}{}.{:0width$}", value / unit, value % unit, width = digits as usize),
        }
    }

    /// A balance seen from the brand: what it owes; below zero, what it is owed.
    pub fn owed(self, currency: Currency) -> Amount {
        Amount(-self.0 * 10i128.pow(6 - currency.digits))
    }
}

impl From<Money> for SignedMoney {
    fn from(money: Money) -> SignedMoney {
        SignedMoney(money.0.into())
    }
}

/// How much of an article: pieces, or a weight. Exact to a thousandth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Quantity(
    /// In thousandths: at most [`Figure::MAX`] thousands of them.
    pub u64,
);

impl Quantity {
    /// Thousandths in one.
    const ONE: u64 = 1_000;

    /// Nothing of it.
    pub const NONE: Quantity = Quantity(0);

    /// So many pieces.
    pub fn whole(pieces: Figure) -> Quantity {
        Quantity(pieces.get() * Quantity::ONE) // below 2^63
    }

    /// Reads a decimal string such as `0.350`: ASCII digits, at most three of them after the point.
    pub fn parse(text: &str) -> Option<Quantity> {
        let (mantissa, scale) = decimal(text, 16, 3)?;
        let thousandths = mantissa.checked_mul(10u64.pow(3 - scale))?;
        (thousandths <= Figure::MAX * Quantity::ONE).then_some(Quantity(thousandths))
    }

    /// The number of pieces, if it is a whole one.
    pub fn pieces(self) -> Option<u64> {
        self.0.is_multiple_of(Quantity::ONE).then_some(self.0 / Quantity::ONE)
    }
}

/// In JSON a whole number where it is one, else a decimal string.
impl serde::Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.pieces() {
            Some(pieces) => serializer.serialize_u64(pieces),
            None => serializer.collect_str(self),
        }
    }
}

/// As a decimal string: without a point if it is whole, else without closing zeros.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pieces() {
            Some(pieces) => write!(f, "{pieces}"),
            None => {
                let fraction = format!("{:03}", self.0 % Quantity::ONE);
                write!(f, "{}.{}", self.0 / Quantity::ONE, fraction.trim_end_matches('0'))
            }
        }
    }
}

/// An amount of money in millionths of the currency's unit, exact where a [`Money`] is not: a point's price
/// has up to six digits. May be below zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Amount(pub i128);

impl Amount {
    /// An amount of whole minor units.
    pub fn of(money: Money, currency: Currency) -> Amount {
        // A currency has at most 4 digits.
        Amount(i128::from(money.0) * 10i128.pow(6 - currency.digits))
    }

    /// That many points at that price.
    pub fn product(points: u64, price: Rate) -> Amount {
        Amount(i128::from(points) * i128::from(price.millionths()))
    }

    /// The amount as a decimal string: the currency's minor digits, and further ones if there are any.
    pub fn show(self, currency: Currency) -> String {
        let (whole, fraction) = (self.0.unsigned_abs() / 1_000_000, self.0.unsigned_abs() % 1_000_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        let digits = format!("{fraction:06}");
        let told = digits.trim_end_matches('0').len().max(currency.digits as usize);
        match told {
            0 => format!("{sign}{whole}"),
            told => format!("{sign}{whole}.{}", &digits[..told]),
        }
    }
}

/// A decimal rate, kept exactly: `mantissa / 10^scale`, at most 6 digits before the point and 6 after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    mantissa: u64,
    scale: u32,
}

impl Rate {
    /// The rate that changes nothing.
    pub const ONE: Rate = Rate { mantissa: 1, scale: 0 };

    /// Nought.
    pub const ZERO: Rate = Rate { mantissa: 0, scale: 0 };

    /// The rate in millionths; it has no finer digits.
    pub fn millionths(self) -> u64 {
        // A scale is at most 6, and the mantissa has at most 12 digits.
        self.mantissa * 10u64.pow(6 - self.scale)
    }

    /// Reads a decimal string such as `0.333333`.
    pub fn parse(text: &str) -> Option<Rate> {
        let (mut mantissa, mut scale) = decimal(text, 6, 6)?;
        while scale > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            scale -= 1;
        }
        Some(Rate { mantissa, scale })
    }

    /// `ceil(whole × rate)`; `None` beyond every figure.
    pub fn ceil_of(self, whole: u64) -> Option<Figure> {
        let product = u128::from(whole) * u128::from(self.mantissa);
        Figure::of(product.div_ceil(10u128.pow(self.scale)))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u64.pow(self.scale);
        match self.scale {
            0 => write!(f, "{}", self.mantissa),
            scale => {
                write!(f, "{}.{:0width$}", self.mantissa / unit, self.mantissa % unit, width = scale as usize)
            }
        }
    }
}

/// The decimal string without the zeros that follow so many digits after the point, where nothing else does.
fn without_zeros_beyond(text: &str, digits: usize) -> &str {
    let Some(point) = text.find('.') else { return text };
    let kept = if digits == 0 { point } else { point + 1 + digits };
    let beyond = text.as_bytes().get(point + 1 + digits..).unwrap_or_default();
    if !beyond.is_empty() && beyond.iter().all(|digit| *digit == b'0') { &text[..kept] } else { text }
}

/// Mantissa and scale of a plain decimal string; no sign, no exponent, no other digits than ASCII.
fn decimal(text: &str, whole_max: usize, fraction_max: usize) -> Option<(u64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "")); // a whole number
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let pointed = text.contains('.');
    if whole.is_empty() || whole.len() > whole_max || fraction.len() > fraction_max {
        return None;
    }
    if !plain(whole) || !plain(fraction) || (pointed && fraction.is_empty()) {
        return None;
    }
    let scale = u32::try_from(fraction.len()).ok()?;
    let mut mantissa = whole.bytes().chain(fraction.bytes());
    let mantissa =
        mantissa.try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((mantissa, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every JSON reader keeps whole, and nothing beyond it.
    #[test]
    fn a_figure_is_at_most_what_json_keeps_whole() {
        let most = 9_007_199_254_740_991;
        for (number, want) in
            [(-1, None), (0, Some(0)), (most, Some(most)), (most + 1, None), (i128::MAX, None)]
        {
            assert_eq!(Figure::of(number).map(|figure| i128::from(figure.get())), want, "{number}");
        }
        let changes = [(-most, Some(-most)), (-most - 1, None), (most, Some(most)), (most + 1, None)];
        for (number, want) in changes {
            assert_eq!(SignedFigure::of(number).map(|figure| i128::from(figure.get())), want, "{number}");
        }
        assert_eq!(SignedFigure::of(i64::MIN), None);
        assert_eq!(Figure::sum([Figure::MAX - 1, 1]), Figure::of(Figure::MAX));
        assert_eq!((Figure::sum([Figure::MAX, 1]), Figure::sum([u64::MAX, u64::MAX])), (None, None));
    }

    fn cny() -> Currency {
        Currency::of("CNY").unwrap()
    }

    #[test]
    fn money_reads_only_plain_decimals() {
        let read = |text| Money::parse(text, cny()).map(|money| money.0);
        assert_eq!(read("88.50"), Some(8_850));
        assert_eq!(read("88.5"), Some(8_850));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("9999999999999.99"), Some(999_999_999_999_999));
        for bad in
            ["", ".5", "5.", "-1", "+1", "1e3", "1.234", "９.９９", "1,5", " 1", "10000000000000", "0x1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(Money::parse("12.5", Currency::of("JPY").unwrap()), None);
        assert_eq!(Money(8_850).show(cny()), "88.50");
    }

    #[test]
    fn rates_keep_six_digits_and_show_as_given() {
        for text in ["0.333333", "1", "2.5", "999999.999999", "0"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        for bad in ["1000000", "0.1234567", "-1", "1e1"] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
        for (long, short) in [("0.500000", "0.5"), ("10.0", "10"), ("100", "100"), ("0.00", "0")] {
            assert_eq!(Rate::parse(long), Rate::parse(short));
            assert_eq!(Rate::parse(long).unwrap().to_string(), short);
        }
        assert_eq!(Rate::parse("0.9").unwrap().ceil_of(5), Figure::of(5));
        assert_eq!(Rate::parse("0.9").unwrap().ceil_of(10), Figure::of(9));
    }

    #[test]
    fn amounts_are_exact_to_the_millionth() {
        let (cny, jpy) = (cny(), Currency::of("JPY").unwrap());
        let show = |amount: i128, currency| Amount(amount).show(currency);
        assert_eq!(Amount::of(Money(8_850), cny), Amount(88_500_000));
        assert_eq!(Amount::of(Money(8_850), jpy), Amount(8_850_000_000));
        assert_eq!(Amount::product(3, Rate::parse("0.333333").unwrap()), Amount(999_999));
        assert_eq!(show(88_500_000, cny), "88.50");
        assert_eq!(show(-88_500_001, cny), "-88.500001");
        assert_eq!(show(-1, jpy), "-0.000001");
        assert_eq!([show(0, cny), show(0, jpy)], ["0.00", "0"]);
        assert_eq!(show(1_000_000, jpy), "1");
        let most = Amount::product(Figure::MAX, Rate::parse("999999.999999").unwrap());
        assert_eq!(most.show(cny), "9007199254731983800745.259009");
    }

    /// Zeros beyond the minor digits say nothing; any other digit there is refused, and so is a point alone.
    #[test]
    fn zeros_beyond_the_minor_digits_are_harmless() {
        let jpy = Currency::of("JPY").unwrap();
        for (text, cents, yen) in [
            ("88.5000", Some(8_850), None),
            ("88.50000000000000000000", Some(8_850), None),
            ("12999.00", Some(1_299_900), Some(12_999)),
            ("12999.0", Some(1_299_900), Some(12_999)),
            ("0.00000", Some(0), Some(0)),
            ("88.505", None, None),
            ("88.5001", None, None),
            ("88.", None, None),
            (".00", None, None),
            ("88.50é0", None, None),
            ("88.0.0", None, None),
        ] {
            let read = |currency| Money::parse(text, currency).map(|money| money.0);
            assert_eq!((read(cny()), read(jpy)), (cents, yen), "{text}");
            let below = SignedMoney::parse(&format!("-{text}"), cny()).map(|money| money.0);
            assert_eq!(below, cents.map(|cents| -i128::from(cents)), "-{text}");
        }
        assert_eq!(SignedMoney::parse("--1", cny()), None);
        assert_eq!(SignedMoney(-8_850).show(cny()), "-88.50");
    }

    #[test]
    fn quantities_keep_three_digits_and_show_without_closing_zeros() {
        for (text, thousandths, shown) in [
            ("0.350", 350, "0.35"),
            ("0.001", 1, "0.001"),
            ("1.5", 1_500, "1.5"),
            ("3", 3_000, "3"),
            ("3.000", 3_000, "3"),
            ("0", 0, "0"),
            ("9007199254740991", 9_007_199_254_740_991_000, "9007199254740991"),
        ] {
            assert_eq!(Quantity::parse(text), Some(Quantity(thousandths)), "{text}");
            assert_eq!(Quantity(thousandths).to_string(), shown);
        }
        for text in ["", "-1", "0.3501", "1e3", "1.", ".5", "9007199254740992", "9007199254740991.001", "１"]
        {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
        assert_eq!(Quantity::whole(Figure::of(7).unwrap()), Quantity(7_000));
        assert_eq!((Quantity(7_000).pieces(), Quantity(350).pieces()), (Some(7), None));
    }
}
