//! `ce conformance list`: the cases.

use super::{select::Select, suite};
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::count,
    report::Report,
    style,
};
use clap::Args;
use cloudevents_conformance::vectors::Revision;
use serde_json::json;

/// List the cases of the suite: id, level and title.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  ce conformance list 'http/**'\n  ce conformance list --output json | jq -r .id"
)]
pub(crate) struct List {
    #[command(flatten)]
    select: Select,
}

pub(crate) fn run(command: &List, console: &Console) -> Result<Status, Failure> {
    let suite = suite(command.select.official.as_deref())?;
    let cases = command.select.selection().cases(&suite, &[Revision::V1_0_2, Revision::Main]);
    let mut emit = Emit::new(console);
    let widest = cases.iter().map(|case| case.id.len()).max().unwrap_or_default().min(48);
    for case in &cases {
        let value = json!({
            "id": case.id, "title": case.title, "level": case.level, "clauses": case.clauses,
            "revisions": case.revisions, "draft": case.draft, "validity": case.validity().as_str(), "flags": case.flags,
        });
        emit.value(&value, |paint| {
            let id = paint.text(style::NAME, &format!("{:<widest$}", case.id));
            format!("{id}  {:<6}  {}\n", case.level, case.title)
        })?;
    }
    emit.flush()?;
    if cases.is_empty() {
        console.error(
            Status::No,
            &Report::new("no case matches").help("`ce conformance list` lists all of them"),
        );
    } else {
        console.say(&count(cases.len(), "case"));
    }
    Ok(Status::Done)
}
