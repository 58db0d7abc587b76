//! Values of cells: dates and moments, figures, yes and no. A value that could be read in two ways is not read.

use std::borrow::Cow;

use domain::{
    number::{Figure, SignedFigure},
    time::{Day, Instant, Zone},
};

use crate::Cell;

/// How dates are written whose order cannot be seen in them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DateOrder {
    /// Only forms that can be read one way.
    #[default]
    Plain,
    /// `31/01/2020`.
    DayFirst,
    /// `01/31/2020`.
    MonthFirst,
}

impl DateOrder {
    /// The order of `dd/mm/yyyy` or `mm/dd/yyyy`, whatever stands between.
    pub fn parse(text: &str) -> Option<DateOrder> {
        let letters: String = text.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
        match letters.as_str() {
            "ddmmyyyy" => Some(DateOrder::DayFirst),
            "mmddyyyy" => Some(DateOrder::MonthFirst),
            "yyyymmdd" => Some(DateOrder::Plain),
            _ => None,
        }
    }
}

/// When something is, as a cell says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `never`, or the end of the year 9999.
    Never,
    /// A date.
    Day(Day),
    /// A moment.
    At(Instant),
}

/// What is wrong with a value: a stable word, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// A stable word.
    pub code: &'static str,
    /// What would be right, for people.
    pub detail: Cow<'static, str>,
}

impl Wrong {
    fn of(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Wrong {
        Wrong { code, detail: detail.into() }
    }
}

/// Reads the values of a programme's files.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The programme's zone, for local times.
    pub zone: Zone,
    /// How dates are written.
    pub dates: DateOrder,
}

/// Letters and digits of full width as plain ones.
fn folded(text: &str) -> Cow<'_, str> {
    let wide = |one: char| ('\u{ff01}'..='\u{ff5e}').contains(&one);
    if !text.contains(wide) {
        return Cow::Borrowed(text);
    }
    let fold = |one: char| match wide(one) {
        true => char::from_u32(one as u32 - 0xfee0).unwrap_or(one),
        false => one,
    };
    Cow::Owned(text.chars().map(fold).collect())
}

/// Whether a spreadsheet wrote it as a number that has lost digits: `1.38E+10`.
pub fn is_scientific(text: &str) -> bool {
    let text = folded(text.trim());
    let Some((number, power)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, rest) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let power = power.strip_prefix(['+', '-']).unwrap_or_default();
    digits(whole) && digits(rest) && digits(power)
}

/// What is told of a number that has lost digits.
pub fn scientific() -> Wrong {
    let detail = "written by a spreadsheet as a number, which has lost digits: format the column as text, and save \
                  again";
    Wrong::of("spreadsheet_number", detail)
}

/// Whether another program could not read what stood there: a sign for what is missing, or an error of a
/// spreadsheet.
pub fn is_misread(text: &str) -> bool {
    const ERRORS: [&str; 8] = ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!"];
    text.contains('\u{fffd}') || text.contains("锟斤拷") || ERRORS.contains(&text)
}

/// What is told of it.
pub fn misread() -> Wrong {
    Wrong::of(
        "misread_text",
        "another program could not read what stood here: write the file anew from its source",
    )
}

/// A text that must be as it was: an identity, the number of an order.
///
/// # Errors
/// It has lost something on its way.
pub fn exact<'a>(cell: Cell<'a>) -> Result<&'a str, Wrong> {
    if is_misread(cell.text) {
        return Err(misread());
    }
    if is_scientific(cell.text) {
        return Err(scientific());
    }
    Ok(cell.text)
}

/// A whole number, at least 0.
///
/// # Errors
/// It is no such number, or has marks of thousands.
pub fn figure(text: &str) -> Result<Figure, Wrong> {
    let wrong = || Wrong::of("wrong_format", "a whole number from 0, without marks of thousands");
    let signed = signed(text).map_err(|error| if error.code == "wrong_format" { wrong() } else { error })?;
    Figure::of(signed.get()).ok_or_else(wrong)
}

/// A whole number.
///
/// # Errors
/// It is no such number, or has marks of thousands.
pub fn signed(text: &str) -> Result<SignedFigure, Wrong> {
    let wrong = || Wrong::of("wrong_format", "a whole number, without marks of thousands");
    let text = folded(text.trim()).replace('\u{2212}', "-");
    if is_scientific(&text) {
        return Err(scientific());
    }
    let (whole, rest) = text.split_once('.').unwrap_or((&text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !good {
        return Err(wrong());
    }
    if rest.is_empty() || rest.bytes().any(|byte| byte != b'0') {
        return Err(Wrong::of("wrong_format", "a whole number: nothing but zeros after the point"));
    }
    let number = whole.parse::<i64>().ok().and_then(SignedFigure::of);
    number.ok_or_else(|| Wrong::of("out_of_range", "at most 9007199254740991"))
}

/// A decimal number as the contract writes it: digits of full width folded, nothing else changed.
///
/// # Errors
/// It is no such number, or has marks of thousands.
pub fn decimal(text: &str) -> Result<String, Wrong> {
    let text = folded(text.trim()).replace('\u{2212}', "-");
    if is_scientific(&text) {
        return Err(scientific());
    }
    let number = text.strip_prefix('-').unwrap_or(&text);
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits(whole) && digits(rest) {
        true => Ok(text),
        false => {
            Err(Wrong::of("wrong_format", "a number with a point, such as 88.50, without marks of thousands"))
        }
    }
}

/// Yes or no; `None` if it is neither.
pub fn yes_or_no(text: &str) -> Option<bool> {
    match folded(text.trim()).to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "是" => Some(true),
        "no" | "n" | "false" | "0" | "否" => Some(false),
        _ => None,
    }
}

impl Reader {
    /// When something is; `None` if the cell stands for nothing (`0000-00-00`).
    ///
    /// # Errors
    /// It is no date and no moment, or could be read in two ways.
    pub fn when(&self, text: &str) -> Result<Option<When>, Wrong> {
        let text = folded(text.trim());
        let text = text.trim();
        if matches!(text.to_lowercase().as_str(), "never" | "永久" | "永不过期") {
            return Ok(Some(When::Never));
        }
        let (date, rest) = self.date(text)?;
        let (year, month, day) = date;
        if date == (0, 0, 0) {
            return Ok(None);
        }
        if date == (9999, 12, 31) {
            return Ok(Some(When::Never));
        }
        let shown = format!("{year:04}-{month:02}-{day:02}");
        let out = || Wrong::of("out_of_range", "a date that the calendar has, from 1900 to 9998");
        let day = Day::parse(&shown).filter(|day| (1900..=9998).contains(&day.year())).ok_or_else(out)?;
        let rest = rest.trim();
        if matches!(
            rest,
            "" | "00:00" | "0:00" | "00:00:00" | "0:00:00" | "00:00:00.000" | "T00:00:00" | "T00:00"
        ) {
            return Ok(Some(When::Day(day)));
        }
        self.moment(day, &shown, rest).map(|at| Some(When::At(at)))
    }

    /// A date; `None` if the cell stands for nothing. A time of 00:00 after it does no harm.
    ///
    /// # Errors
    /// It is no date, or could be read in two ways.
    pub fn day(&self, text: &str) -> Result<Option<Day>, Wrong> {
        match self.when(text)? {
            None => Ok(None),
            Some(When::Day(day)) => Ok(Some(day)),
            Some(When::Never | When::At(_)) => {
                Err(Wrong::of("wrong_format", "a date without a time, such as 2020-01-31"))
            }
        }
    }

    /// The moment at which something begins: of a date its first one.
    ///
    /// # Errors
    /// It is no date and no moment.
    pub fn begin(&self, text: &str) -> Result<Option<Instant>, Wrong> {
        match self.when(text)? {
            None => Ok(None),
            Some(When::Day(day)) => Ok(Some(self.zone.midnight(day))),
            Some(When::At(at)) => Ok(Some(at)),
            Some(When::Never) => Err(Wrong::of("wrong_format", "a date or a moment, and not never")),
        }
    }

    /// The moment at which something ends; the inner `None` is never. What ends at a date is good through that day.
    ///
    /// # Errors
    /// It is no date and no moment.
    pub fn end(&self, text: &str) -> Result<Option<Option<Instant>>, Wrong> {
        Ok(self.when(text)?.map(|when| match when {
            When::Never => None,
            When::Day(day) => Some(self.zone.midnight(day.plus_days(1))),
            When::At(at) => Some(at),
        }))
    }

    /// The date that a text begins with, its parts as they stand, and what follows it.
    fn date<'a>(&self, text: &'a str) -> Result<((u32, u32, u32), &'a str), Wrong> {
        let wrong = || {
            let detail = "a date such as 2020-01-31, 2020/1/31, 2020年1月31日 or 20200131, or a moment such as \
                          2020-01-31T12:00:00+08:00";
            Wrong::of("wrong_format", detail)
        };
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let number = |text: &str| text.parse::<u32>().ok();
        let first = digits(text);
        if first == 8 {
            let (date, rest) = text.split_at(8);
            let parts = (number(&date[..4]), number(&date[4..6]), number(&date[6..]));
            let (Some(year), Some(month), Some(day)) = parts else { return Err(wrong()) };
            return Ok(((year, month, day), rest));
        }
        let mut parts = [(0, 0); 3];
        let mut rest = text;
        let mut marks = [' '; 2];
        for (index, part) in parts.iter_mut().enumerate() {
            let length = digits(rest);
            *part = (number(&rest[..length]).ok_or_else(wrong)?, length);
            rest = &rest[length..];
            if index < 2 {
                marks[index] = rest.chars().next().ok_or_else(wrong)?;
                rest = &rest[marks[index].len_utf8()..];
            }
        }
        let [(one, first), (two, second), (three, third)] = parts;
        let short = |length: usize| (1..=2).contains(&length);
        match marks {
            ['-', '-'] | ['/', '/'] if first == 4 && short(second) && short(third) => {
                Ok(((one, two, three), rest))
            }
            ['年', '月'] if first == 4 && short(second) && short(third) => {
                Ok(((one, two, three), rest.strip_prefix('日').unwrap_or(rest)))
            }
            ['-', '-'] | ['/', '/'] | ['.', '.'] if short(first) && short(second) && third == 4 => {
                match self.dates {
                    DateOrder::DayFirst => Ok(((three, two, one), rest)),
                    DateOrder::MonthFirst => Ok(((three, one, two), rest)),
                    DateOrder::Plain => Err(Wrong::of(
                        "wrong_format",
                        "a date whose order cannot be seen: say --date-format dd/mm/yyyy (or mm/dd/yyyy), or write \
                     2020-01-31",
                    )),
                }
            }
            _ => Err(wrong()),
        }
    }

    /// The moment of a date and what follows it: a time, perhaps with an offset.
    fn moment(&self, day: Day, date: &str, rest: &str) -> Result<Instant, Wrong> {
        let wrong =
            || Wrong::of("wrong_format", "a time such as 08:30 or 08:30:00, or with its offset, +08:00");
        let time = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim();
        let offset = time.find(['Z', 'z', '+', '-']);
        let (clock, offset) = time.split_at(offset.unwrap_or(time.len()));
        let clock = clock.trim();
        let mut parts = clock.split(':');
        let (hour, minute) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(wrong)?);
        let (second, fraction) = match parts.next() {
            Some(second) => second.split_once(['.', ',']).unwrap_or((second, "0")),
            None => ("0", "0"),
        };
        let two = |text: &str, max: i64| {
            let good = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|number| good && *number <= max).ok_or_else(wrong)
        };
        let (hour, minute, second) = (two(hour, 23)?, two(minute, 59)?, two(second, 59)?);
        let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
        if parts.next().is_some() || !is_fraction || fraction.len() > 9 {
            return Err(wrong());
        }
        let milli: i64 = format!("{fraction:0<3}")[..3].parse().map_err(|_| wrong())?;
        if offset.is_empty() {
            return Ok(self.zone.moment(day, ((hour * 60 + minute) * 60 + second) * 1_000 + milli));
        }
        let offset = match offset.trim().as_bytes() {
            [b'Z' | b'z'] => "Z".to_owned(),
            [sign, a, b] => format!("{}{}{}:00", *sign as char, *a as char, *b as char),
            [sign, a, b, c, d] if *c != b':' => {
                [sign, a, b, &b':', c, d].iter().map(|byte| char::from(**byte)).collect()
            }
            _ => offset.trim().to_owned(),
        };
        let text = format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}{offset}");
        Instant::parse(&text).ok_or_else(wrong)
    }
}
