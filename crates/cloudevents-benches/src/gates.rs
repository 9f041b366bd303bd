//! The gates: instructions and allocations against their bounds.

use crate::{
    allocations,
    inputs::Source,
    instructions::{self, Side},
    rows,
    table::{Style, Table, short, whole},
    targets::{TARGETS, Target},
};
use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Checks all gates and prints the results. Returns whether all hold.
pub(crate) fn check(source: &Source, style: Style) -> Result<bool, Box<dyn Error>> {
    let countable = instructions::are_countable();
    let columns = ["row", "instructions", "at most", "allocations", "at most", "also", "result"];
    let mut table = Table::new("Gates", &columns);
    let mut failed = 0;
    let counts = if countable { counts(source)? } else { vec![None; TARGETS.len()] };
    for (target, instructions) in TARGETS.iter().zip(counts) {
        let row = rows::row(target.row, source)?;
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

/// Counts the instructions of every target that limits them, on all processors.
fn counts(source: &Source) -> Result<Vec<Option<f64>>, String> {
    let count = |target: &Target| {
        target.instructions.map_or(Ok(None), |_| {
            let row = rows::row(target.row, source)?;
            instructions::of(target.row, Side::Ours, &row).map(Some)
        })
    };
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<_>, String> {
        let mut counted = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(target) = TARGETS.get(index)
        {
            counted.push((index, count(target).map_err(|error| error.to_string())?));
        }
        Ok(counted)
    };
    let processors = thread::available_parallelism().map_or(1, Into::into);
    let mut counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let mut counts = Vec::new();
        for worker in workers {
            counts.extend(worker.join().map_err(|_| "a thread panicked".to_owned())??);
        }
        Ok::<_, String>(counts)
    })?;
    counts.sort_unstable_by_key(|(index, _)| *index);
    Ok(counts.into_iter().map(|(_, count)| count).collect())
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
