//! `ce conformance coverage`: which clauses of the specification have a case.

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status, unread},
    plain::count,
    style::{self, Paint},
};
use clap::Args;
use cloudevents_conformance::vectors::{Coverage as Covered, Tally, load_documents, load_requirements};
use serde_json::{Value, json};

/// Show which clauses of the specification have a case.
///
/// Counts the clauses that can be seen on the wire and have a case that can fail by them. A clause without such a case has a written
/// waiver, or is missing.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 every MUST and SHOULD has a case or a waiver, 1 some have neither.")]
pub(crate) struct Coverage {
    /// List the clauses that have neither a case nor a waiver.
    #[arg(long)]
    missing: bool,
}

pub(crate) fn run(command: &Coverage, console: &Console) -> Result<Status, Failure> {
    let unreadable = |error| Failure::usage(format!("the test vectors cannot be read: {error}"));
    let documents = load_documents().map_err(unreadable)?;
    let requirements = load_requirements().map_err(unreadable)?;
    let covered = Covered::of(&documents, &requirements);
    let mut emit = Emit::new(console);
    let mut first = true;
    for row in &covered.documents {
        let value = json!({
            "document": row.document, "has-vectors": row.has_vectors, "must": tally(row.musts), "should": tally(row.shoulds),
            "missing": row.missing, "stale-waivers": row.stale_waivers,
        });
        let head = std::mem::take(&mut first);
        unread(emit.value(&value, |paint| {
            let mut text = String::new();
            if head {
                let line = format!("{:<46}{:>17}{:>17}", "document", "MUST", "SHOULD");
                text += &format!("{}\n", paint.text(style::STRONG, &line));
            }
            let document = row.document.strip_prefix("cloudevents/").unwrap_or(&row.document);
            // The end of a long path tells more than its beginning.
            let document = match document.len().checked_sub(42) {
                Some(cut @ 1..) => format!("...{}", document.get(cut..).unwrap_or(document)),
                _ => document.to_owned(),
            };
            text += &format!("{document:<46}{}{}\n", cell(row.musts, paint), cell(row.shoulds, paint));
            for id in row.missing.iter().filter(|_| command.missing) {
                text += &format!(
                    "  {id}  {}\n",
                    crate::clause::find(id).map_or("", |clause| &clause.requirement)
                );
            }
            text
        }))?;
    }
    unread(emit.flush())?;
    let missing = covered.missing().count();
    if missing > 0 {
        console.say(&format!(
            "{} without a case or a waiver; `ce conformance coverage --missing` names them",
            count(missing, "clause")
        ));
    }
    Ok(if missing == 0 { Status::Done } else { Status::No })
}

fn tally(tally: Tally) -> Value {
    json!({"clauses": tally.clauses, "proven": tally.proven, "waived": tally.waived})
}

/// `41 of 44, 2 waived`, green when nothing is missing.
fn cell(tally: Tally, paint: Paint) -> String {
    let whole = tally.proven.saturating_add(tally.waived) == tally.clauses;
    let mut text = format!("{} of {}", tally.proven, tally.clauses);
    if tally.waived > 0 {
        text += &format!(" (+{})", tally.waived);
    }
    paint.text(if whole { style::GOOD } else { style::WARNING }, &format!("{text:>17}"))
}
