//! The rows, and their floors.

use crate::{
    child::Usage,
    failure::Result,
    judge::{Judge, Verdict},
};
use std::{
    fmt,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

const HEAD: &str = "\
| case | events/s | of the bare client | floor | missing | twice | inverted | memory, MB | processor, us/event | first, s | empty, s | missed |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|";

/// How a line begins that is no row.
const NOT_THERE: &str = "NOT THERE: ";
/// The most memory of a program, in MB: with 64 MiB in flight, and as much again that is read or written.
const MEMORY: f64 = 400.0;
/// How long the first event may take.
const FIRST: Duration = Duration::from_secs(10);

/// The measurements of a run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) verdict: Verdict,
    pub(crate) usage: Usage,
    /// Another failure, such as an exit status.
    pub(crate) wrong: Option<String>,
}

impl Measured {
    /// Of a run that has just ended.
    pub(crate) fn of(judge: &Judge, usage: Usage, wrong: Option<String>) -> Self {
        Self { verdict: judge.verdict(), usage, wrong }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.verdict.rate()
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    case: String,
    measured: Measured,
    /// The rate of the peer, and the lowest ratio.
    peer: Option<(f64, f64)>,
    /// The most repeats: none, unless the target itself causes them.
    twice: usize,
    /// The most memory, in MB.
    memory: f64,
}

impl Row {
    pub(crate) fn new(case: impl Into<String>, measured: Measured) -> Self {
        Self { case: case.into(), measured, peer: None, twice: 0, memory: MEMORY }
    }

    /// With the rate of the peer, and the lowest part of it.
    pub(crate) fn beside(self, rate: f64, floor: f64) -> Self {
        Self { peer: Some((rate, floor)), ..self }
    }

    /// With so many repeats at most.
    pub(crate) fn with_repeats(self, twice: usize) -> Self {
        Self { twice, ..self }
    }

    /// With so much memory at most, in MB.
    pub(crate) fn with_memory(self, memory: f64) -> Self {
        Self { memory, ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.map(|(rate, _)| self.measured.rate() / rate.max(0.001))
    }

    fn is_slow(&self) -> bool {
        self.peer.zip(self.ratio()).is_some_and(|((_, floor), ratio)| ratio < floor)
    }

    fn missed(&self) -> Vec<String> {
        let Verdict { counts, missing, .. } = self.measured.verdict;
        let numbers =
            [("missing", missing, 0), ("twice", counts.twice, self.twice), ("inverted", counts.inverted, 0)];
        let over =
            numbers.into_iter().filter(|(_, number, most)| number > most).map(|(name, ..)| name.to_owned());
        let first = (self.measured.verdict.first > FIRST).then(|| "first".to_owned());
        let memory = (self.measured.usage.memory > self.memory).then(|| "memory".to_owned());
        let slow = self.is_slow().then(|| "rate".to_owned());
        over.chain(slow).chain(first).chain(memory).chain(self.measured.wrong.clone()).collect()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { verdict, usage, .. } = &self.measured;
        let number = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.2}"));
        let events = (verdict.counts.distinct + verdict.counts.twice).max(1) as f64;
        write!(
            f,
            "| {} | {:.0} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {:.2} | {:.1} | {} |",
            self.case,
            verdict.rate(),
            number(self.ratio()),
            number(self.peer.map(|(_, floor)| floor)),
            verdict.missing,
            verdict.counts.twice,
            verdict.counts.inverted,
            usage.memory,
            usage.processor * 1e6 / events,
            verdict.first.as_secs_f64(),
            verdict.empty.as_secs_f64(),
            self.missed().join(", ").replace('|', "/"),
        )
    }
}

/// Where rows are written.
#[derive(Debug)]
pub(crate) struct Table(PathBuf);

impl Table {
    pub(crate) fn new(file: impl Into<PathBuf>) -> Self {
        Self(file.into())
    }

    /// Measures a row, and once more if nothing but its rate is below its floor, or if it cannot be measured: other programs of the machine
    /// take turns with it and its peer.
    pub(crate) async fn measure(&self, row: impl AsyncFn() -> Result<Row>) -> Result<()> {
        let first = row().await;
        if let Ok(first) = &first
            && first.missed() != ["rate"]
        {
            return self.add(first);
        }
        println!("again: {}", first.map_or_else(|error| error.to_string(), |row| row.to_string()));
        self.add(&row().await?)
    }

    pub(crate) fn add(&self, row: &Row) -> Result<()> {
        println!("{row}");
        self.line(&row.to_string())
    }

    /// Adds a case that could not be measured, which misses its floors.
    pub(crate) fn failed(&self, case: &str, error: &str) -> Result<()> {
        let row = format!(
            "| {case} | - | - | - | - | - | - | - | - | - | - | {} |",
            error.replace(['|', '\n'], " ")
        );
        println!("{row}");
        self.line(&row)
    }

    /// Names a case that has no row, because a program that it needs is not there.
    pub(crate) fn not_there(&self, case: &str, lacks: &str) -> Result<()> {
        let line = format!("{NOT_THERE}{case}: {lacks} is not installed");
        println!("{line}");
        self.line(&line)
    }

    fn line(&self, line: &str) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(&self.0)?;
        Ok(writeln!(file, "{line}")?)
    }
}

/// Prints a file of rows, and those that missed a floor. Returns whether none did.
pub(crate) fn report(file: &Path) -> Result<bool> {
    let lines = std::fs::read_to_string(file)?;
    let (not_there, rows): (Vec<&str>, Vec<&str>) =
        lines.lines().partition(|line| line.starts_with(NOT_THERE));
    println!("{HEAD}\n{}\n", rows.join("\n"));
    let missed: Vec<&str> =
        rows.iter().copied().filter(|row| missed(row).is_none_or(|missed| !missed.is_empty())).collect();
    for row in &missed {
        let case = row.split('|').nth(1).unwrap_or_default().trim();
        println!("MISSED: {case}: {}", missed_text(row));
    }
    not_there.iter().for_each(|line| println!("{line}"));
    println!("{} rows, {} below a floor", rows.len(), missed.len());
    Ok(missed.is_empty())
}

fn missed(row: &str) -> Option<&str> {
    Some(row.rsplit('|').nth(1)?.trim())
}

fn missed_text(row: &str) -> &str {
    missed(row).unwrap_or("the row cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Load;

    fn measured(arrived: &[usize]) -> Measured {
        let judge = Judge::new(Load { count: 3, size: 2, keys: 1 });
        arrived.iter().for_each(|number| judge.arrive(*number));
        Measured::of(&judge, Usage::default(), None)
    }

    #[test]
    fn a_row_names_each_floor_that_it_misses() {
        let text = |row: Row| missed(&row.to_string()).map(str::to_owned);
        let row = |arrived| Row::new("case", measured(arrived));
        assert_eq!(text(row(&[0, 1, 2]).beside(1.0, 0.5)), Some(String::new()));
        assert_eq!(text(row(&[0, 2, 1])), Some("inverted".to_owned()));
        assert_eq!(text(row(&[0, 1, 1])), Some("missing, twice".to_owned()));
        assert_eq!(text(row(&[0, 1, 2, 1]).with_repeats(1)), Some(String::new()));
        assert_eq!(text(row(&[0, 1, 2]).beside(f64::MAX, 0.5)), Some("rate".to_owned()));
        let large = Measured { usage: Usage { memory: 100.5, processor: 0.0 }, ..measured(&[0, 1, 2]) };
        assert_eq!(text(Row::new("case", large.clone())), Some(String::new()));
        assert_eq!(text(Row::new("case", large).with_memory(100.0)), Some("memory".to_owned()));
        let wrong = Measured { wrong: Some("exit status: 3: a | b".to_owned()), ..measured(&[0, 1, 2]) };
        assert_eq!(text(Row::new("case", wrong)), Some("exit status: 3: a / b".to_owned()));
    }

    /// What is lost, repeated or out of order is not measured again until it is not.
    #[tokio::test]
    async fn only_a_row_that_is_slow_is_measured_again() {
        let file = std::env::temp_dir().join(crate::load::fresh("scale-rows"));
        let table = Table::new(&file);
        for (arrived, runs) in [(&[0, 1, 2], 2), (&[0, 2, 1], 1), (&[0, 1, 1], 1)] {
            let number = std::cell::Cell::new(0);
            let row = async || {
                number.set(number.get() + 1);
                Ok(Row::new("case", measured(arrived)).beside(f64::MAX, 0.5))
            };
            table.measure(row).await.unwrap();
            assert_eq!(number.get(), runs, "{arrived:?}");
        }
        std::fs::remove_file(file).unwrap();
    }
}
