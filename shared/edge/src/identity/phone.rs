//! Telephone numbers: from what was sent to E.164, or why there is none in it.
//!
//! The library (see decision 0014) knows calling codes, exit codes, trunk prefixes, lengths and ranges of every
//! country. It is given digits alone, so that nothing else of a text is interpreted; and it is asked about the
//! number as it stands too, because it takes a prefix off where that makes a number of a known range, also of a
//! number that begins with these digits itself.

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL as UTIL, ParseError, PhoneNumber,
    PhoneNumberFormat, Region, ValidationError,
};

use super::{
    Unread,
    fold::{Folded, fold, shown, too_long},
};

/// Why digits are no number.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Why {
    /// No calling code begins so.
    CallingCode,
    /// Fewer digits than a number of its country has.
    Short,
    /// More digits than a number of its country has.
    Long,
    /// Without its area it is a number in every area.
    Local,
    /// So many digits no number of its country has, or it is none for another reason.
    NoNumber,
    /// Both of these, and neither in a range that is known.
    Ambiguous(String, String),
    /// The programme's region is none that has numbers.
    Region,
}

/// The number in E.164, the one form. `region`, such as `CN`, is where it is dialled if it has no country.
///
/// # Errors
/// It is no number, or more than one: what was sent, and what would be right.
pub fn phone(text: &str, region: &str) -> Result<String, Unread> {
    let Folded { plus, digits } = fold(text)?;
    let read = if plus { international(&digits) } else { dialled(&digits, region) };
    read.map_err(|why| why.told(text, region))
}

/// A number that was read.
struct Reading {
    e164: String,
    /// Its calling code.
    code: i32,
    /// Whether it is in a range that is known.
    valid: bool,
    /// Whether its country has numbers of that length.
    length: Result<(), Why>,
}

impl Reading {
    fn of(number: &PhoneNumber) -> Reading {
        let length = match UTIL.is_possible_number_with_reason(number) {
            Ok(NumberLengthType::IsPossible) => Ok(()),
            Ok(NumberLengthType::IsPossibleLocalOnly) => Err(Why::Local),
            Err(ValidationError::TooShort) => Err(Why::Short),
            Err(ValidationError::TooLong) => Err(Why::Long),
            Err(ValidationError::InvalidCountryCode) => Err(Why::CallingCode),
            Err(ValidationError::InvalidLength) => Err(Why::NoNumber),
        };
        Reading {
            e164: UTIL.format(number, PhoneNumberFormat::E164).into_owned(),
            code: number.country_code,
            valid: UTIL.is_valid_number(number),
            length,
        }
    }

    fn is_possible(&self) -> bool {
        self.length.is_ok()
    }

    /// Its digits behind the calling code.
    fn national(&self) -> &str {
        self.e164.strip_prefix(&format!("+{}", self.code)).unwrap_or_default()
    }
}

/// The number of just these digits behind that calling code: nothing is taken off.
fn as_it_stands(code: i32, national: &str) -> Option<Reading> {
    let zeros = national.bytes().take_while(|byte| *byte == b'0').count();
    if !(2..=17).contains(&national.len()) || zeros == national.len() {
        return None;
    }
    let mut number =
        PhoneNumber { country_code: code, national_number: national.parse().ok()?, ..PhoneNumber::default() };
    if zeros > 0 {
        number.italian_leading_zero = Some(true);
        number.number_of_leading_zeros = i32::try_from(zeros).ok().filter(|zeros| *zeros > 1);
    }
    Some(Reading::of(&number))
}

/// The number of the digits behind a `+`. No region is asked.
fn international(digits: &str) -> Result<String, Why> {
    let read = Reading::of(&UTIL.parse(format!("+{digits}"), None)?);
    let national = digits.strip_prefix(&read.code.to_string()).ok_or(Why::NoNumber)?;
    let own = as_it_stands(read.code, national);
    match own {
        Some(own) if own.valid => Ok(own.e164),
        // A 0 may be a trunk prefix that is not dialled from abroad. Of another prefix only what is too long with it
        // is known to have one: new ranges come every month.
        Some(own) if own.is_possible() && !national.starts_with('0') => Ok(own.e164),
        _ if read.valid => Ok(read.e164),
        Some(own) if own.is_possible() && own.e164 == read.e164 => Ok(own.e164),
        own => {
            let bare = read.national();
            let fits = read.is_possible() && !bare.starts_with('0');
            if fits && as_it_stands(read.code, bare).is_some_and(|bare| bare.is_possible()) {
                return Ok(read.e164);
            }
            let length = own.and_then(|own| own.length.err()).or(read.length.err());
            Err(length.unwrap_or(Why::NoNumber))
        }
    }
}

/// The number of the digits without a `+`, as they are dialled in the region.
fn dialled(digits: &str, region: &str) -> Result<String, Why> {
    let region = Region::from_code(region).map_err(|_| Why::Region)?;
    let code = UTIL.get_country_code_for_region(region).ok_or(Why::Region)?;
    let own = as_it_stands(code, digits);
    let valid_own = own.as_ref().filter(|own| own.valid).map(|own| own.e164.clone());
    let number = match UTIL.parse_and_keep_raw_input(digits, Some(region)) {
        Ok(number) => number,
        Err(error) => return valid_own.ok_or_else(|| error.into()),
    };
    let read = Reading::of(&number);
    if number.country_code_source() == CountryCodeSource::FromNumberWithIdd {
        return match valid_own {
            // Russia has numbers of 14 digits that begin with 810.
            Some(own) if !read.is_possible() => Ok(own),
            Some(own) if !read.valid => Err(Why::Ambiguous(own, read.e164)),
            _ => behind_exit_code(digits, &read),
        };
    }
    let e164 = match own {
        // Neither the calling code nor a trunk prefix is looked for.
        Some(own) if own.valid => own.e164,
        _ if read.valid => read.e164,
        Some(own) if own.is_possible() && own.e164 == read.e164 => own.e164,
        Some(own) if own.is_possible() && !digits.starts_with('0') => match read.is_possible() {
            true => return Err(Why::Ambiguous(own.e164, read.e164)),
            false => own.e164,
        },
        _ => read.length.map(|()| read.e164)?,
    };
    // What is stored finds itself again.
    match international(e164.trim_start_matches('+')) {
        Ok(again) if again == e164 => Ok(e164),
        _ => Err(Why::NoNumber),
    }
}

/// The number behind the region's exit code, read as behind a `+`.
fn behind_exit_code(digits: &str, read: &Reading) -> Result<String, Why> {
    let code = read.code.to_string();
    let is_read = |rest: &&str| {
        let again = UTIL.parse(format!("+{rest}"), None);
        again.is_ok_and(|again| UTIL.format(&again, PhoneNumberFormat::E164) == read.e164)
    };
    // The library does not say how long the exit code was.
    let rests = (1..digits.len().min(9)).map(|at| &digits[at..]);
    let rest = rests.filter(|rest| rest.starts_with(&code)).find(is_read).ok_or(Why::NoNumber)?;
    international(rest)
}

impl From<ParseError> for Why {
    fn from(error: ParseError) -> Why {
        match error {
            ParseError::InvalidCountryCode => Why::CallingCode,
            ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Why::Short,
            ParseError::TooLongNsn => Why::Long,
            ParseError::NotANumber(_) => Why::NoNumber,
        }
    }
}

impl Why {
    fn told(self, text: &str, region: &str) -> Unread {
        let (sent, country) = (shown(text), "with its area, or with + and its country");
        match self {
            Why::CallingCode => {
                let detail = format!("{sent} begins with the calling code of no country");
                Unread::new("unknown_calling_code", detail)
            }
            Why::Short => {
                Unread::new("too_short", format!("{sent} has too few digits for a number: {country}"))
            }
            Why::Long => too_long(text),
            Why::Local => Unread::new("local_number", format!("{sent} is a number of any area: {country}")),
            Why::NoNumber => {
                let detail =
                    format!("{sent} is no telephone number of {region}, nor with + of another country");
                Unread::new("no_such_number", detail)
            }
            Why::Ambiguous(one, other) => {
                let detail = format!("{sent} may be {one} or {other}: with + and its country");
                Unread::new("ambiguous_number", detail)
            }
            Why::Region => {
                let detail =
                    format!("{sent} has no country, and the programme's region {region} has no numbers");
                Unread::new("unknown_region", detail)
            }
        }
    }
}
