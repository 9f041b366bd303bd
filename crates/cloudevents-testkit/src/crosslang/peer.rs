//! The programs.

use super::{Differing, differences};
use crate::tagged;
use cloudevents_core::Event;
use serde_json::{Value as Json, json};
use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

/// A program in another language, which is started with a broker as its last argument.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'l> {
    /// The name in the list of known differences.
    pub name: &'l str,
    program: &'l str,
}

/// Parses peers from lines of `NAME=PROGRAM`, where the program may have arguments.
///
/// ```
/// let peers = cloudevents_testkit::crosslang::peers("go=/opt/peer\npython=python3 peer.py\n");
/// assert_eq!(peers.iter().map(|peer| peer.name).collect::<Vec<_>>(), ["go", "python"]);
/// ```
pub fn peers(lines: &str) -> Vec<Peer<'_>> {
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, program)| Peer { name, program })
        .collect()
}

impl Peer<'_> {
    /// Makes the peer send these events to an address in this mode. Returns whether it sent each event, and prints failures.
    pub fn send(
        &self,
        broker: &str,
        address: &str,
        mode: &str,
        events: &[(String, Event)],
    ) -> io::Result<Vec<bool>> {
        let tagged: Vec<_> = events.iter().map(|(_, event)| tagged::from_event(event)).collect();
        let request = json!({"address": address, "mode": mode, "events": tagged});
        let answers = self.start(broker, &request)?.answers(events.len())?;
        let is_sent = |((name, _), answer): (&(String, Event), Json)| {
            if !answer.is_null() {
                println!("{name}, {mode}: does not write it: {answer}");
            }
            answer.is_null()
        };
        Ok(events.iter().zip(answers).map(is_sent).collect())
    }

    /// Makes the peer read these events from an address, and compares its results with them.
    pub fn read<'e>(
        &self,
        broker: &str,
        address: &str,
        expected: Vec<(&'e str, Event)>,
    ) -> io::Result<Differing<'e>> {
        let request = json!({"address": address, "count": expected.len()});
        self.start(broker, &request)?.read(expected)
    }

    /// Makes the peer subscribe to an address, in this mode. Returns when it reports that it has subscribed: then send, and call
    /// [`read`](Subscribed::read).
    pub fn subscribe(&self, broker: &str, address: &str, mode: &str, count: usize) -> io::Result<Subscribed> {
        let request = json!({"address": address, "mode": mode, "count": count});
        let mut subscribed = self.start(broker, &request)?;
        match subscribed.line()? {
            Json::String(word) if word == "subscribed" => Ok(subscribed),
            other => Err(io::Error::other(format!("{} answered {other} instead of subscribing", self.name))),
        }
    }

    /// Starts the program, and sends the request.
    fn start(&self, broker: &str, request: &Json) -> io::Result<Subscribed> {
        let mut words = self.program.split(' ');
        let mut process = Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg(broker)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = process.stdin.take() {
            writeln!(input, "{request}")?; // and then its end, which ends the program
        }
        let output = process.stdout.take().ok_or_else(|| io::Error::other("the program has no output"))?;
        Ok(Subscribed { name: self.name.to_owned(), process, output: BufReader::new(output) })
    }
}

/// A peer that reads messages.
#[derive(Debug)]
pub struct Subscribed {
    name: String,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Subscribed {
    /// Waits until the peer has read these events, and compares its results with them.
    pub fn read<'e>(self, expected: Vec<(&'e str, Event)>) -> io::Result<Differing<'e>> {
        let answers = self.answers(expected.len())?;
        let differ = |((name, event), answer): ((&'e str, Event), Json)| {
            if let Some(error) = answer.get("error") {
                println!("{name}: does not read it: {error}");
                return Ok((name, vec!["does not read it".to_owned()]));
            }
            let got = serde_json::from_value(answer.get("attributes").cloned().unwrap_or_default())?;
            let data = answer.get("data").filter(|data| !data.is_null());
            let data = data.map(|data| tagged::to_bytes(&json!({"base64": data})));
            Ok((name, differences(&event, &got, data.transpose().map_err(io::Error::other)?.as_deref())))
        };
        expected.into_iter().zip(answers).map(differ).collect()
    }

    fn line(&mut self) -> io::Result<Json> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Returns the response, an array of this length, when the program has ended.
    fn answers(mut self, length: usize) -> io::Result<Vec<Json>> {
        let answers = self.line();
        self.process.wait()?;
        let answers: Vec<Json> = serde_json::from_value(answers?)?;
        if answers.len() == length {
            return Ok(answers);
        }
        Err(io::Error::other(format!("{} answered {} times instead of {length}", self.name, answers.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_to_be_complete() {
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        // It reads the line, of the file that stands for the broker: the standard input.
        let peer = |program| Peer { name: "awk", program };
        let read = |program| peer(program).read("-", "y", vec![("one", event.clone())]);
        assert!(read("awk {print\"[]\"}").unwrap_err().to_string().contains("0 times instead of 1"));
        let refused = read(r#"awk {print"[{\"error\":\"no\"}]"}"#).unwrap();
        assert_eq!(refused, [("one", vec!["does not read it".to_owned()])]);
        let events = [("one".to_owned(), event.clone())];
        let send = |program| peer(program).send("-", "y", "binary", &events).unwrap();
        assert_eq!(send("awk {print\"[null]\"}"), [true]);
        assert_eq!(send(r#"awk {print"[\"no\"]"}"#), [false]);
        let subscribe = |program| peer(program).subscribe("-", "y", "binary", 1);
        let subscribed = subscribe(r#"awk {print"\"subscribed\"\n[{\"error\":\"no\"}]"}"#).unwrap();
        assert_eq!(subscribed.read(vec![("one", event.clone())]).unwrap(), refused);
        assert!(subscribe("awk {print\"[]\"}").unwrap_err().to_string().contains("instead of subscribing"));
    }
}
