//! The gates: instructions and allocations against their bounds.

use crate::{
    allocations,
    inputs::Source,
    instructions::{self, Side},
    rows,
    table::{Style, Table, short, whole},
    targets::TARGETS,
};
use std::error::Error;

/// Checks all gates and prints the results. Returns whether all hold.
pub(crate) fn check(source: &Source, style: Style) -> Result<bool, Box<dyn Error>> {
    let countable = instructions::are_countable();
    let columns = ["row", "instructions", "at most", "allocations", "at most", "also", "result"];
    let mut table = Table::new("Gates", &columns);
    let mut failed = 0;
    for target in TARGETS {
        let row = rows::row(target.row, source)?;
        let instructions = match (countable, target.instructions) {
            (true, Some(_)) => Some(instructions::of(target.row, Side::Ours, &row)?),
            _ => None,
        };
        let calls = allocations::of(|| (row.ours)(1)).calls as f64 / row.per as f64;
        let holds = calls <= target.allocations as f64
            && instructions.zip(target.instructions).is_none_or(|(count, most)| count <= most as f64)
            && (!target.promise || row.promise.is_ok());
        failed += u32::from(!holds);
        let allowed = match target.allocations_wanted {
            wanted if wanted == target.allocations => wanted.to_string(),
            wanted => format!("{} (wished {wanted})", target.allocations),
        };
        table.push([
            target.row.to_owned(),
            instructions.map_or("-".to_owned(), whole),
            target.instructions.map_or("-".to_owned(), |most| whole(most as f64)),
            if row.per == 1 { whole(calls) } else { short(calls) },
            allowed,
            match (&row.promise, target.promise) {
                (_, false) => "-".to_owned(),
                (Ok(promise), true) => (*promise).to_owned(),
                (Err(broken), true) => broken.clone(),
            },
            if holds { "pass" } else { "FAIL" }.to_owned(),
        ]);
    }
    println!("{}", table.write(style));
    if !countable {
        println!("SKIPPED: instructions, because valgrind is not installed\n");
    }
    println!("{failed} of {} gates fail; inputs: {source}", TARGETS.len());
    Ok(failed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // These gates are exact and need no valgrind.
    #[test]
    fn allocations() {
        for target in TARGETS {
            let row = rows::row(target.row, &Source::Generated).unwrap();
            let calls = allocations::of(|| (row.ours)(1)).calls;
            assert!(calls <= target.allocations * row.per, "{}: {calls}", target.row);
            assert!(!target.promise || row.promise.is_ok(), "{}: {:?}", target.row, row.promise);
        }
    }
}
