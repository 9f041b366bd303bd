//! Testees in a process of their own. That process is this program again: its first argument selects the testee.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;
mod testee;
mod verdicts;

fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, script)) if first == testee::ARGUMENT => testee::main(script),
        _ => harness::main(&arguments, verdicts::TESTS),
    }
}
