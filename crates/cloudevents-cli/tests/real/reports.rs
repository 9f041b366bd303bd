//! What users of other implementations have reported in public: each input has the right value, and the help of an error reads it.
//!
//! `tests/reports/cases.json` has a case for each input: the threads, and runs of `ce`.

use crate::{
    program::{Listener, Ran, ce, exchange},
    suggested::put,
};
use cloudevents_kit::transport::Raw;
use cloudevents_testkit::{kafka, nats, rabbitmq};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// The inputs, and their cases.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// A file in the folder.
    input: String,
    /// Where the situation was reported, or the document that has it.
    threads: Vec<String>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// `INPUT` is the path of the input, and `DATA` the folder. `KAFKA reported` is a topic with the input, and `RABBITMQ …` a broker.
    /// `TARGET http` and `TARGET nats` are listeners, whose events are those of the run. The input of `ce listen` is a request that is sent
    /// to it.
    args: Vec<String>,
    status: i32,
    /// The events that it writes, one a line, or their number.
    #[serde(default)]
    events: Vec<Value>,
    count: Option<usize>,
    /// Words that standard error has, and words that it does not have.
    says: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&fs::read_to_string(Path::new(FOLDER).join("cases.json")).unwrap()).unwrap()
}

/// The servers of a run.
#[derive(Default)]
struct Servers {
    kafka: Option<kafka::Broker>,
    rabbitmq: Option<rabbitmq::Broker>,
    nats: Option<nats::Server>,
    target: Option<Listener>,
}

impl Servers {
    /// An argument with the input and the servers that it names.
    fn argument(&mut self, argument: &str, input: &str, run: &Run) -> String {
        let count = run.events.len().to_string();
        let arguments = ["--count", count.as_str()];
        match argument.split_once(' ') {
            Some(("KAFKA", place)) => {
                let broker = self.kafka.insert(kafka::Broker::start().unwrap());
                broker.create_topic("reported", 1).unwrap();
                put(&broker.url("reported"), [record(input)]);
                broker.url(place)
            }
            Some(("RABBITMQ", options)) => {
                self.rabbitmq.insert(rabbitmq::Broker::start().unwrap()).url(options)
            }
            Some(("TARGET", "nats")) => {
                let server = self.nats.insert(nats::Server::start().unwrap());
                self.target.insert(Listener::at(&server.url("target"), &arguments)).url.clone()
            }
            Some(("TARGET", _)) => self.target.insert(Listener::start(&arguments)).url.clone(),
            _ => argument.replace("INPUT", input).replace("DATA", FOLDER),
        }
    }
}

/// The record of an input.
fn record(input: &str) -> Raw {
    let input: Value = serde_json::from_str(&fs::read_to_string(input).unwrap()).unwrap();
    let record = cloudevents_testkit::testee::message::kafka(&input["message"]).unwrap();
    let mut raw = Raw::default();
    let headers = record.headers.into_iter();
    raw.headers = headers.map(|header| (header.name.as_str().to_owned().into(), header.value)).collect();
    raw.body = record.value;
    raw
}

/// Sends the request in this file to a listener, and ends it after the response.
fn listen(arguments: &[&str], input: &str) -> Ran {
    let [_, url, rest @ ..] = arguments else { panic!("{arguments:?}") };
    let listener = Listener::at(url, rest);
    exchange(listener.address(), fs::read(input).unwrap());
    listener.stop()
}

#[test]
fn inputs_have_the_right_value() {
    let mut wrong = Vec::new();
    for case in cases() {
        let input = format!("{FOLDER}/{}", case.input);
        for run in case.runs {
            let mut servers = Servers::default();
            let args: Vec<_> = run.args.iter().map(|arg| servers.argument(arg, &input, &run)).collect();
            let arguments: Vec<_> = args.iter().map(String::as_str).collect();
            let ran = match arguments[0] {
                "listen" => listen(&arguments, &input),
                _ => ce(&arguments),
            };
            let out = servers.target.map_or(ran.out, |target| target.end().out);
            let events: Vec<Value> = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let is_as_wanted = match run.count {
                Some(count) => events.len() == count,
                None => events == run.events,
            };
            let says = |words: &String| ran.err.contains(words.as_str());
            if ran.status != run.status
                || !is_as_wanted
                || !run.says.iter().all(says)
                || run.never.iter().any(says)
            {
                wrong.push(format!("ce {}: {}\n{out}{}", args.join(" "), ran.status, ran.err));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_input_is_in_a_case() {
    let cases = cases();
    let threads = cases.iter().flat_map(|case| &case.threads);
    assert!(threads.into_iter().all(|thread| thread.starts_with("https://")));
    assert!(cases.iter().all(|case| !case.threads.is_empty() && !case.runs.is_empty()));
    let named: BTreeSet<_> = cases.into_iter().map(|case| case.input).collect();
    let files = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = ["cases.json", "heartbeats.jsonl", "svix.key"];
    let inputs: BTreeSet<_> = files.filter(|name| !others.contains(&name.as_str())).collect();
    assert_eq!(inputs, named);
}
