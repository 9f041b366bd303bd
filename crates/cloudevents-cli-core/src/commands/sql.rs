//! `ce sql`: evaluates CESQL expressions.

use crate::{
    commands::each_event,
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input::Reading,
    plain::plain,
    report::Report,
    source::{Place, Source},
    style::{self, Paint},
};
use clap::Args;
use cloudevents_kit::sql::{Expression, ParseError, Value as SqlValue};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Evaluate a CESQL expression for each event.
///
/// Writes the value, and the errors of the evaluation. Warns about parts of the expression that are probably
/// mistakes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce sql \"type LIKE 'com.example.%' AND EXISTS priority\" orders.jsonl
  ce sql 'UPPER(subject)' order.json
  ce sql --check \"time > '2026-01-01'\"      print its normal form

Exit status: 0 done, 1 an event is invalid, 2 the expression does not parse.")]
pub struct Sql {
    /// Evaluate this expression.
    expression: String,
    /// Evaluate it for the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE", conflicts_with = "check")]
    files: Vec<PathBuf>,
    /// Read no events: check the expression and print its normal form.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Sql, console: &Console) -> Result<Status, Failure> {
    let expression = expression(&command.expression, console)?;
    let mut emit = Emit::new(console);
    if command.check {
        let attributes: Vec<&str> = expression.attributes().collect();
        let value = json!({"expression": expression.to_string(), "attributes": attributes});
        emit.value(&value, |_| format!("{}\n", plain(&expression.to_string())))?;
        emit.flush()?;
        return Ok(Status::Done);
    }
    each_event(&command.files, &command.reading, &mut emit, console, |event, _, _, emit| {
        let evaluation = expression.evaluate(event);
        let errors = evaluation.errors.iter().map(
            |error| json!({"kind": error.kind().code(), "message": error.message(), "at": error.span().start()}),
        );
        let errors: Vec<Value> = errors.collect();
        let value =
            json!({"value": bare(&evaluation.value), "type": evaluation.value.ty().name(), "errors": errors});
        emit.value(&value, |paint| line(&evaluation, paint))
    })
}

/// Parses an expression of the command line, and reports its warnings.
pub fn expression(text: &str, console: &Console) -> Result<Expression, Failure> {
    let expression = parse(text)?;
    for warning in expression.warnings() {
        let report = Report::warning(warning.message()).kind(warning.kind().code());
        console.report(&report.at(&place(text)).offset(warning.span().start()));
    }
    Ok(expression)
}

/// Parses an expression of the command line.
pub(crate) fn parse(text: &str) -> Result<Expression, Failure> {
    Expression::parse(text).map_err(|error| refused(text, &error))
}

fn refused(text: &str, error: &ParseError) -> Failure {
    let report = Report::new(error.message()).kind("parse").at(&place(text)).offset(error.offset());
    Failure::Told(Status::Usage, Box::new(report.any_help(error.help())))
}

fn place(text: &str) -> Place {
    Place::of(Source::new("the expression", text.to_owned(), 1))
}

fn bare(value: &SqlValue<'_>) -> Value {
    match value {
        SqlValue::Boolean(boolean) => json!(boolean),
        SqlValue::Integer(number) => json!(number),
        SqlValue::String(text) => json!(text),
    }
}

fn line(evaluation: &cloudevents_kit::sql::Evaluation<'_>, paint: Paint) -> String {
    let mut line = plain(&evaluation.value.to_string()).to_string();
    for error in &evaluation.errors {
        line += &format!("  {} {}", paint.text(style::ERROR, "error:"), plain(&error.to_string()));
    }
    line + "\n"
}
