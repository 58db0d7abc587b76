//! Each formula by its name in the file.

use std::collections::BTreeMap;

use insight::{
    bgnbd::{Bgnbd, History},
    cycle::Cycle,
    development::Triangle,
    gamma_gamma::{GammaGamma, Spent},
    lift::{Arm, lift, sample},
    pairs::Counts,
    release::{Progress, allocate, release},
    value::{self, Terms},
};
use serde_json::{Value, json};

use super::told::{differences, digits, reference};

/// What a case gives.
struct Given<'a>(&'a Value);

impl Given<'_> {
    fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or_else(|| panic!("{name} of {} is no number", self.0))
    }

    fn whole(&self, name: &str) -> u64 {
        let found = self.0[name].as_u64();
        // A whole number may be written 2.0.
        let found =
            found.or_else(|| self.0[name].as_f64().filter(|one| one.fract() == 0.0).map(|one| one as u64));
        found.unwrap_or_else(|| panic!("{name} of {} is no whole number", self.0))
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.whole(name)).unwrap()
    }

    fn bgnbd(&self) -> Option<Bgnbd> {
        Bgnbd::new(self.number("r"), self.number("alpha"), self.number("a"), self.number("b"))
    }

    fn history(&self) -> Option<History> {
        History::new(self.small("x"), self.number("t_x"), self.number("T"))
    }

    fn gamma_gamma(&self) -> Option<GammaGamma> {
        GammaGamma::new(self.number("p"), self.number("q"), self.number("v"))
    }

    fn spent(&self) -> Option<Spent> {
        Spent::new(self.small("x"), self.number("m"))
    }

    fn value(&self) -> Option<f64> {
        assert_eq!(self.0["unit"], "day", "value has its models in days");
        let terms = Terms { margin: self.number("margin"), discount: self.number("discount") };
        let (orders, amounts, history) = (self.bgnbd()?, self.gamma_gamma()?, self.history()?);
        value::expected(&orders, &amounts, &history, self.spent().as_ref(), self.small("days"), terms)
    }

    fn ratio(&self) -> Option<f64> {
        let [both, x_only, y_only, neither] =
            ["both", "x_only", "y_only", "neither"].map(|name| self.whole(name));
        Counts { both, x_only, y_only, neither }.log_likelihood_ratio()
    }

    fn lift(&self) -> Option<Value> {
        let told = Arm { responded: self.whole("responded"), of: self.whole("of") };
        let held = Arm { responded: self.whole("control_responded"), of: self.whole("control_of") };
        lift(told, held).map(|found| json!([found.difference, found.low, found.high]))
    }

    fn release(&self) -> Option<Value> {
        let money = |name: &str| i64::try_from(self.whole(name)).unwrap();
        let steps = self.0["steps"].as_array().unwrap().iter();
        let progress = |step: &Value| Progress {
            redeemed: step[0].as_u64().unwrap(),
            expected: step[1].as_u64().unwrap(),
        };
        let steps: Vec<Progress> = steps.map(progress).collect();
        let parts = allocate(money("sales"), money("worth"))?;
        let released = release(parts.points, &steps)?;
        Some(
            json!({"goods": parts.goods, "points": parts.points, "released": released.released, "left": released.left}),
        )
    }

    fn chain_ladder(&self) -> Option<Value> {
        let rows: Vec<Vec<u64>> = serde_json::from_value(self.0["triangle"].clone()).unwrap();
        let rows: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
        let months = rows.iter().map(|row| row.len()).max()?;
        let triangle = Triangle::of(&rows, months)?;
        let factors: Option<Vec<f64>> = triangle.factors().iter().copied().collect();
        let reserve = |row: &&[u64]| Some(triangle.ultimate(row)? - *row.last()? as f64);
        let reserves: Option<Vec<f64>> = rows.iter().map(reserve).collect();
        let error = triangle.standard_error(&rows);
        Some(json!({"factors": factors, "reserve": insight::sum(reserves?), "standard_error": error}))
    }
}

/// What the code says.
fn answer(name: &str, given: &Given<'_>) -> Value {
    let number = match name {
        "bgnbd.alive" => given.bgnbd().zip(given.history()).map(|(model, of)| model.alive(&of)),
        "bgnbd.expected" => {
            let both = given.bgnbd().zip(given.history());
            both.and_then(|(model, of)| model.expected(&of, given.number("h")))
        }
        "bgnbd.expected_new" => given.bgnbd().and_then(|model| model.expected_new(given.number("t"))),
        "bgnbd.chance" => {
            given.bgnbd().zip(given.history()).and_then(|(model, of)| model.chance(&of, given.number("h")))
        }
        "gamma_gamma.mean" => given.gamma_gamma().and_then(|model| model.mean(given.spent().as_ref())),
        "value.expected" => given.value(),
        "llr" => given.ratio(),
        "cycle.chance" => Cycle::new(given.number("a"), given.number("b"))
            .and_then(|cycle| cycle.chance(given.small("n91"), given.number("days"))),
        "lift" => return given.lift().into(),
        "lift.sample" => return sample(given.number("p"), given.number("delta")).into(),
        "ifrs15" => return given.release().into(),
        "chain_ladder" => return given.chain_ladder().into(),
        _ => panic!("{name} is a formula that nothing here answers"),
    };
    number.into()
}

#[test]
fn formulas_have_their_reference_values() {
    let Some(reference) = reference() else { return };
    let mut wrong = Vec::new();
    let mut reached: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for (name, cases) in reference["formulas"].as_object().unwrap() {
        for case in cases.as_array().unwrap() {
            let found = answer(name, &Given(&case["in"]));
            let relative = case["relative"].as_f64().unwrap();
            wrong.extend(differences(&format!("{name} of {}", case["in"]), &found, &case["out"], relative));
            let (count, least) = reached.entry(format!("{name}, {}", case["kind"])).or_insert((0, 17.0));
            (*count, *least) = (*count + 1, least.min(digits(&found, &case["out"])));
        }
    }
    for (name, (count, least)) in reached {
        println!("{name}: {count} cases, to {least:.1} digits");
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
