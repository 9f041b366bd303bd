//! The check that a suite catches every mutant.

use std::collections::{BTreeSet, HashMap};
use std::io;

use serde_json::Value;

use super::{CRASH, Mutant, MutantProfile};
use crate::report::{Reporter, Summary};
use crate::run::{RunError, run};
use crate::testee::{Breakdown, BreakdownKind, Testee};
use crate::verdict::CaseReport;
use crate::{KnownFailing, Selection, Suite};
use cloudevents_vectors::Level;

/// The results of a suite for every mutant.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SelfTest {
    /// The result for each mutant.
    pub mutants: Vec<Caught>,
    /// The ids of the cases that the testee fails without a mutation. If there are any, no mutant is run.
    pub own_failures: Vec<String>,
    /// The ids of the cases that no mutant fails, so that nothing proves that they can fail.
    pub unproven: Vec<String>,
}

/// The result of a suite for one mutant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Caught {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The ids of the cases that the mutant fails in the profile that must catch it.
    pub cases: Vec<String>,
    /// The areas of the mutant in which no case caught it.
    pub escaped: Vec<&'static str>,
    /// The ids of the cases that fail it in the base profile although a conforming implementation may show the fault.
    pub unfair: Vec<String>,
}

impl SelfTest {
    /// Whether every mutant was caught in each of its areas, none unfairly, and the testee without a fault passed.
    pub fn is_success(&self) -> bool {
        self.own_failures.is_empty()
            && self.mutants.iter().all(|caught| caught.escaped.is_empty() && caught.unfair.is_empty())
    }
}

/// Runs the suite against a testee and against that testee with each fault of [`Mutant::all`].
///
/// Without a mutation, the testee must pass the suite in every profile. If it does not, only its failures are returned.
pub fn self_test(suite: &Suite, testee: &mut dyn Testee) -> Result<SelfTest, RunError> {
    let mut recorded = Recorded { testee, answers: HashMap::new(), mutant: None };
    let mut own = Own::default();
    run(suite, &everything(), &KnownFailing::default(), &mut recorded, &mut own)?;
    let mut failed = own.failing.0;
    for id in failures(suite, &base(), &mut recorded)? {
        if !failed.contains(&id) {
            failed.push(id);
        }
    }
    if !failed.is_empty() {
        return Ok(SelfTest { own_failures: failed, ..SelfTest::default() });
    }
    let areas: BTreeSet<&str> = suite.cases().iter().filter_map(|case| case.id.split('/').next()).collect();
    let mut proven: BTreeSet<String> = BTreeSet::new();
    let mut mutants = Vec::new();
    for mutant in Mutant::all() {
        // The others pass, as without it: one request and its answer are all that a case is judged by.
        let changed: BTreeSet<&str> = own
            .exchanges
            .iter()
            .filter(|exchange| exchange.is_changed_by(mutant))
            .map(|exchange| &*exchange.id)
            .collect();
        let suite = &suite.only(|case| changed.contains(&*case.id));
        recorded.mutant = Some(mutant);
        let all = failures(suite, &everything(), &mut recorded)?;
        proven.extend(all.iter().cloned());
        let cases = match mutant.profile {
            MutantProfile::Base => failures(suite, &base(), &mut recorded)?,
            _ => all,
        };
        let unfair = match mutant.profile {
            MutantProfile::Verbatim | MutantProfile::Lenient => failures(suite, &base(), &mut recorded)?,
            _ => Vec::new(),
        };
        let caught_in = |area: &str| {
            cases.iter().any(|id: &String| id.strip_prefix(area).is_some_and(|rest| rest.starts_with('/')))
        };
        let escaped = mutant.areas.iter().copied().filter(|area| areas.contains(area) && !caught_in(area));
        mutants.push(Caught { mutant, escaped: escaped.collect(), cases, unfair });
    }
    recorded.mutant = None;
    let ids = suite.cases().iter().map(|case| case.id.clone());
    Ok(SelfTest {
        mutants,
        own_failures: Vec::new(),
        unproven: ids.filter(|id| !proven.contains(id)).collect(),
    })
}

fn base() -> Selection {
    Selection::default().drafts(true)
}

fn everything() -> Selection {
    base().profile(Level::May).strict(true).verbatim(true).lenient(true)
}

/// The ids of the cases that fail a run.
fn failures(suite: &Suite, selection: &Selection, testee: &mut dyn Testee) -> Result<Vec<String>, RunError> {
    let mut failing = Failing(Vec::new());
    run(suite, selection, &KnownFailing::default(), testee, &mut failing)?;
    Ok(failing.0)
}

#[derive(Default)]
struct Failing(Vec<String>);

impl Reporter for Failing {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        if report.verdict.fails() {
            self.0.push(report.case.id.clone());
        }
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// The requests and answers of a testee without a fault, and the cases that it fails.
#[derive(Default)]
struct Own {
    exchanges: Vec<Exchange>,
    failing: Failing,
}

impl Reporter for Own {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        self.failing.case(report)?;
        if let (Some(sent), Some(received)) = (&report.sent, &report.received) {
            self.exchanges.push(Exchange {
                id: report.case.id.clone(),
                request: serde_json::from_str(sent)?,
                answer: serde_json::from_str(received)?,
            });
        }
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// A request and its answer.
struct Exchange {
    id: String,
    request: Value,
    answer: Value,
}

impl Exchange {
    fn is_changed_by(&self, mutant: &Mutant) -> bool {
        let mut request = self.request.clone();
        (mutant.request)(&mut request);
        if request != self.request {
            return true;
        }
        let mut answer = self.answer.clone();
        (mutant.answer)(&self.request, &mut answer);
        answer != self.answer
    }
}

/// A testee whose answers are kept, and a fault.
struct Recorded<'t> {
    testee: &'t mut dyn Testee,
    /// Answers by requests, both without their numbers.
    answers: HashMap<String, Value>,
    mutant: Option<&'static Mutant>,
}

impl Testee for Recorded<'_> {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        let garbage = |error: serde_json::Error| Breakdown::new(BreakdownKind::Garbage, error.to_string());
        let mut asked: Value = serde_json::from_str(request).map_err(garbage)?;
        if asked["cmd"] != "run" {
            return self.testee.call(request);
        }
        let original = asked.clone();
        if let Some(mutant) = self.mutant {
            (mutant.request)(&mut asked);
        }
        let seq = asked["seq"].take();
        let key = asked.to_string();
        let mut answer = match self.answers.get(&key) {
            Some(answer) => answer.clone(),
            None => {
                asked["seq"] = Value::from(0);
                let text = self.testee.call(&asked.to_string())?;
                let answer: Value = serde_json::from_str(&text).map_err(garbage)?;
                self.answers.insert(key, answer.clone());
                answer
            }
        };
        if let Some(mutant) = self.mutant {
            (mutant.answer)(&original, &mut answer);
        }
        if answer == CRASH {
            return Err(Breakdown::new(BreakdownKind::Crashed, "the mutant crashed"));
        }
        answer["seq"] = seq;
        Ok(answer.to_string())
    }

    fn restart(&mut self) -> Result<(), Breakdown> {
        Ok(())
    }
}
