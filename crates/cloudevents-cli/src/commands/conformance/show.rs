//! `ce conformance show`: one case in full.

use super::suite;
use crate::{
    clause,
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    json_view,
    plain::plain,
    report::wrapped,
    style::{self, Paint},
    wire,
};
use clap::Args;
use cloudevents_conformance::{
    Suite,
    vectors::{Case, Expected, Flag, Outcome, Revision},
};
use serde_json::{Value, json};

/// Show a case: its rule, the request, and the allowed answers.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  ce conformance show http/header-values-decode/percent-decoded-once")]
pub(crate) struct Show {
    /// Show the case of this id.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

pub(crate) fn run(command: &Show, console: &Console) -> Result<Status, Failure> {
    let suite = suite(None)?;
    let mut emit = Emit::new(console);
    for (number, id) in command.ids.iter().enumerate() {
        let Some(case) = suite.case(id) else { return Err(unknown(id, &suite)) };
        emit.value(&value(case), |paint| {
            let break_ = if number > 0 { "\n" } else { "" };
            format!("{break_}{}", text(case, paint))
        })?;
    }
    emit.flush()?;
    Ok(Status::Done)
}

fn value(case: &Case) -> Value {
    let clauses: Vec<Value> = case
        .clauses
        .iter()
        .map(|id| match clause::find(id) {
            Some(clause) => json!(clause),
            None => json!({"id": id}),
        })
        .collect();
    json!({
        "id": case.id, "title": case.title, "level": case.level, "clauses": clauses, "revisions": case.revisions,
        "draft": case.draft, "validity": case.validity().as_str(), "flags": case.flags, "policy": case.policy, "disputed": case.disputed,
        "traps": case.traps, "note": case.note, "request": case.request,
        "expect": case.expect.iter().map(outcome).collect::<Value>(),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let mut value = match &outcome.expected {
        Expected::Result(result) => json!({"result": result}),
        Expected::Error(error) => json!({"error": error}),
    };
    if let Some(members) = value.as_object_mut() {
        if !outcome.absent_headers.is_empty() {
            members.insert("absent-headers".into(), json!(outcome.absent_headers));
        }
        members.extend(outcome.revisions.as_ref().map(|revisions| ("revisions".into(), json!(revisions))));
        members.extend(outcome.note.as_ref().map(|note| ("note".into(), json!(note))));
    }
    value
}

fn text(case: &Case, paint: Paint) -> String {
    let heading = |words: &str| paint.text(style::STRONG, words);
    let mut text = format!("{}\n", paint.text(style::NAME, &case.id));
    text += &format!("{}\n\n", wrapped(&case.title, 0, Some(WIDTH)));
    let revisions: Vec<&str> = case.revisions.iter().copied().map(Revision::as_str).collect();
    text += &format!("{}  {}, for {}", heading("level"), case.level, revisions.join(" and "));
    if case.draft {
        text += ", of a working draft";
    }
    if case.policy {
        text += "; the specification leaves this open";
    }
    text += &format!("\n{}  {}", heading("input"), case.validity());
    for flag in &case.flags {
        text += &format!(", {}", flag_words(*flag));
    }
    text.push('\n');
    for (name, note) in [
        ("disputed", case.disputed.clone()),
        ("note ", case.note.clone()),
        ("traps", Some(case.traps.join(", ")).filter(|all| !all.is_empty())),
    ] {
        if let Some(note) = note {
            text += &format!("{}  {}\n", heading(name), wrapped(&plain(&note), 7, Some(WIDTH)));
        }
    }
    text += &format!("\n{}\n", heading("clauses"));
    for id in &case.clauses {
        match clause::find(id) {
            Some(clause) => {
                let rule =
                    format!("{} {}: {}", clause.level, paint.text(style::FAINT, id), clause.requirement);
                text += &format!("  {}\n", wrapped(&rule, 6, Some(WIDTH)));
                text += &format!("      {}\n", paint.text(style::FAINT, &clause::place(clause)));
            }
            None => text += &format!("  {id}\n"),
        }
    }
    text += &format!("\n{}\n", heading("request"));
    text += &members(&json!(case.request), &[], paint);
    for (number, one) in case.expect.iter().enumerate() {
        let words = match (number, &one.expected) {
            (0, Expected::Result(_)) => "must answer",
            (0, Expected::Error(_)) => "must refuse",
            (_, Expected::Result(_)) => "or may answer",
            (_, Expected::Error(_)) => "or may refuse",
        };
        text += &format!("\n{}\n", heading(words));
        text += &members(&outcome(one), &["result"], paint);
    }
    text
}

fn flag_words(flag: Flag) -> &'static str {
    match flag {
        Flag::ProducerRule => "breaks a rule for producers: judged in the profile `strict`",
        Flag::Hostile => "hostile: judged in the profile `strict`, but for crashes",
        Flag::Verbatim => "needs the text of a time: judged in the profile `verbatim`",
        Flag::Lenient => "about repairs of lenient reading: judged in the profile `lenient`",
        _ => "flagged",
    }
}

/// The members of an object, a line or a block each; messages as they look on the wire. The contents of the unwrapped members
/// stand in their place.
fn members(object: &Value, unwrapped: &[&str], paint: Paint) -> String {
    let mut text = String::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        if unwrapped.contains(&name.as_str()) {
            text += &members(value, &[], paint);
            continue;
        }
        let label = paint.text(style::NAME, name);
        let message = (name == "message").then(|| wire::as_text(value, "    ", paint)).flatten();
        text += &match (message, value) {
            (Some(message), _) => format!("  {label}\n{message}"),
            (None, Value::String(word)) => format!("  {label}: {}\n", plain(word)),
            (None, value) => {
                let laid_out = json_view::pretty(&value.to_string(), "    ", paint);
                match laid_out.contains('\n') {
                    true => format!("  {label}\n{laid_out}\n"),
                    false => format!("  {label}: {}\n", laid_out.trim_start()),
                }
            }
        };
    }
    if text.is_empty() { "  anything\n".to_owned() } else { text }
}

const WIDTH: usize = 80;

fn unknown(id: &str, suite: &Suite) -> Failure {
    // The cases whose ids are most similar to the requested one.
    let shared =
        |case: &&Case| case.id.chars().zip(id.chars()).take_while(|(one, other)| one == other).count();
    let nearest = suite.cases().iter().max_by_key(shared).filter(|case| shared(case) > 3);
    let contains = suite.cases().iter().find(|case| case.id.contains(id) || case.id.ends_with(id));
    let failure = Failure::usage(format!("there is no case `{}`", plain(id)));
    match contains.or(nearest) {
        Some(case) => {
            failure.help(format!("did you mean `{}`? `ce conformance list` lists all of them", case.id))
        }
        None => failure.help("`ce conformance list` lists all of them"),
    }
}
