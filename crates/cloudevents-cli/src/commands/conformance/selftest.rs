//! `ce conformance selftest`: whether the suite catches faults.

use super::{
    run::{parsed, readable},
    suite,
};
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status, unread},
    plain::count,
    style,
};
use clap::Args;
use cloudevents_conformance::{Caught, InProcess, Pattern, self_test, vectors::Case};
use cloudevents_testkit::testee;
use serde_json::json;
use std::path::PathBuf;

/// Check the suite itself: run it against this toolkit with one fault at a time, and check that it catches each.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance selftest
  ce conformance selftest --unproven \\
      --failing spec-tests/adapters/*/known-failing.txt

Exit status: 0 every fault is caught, 1 some escape.")]
pub(crate) struct Selftest {
    /// Use the cases with these ids only, such as `http/**`.
    #[arg(value_name = "PATTERN")]
    patterns: Vec<Pattern>,
    /// List the cases that no fault makes fail: their ability to fail is not shown.
    #[arg(long)]
    unproven: bool,
    /// With --unproven, leave out the cases that these lists of known failures name, of 1 MiB at most each.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "unproven")]
    failing: Vec<PathBuf>,
}

pub(crate) fn run(command: &Selftest, console: &Console) -> Result<Status, Failure> {
    let selected = |case: &Case| {
        command.patterns.is_empty() || command.patterns.iter().any(|pattern| pattern.matches(&case.id))
    };
    let suite = suite(None)?.filter(selected);
    let mut own = InProcess::new(|request: &str| testee::answer(request).unwrap_or_default());
    let test = self_test(&suite, &mut own).map_err(|error| Failure::usage(error.to_string()))?;
    let mut emit = Emit::new(console);
    if command.unproven {
        let list = |path: &PathBuf| parsed(&readable(path)?, Some(path));
        let lists = command.failing.iter().map(list).collect::<Result<Vec<_>, _>>()?;
        let unproven = test.unproven.iter().filter(|id| lists.iter().all(|list| list.reason(id).is_none()));
        let mut number = 0;
        for id in unproven {
            number += 1;
            unread(emit.value(&json!({"id": id}), |_| format!("{id}\n")))?;
        }
        unread(emit.flush())?;
        console.say(&format!("{} of {} have never failed", count(number, "case"), suite.cases().len()));
        return Ok(Status::Done);
    }
    for caught in &test.mutants {
        unread(emit.value(&value(caught), |paint| {
            let ok = caught.escaped.is_empty() && caught.unfair.is_empty();
            let word =
                if ok { paint.text(style::GOOD, "caught ") } else { paint.text(style::ERROR, "ESCAPED") };
            let mut line = format!("{word} {:<52} {:>5}", caught.mutant.name, caught.cases.len());
            if !caught.escaped.is_empty() {
                line += &format!("  not in {}", caught.escaped.join(", "));
            }
            if !caught.unfair.is_empty() {
                line += &format!("  fails the base profile: {}", caught.unfair.join(", "));
            }
            line + "\n"
        }))?;
    }
    for id in &test.own_failures {
        unread(emit.value(&json!({"own-failure": id}), |_| format!("this toolkit fails {id}\n")))?;
    }
    unread(emit.flush())?;
    let escaped =
        test.mutants.iter().filter(|caught| !caught.escaped.is_empty() || !caught.unfair.is_empty()).count();
    console.say(&format!(
        "{}, {escaped} escaped; {} of {} never failed",
        count(test.mutants.len(), "fault"),
        count(test.unproven.len(), "case"),
        suite.cases().len()
    ));
    Ok(if test.is_success() { Status::Done } else { Status::No })
}

fn value(caught: &Caught) -> serde_json::Value {
    json!({
        "mutant": caught.mutant.name, "areas": caught.mutant.areas,
        "profile": format!("{:?}", caught.mutant.profile).to_lowercase(),
        "cases": caught.cases, "escaped": caught.escaped, "unfair": caught.unfair,
    })
}
