//! Sums in a fixed order, and the functions of analysis that `libm` does not have.

/// How many terms are added before their sum is put aside: blocks may be summed apart, on as many threads as one
/// likes, and give the same bits.
const BLOCK: usize = 65_536;

/// The sum of the terms in their order: of blocks of 65,536 of them, then of the blocks.
pub fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut blocks, mut block, mut count) = (0.0, 0.0, 0);
    for term in terms {
        block += term;
        count += 1;
        if count == BLOCK {
            blocks += block;
            (block, count) = (0.0, 0);
        }
    }
    blocks + block
}

/// Where the asymptotic series of the digamma function begins to be exact to a few units in the last place.
const FAR: f64 = 10.0;

/// The derivative of ln Γ at `z` > 0: by its recurrence up to 10, from there by its asymptotic series (Abramowitz and
/// Stegun 6.3.5 and 6.3.18, to the term in z⁻¹⁴).
pub(crate) fn digamma(mut z: f64) -> f64 {
    let mut before = 0.0;
    while z < FAR {
        before -= 1.0 / z;
        z += 1.0;
    }
    let square = 1.0 / (z * z);
    let terms =
        [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32_760.0, 1.0 / 12.0];
    let series = terms.iter().rev().fold(0.0, |rest, term| (rest + term) * square);
    before + libm::log(z) - 0.5 / z - series
}

/// A rising factorial z (z + 1) … (z + n − 1) = Γ(z + n) ÷ Γ(z): its logarithm, and the derivative of that by z.
#[derive(Clone, Copy)]
pub(crate) struct Rising {
    pub(crate) log: f64,
    pub(crate) slope: f64,
}

/// Up to here factors are multiplied one by one, which is exact also where ln Γ(z + n) and ln Γ(z) are nearly equal.
const ONE_BY_ONE: u32 = 4_096;

/// The rising factorials of `z` > 0 for each of `counts`, which ascend.
pub(crate) fn rising(z: f64, counts: &[u32]) -> Vec<Rising> {
    let mut at = 0;
    let mut reached = Rising { log: 0.0, slope: 0.0 };
    let each = counts.iter().map(|&count| {
        if count > ONE_BY_ONE {
            let end = z + f64::from(count);
            return Rising { log: libm::lgamma(end) - libm::lgamma(z), slope: digamma(end) - digamma(z) };
        }
        while at < count {
            let factor = z + f64::from(at);
            reached.log += libm::log(factor);
            reached.slope += 1.0 / factor;
            at += 1;
        }
        reached
    });
    each.collect()
}

/// Whether every number is finite and above 0.
pub(crate) fn positive(numbers: &[f64]) -> bool {
    numbers.iter().all(|number| number.is_finite() && *number > 0.0)
}

/// The number if it is finite.
pub(crate) fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 2e-15 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn digamma_is_that_of_the_tables() {
        // −γ, −γ − 2 ln 2, and mpmath 1.3 at 40 digits.
        for (z, expected) in [
            (1.0, -0.577_215_664_901_532_9),
            (0.5, -1.963_510_026_021_423_5),
            (0.243, -4.351_093_864_423_211),
            (10.0, 2.251_752_589_066_721),
            (1e6, 13.815_510_057_964_191),
        ] {
            check(digamma(z), expected);
        }
    }

    #[test]
    fn a_rising_factorial_is_a_product() {
        let found = rising(2.5, &[0, 1, 3]);
        check(found[0].log, 0.0);
        check(found[1].log, libm::log(2.5));
        check(found[2].log, libm::log(2.5 * 3.5 * 4.5));
        check(found[2].slope, 1.0 / 2.5 + 1.0 / 3.5 + 1.0 / 4.5);
    }

    /// Both ways of computing it meet where one takes over from the other.
    #[test]
    fn long_rising_factorials_are_those_of_ln_gamma() {
        let [one, gamma] = [ONE_BY_ONE, ONE_BY_ONE + 1].map(|count| rising(0.7, &[count])[0]);
        let last = 0.7 + f64::from(ONE_BY_ONE);
        assert!((gamma.log - one.log - libm::log(last)).abs() < 1e-9, "{} {}", one.log, gamma.log);
        assert!((gamma.slope - one.slope - 1.0 / last).abs() < 1e-12);
    }

    #[test]
    fn a_sum_is_one_of_blocks() {
        let terms: Vec<f64> = (0..200_000).map(|number| 1.0 / f64::from(number + 1)).collect();
        let blocks: Vec<f64> = terms.chunks(BLOCK).map(|block| block.iter().sum()).collect();
        assert_eq!(sum(terms).to_bits(), blocks.iter().sum::<f64>().to_bits());
        assert_eq!(sum([]).to_bits(), 0.0f64.to_bits());
    }
}
