//! BG/NBD: who will buy again, and how often (复购预测).
//!
//! Fader, Hardie, Lee, "Counting Your Customers" the Easy Way, *Marketing Science* 24(2), 2005. While it is a customer,
//! a member buys at random with a rate of its own, and after each purchase it may leave for good, with a chance of its
//! own; the rates of all are gamma distributed (shape r, rate α), the chances beta distributed (a, b). Of a member it
//! uses three figures: order days after the first (x), the time of the last of them (t_x) and of now (T), both from the
//! first order.
//!
//! Times may be of any one unit; everything here has the unit of the parameters' α. Laurel's is the day.
//!
//! **P(alive) is shown, and never ranked by**: it is 1 for whoever bought once, however long ago, because the model lets
//! nobody leave before a second purchase. [`Bgnbd::chance`] is what ranks.

mod likelihood;

pub use likelihood::{Cell, fit, log_likelihood};

use crate::numeric::{finite, positive};

/// The parameters of all members.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bgnbd {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
}

/// What the model uses of one member.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct History {
    again: u32,
    last: f64,
    age: f64,
}

impl History {
    /// Who ordered on `again` (x) days after the first, on the last of them at `last` (t_x), and is asked about at
    /// `age` (T): both from the first order, in the unit of α. `None` unless 0 ≤ `last` ≤ `age`, and `last` is 0 for
    /// whoever did not come back.
    pub fn new(again: u32, last: f64, age: f64) -> Option<History> {
        let fine = age.is_finite() && 0.0 <= last && last <= age && (again > 0 || last == 0.0);
        // −0.0 is 0.0.
        fine.then_some(History { again, last: last + 0.0, age: age + 0.0 })
    }

    /// Order days after the first: x.
    pub const fn again(&self) -> u32 {
        self.again
    }

    /// From the first order to the last: t_x.
    pub const fn last(&self) -> f64 {
        self.last
    }

    /// From the first order to now: T.
    pub const fn age(&self) -> f64 {
        self.age
    }
}

/// Terms of the longest sum: they are as many as the purchases that are conceivable within the time asked about.
const TERMS: u32 = 10_000_000;

/// What is left of a sum that passes for nothing, as a part of the sum.
const NOTHING: f64 = 1e-17;

/// Below this, e^this would vanish from an `f64`.
const VANISHES: f64 = -700.0;

impl Bgnbd {
    /// The model with these parameters. `None` unless all are finite and above 0.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Option<Bgnbd> {
        positive(&[r, alpha, a, b]).then_some(Bgnbd { r, alpha, a, b })
    }

    /// r: the shape of the members' rates.
    pub const fn r(&self) -> f64 {
        self.r
    }

    /// α: the rate of the members' rates, a time.
    pub const fn alpha(&self) -> f64 {
        self.alpha
    }

    /// a: of the members' chances of leaving.
    pub const fn a(&self) -> f64 {
        self.a
    }

    /// b: of the members' chances of leaving.
    pub const fn b(&self) -> f64 {
        self.b
    }

    /// P(alive): the probability that the member has not left for good. 1 for whoever did not come back. Shown, never
    /// ranked by.
    ///
    /// `1 ÷ (1 + a ÷ (b + x − 1) · ((α + T) ÷ (α + t_x))^(r + x))`: Fader and Hardie, "Computing P(alive) Using the
    /// BG/NBD Model", note 021, 2008.
    pub fn alive(&self, of: &History) -> f64 {
        if of.again == 0 {
            return 1.0;
        }
        let since = libm::log1p((of.age - of.last) / (self.alpha + of.last));
        let odds =
            libm::log(self.a) - libm::log(self.b + (f64::from(of.again) - 1.0)) + self.shape(of) * since;
        1.0 / (1.0 + libm::exp(odds))
    }

    /// The probability that the member orders within `within` from now: 0 to 1.
    ///
    /// `P(alive) · (1 − ((α + T) ÷ (α + T + within))^(r + x))`. `None` unless `within` is finite and not below 0.
    pub fn chance(&self, of: &History, within: f64) -> Option<f64> {
        let reach = self.reach(of, within)?;
        Some(self.alive(of) * -libm::expm1(-self.shape(of) * libm::log1p(reach)))
    }

    /// The order days that are expected of the member within `within` from now (the paper's equation 10).
    ///
    /// The paper's form has a pole at a = 1 and at a + b + x = 1, and overflows for frequent buyers. Here it is a sum
    /// without either. Who is alive would make K purchases if nobody left, and K has a negative binomial distribution
    /// (shape s = r + x, and z = within ÷ (α + T + within)); the j-th of them finds the member still there with the
    /// mean of (1 − p)^(j−1), where p has the beta distribution (a, b + x). So
    ///
    /// ```text
    /// E = P(alive) · Σ_{k ≥ 1} P(K = k) · Σ_{j < k} (b+x)_j ÷ (a+b+x)_j
    /// ```
    ///
    /// Every term is above 0, so nothing cancels. `None` unless `within` is finite and not below 0, and for times in
    /// which more than some millions of purchases are conceivable.
    pub fn expected(&self, of: &History, within: f64) -> Option<f64> {
        let reach = self.reach(of, within)?;
        Some(self.alive(of) * self.while_alive(of, reach)?)
    }

    /// The order days after the first that are expected of a new customer within `within` of its first order (the
    /// paper's equation 9). `None` as of [`Bgnbd::expected`].
    pub fn expected_new(&self, within: f64) -> Option<f64> {
        self.expected(&History { again: 0, last: 0.0, age: 0.0 }, within)
    }

    /// r + x.
    fn shape(&self, of: &History) -> f64 {
        self.r + f64::from(of.again)
    }

    /// `within` as a part of α + T.
    fn reach(&self, of: &History, within: f64) -> Option<f64> {
        if within >= 0.0 { finite(within / (self.alpha + of.age)) } else { None }
    }

    /// What is expected of whoever is alive.
    fn while_alive(&self, of: &History, reach: f64) -> Option<f64> {
        let (shape, z) = (self.shape(of), reach / (1.0 + reach));
        if reach == 0.0 {
            return Some(0.0);
        }
        let (stays, all) = (self.b + f64::from(of.again), self.a + self.b + f64::from(of.again));
        // P(K = 0). Of a member who buys very often it vanishes, and is kept as a logarithm until it does not.
        let mut log = -shape * libm::log1p(reach);
        let mut probability = libm::exp(log);
        // All probabilities, which make 1 but for what thousands of factors have lost: dividing by them makes it good.
        let mut mass = probability;
        let (mut there, mut expected, mut total) = (1.0, 0.0, 0.0);
        for k in 0..TERMS {
            let k = f64::from(k);
            let grows = z * (shape + k) / (k + 1.0);
            if log < VANISHES {
                log += libm::log(grows);
                probability = libm::exp(log);
            } else {
                probability *= grows;
            }
            // `expected` is what is expected of k + 1 purchases.
            expected += there;
            there *= (stays + k) / (all + k);
            let term = probability * expected;
            total += term;
            mass += probability;
            // What is left: probabilities fall at least as fast as this, while `expected` grows by at most 1 each time.
            let falls = 1.0 - z * ((shape + k + 1.0) / (k + 2.0)).max(1.0);
            if falls > 0.0 && term <= NOTHING * total * falls * falls {
                return finite(total / mass);
            }
        }
        None
    }
}
