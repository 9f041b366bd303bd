//! Other SDKs send to us and receive from us. What they are, and what is known to differ, is in `spec-tests/crosslang/kafka`, whose
//! `run.sh` starts this.

use crate::broker::{Topic, next, record, soon};
use bytes::Bytes;
use cloudevents_core::{Decoding, Event, Message, Mode, Timestamp, Value};
use cloudevents_json::Json;
use cloudevents_kafka::{Record, encode, rdkafka039::KafkaSenderOptions};
use cloudevents_testkit::tagged;
use serde_json::{Value as Tree, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

/// `NAME=PROGRAM`, one a line.
const PEERS: &str = "CE_TEST_KAFKA_PEERS";

/// The file of known differences.
const KNOWN: &str = "CE_TEST_KAFKA_DIFFERENCES";

const MODES: [&str; 2] = ["binary", "structured"];

/// Who, which way, in which mode, with which event, and what is different.
type Difference = [String; 5];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_languages() {
    let (Ok(peers), Ok(known)) = (std::env::var(PEERS), std::env::var(KNOWN)) else {
        println!("skipped: {PEERS} is not set; spec-tests/crosslang/kafka/run.sh sets it");
        return;
    };
    let samples = samples();
    let mut found = BTreeSet::new();
    let mut names = BTreeSet::new();
    for peer in peers.lines().filter(|line| !line.trim().is_empty()) {
        let (name, program) = peer.split_once('=').unwrap();
        names.insert(name.to_owned());
        for mode in MODES {
            for (event, items) in they_write(program, mode, &samples).await {
                found.extend(
                    items.into_iter().map(|item| [name, "they write", mode, event, &item].map(Into::into)),
                );
            }
            for (event, items) in we_write(program, mode, &samples).await {
                found.extend(
                    items.into_iter().map(|item| [name, "we write", mode, event, &item].map(Into::into)),
                );
            }
        }
        for (event, items) in records_by_hand(program).await {
            found.extend(
                items.into_iter().map(|item| [name, "we write", "by hand", event, &item].map(Into::into)),
            );
        }
        println!("{name}: {} events each way in each mode", samples.len());
    }
    compare(&found, &std::fs::read_to_string(known).unwrap(), &names);
}

/// Every difference is known, and everything that is known is still so.
fn compare(found: &BTreeSet<Difference>, known: &str, peers: &BTreeSet<String>) {
    let mut table = BTreeMap::<_, Vec<_>>::new();
    let lines: Vec<Vec<&str>> = known
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|fields: &Vec<_>| peers.contains(fields[0]))
        .collect();
    let mut new = Vec::new();
    for difference in found {
        let fits = |line: &&Vec<&str>| {
            let event = line[3].split(' ').any(|event| event == difference[3]) || line[3] == "*";
            let rest =
                [0, 1, 2, 4].iter().all(|&field| line[field] == difference[field] || line[field] == "*");
            event && rest
        };
        match lines.iter().find(fits) {
            Some(line) => table.entry(line).or_default().push(difference),
            None => new.push(difference.join(" | ")),
        }
    }
    for line in &lines {
        let events = table.get(line).map_or(0, Vec::len);
        println!(
            "{:<7} {:<10} {:<10} {:<22} {events:>2} x  {:<17} {}",
            line[0], line[1], line[2], line[4], line[5], line[6]
        );
    }
    let clauses: String = cloudevents_vectors::requirements().map(|(_, text)| text).collect();
    for line in &lines {
        assert!(clauses.contains(&format!("\"id\": \"{}\"", line[5])), "there is no clause {}", line[5]);
    }
    let gone: Vec<_> =
        lines.iter().filter(|line| !table.contains_key(line)).map(|line| line.join(" | ")).collect();
    assert!(new.is_empty(), "differences that are not in the list:\n{}", new.join("\n"));
    assert!(gone.is_empty(), "the list has what is no difference any more:\n{}", gone.join("\n"));
}

type Found<'e> = Vec<(&'e str, Vec<String>)>;

async fn they_write<'e>(program: &str, mode: &str, samples: &'e [(String, Event)]) -> Found<'e> {
    let topic = topic().await;
    let events: Vec<_> = samples.iter().map(|(_, event)| tagged::from_event(event)).collect();
    let request = json!({"topic": topic.name, "mode": mode, "events": events});
    let answers = Peer::start(program, &topic).ask(&request);
    let mut receiver = topic.receiver().await;
    let mut found = Vec::new();
    for ((name, event), answer) in samples.iter().zip(answers) {
        let items = match answer {
            Tree::Null => {
                let delivery = next(&mut receiver).await;
                let key = delivery.raw().key.clone();
                let mut items = match delivery.event() {
                    Ok(got) => differences(event, &attributes(&got), got.data_bytes().map(|data| &**data)),
                    Err(error) => vec![format!("refused {}", error.kind().code())],
                };
                let mapped = event.extension("partitionkey").map(|key| key.to_string().into_bytes());
                if key.as_deref() != mapped.as_deref() {
                    items.push("key".into());
                }
                let structured =
                    delivery.message().is_ok_and(|message| matches!(message, Message::Structured { .. }));
                if structured != (mode == "structured") {
                    items.push("mode".into());
                }
                delivery.accept().await.unwrap();
                items
            }
            refusal => {
                println!("{name}, {mode}: does not write it: {refusal}");
                vec!["does not write it".into()]
            }
        };
        found.push((&**name, items));
    }
    found
}

async fn we_write<'e>(program: &str, mode: &str, samples: &'e [(String, Event)]) -> Found<'e> {
    let topic = topic().await;
    let mut options = KafkaSenderOptions::default();
    if mode == "structured" {
        options.format = Some(Arc::new(Json::new()));
    }
    let sender = topic.sender_with(options).await.unwrap();
    for (_, event) in samples {
        soon(sender.send(event)).await.unwrap();
    }
    // Binary mode says which content type JSON has that has none.
    let carried = |event: &Event| match mode {
        "binary" => {
            let record = encode(event, Mode::Binary).unwrap().0;
            cloudevents_kafka::decode(&record, &Decoding::strict()).unwrap().value
        }
        _ => event.clone(),
    };
    read_by(program, &topic, samples.iter().map(|(name, event)| (&**name, carried(event))).collect())
}

/// Records that our sender does not write, but others may.
async fn records_by_hand(program: &str) -> Found<'static> {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let plain = encode(&event, Mode::Binary).unwrap().0;
    let document = encode(&event, Mode::structured(&Json::new())).unwrap().0;
    let text = record(&[("content-type", "text/plain")], b"");
    let records: [(&str, Record); 6] = [
        ("a-key-of-its-own", plain.clone().with_key(Bytes::from("k"))),
        ("a-key-that-is-no-text", plain.clone().with_key(Bytes::from_static(b"\xff\xfe"))),
        ("document-with-a-key", document.with_key(Bytes::from("k"))),
        ("foreign-null-header", plain.clone().with_header("trace", None)),
        ("another-case", plain.clone().with_header("CE_Comment", Bytes::from("x"))),
        (
            "empty-value",
            text.headers.into_iter().fold(plain.with_value(Bytes::new()), |record, header| {
                record.with_header(header.name, header.value)
            }),
        ),
    ];
    let topic = topic().await;
    for (_, record) in &records {
        topic.produce(record).await;
    }
    let decoding = Decoding::strict();
    let expected = records
        .iter()
        .map(|(name, record)| (*name, cloudevents_kafka::decode(record, &decoding).unwrap().value));
    read_by(program, &topic, expected.collect())
}

fn read_by<'e>(program: &str, topic: &Topic, expected: Vec<(&'e str, Event)>) -> Found<'e> {
    let answers = Peer::start(program, topic).ask(&json!({"topic": topic.name, "count": expected.len()}));
    assert_eq!(answers.len(), expected.len(), "records did not arrive");
    let differ = |((name, event), answer): ((&'e str, Event), Tree)| {
        if let Some(error) = answer.get("error").and_then(Tree::as_str) {
            println!("{name}: does not read it: {error}");
            return (name, vec!["does not read it".to_owned()]);
        }
        let data = answer["data"].as_str().map(|data| tagged::to_bytes(&json!({"base64": data})).unwrap());
        let got = answer["attributes"].as_object().unwrap().iter();
        let got = got.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect();
        (name, differences(&event, &got, data.as_deref()))
    };
    expected.into_iter().zip(answers).map(differ).collect()
}

/// What became of an event: attributes that came (`+`), went (`-`) or changed (`~`), and the payload.
fn differences(event: &Event, got: &BTreeMap<String, String>, data: Option<&[u8]>) -> Vec<String> {
    let sent = attributes(event);
    let mut items = Vec::new();
    for name in sent.keys().chain(got.keys()).collect::<BTreeSet<_>>() {
        match (sent.get(name), got.get(name)) {
            (Some(sent), Some(got)) if same(event, name, sent, got) => {}
            (Some(sent), Some(got)) => {
                println!("{name}: {sent:?} became {got:?}");
                items.push(format!("~{name}"));
            }
            (Some(_), None) => items.push(format!("-{name}")),
            _ => items.push(format!("+{name}")),
        }
    }
    let json = |bytes: &[u8]| serde_json::from_slice::<Tree>(bytes).ok();
    match (event.data_bytes(), data) {
        (None, None) => {}
        (None, Some(data)) => items.push(format!("+data of {} bytes", data.len())),
        (Some(data), None) => items.push(format!("-data of {} bytes", data.len())),
        (Some(sent), Some(got)) if *sent == *got => {}
        (Some(sent), Some(got)) if json(sent).is_some() && json(sent) == json(got) => {
            items.push("data rewritten".into())
        }
        (Some(sent), Some(got)) => {
            println!("{:?} became {:?}", String::from_utf8_lossy(sent), String::from_utf8_lossy(got));
            items.push("~data".into());
        }
    }
    items
}

fn same(event: &Event, name: &str, sent: &str, got: &str) -> bool {
    let time = matches!(event.attribute(name), Some(Value::Timestamp(_)));
    let same_instant = || {
        let (sent, got) = (Timestamp::parse(sent).ok()?, Timestamp::parse(got).ok()?);
        let parts = |time: Timestamp<'_>| {
            let instant = time.instant();
            (instant.seconds, instant.fraction.trim_end_matches('0').to_owned())
        };
        Some(parts(sent) == parts(got))
    };
    sent == got || (time && same_instant() == Some(true))
}

fn attributes(event: &Event) -> BTreeMap<String, String> {
    let all = event.attributes().map(|(name, value)| (name.as_str().to_owned(), value.to_string()));
    all.chain([("specversion".to_owned(), event.specversion().as_str().to_owned())]).collect()
}

fn samples() -> Vec<(String, Event)> {
    let (_, text) = cloudevents_vectors::samples().find(|(path, _)| *path == "events.json").unwrap();
    let samples: Vec<Tree> = serde_json::from_str(text).unwrap();
    let read = |sample: &Tree| {
        (sample["name"].as_str().unwrap().to_owned(), tagged::to_event(&sample["event"]).unwrap())
    };
    samples.iter().map(read).collect()
}

/// On the real broker, where there is one.
async fn topic() -> Topic {
    match Topic::real(1).await {
        Some(topic) => topic,
        None => Topic::new(1),
    }
}

/// A program that is asked and answers in lines of JSON.
struct Peer {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(program: &str, topic: &Topic) -> Self {
        let mut words = program.split(' ');
        let mut process = Command::new(words.next().unwrap())
            .args(words)
            .arg(&topic.servers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn ask(mut self, request: &Tree) -> Vec<Tree> {
        writeln!(self.input.as_mut().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str::<Tree>(&line).expect("the peer answers").as_array().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.input = None; // which ends it
        let _ = self.process.wait();
    }
}
