//! The books: every difference has an entry in the table that explains it, and every entry is used.

use crate::vectors;
use std::fmt::Debug;

/// Why the two implementations differ in some way.
pub(crate) struct Explanation<C, D> {
    /// The row of the list of known traps, or the loss of the bridge, that this is.
    pub(crate) trap: &'static str,
    /// The clause of the specification that decides.
    pub(crate) clause: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) applies: fn(&C, &D) -> bool,
}

pub(crate) struct Ledger<C: 'static, D: 'static> {
    table: &'static [Explanation<C, D>],
    used: Vec<usize>,
    unexplained: Vec<String>,
}

impl<C, D: Debug> Ledger<C, D> {
    pub(crate) fn new(table: &'static [Explanation<C, D>]) -> Self {
        Self { table, used: vec![0; table.len()], unexplained: Vec::new() }
    }

    /// Enters a difference under the first explanation that applies.
    pub(crate) fn enter(&mut self, what: &str, case: &C, difference: &D) {
        match self.table.iter().position(|explanation| (explanation.applies)(case, difference)) {
            Some(at) => self.used[at] += 1,
            None => self.unexplained.push(format!("{what}\n    {difference:?}")),
        }
    }

    /// Fails for a difference without explanation, for an explanation without difference, and for an unknown clause.
    pub(crate) fn close(self) {
        let known = vectors::clauses();
        let mut wrong = self.unexplained;
        for (explanation, used) in self.table.iter().zip(&self.used) {
            let Explanation { trap, clause, reason, .. } = explanation;
            println!("{used:6}  {trap:8} {clause:22} {reason}");
            if *used == 0 {
                wrong.push(format!("never applies: {trap} {clause} {reason}"));
            }
            if !known.iter().any(|id| id == clause) {
                wrong.push(format!("no such clause: {clause} ({reason})"));
            }
        }
        let shown: Vec<_> = wrong.iter().take(40).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{} entries are wrong:\n{}", wrong.len(), shown.join("\n"));
    }
}
