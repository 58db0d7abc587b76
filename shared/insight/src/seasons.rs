//! Seasons: which months of a year have more orders than others (季节指数).
//!
//! The ratio to the mean of its year, averaged over whole calendar years: the months' orders a day, as months differ in
//! length, ÷ the mean of the twelve. The indices of a year add up to 12. A trend within the years is not taken out: of a
//! shop that doubles each year December is high for that alone.

/// Whole years from which on a season is told apart from one year's chance.
pub const ENOUGH: usize = 2;

/// The orders of a whole calendar year by month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Year {
    /// The year, of the Gregorian calendar.
    pub year: i32,
    /// January's to December's.
    pub orders: [u64; 12],
}

/// What the years say.
#[derive(Clone, PartialEq, Debug)]
pub struct Seasons {
    /// January's to December's: 1 is a month like the mean.
    pub index: [f64; 12],
    /// How many years they are the mean of; those without any order tell nothing, and are not among them.
    pub years: usize,
    /// Whether these are [`ENOUGH`].
    pub complete: bool,
}

impl Year {
    /// The days of the months.
    fn days(&self) -> [u8; 12] {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    }

    /// `None` of a year without orders.
    fn index(&self) -> Option<[f64; 12]> {
        let days = self.days();
        let a_day: [f64; 12] =
            std::array::from_fn(|month| self.orders[month] as f64 / f64::from(days[month]));
        let mean = a_day.iter().sum::<f64>() / 12.0;
        (mean > 0.0).then(|| a_day.map(|orders| orders / mean))
    }
}

/// The mean index of each month over the years, whose order makes no difference. `None` without a year that has an
/// order.
pub fn seasons(years: &[Year]) -> Option<Seasons> {
    let mut years = years.to_vec();
    years.sort_by_key(|year| (year.year, year.orders));
    let indices: Vec<[f64; 12]> = years.iter().filter_map(Year::index).collect();
    let count = indices.len();
    if count == 0 {
        return None;
    }
    let mean = |month: usize| indices.iter().map(|index| index[month]).sum::<f64>() / count as f64;
    Some(Seasons { index: std::array::from_fn(mean), years: count, complete: count >= ENOUGH })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many orders each day: only the months' lengths differ.
    fn even(year: i32, a_day: u64) -> Year {
        let days = Year { year, orders: [0; 12] }.days();
        Year { year, orders: days.map(|days| u64::from(days) * a_day) }
    }

    #[test]
    fn years_have_their_days() {
        for (year, days) in
            [(1900, 365), (2000, 366), (2023, 365), (2024, 366), (2100, 365), (2400, 366), (-4, 366)]
        {
            let found = Year { year, orders: [0; 12] }.days();
            assert_eq!(found.map(u32::from).iter().sum::<u32>(), days, "{year}");
            assert_eq!([found[0], found[3], found[6], found[7], found[11]], [31, 30, 31, 31, 31]);
        }
    }

    #[test]
    fn months_of_other_lengths_are_alike() {
        for year in [1900, 2000, 2023, 2024] {
            let found = seasons(&[even(year, 7)]).unwrap();
            assert_eq!((found.index, found.years, found.complete), ([1.0; 12], 1, false), "{year}");
        }
    }

    #[test]
    fn a_month_of_twice_the_orders() {
        let mut year = even(2023, 10);
        year.orders[10] *= 2;
        let (found, twice) = (seasons(&[year]).unwrap().index, 2.0 * 12.0 / 13.0);
        assert!((found[10] - twice).abs() < 1e-15 && (found[0] - twice / 2.0).abs() < 1e-15, "{found:?}");
        // Each year counts as much, however large; one without orders does not count.
        let years = [even(2024, 1_000), year, Year { year: 2025, orders: [0; 12] }];
        let found = seasons(&years).unwrap();
        assert_eq!((found.years, found.complete), (2, true));
        assert!((found.index[10] - (1.0 + twice) / 2.0).abs() < 1e-15);
        assert!((found.index.iter().sum::<f64>() - 12.0).abs() < 1e-14);
        let [first, second, third] = years;
        assert_eq!(seasons(&[third, first, second]), Some(found));
    }

    #[test]
    fn without_orders_nothing_is_told() {
        assert_eq!(seasons(&[]), None);
        assert_eq!(seasons(&[Year { year: 2023, orders: [0; 12] }]), None);
        assert!(seasons(&[Year { year: i32::MIN, orders: [u64::MAX; 12] }]).is_some());
    }
}
