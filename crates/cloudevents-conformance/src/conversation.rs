//! A conversation with a testee.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

use cloudevents_vectors::Revision;
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::capabilities::{Capabilities, Implementation};
use crate::compare::shortened;
use crate::draw::Draw;
use crate::testee::{Breakdown, BreakdownKind, Testee};
use crate::tree::json::Json;

/// A conversation with a testee. After a breakdown the testee is restarted before the next request.
pub(crate) struct Conversation<'t> {
    testee: &'t mut dyn Testee,
    seq: u64,
    /// The drawing of request numbers, and the numbers that were drawn. `None` if requests are counted.
    drawn: Option<(Draw, BTreeSet<u64>)>,
    /// The revisions that judge the requests. Every request names them.
    spec: Option<Value>,
    broken: bool,
    /// The answer of the testee to its first start.
    started: Option<(Implementation, Capabilities)>,
    /// Why the testee was given up. Nothing more is sent to it.
    lost: Option<Breakdown>,
    /// How many requests were sent.
    asked: usize,
    /// How many of them got no valid answer.
    broke: usize,
    /// How many got none in time.
    hung: usize,
    /// How long breakdowns have taken, with the restarts behind them.
    wasted: Duration,
    /// How long they may take.
    patience: Duration,
    /// How many requests were not sent because the testee was given up.
    unasked: usize,
}

/// After so many requests without an answer in time, no more requests are sent.
///
/// With the time limit of ten seconds, that takes five minutes, and a suite of thousands of cases would take hours. No more are sent either
/// after so many requests without a valid answer, if these are most of all requests: the cause is then hardly the implementation.
const BROKEN: usize = 30;

/// After so much time for breakdowns of any sort, no more requests are sent. A testee that starts in three seconds may crash two hundred
/// times.
const PATIENCE: Duration = Duration::from_secs(600);

/// A hint for a run with hardly any answers.
const SMOKE: &str = "Is it the adapter? `ce conformance run --smoke` checks it";

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The request as it was sent.
    pub(crate) sent: String,
    /// The raw answer, even if it violates the protocol.
    pub(crate) received: Option<String>,
    /// The content of the response.
    pub(crate) answer: Result<Answer, Breakdown>,
    /// Whether the request was sent. It is not when the testee was given up.
    pub(crate) asked: bool,
}

impl<'t> Conversation<'t> {
    pub(crate) fn new(testee: &'t mut dyn Testee) -> Self {
        Conversation {
            testee,
            seq: 0,
            drawn: None,
            spec: None,
            broken: false,
            started: None,
            lost: None,
            asked: 0,
            broke: 0,
            hung: 0,
            wasted: Duration::ZERO,
            patience: PATIENCE,
            unasked: 0,
        }
    }

    /// Names the revisions in every request, if some were named.
    pub(crate) fn judged_by(mut self, revisions: Option<&[Revision]>) -> Self {
        self.spec = revisions.map(|named| named.iter().copied().map(Revision::as_str).collect());
        self
    }

    /// Draws the numbers of requests instead of counting them, each once.
    pub(crate) fn numbered_by(mut self, draw: Option<Draw>) -> Self {
        self.drawn = draw.map(|draw| (draw, BTreeSet::new()));
        self
    }

    /// Starts the testee. Each start has to return the same answer, because reports show the first one.
    pub(crate) fn start(&mut self) -> Result<(Implementation, Capabilities), Breakdown> {
        let answer = self.testee.call(&json!({"cmd": "start", "version": 1}).to_string())?;
        let no_answer =
            |reason| Breakdown::garbage(format!("{reason}, in answer to `start`: {}", shortened(&answer)));
        let said = answer::object(&answer)
            .and_then(|answer: Json| Capabilities::read(&answer))
            .map_err(no_answer)?;
        match &self.started {
            Some(first) if *first != said => Err(no_answer("not what it said first".to_owned())),
            _ => Ok(self.started.insert(said).clone()),
        }
    }

    /// Sends a request with the next number.
    pub(crate) fn run(&mut self, members: &Map<String, Value>) -> Exchange {
        let seq = self.number();
        self.run_as(seq, members)
    }

    fn number(&mut self) -> u64 {
        match &mut self.drawn {
            None => {
                self.seq += 1;
                self.seq
            }
            Some((draw, given)) => loop {
                let number = draw.number();
                if given.insert(number) {
                    return number;
                }
            },
        }
    }

    /// Sends a request with a number of choice.
    pub(crate) fn run_as(&mut self, seq: u64, members: &Map<String, Value>) -> Exchange {
        let sent = line(seq, self.spec.as_ref(), members);
        if let Err(breakdown) = self.mend() {
            self.unasked = self.unasked.saturating_add(1);
            return Exchange { sent, received: None, answer: Err(breakdown), asked: false };
        }
        self.asked = self.asked.saturating_add(1);
        let begin = Instant::now();
        let (received, answer) = match self.testee.call(&sent) {
            Ok(received) => {
                let answer = Answer::read(&received, seq).map_err(Breakdown::garbage);
                (Some(received), answer)
            }
            Err(breakdown) => (None, Err(breakdown)),
        };
        if let Err(breakdown) = &answer {
            self.broken = true;
            self.broke = self.broke.saturating_add(1);
            self.wasted = self.wasted.saturating_add(begin.elapsed());
            self.hung = self.hung.saturating_add(usize::from(breakdown.kind == BreakdownKind::Hung));
        }
        Exchange { sent, received, answer, asked: true }
    }

    /// How many requests were not sent, and why, if the testee was given up before the last one.
    pub(crate) fn unasked(&self) -> Option<(usize, &str)> {
        self.lost.as_ref().filter(|_| self.unasked > 0).map(|lost| (self.unasked, lost.detail.as_str()))
    }

    /// Ends the conversation.
    pub(crate) fn stop(&mut self) -> Result<(), Breakdown> {
        if self.broken || self.lost.is_some() { Ok(()) } else { self.testee.stop() }
    }

    /// Returns the testee's standard error since the last call.
    pub(crate) fn diagnostics(&mut self) -> String {
        self.testee.diagnostics()
    }

    fn mend(&mut self) -> Result<(), Breakdown> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if self.broken {
            let breakdown = match self.given_up() {
                Some(reason) => Some(Breakdown::new(BreakdownKind::Hung, reason)),
                None => {
                    let begin = Instant::now();
                    let restarted = self.testee.restart().and_then(|()| self.start());
                    self.wasted = self.wasted.saturating_add(begin.elapsed());
                    restarted.err().map(|breakdown| Breakdown {
                        detail: format!(
                            "after an earlier breakdown it did not start again: {}",
                            breakdown.detail
                        ),
                        ..breakdown
                    })
                }
            };
            if let Some(breakdown) = breakdown {
                return Err(self.lost.insert(breakdown).clone());
            }
            self.broken = false;
        }
        Ok(())
    }

    /// Why a testee that has broken down is not restarted.
    fn given_up(&self) -> Option<String> {
        let asked = self.asked;
        if self.hung >= BROKEN {
            Some(format!("given up after {BROKEN} requests without an answer in time. {SMOKE}"))
        } else if self.broke >= BROKEN && self.broke.saturating_mul(2) > asked {
            Some(format!("given up after {} of {asked} requests without a valid answer. {SMOKE}", self.broke))
        } else if self.wasted >= self.patience {
            Some(format!("given up after breakdowns that took {:.0?} together", self.wasted))
        } else {
            None
        }
    }
}

/// Writes a request as one line: command and sequence number, then the members sorted by name, so that every build
/// writes the same line for the same request.
fn line(seq: u64, spec: Option<&Value>, members: &Map<String, Value>) -> String {
    let mut line = format!("{{\"cmd\":\"run\",\"seq\":{seq}");
    let members = members.iter().map(|(name, value)| (name.as_str(), value));
    let members: BTreeMap<_, _> = members
        .filter(|(name, _)| *name != "cmd" && *name != "seq")
        .chain(spec.map(|spec| ("spec", spec)))
        .collect();
    for (name, value) in members {
        // Writing to a string cannot fail.
        let _ = write!(line, ",{}:{value}", Value::from(name));
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InProcess;

    #[test]
    fn a_testee_whose_breakdowns_take_too_long_is_given_up() {
        let mut asked = 0;
        let mut testee = InProcess::new(|request: &str| {
            if request.contains("start") {
                return json!({
                    "version": 1, "implementation": {"name": "n", "version": "1", "language": "l"},
                    "capabilities": {"ops": [], "formats": [], "bindings": []},
                })
                .to_string();
            }
            asked += 1;
            "no JSON".to_owned()
        });
        let mut conversation = Conversation::new(&mut testee);
        conversation.start().unwrap();
        let ask = |conversation: &mut Conversation<'_>| conversation.run(&Map::new()).answer.unwrap_err();
        for _ in 0..3 {
            assert_eq!(ask(&mut conversation).kind, BreakdownKind::Garbage);
        }
        assert_eq!(conversation.unasked(), None);
        conversation.patience = Duration::from_nanos(1);
        assert_eq!(ask(&mut conversation).kind, BreakdownKind::Hung);
        let (unasked, why) = conversation.unasked().unwrap();
        assert!(unasked == 1 && why.starts_with("given up after breakdowns that took "), "{why}");
        assert_eq!(asked, 3);
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        let members = json!({"op": "name", "text": "a\nb", "seq": 7, "\"": [1.5]});
        let sent = |spec: Option<&Value>| line(2, spec, members.as_object().unwrap());
        assert_eq!(sent(None), r#"{"cmd":"run","seq":2,"\"":[1.5],"op":"name","text":"a\nb"}"#);
        assert_eq!(
            sent(Some(&json!(["1.0.2"]))),
            r#"{"cmd":"run","seq":2,"\"":[1.5],"op":"name","spec":["1.0.2"],"text":"a\nb"}"#
        );
    }
}
