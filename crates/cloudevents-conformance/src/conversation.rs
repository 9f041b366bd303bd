//! A conversation with a testee.

use std::collections::BTreeMap;
use std::fmt::Write;

use cloudevents_vectors::Revision;
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::capabilities::{Capabilities, Implementation};
use crate::testee::{Breakdown, BreakdownKind, Testee};
use crate::tree::json::Json;

/// A conversation with a testee. After a breakdown the testee is restarted before the next request.
pub(crate) struct Conversation<'t> {
    testee: &'t mut dyn Testee,
    seq: u64,
    /// What every request says of the revisions that it is judged by.
    spec: Option<Value>,
    broken: bool,
    /// What the testee said when it was started first.
    started: Option<(Implementation, Capabilities)>,
    /// Why the testee could not be restarted. It is not restarted again.
    lost: Option<Breakdown>,
    /// How many requests got no answer in time.
    hung: usize,
    /// How many requests were not sent because too many before had no answer in time.
    unasked: usize,
}

/// After so many requests without an answer in time, no more are sent: with the time limit of ten seconds, that takes five minutes, and a
/// suite of thousands of cases would take hours.
const HUNG: usize = 30;

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The request as it was sent.
    pub(crate) sent: String,
    /// The raw answer, even if it violates the protocol.
    pub(crate) received: Option<String>,
    /// The content of the response.
    pub(crate) answer: Result<Answer, Breakdown>,
}

impl<'t> Conversation<'t> {
    pub(crate) fn new(testee: &'t mut dyn Testee) -> Self {
        Conversation {
            testee,
            seq: 0,
            spec: None,
            broken: false,
            started: None,
            lost: None,
            hung: 0,
            unasked: 0,
        }
    }

    /// Names the revisions in every request, if some were named.
    pub(crate) fn judged_by(mut self, revisions: Option<&[Revision]>) -> Self {
        self.spec = revisions.map(|named| named.iter().copied().map(Revision::as_str).collect());
        self
    }

    /// Starts the testee. It has to say the same each time, because reports show what it said first.
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
        self.seq += 1;
        self.run_as(self.seq, members)
    }

    /// Sends a request with a number of choice.
    pub(crate) fn run_as(&mut self, seq: u64, members: &Map<String, Value>) -> Exchange {
        let sent = line(seq, self.spec.as_ref(), members);
        if self.hung >= HUNG {
            self.unasked = self.unasked.saturating_add(1);
            let detail = format!("not asked, because {HUNG} requests before got no answer in time");
            return Exchange {
                sent,
                received: None,
                answer: Err(Breakdown::new(BreakdownKind::Hung, detail)),
            };
        }
        if let Err(breakdown) = self.mend() {
            return Exchange { sent, received: None, answer: Err(breakdown) };
        }
        let received = match self.testee.call(&sent) {
            Ok(received) => received,
            Err(breakdown) => {
                self.broken = true;
                if breakdown.kind == BreakdownKind::Hung {
                    self.hung = self.hung.saturating_add(1);
                }
                return Exchange { sent, received: None, answer: Err(breakdown) };
            }
        };
        let answer = Answer::read(&received, seq).map_err(|reason| {
            self.broken = true;
            Breakdown::garbage(reason)
        });
        Exchange { sent, received: Some(received), answer }
    }

    /// How many requests were not sent, if the harness gave up.
    pub(crate) fn unasked(&self) -> Option<usize> {
        (self.unasked > 0).then_some(self.unasked)
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
            let restarted = self.testee.restart().and_then(|()| self.start());
            if let Err(breakdown) = restarted {
                let detail =
                    format!("after an earlier breakdown it did not start again: {}", breakdown.detail);
                return Err(self.lost.insert(Breakdown { detail, ..breakdown }).clone());
            }
            self.broken = false;
        }
        Ok(())
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

fn shortened(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
