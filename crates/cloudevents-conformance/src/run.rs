//! A run of a suite.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Instant;

use cloudevents_vectors::{Carrier, Case, Expected, Outcome, Revision, load_packs};
use serde_json::{Map, Value};

use crate::answer::{Answer, Unsupported};
use crate::balance::Balance;
use crate::capabilities::{Capabilities, Lack, is_format};
use crate::compare::{How, differences, same_sort};
use crate::conversation::{Conversation, Exchange};
use crate::draw::Draw;
use crate::provenance::{Provenance, now};
use crate::report::{Problem, Reporter, Start, Summary, cut};
use crate::selection::allows;
use crate::testee::{Breakdown, Testee};
use crate::verdict::{Attempt, CaseReport, Failure, Finding, Verdict};
use crate::{KnownFailing, Selection, Suite};

/// Runs the selected cases of a suite against a testee and reports each, in the order of the suite.
///
/// The cases of a [varied](Suite::varied) suite are sent in another order. Each is reported when all cases before it have been reported.
///
/// See the [crate documentation](crate) for an example.
pub fn run(
    suite: &Suite,
    selection: &Selection,
    known_failing: &KnownFailing,
    testee: &mut dyn Testee,
    reporter: &mut dyn Reporter,
) -> Result<Summary, RunError> {
    let mut draw = suite.seed().map(Draw::of);
    let mut conversation =
        Conversation::new(testee).judged_by(selection.named_revisions()).numbered_by(draw.clone());
    let (implementation, capabilities) = conversation
        .start()
        .map_err(|breakdown| RunError::NotStarted { breakdown, diagnostics: conversation.diagnostics() })?;
    let revisions = selection.judged_by(&capabilities.revisions);
    let cases = selection.cases(suite, &capabilities.revisions);
    let provenance = Provenance {
        implementation,
        suite: env!("CARGO_PKG_VERSION").to_owned(),
        vectors: cloudevents_vectors::VERSION.to_owned(),
        date: now(),
        revisions: revisions.iter().map(ToString::to_string).collect(),
        profile: selection.profile_name(),
        packs: named_packs(selection),
        drafts: selection.has_drafts(),
        selection: selection.described().into_iter().chain(suite.addition()).collect(),
        seed: suite.seed(),
        observed: suite.observed().map(str::to_owned),
    };
    let start = Start {
        implementation: &provenance.implementation,
        capabilities: &capabilities,
        revisions,
        cases: cases.len(),
        provenance: &provenance,
    };
    reporter.started(&start).map_err(RunError::Report)?;

    let mut summary = Summary::new(problems(suite, selection, known_failing, &cases, revisions));
    let omitted = capabilities.omitted();
    if !omitted.is_empty() {
        summary.problems.push(Problem::NotStated { omitted });
    }
    summary.score.all = selection.all_judged(suite, revisions);
    let mut balance = Balance::default();
    let judge = Judge { suite, selection, known_failing, capabilities: &capabilities, revisions };
    let order = match &mut draw {
        Some(draw) => draw.order(cases.len()),
        None => (0..cases.len()).collect(),
    };
    let mut waiting = BTreeMap::new();
    let mut reported = 0;
    for index in order {
        let Some(case) = cases.get(index) else { continue };
        let mut report = judge.judge(&mut conversation, case);
        if suite.seed().is_some() {
            // Thousands of them may wait.
            report.received = report.received.map(|answer| cut(&answer).into_owned());
        }
        reporter.asked().map_err(RunError::Report)?;
        waiting.insert(index, report);
        while let Some(report) = waiting.remove(&reported) {
            reported += 1;
            summary.count(&report);
            balance.count(&report);
            reporter.case(&report).map_err(RunError::Report)?;
        }
    }
    if let Err(breakdown) = conversation.stop() {
        summary.problems.push(Problem::NotStopped(breakdown));
    }
    if start.cases > 0 && summary.answered() == 0 {
        summary.problems.push(Problem::NothingJudged);
    } else if start.cases > 0 && summary.score.judged == 0 {
        let (profile, others) = (selection.profile_name(), selection.other_profiles(&cases));
        summary.problems.push(Problem::NothingInProfile { profile, others });
    }
    summary.problems.extend(balance.problems());
    if let Some((unasked, why)) = conversation.unasked() {
        summary.problems.push(Problem::GaveUp { unasked, why: why.to_owned() });
    }
    if summary.is_success() && summary.score.passed == 0 {
        summary.problems.push(Problem::NothingPassed { judged: summary.score.judged });
    }
    summary.provenance = provenance.clone();
    reporter.finished(&summary).map_err(RunError::Report)?;
    Ok(summary)
}

/// Why a run could not be finished.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The testee did not start, or did not name itself and its capabilities.
    NotStarted {
        /// The breakdown.
        breakdown: Breakdown,
        /// The testee's standard error.
        diagnostics: String,
    },
    /// The report could not be written.
    Report(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::NotStarted { breakdown, diagnostics } if diagnostics.trim().is_empty() => {
                write!(f, "{breakdown}")
            }
            RunError::NotStarted { breakdown, diagnostics } => {
                write!(f, "{breakdown}\nIts standard error:\n{}", diagnostics.trim_end())
            }
            RunError::Report(_) => f.write_str("the report could not be written"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::NotStarted { .. } => None,
            RunError::Report(error) => Some(error),
        }
    }
}

/// The packs of a selection with their versions.
fn named_packs(selection: &Selection) -> Vec<String> {
    let records = load_packs().unwrap_or_default();
    let version = |pack| records.get(pack).map_or("", |record| record.version.as_str());
    selection.packs().iter().map(|pack| format!("{pack} {}", version(pack))).collect()
}

fn problems(
    suite: &Suite,
    selection: &Selection,
    known_failing: &KnownFailing,
    selected: &[&Case],
    revisions: &[Revision],
) -> Vec<Problem> {
    let mistyped = selection.unmatched(suite).into_iter().map(|pattern| Problem::NoSuchCase { pattern });
    let outdated = known_failing.unmatched(suite).into_iter();
    let outdated =
        outdated.map(|(line, pattern)| Problem::NoSuchKnownFailing { line, pattern: pattern.to_string() });
    let mut problems: Vec<_> = mistyped.chain(outdated).collect();
    if selected.is_empty() {
        problems.push(Problem::NothingSelected { why: selection.why_none(suite, revisions) });
    }
    problems
}

/// The rules that judge a case.
struct Judge<'a> {
    suite: &'a Suite,
    selection: &'a Selection,
    known_failing: &'a KnownFailing,
    capabilities: &'a Capabilities,
    revisions: &'a [Revision],
}

impl<'a> Judge<'a> {
    fn judge(&self, conversation: &mut Conversation<'_>, case: &'a Case) -> CaseReport<'a> {
        let begin = Instant::now();
        let (finding, sent, received) = match self.capabilities.lack(case) {
            Some(Lack { reason, uncovered: false }) => (Finding::Unsupported(reason), None, None),
            Some(Lack { reason, uncovered: true }) => (Finding::Uncovered(reason), None, None),
            None => {
                let Exchange { sent, received, answer, asked } = conversation.run(&case.request);
                match answer {
                    Err(breakdown) if !asked => (Finding::Unasked(breakdown.detail), None, None),
                    answer => (self.finding(case, answer), Some(sent), received),
                }
            }
        };
        let elapsed = begin.elapsed();
        let known_failing = self.known_failing.reason(&case.id);
        CaseReport {
            case,
            clauses: self.suite.clauses(case, self.revisions),
            allowed: self.allowed(case).map(|(_, outcome)| outcome).collect(),
            verdict: Verdict::of(
                &finding,
                self.selection.judges(case),
                self.may_be_either(case),
                known_failing.is_some(),
            ),
            judged: self.selection.judges(case),
            finding,
            known_failing,
            sent,
            received,
            diagnostics: conversation.diagnostics(),
            elapsed,
        }
    }

    fn finding(&self, case: &Case, answer: Result<Answer, Breakdown>) -> Finding {
        let reply = match answer {
            Err(breakdown) => return Finding::Crashed(breakdown),
            Ok(Answer::Unsupported(Unsupported { reason, .. }))
                if !self.capabilities.omitted().is_empty() =>
            {
                return Finding::Unsupported(reason);
            }
            // The client of this harness cannot send the message, so the implementation behind the client is not judged.
            Ok(Answer::Unsupported(Unsupported { reason, .. })) if self.suite.observed().is_some() => {
                return Finding::Uncovered(reason);
            }
            Ok(Answer::Unsupported(Unsupported { reason, input })) => {
                let is_there = input.is_some_and(|name| has_input(case, &name));
                return if is_there { Finding::Inexpressible(reason) } else { Finding::Declined(reason) };
            }
            Ok(Answer::Reply(reply)) => reply,
        };
        let text = self.selection.compares_text(case);
        let how =
            How::of(case, self.revisions, &self.capabilities.reports, text, self.selection.is_verbatim());
        let mut attempts = Vec::new();
        for (index, outcome) in self.allowed(case) {
            let differences = differences(case, outcome, &how, &reply);
            if differences.is_empty() {
                return Finding::Passed;
            }
            attempts.push(Attempt { outcome: index, same_sort: same_sort(outcome, &reply), differences });
        }
        Finding::Failed(Failure { attempts })
    }

    /// The outcomes that are allowed, with their indices.
    fn allowed<'c>(&self, case: &'c Case) -> impl Iterator<Item = (usize, &'c Outcome)> {
        let exact = self.selection.compares_text(case);
        let allowed = case.expect.iter().enumerate();
        allowed
            .filter(move |(_, outcome)| allows(case, outcome, self.revisions) && (outcome.verbatim || !exact))
    }

    /// Whether the input may be accepted or refused: the allowed outcomes are results and errors.
    fn may_be_either(&self, case: &Case) -> bool {
        let (errors, results): (Vec<_>, Vec<_>) =
            self.allowed(case).partition(|(_, outcome)| matches!(outcome.expected, Expected::Error(_)));
        !errors.is_empty() && !results.is_empty()
    }
}

/// Whether a request hands over no event, or several. An API for one event cannot be given such a request.
fn has_not_one_event(request: &Map<String, Value>) -> bool {
    request.get("events").and_then(Value::as_array).is_some_and(|events| events.len() != 1)
}

/// Whether a request has the part that the testee's API cannot be given, according to the testee.
///
/// The part is a message of a binding, no event or several, a payload, or the attribute of this name. It can also be a format or a mode
/// that has to be refused: an API without a parameter for it cannot give a wrong answer. And it can be any mode of a binding that has two:
/// no MUST requires both.
fn has_input(case: &Case, name: &str) -> bool {
    let request = &case.request;
    let is_refused = || case.expect.iter().all(|outcome| matches!(outcome.expected, Expected::Error(_)));
    // The bytes of a document can be handed to every reader of its format. A message of a binding passes through a client or a server.
    let comes_by_binding = |side: &Map<String, Value>| {
        let via = side.get("via").and_then(Value::as_str);
        side.contains_key("message") && via.is_some_and(|via| !is_format(via))
    };
    let list = request.get("events").and_then(Value::as_array).into_iter().flatten();
    let mut events = list.chain(request.get("event"));
    let has_modes = |side: &Map<String, Value>| {
        let via = side.get("via").and_then(Value::as_str);
        via.and_then(Carrier::of).is_some_and(|carrier| carrier.one_mode_is_enough)
    };
    match name {
        "mode"
            if [
                Some(request),
                request.get("from").and_then(Value::as_object),
                request.get("to").and_then(Value::as_object),
            ]
            .into_iter()
            .flatten()
            .any(has_modes) =>
        {
            true
        }
        "format" | "mode" if case.op() == Some("encode") && request.contains_key(name) => is_refused(),
        "message" => {
            let from = request.get("from").and_then(Value::as_object);
            comes_by_binding(request) || from.is_some_and(comes_by_binding)
        }
        "events" => has_not_one_event(request),
        "data" => events.any(|event| event.get("data").is_some()),
        name => events.any(|event| event.get("attributes").is_some_and(|all| all.get(name).is_some())),
    }
}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::Document;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_format_without_a_parameter_is_input_where_it_is_refused() {
        let case = |request: Value, outcome: Value| {
            let document = json!({"area": "a", "topic": "t", "title": "t", "cases": [{
                "id": "a/t/x", "title": "t", "clauses": ["A-1-a"], "level": "MUST", "revisions": ["main"],
                "request": request, "expect": [outcome]
            }]});
            Document::parse(&document.to_string()).unwrap().cases.remove(0)
        };
        let request =
            json!({"op": "encode", "via": "nats", "mode": "structured", "format": "xml", "events": []});
        let refused = case(request.clone(), json!({"error": {}}));
        assert!(has_input(&refused, "format") && has_input(&refused, "mode"));
        assert!(!has_input(&case(request, json!({"result": {"message": {}}})), "format"));
        let without = json!({"op": "encode", "via": "nats", "events": []});
        assert!(!has_input(&case(without, json!({"error": {}})), "format"));
        for via in ["http", "kafka", "amqp", "mqtt5", "nats"] {
            let of_two_modes = json!({"op": "decode", "via": via, "message": {}});
            assert!(has_input(&case(of_two_modes, json!({"result": {}})), "mode"), "{via}");
        }
        let read = json!({"op": "decode", "via": "rabbitmq", "mode": "binary", "message": {}});
        assert!(!has_input(&case(read, json!({"error": {}})), "mode"));
    }
}
