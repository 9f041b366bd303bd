//! Siblings look alike: who knows one format or binding finds everything in the others at the same place.

use std::{collections::BTreeSet, fs, path::Path, path::PathBuf};

/// The files of a format, and those that only one of them has a use for.
const FORMAT: &[&str] = &["lib", "format", "encode", "decode", "value", "data", "batch"];
/// The files of a binding.
const BINDING: &[&str] = &["lib", "wire", "mode", "name", "value", "encode", "decode", "options"];

/// The files of a client of a broker or a peer. `publisher` and `source` are the two halves over one connection, `acknowledge` withholds
/// what the broker waits for, and `refusal` is what it did not take.
const CLIENT: &[&str] = &[
    "mod",
    "binding",
    "options",
    "login",
    "connection",
    "message",
    "sender",
    "publisher",
    "receiver",
    "source",
    "received",
    "acknowledge",
    "dead_letter",
    "forwarding",
    "extras",
    "failure",
    "refusal",
    "look",
    "create",
    "urls",
];

/// The folders of clients with files that no other one has a use for, each with the reason. Folders with `binding.rs` are found by it.
const OWN: &[(&str, &[(&str, &str)])] = &[
    (
        "cloudevents-amqp/src/fe2o3_amqp018",
        &[
            ("cbs", "claims-based security"),
            ("lane", "a sender has a link to each address"),
            ("locks", "Service Bus locks messages"),
            ("node", "nodes that answer requests: `$cbs` and `$management`"),
            ("replies", "the link for replies to requests"),
            ("sasl", "SASL comes before AMQP, in frames of its own"),
            ("stream", "what the library counts wrongly is repaired on its way"),
            ("token", "the tokens of claims-based security"),
            ("unanswered", "a broker ends a link for one message, and does not name it"),
        ],
    ),
    (
        "cloudevents-kafka/src/rdkafka039",
        &[
            ("at_fault", "a broker refuses a batch, and does not say because of which record"),
            ("commit", "what Kafka has in place of acknowledgements"),
            ("config", "the settings of librdkafka"),
            ("consumer", "librdkafka's consumer has a thread of its own"),
            ("reachable", "librdkafka tries for long before it reports that no broker accepts a connection"),
            ("control", "seeking, and the lag"),
            ("existing", "a receiver over the program's own consumer"),
            ("fetch", "librdkafka's queue"),
            ("first", "a group that starts at the end needs a first position"),
            ("handover", "between the thread of the consumer and the receiver"),
            ("headers", "headers are read without a copy"),
            ("login_refusals", "librdkafka reports a refused login again and again, and never gives up"),
            ("repeated_errors", "librdkafka reports an error with each of its attempts"),
            ("position", "a log is read from a position"),
            ("producer", "what Kafka calls a publisher, with a thread of its own"),
            ("rebalance", "consumer groups"),
            ("unknown", "librdkafka goes on when a topic is gone, and reports it once"),
            ("unknown_for", "for how long librdkafka does not know a topic"),
        ],
    ),
    (
        "cloudevents-mqtt/src/rumqttc_next034",
        &[
            ("unwritten", "acknowledgements and pings have precedence on their way to the broker"),
            ("packet", "reads packets, also those that the library refuses"),
            ("publish_packet", "writes PUBLISH without a copy"),
            ("requests", "requests, and the replies to them"),
            ("session", "a receiver's session outlives connections"),
            ("text", "brokers end the connection for some characters"),
            ("topic", "a topic may be made from attributes"),
        ],
    ),
    (
        "cloudevents-nats/src/async_nats051",
        &[
            ("consumer", "the consumer of JetStream, which the server keeps"),
            ("last", "JetStream finds no message by its number from the end"),
            ("lost", "what the client cannot parse ends its connection, and is read from the stream"),
            ("notes", "what the client reports beside its results"),
            ("position", "how far a receiver is, should its consumer be gone"),
            ("pull", "messages of JetStream are requested"),
            ("pull_simulation", "the answers of a server to requests, in any order"),
            ("subscription", "core NATS has no consumer"),
            ("tag", "the subject that settles a delivery says much about it"),
            ("template", "a subject may be made from attributes"),
            ("unparsed", "the client ends its connection at some headers"),
            ("written", "core NATS confirms nothing"),
        ],
    ),
    (
        "cloudevents-rabbitmq/src/lapin4",
        &[
            ("destination", "an exchange and a routing key"),
            ("frame", "properties that the library cannot read"),
            ("properties", "properties have to fit into one frame"),
            ("retry", "a retry waits in a queue"),
            ("returns", "what is returned comes without the number of its publication"),
            ("stream", "frames are checked on their way"),
        ],
    ),
    (
        "cloudevents-redis/src/redis1",
        &[
            ("reply", "the client has values, and no types of what XAUTOCLAIM and others answer"),
            ("stream", "the client makes room for whatever a peer claims to send"),
        ],
    ),
    (
        "cloudevents-pgmq/src/tokio_postgres07",
        &[
            ("outbox", "a database has outboxes of programs, too"),
            ("secured", "the client opens the connections of an outbox itself"),
            ("stream", "the client has no TLS, and makes room for whatever a peer claims to send"),
        ],
    ),
    (
        "cloudevents-pubsub/src/reqwest013",
        &[("token", "access tokens expire, and no client library renews them")],
    ),
    (
        "cloudevents-websockets/src/tungstenite029",
        &[
            ("arriving", "memory that connections share"),
            ("connect", "TCP, TLS and the handshake, before there is a connection"),
            ("direct", "a receiver alone drives its connection by itself"),
            ("pair", "both directions over one connection"),
            ("socket", "one WebSocket: writing, reading, pings and deadlines"),
            ("stream", "the stream below, which follows the frames"),
            ("unsent", "messages on their way to the task of the connection"),
        ],
    ),
];

/// The clients that receive nothing.
const SENDERS: &[&str] = &["cloudevents-sns/src/awssdk1", "cloudevents-eventbridge/src/awssdk1"];

/// A crate, the files it must have, the files it may have, and the features that are clients with a file or folder of that name.
struct Sibling {
    name: &'static str,
    shape: &'static [&'static str],
    /// With the reason why no sibling has it.
    own: &'static [(&'static str, &'static str)],
}

const SIBLINGS: &[Sibling] = &[
    Sibling {
        name: "cloudevents-json",
        shape: FORMAT,
        own: &[
            ("codec", "siblings read other documents with the same reader, with places of mistakes"),
            ("fields", "messages of Redis and SQS are fields with names, which may mark a JSON document"),
            ("lines", "JSON Lines are a way to write JSON documents"),
            ("problems", "tools for people report every problem of a document, and people write JSON"),
            ("serde", "events inside of other structures, which is what serde is for"),
            ("stream", "a JSON batch can be read while it comes in"),
            ("typed", "typed payloads, by a library that every codec of JSON has"),
        ],
    },
    Sibling {
        name: "cloudevents-avro",
        shape: FORMAT,
        own: &[
            ("datum", "Avro's binary encoding"),
            ("compact", "the second schema, with files of the same names"),
            ("apacheavro022", "typed payloads by a library of this version"),
        ],
    },
    Sibling {
        name: "cloudevents-cbor",
        shape: FORMAT,
        own: &[
            ("wire", "heads, strings and nesting"),
            ("ciborium02", "typed payloads by a library of this version"),
        ],
    },
    Sibling {
        name: "cloudevents-protobuf",
        shape: FORMAT,
        own: &[
            ("wire", "tags, varints and groups"),
            ("time", "the Timestamp message"),
            ("prost014", "typed payloads by a library of this version"),
        ],
    },
    Sibling {
        name: "cloudevents-xml",
        shape: FORMAT,
        own: &[
            ("namespaces", "what prefixes stand for"),
            ("scan", "XML's syntax"),
            ("glance", "which characters XML has, many at once, for both directions"),
        ],
    },
    Sibling {
        name: "cloudevents-http",
        shape: BINDING,
        own: &[
            ("binding", "a client and a server make one"),
            ("negotiate", "only HTTP negotiates content"),
            ("dapr", "the subscriber's side of Dapr, which is of HTTP alone"),
            ("compression", "only HTTP has content codings"),
            ("extras", "what a message carries beside the event, for a client"),
            ("body", "only HTTP has bodies that come in pieces"),
            ("status", "only HTTP has statuses, and Retry-After"),
            ("problem", "only HTTP answers with problem documents"),
            ("axum08", "a client"),
            ("reqwest013", "a client"),
            ("server", "a client"),
        ],
    },
    Sibling {
        name: "cloudevents-carriers",
        shape: BINDING,
        own: &[
            ("body", "a body may be Base64, and a byte may stand for no payload"),
            ("carrier", "a carrier is data, and one codec has all of them"),
            ("fits", "the limits of a carrier are data, too"),
            ("rows", "the data"),
        ],
    },
    Sibling { name: "cloudevents-mqtt", shape: BINDING, own: &[("rumqttc_next034", "a client")] },
    Sibling { name: "cloudevents-nats", shape: BINDING, own: &[("async_nats051", "a client")] },
    Sibling { name: "cloudevents-rabbitmq", shape: BINDING, own: &[("lapin4", "a client")] },
    Sibling { name: "cloudevents-redis", shape: BINDING, own: &[("redis1", "a client")] },
    Sibling { name: "cloudevents-pgmq", shape: BINDING, own: &[("tokio_postgres07", "a client")] },
    Sibling {
        name: "cloudevents-sqs",
        shape: BINDING,
        own: &[
            ("awssdk1", "a client"),
            ("fifo", "topics of SNS have the same groups, with another client"),
            ("messages", "topics of SNS have the same messages, with another client"),
            ("received", "a message that came from SQS is sent to SNS as it was received"),
        ],
    },
    Sibling {
        name: "cloudevents-websockets",
        shape: BINDING,
        own: &[
            ("handshake", "only WebSockets agree on a format before the first message"),
            ("subprotocol", "what they agree on"),
            ("tungstenite029", "a client"),
            ("axum08", "a client"),
            ("server", "a client"),
        ],
    },
    Sibling {
        name: "cloudevents-amqp",
        shape: BINDING,
        own: &[
            ("fe2o3_amqp018", "a client"),
            ("sections", "a client's own messages are decoded as they are: they have many parts"),
        ],
    },
    Sibling {
        name: "cloudevents-kafka",
        shape: BINDING,
        own: &[
            ("amqp_encoded", "what Event Hubs makes of AMQP in headers of Kafka"),
            ("rdkafka039", "a client"),
            ("registry", "payloads that are framed with the ids of their schemas"),
        ],
    },
];

#[test]
fn siblings_have_the_same_files() {
    for sibling in SIBLINGS {
        let folder = crates().join(sibling.name);
        let files: BTreeSet<String> = fs::read_dir(folder.join("src"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        for file in &files {
            let known =
                sibling.shape.contains(&file.as_str()) || sibling.own.iter().any(|(own, _)| own == file);
            assert!(known, "{}: src/{file} is not part of the shape of its kind", sibling.name);
        }
        // Where a document holds everything, no binding has values to write.
        for needed in ["lib", "encode", "decode"] {
            assert!(files.contains(needed), "{}: src/{needed}.rs is missing", sibling.name);
        }
        for (own, reason) in sibling.own {
            assert!(files.contains(*own), "{}: src/{own} is listed ({reason}) and not there", sibling.name);
        }
        for test in ["main", "vectors", "roundtrip", "bad_input"] {
            let is_there =
                ["it", "real"].iter().any(|lane| folder.join(format!("tests/{lane}/{test}.rs")).exists());
            assert!(is_there, "{}: {test}.rs is in no lane of the tests", sibling.name);
        }
    }
}

/// Where a PUBACK is withheld, or a commit is sent, is to be found by names alone.
#[test]
fn clients_have_the_same_files() {
    let clients = clients();
    assert!(clients.len() > 10, "{clients:?}");
    for (folder, _) in OWN {
        assert!(clients.contains(*folder), "{folder} is listed and has no binding.rs");
    }
    for folder in &clients {
        let own = OWN.iter().find(|(known, _)| known == folder).map_or(&[][..], |(_, own)| own);
        let files: BTreeSet<String> = fs::read_dir(crates().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        for file in &files {
            let known = CLIENT.contains(&file.as_str()) || own.iter().any(|(own, _)| own == file);
            assert!(known, "{folder}/{file}.rs is not part of the shape of a client");
        }
        let receiving = ["receiver", "source", "received"];
        let receiving = receiving.iter().filter(|_| !SENDERS.contains(&folder.as_str()));
        for needed in
            ["mod", "binding", "urls", "options", "message", "sender", "failure"].iter().chain(receiving)
        {
            let needed = *needed;
            let absent = needed == "options" && files.contains("config");
            assert!(files.contains(needed) || absent, "{folder}/{needed}.rs is missing");
        }
        for (own, reason) in own {
            assert!(files.contains(*own), "{folder}/{own}.rs is listed ({reason}) and not there");
        }
        for file in fs::read_dir(crates().join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{}: the first line says what is in it", file.display());
        }
    }
}

/// The folders of clients, below `crates`.
fn clients() -> BTreeSet<String> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let all = folders(&crates()).into_iter().flat_map(|member| folders(&member.join("src")));
    // The benches have bindings of another kind.
    let is_client = |folder: &PathBuf| {
        fs::read_to_string(folder.join("binding.rs")).is_ok_and(|text| text.contains("pub static BINDING"))
    };
    all.filter(is_client)
        .map(|folder| folder.strip_prefix(crates()).unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_crate_is_documented_and_linted_alike() {
    let mut members: Vec<PathBuf> =
        fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path()).collect();
    members.push(crates().join("../spec-tests"));
    for member in members {
        let name = member.display();
        let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
        for line in [
            "description = ",
            "version.workspace = true",
            "rust-version.workspace = true",
            "license.workspace = true",
            "[lints]\nworkspace = true",
        ] {
            let exempt = line.starts_with("version") && manifest.contains("publish = false");
            assert!(exempt || manifest.contains(line), "{name}: the manifest lacks `{line}`");
        }
        assert!(member.join("README.md").exists(), "{name}: README.md is missing");
        if let Ok(lib) = fs::read_to_string(member.join("src/lib.rs")) {
            assert!(
                lib.contains("include_str!(\"../README.md\")"),
                "{name}: the README is not the crate documentation"
            );
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut long = Vec::new();
    visit(&crates(), &mut |path, text| {
        let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        if code > 600 && path.components().any(|part| part.as_os_str() == "src") {
            long.push(format!("{} ({code} lines before its tests)", path.display()));
        }
    });
    assert!(long.is_empty(), "split these: {long:#?}");
}

/// The crates of the conformance harness, and what in them names carriers all the same.
const HARNESS: &[(&str, &[(&str, &str)])] = &[
    (
        "cloudevents-conformance/src",
        &[
            ("import", "the official suites are of two protocols"),
            ("mutants", "a fault can be one of a single protocol, and says where it has to be caught"),
        ],
    ),
    ("../spec-tests/src", &[]),
    ("cloudevents-testkit/src/testee", &[("carrier", "codecs, and the list of them")]),
];

/// What the harness knows of a carrier is a row of `carriers.json`, so that a new one changes no code.
#[test]
fn the_harness_knows_no_carrier_by_its_name() {
    let text = fs::read_to_string(crates().join("../spec-tests/carriers.json")).unwrap();
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bindings: Vec<_> = rows["bindings"].as_array().unwrap().iter().collect();
    let mut naming = Vec::new();
    let mut needed = BTreeSet::new();
    for (folder, own) in HARNESS {
        let root = crates().join(folder);
        visit(&root, &mut |path, text| {
            let file = path.strip_prefix(&root).unwrap();
            let first = file.iter().next().unwrap().to_string_lossy().into_owned();
            if file.iter().any(|part| part == "tests" || part == "tests.rs") {
                return;
            }
            let code: Vec<_> = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect();
            let code = code.iter().filter(|line| !line.trim_start().starts_with("//"));
            let code =
                code.fold(String::new(), |code, line| code + line.split(" // ").next().unwrap() + "\n");
            for row in &bindings {
                let name = row["name"].as_str().unwrap();
                // Webhooks are requests of HTTP.
                if name == "http" || !code.contains(&format!("\"{name}\"")) {
                    continue;
                }
                match own.iter().find(|(part, _)| *part == first.trim_end_matches(".rs")) {
                    Some(own) => drop(needed.insert((*folder, *own))),
                    None => naming.push(format!("{}: {name}", path.display())),
                }
            }
        });
    }
    assert!(naming.is_empty(), "say it in a row of spec-tests/carriers.json: {naming:#?}");
    let listed = HARNESS.iter().flat_map(|(folder, own)| own.iter().map(move |own| (*folder, *own)));
    assert_eq!(listed.collect::<BTreeSet<_>>(), needed, "a reason that nothing needs");
    // The binding of others has the word in no file of the harness but that of its codec, and the list.
    let mut files = Vec::new();
    for (folder, _) in HARNESS {
        visit(&crates().join(folder), &mut |path, text| {
            let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
            let has =
                |line: &str| line.to_lowercase().contains("rabbit") && !line.trim_start().starts_with("//");
            if !path.iter().any(|part| part == "tests" || part == "tests.rs") && code.into_iter().any(has) {
                let end = path.iter().rev().take(2);
                files.push(end.map(|part| part.to_string_lossy().into_owned()).collect::<Vec<String>>());
            }
        });
    }
    let files: BTreeSet<Vec<String>> = files.into_iter().collect();
    let codec = ["mod.rs", "rabbitmq.rs"].map(|file| vec![file.to_owned(), "carrier".to_owned()]);
    assert_eq!(files, BTreeSet::from(codec));
}

/// Who writes an adapter finds the message of each carrier on the page of the protocol.
#[test]
fn the_protocol_describes_each_carrier() {
    let page = fs::read_to_string(crates().join("../spec-tests/PROTOCOL.md")).unwrap();
    let text = fs::read_to_string(crates().join("../spec-tests/carriers.json")).unwrap();
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (_, table) = page.split_once("| via | message |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let described: Vec<_> = table.lines().filter_map(|line| line.split('|').nth(1)).collect();
    for row in ["formats", "bindings"].into_iter().flat_map(|list| rows[list].as_array().unwrap()) {
        let name = row["name"].as_str().unwrap();
        assert!(described.iter().any(|cell| cell.split(' ').any(|via| via == format!("`{name}`"))), "{name}");
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
