#![doc = include_str!("../README.md")]

mod allocations;
mod bindings;
mod catalog;
mod formats;
mod gates;
mod inputs;
mod instructions;
mod receive;
mod report;
mod row;
mod rows;
mod select;
mod table;
mod targets;
mod timing;

use inputs::Source;
use instructions::Side;
use std::{env, error::Error, process::ExitCode};
use table::Style;
use timing::Effort;

#[global_allocator]
static HEAP: allocations::Counting = allocations::Counting;

const USAGE: &str = "\
usage: benches [--quick] [--markdown]      measure every row and print it
       benches time [--quick] [--markdown] ROW...
                                           measure the time of these rows
       benches gates [--markdown]          check instructions and allocations; exit code 1 when a gate fails
       benches receive [--quick] [--markdown]
                                           requests over HTTP: handlers that take events, and one that takes bodies
       benches rows                        the names of the rows
       benches count ROW N [ours|peer|peer-extra]
                                           run one side of a row N times, for a profiler";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match perform(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all checks passed.
fn perform(arguments: &[&str]) -> Result<bool, Box<dyn Error>> {
    let source = Source::from_environment();
    if let ["count", row, times, side @ ..] = arguments {
        let side = side.first().map_or(Some(Side::Ours), |side| Side::from_name(side)).ok_or(USAGE)?;
        instructions::run(row, side, times.parse()?, &source)?;
        return Ok(true);
    }
    let (flags, words): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| word.starts_with("--"));
    if let Some(unknown) = flags.iter().find(|flag| !["--markdown", "--quick"].contains(*flag)) {
        return Err(format!("there is no option `{unknown}`\n{USAGE}").into());
    }
    let style = if flags.contains(&"--markdown") { Style::Markdown } else { Style::Text };
    let effort = if flags.contains(&"--quick") { Effort::QUICK } else { Effort::FULL };
    match words.as_slice() {
        ["time", rows @ ..] => report::print_time(rows, &source, style, effort).map(|()| true),
        [] => report::print(&source, style, effort).map(|()| true),
        ["receive"] => {
            let quick = flags.contains(&"--quick");
            let rounds = if quick { receive::Rounds::QUICK } else { receive::Rounds::FULL };
            receive::print(&source, style, rounds).map(|()| true)
        }
        ["gates"] => gates::check(&source, style),
        ["rows"] => {
            rows::NAMES.iter().for_each(|name| println!("{name}"));
            Ok(true)
        }
        _ => Err(USAGE.into()),
    }
}
