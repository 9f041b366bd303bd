//! Enough of a test harness to run a list of tests by name.

use std::panic::catch_unwind;
use std::process::ExitCode;

pub(crate) type Test = (&'static str, fn());

/// Runs the tests whose names contain one of the arguments, or all. Options are those of cargo's own harness, and
/// without meaning here but for `--list` and `--exact`.
pub(crate) fn main(arguments: &[String], tests: &[Test]) -> ExitCode {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let selected = tests.iter().filter(|(name, _)| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| if has("--exact") { name == filter } else { name.contains(filter.as_str()) })
    });
    if has("--list") {
        // No test is ignored.
        for (name, _) in selected.filter(|_| !has("--ignored")) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, test) in selected {
        let passed = catch_unwind(test).is_ok();
        failed += usize::from(!passed);
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
