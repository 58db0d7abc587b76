//! Reads every line of `generate.py` (text, region, the right number, class, spelling, what the other library
//! makes of it) and counts, of each class and spelling, what became of it.

use std::{collections::BTreeMap, env, error::Error, fs};

/// Regions under which what was read is read again.
const REGIONS: [&str; 12] = ["CN", "US", "IT", "SG", "RU", "FR", "AR", "MX", "DE", "BR", "HU", "BY"];

/// What became of the lines of one class and spelling.
#[derive(Default)]
struct Counts {
    lines: u64,
    /// Another number: of a text that is valid in two ways, or else.
    another: u64,
    /// Refused, where the other library has the right number; and where it has not.
    refused_alone: u64,
    refused_too: u64,
    /// The other library has another number.
    another_there: u64,
}

impl Counts {
    fn add(&mut self, more: &Counts) {
        self.lines += more.lines;
        self.another += more.another;
        self.refused_alone += more.refused_alone;
        self.refused_too += more.refused_too;
        self.another_there += more.another_there;
    }

    fn tell(&self, name: &str) {
        let Counts { lines, another, refused_alone, refused_too, another_there } = self;
        println!("| {name} | {lines} | {another} | {refused_alone} | {refused_too} | {another_there} |");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("the file that generate.py wrote")?;
    let show = env::args().nth(2).is_some();
    let (mut table, mut sums) = (BTreeMap::<(String, String), Counts>::new(), BTreeMap::<String, Counts>::new());
    let (mut stored, mut lost) = (0_u64, 0_u64);
    for (at, line) in fs::read_to_string(path)?.lines().enumerate() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [text, region, right, class, spelling, there] = cells[..] else { return Err("six cells".into()) };
        let read = edge::phone(text, region);
        let mut counts = Counts { lines: 1, ..Counts::default() };
        counts.another_there = u64::from(there != "-" && there != right);
        match &read {
            Ok(number) if number == right => {}
            Ok(_) => counts.another = 1,
            Err(_) if there == right => counts.refused_alone = 1,
            Err(_) => counts.refused_too = 1,
        }
        if show && counts.another + counts.refused_alone > 0 {
            println!("{line}\t{read:?}");
        }
        table.entry((class.to_owned(), spelling.to_owned())).or_default().add(&counts);
        sums.entry(class.to_owned()).or_default().add(&counts);
        if let (0, Ok(number)) = (at % 15, &read) {
            stored += 1;
            lost += u64::from(REGIONS.iter().any(|region| edge::phone(number, region).as_ref() != Ok(number)));
        }
    }
    println!("| | lines | another number | refused, right in PyPI | refused, else | another in PyPI |");
    println!("| --- | --- | --- | --- | --- | --- |");
    table.iter().for_each(|((class, spelling), counts)| counts.tell(&format!("{class}, {spelling}")));
    sums.iter().for_each(|(class, counts)| counts.tell(&format!("**{class}**")));
    println!("\nread again under {} regions: {stored}, not found {lost}", REGIONS.len());
    Ok(())
}
