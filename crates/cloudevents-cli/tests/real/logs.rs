//! The logs of the library, on standard error.

use crate::hook::hook;
use crate::program::{self, Bridge, GOOD, Listener, ce, ce_with, command, file, with_id};
use cloudevents_kit::model::Timestamp;
use cloudevents_testkit::{amqp, kafka, mqtt, nats, ports, rabbitmq, tls::Authority};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::SystemTime,
};
use tokio::runtime::Runtime;

/// A receiver over this URL logs a warning when it is opened.
fn warned(broker: &mqtt::Broker) -> String {
    broker.url("orders?version=3.1.1&qos=1")
}

const WARNING: &str = "name a `client`: over MQTT 3.1.1, the broker keeps the session";

/// Listens for an idle second, and returns standard error.
fn listened(url: &str, arguments: &[&str], rust_log: Option<&str>) -> String {
    let mut command = command(&[&["listen", url, "--idle", "1"], arguments].concat());
    if let Some(levels) = rust_log {
        command.env("RUST_LOG", levels);
    }
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

#[test]
fn a_warning_has_a_time_a_level_and_a_place() {
    let broker = mqtt::Broker::start().unwrap();
    let text = listened(&warned(&broker), &[], None);
    let line = text.lines().find(|line| line.contains(WARNING)).expect(&text);
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.contains('T') && time.ends_with('Z'), "{line}");
    assert!(rest.trim_start().starts_with("WARN cloudevents_mqtt::"), "{line}");
    assert!(line.contains("url=mqtt://"), "{line}");

    let text = listened(&warned(&broker), &["--error-format", "json"], None);
    let lines: Vec<_> = text.lines().map(strict).collect();
    let line = lines.iter().find(|line| line["level"] == "WARN").expect(&text);
    assert!(line["message"].as_str().unwrap().starts_with(WARNING), "{line}");
    assert!(line["target"].as_str().unwrap().starts_with("cloudevents_mqtt::"), "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z') && line["url"].is_string(), "{line}");
}

#[test]
fn the_option_precedes_the_variable() {
    let broker = mqtt::Broker::start().unwrap();
    let url = warned(&broker);
    let has = |arguments: &[&str], rust_log: Option<&str>, words: &str| {
        listened(&url, arguments, rust_log).contains(words)
    };
    let subscribed = "DEBUG cloudevents_mqtt::rumqttc_next034::session: subscribed";
    assert!(!has(&["--log", "error"], None, WARNING));
    assert!(!has(&["--quiet"], None, WARNING));
    assert!(has(&["--quiet", "--log", "warn"], None, WARNING));
    assert!(!has(&[], None, subscribed));
    assert!(has(&["--log", "debug"], None, subscribed));
    assert!(has(&[], Some("debug"), subscribed));
    assert!(has(&[], Some("cloudevents_mqtt=debug"), subscribed));
    assert!(!has(&["--log", "off"], Some("debug"), subscribed));
    assert!(has(&[], Some("a=b=c"), "warning: the variable RUST_LOG is ignored"));
    ce(&["listen", &url, "--log", "loud"]).ended(2).says("expected off, error, warn, info, debug or trace");
}

/// A bridge reports in its own words what it refuses, and what it sends again.
#[test]
fn nothing_is_said_twice() {
    let text = bridged("422", &[]);
    assert_eq!(text.matches("was refused").count(), 1, "{text}");
    assert!(!text.contains("cloudevents_transport"), "{text}");
    let text = bridged("503", &[]);
    assert_eq!(text.matches("will be sent again").count(), 1, "{text}");
    assert!(!text.contains("handler failed"), "{text}");
    let text = bridged("503", &["--log", "info"]);
    assert!(
        text.contains("a handler failed; the message is tried again delivery=1 of /s in orders"),
        "{text}"
    );
}

#[test]
fn lines_of_json_have_each_member_once() {
    for (status, wanted) in [("422", "rejected"), ("503", "a handler failed; the message is tried again")] {
        let (_broker, from) = queue();
        let target = Listener::start(&["--respond", status]);
        let arguments = ["bridge", &from, &target.url, "--log", "trace", "--error-format", "json"];
        let mut bridge = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(bridge.stderr.take().unwrap()).lines();
        let line =
            lines.find_map(|line| Some(strict(&line.unwrap())).filter(|line| line["message"] == wanted));
        assert_eq!(line.expect("it ended without the line")["delivery"], "1 of /s in orders");
        bridge.kill().unwrap();
        bridge.wait().unwrap();
        target.stop();
    }
}

/// What `/ready`, the gauge and the log say, while nothing is moved and when it is over.
#[test]
fn a_target_that_refuses_everything_is_seen() {
    let broker = rabbitmq::Broker::start().unwrap();
    broker.queue("orders");
    let events = |ids: [usize; 3]| ids.map(|id| with_id(id)).join("\n");
    ce_with(&["send", &broker.url("queue=orders")], events([1, 2, 3])).ended(0);
    let answers = Arc::new(Mutex::new("403 Forbidden"));
    // Where no more may wait, it is no matter of a minute.
    let settings = file("bridge.yaml", "parked: 2\norder: none\n");
    let from = broker.url("queue=orders&reject=drop");
    let arguments = ["bridge", &from, &target(&answers), "--config", settings.to_str().unwrap()];
    let mut bridge = Bridge::run(command(&[&arguments[..], &["--error-format", "json"]].concat()));
    let mut lines = Vec::new();
    stands(&bridge, true);
    let line = until(&mut bridge, &mut lines, "the bridge stalls");
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.starts_with("every attempt at the target fails") && reason.contains("403"), "{line}");
    assert_eq!((line["level"].as_str(), line["pending"].as_u64()), (Some("WARN"), Some(3)), "{line}");
    let lasts = line["lasts"].as_str().unwrap().strip_suffix('s').unwrap();
    assert!(lasts.parse::<f64>().unwrap() > 4.0, "{line}");
    let body = bridge.get("/ready");
    assert!(body.contains(&format!("\r\n\r\nnot ready: {reason}, for ")) && body.ends_with(" s\n"), "{body}");
    *answers.lock().unwrap() = "204 No Content";
    bridge.until(&["cloudevents_bridge_confirmed_total"], 3);
    stands(&bridge, false);
    is_an_outage(&until(&mut bridge, &mut lines, "the bridge moves messages again"));
    bridge.signal("-TERM");
    end(bridge, &mut lines, Some(0));
    assert_eq!(kinds(&lines, "retry").len(), 1, "{lines:?}");
    assert!(kinds(&lines, "dead-letter").is_empty() && kinds(&lines, "refused").is_empty(), "{lines:?}");
    is_said_once(&lines);
}

/// `/ready`, the gauge and the log say the same as without the signal. What was said of the ends before is not repeated.
#[test]
fn a_login_that_is_refused_after_a_hangup_is_seen() {
    let mut options = rabbitmq::BrokerOptions::default();
    options.users.push(("alice".into(), "s3cret".into()));
    let (broker, target) = (rabbitmq::Broker::with_options(options).unwrap(), amqp::Broker::start().unwrap());
    broker.queue("orders");
    let from = |password: &str| {
        broker.url("queue=orders&reject=drop").replace("://", &format!("://alice:{password}@"))
    };
    let settings = |password: &str| format!("from: '{}'\nto: {}\n", from(password), target.url("to"));
    let path = file("login.yaml", settings("s3cret"));
    let mut bridge =
        Bridge::run(command(&["bridge", "--config", path.to_str().unwrap(), "--error-format", "json"]));
    let mut lines = Vec::new();
    stands(&bridge, false);
    bridge.reread(&path, settings("wr0ng"));
    until(&mut bridge, &mut lines, "FROM cannot be opened, and is tried again");
    let body = bridge.get("/ready");
    let (_, said) = body.split_once("\r\n\r\nnot ready: ").unwrap();
    assert!(said.starts_with("the source is not connected: ") && said.contains("ACCESS_REFUSED"), "{said}");
    assert!(said.ends_with(" s\n") && !said.contains("wr0ng"), "{said}");
    let line = until(&mut bridge, &mut lines, "the bridge stalls");
    let reason = line["reason"].as_str().unwrap();
    assert_eq!((line["level"].as_str(), line["pending"].as_u64()), (Some("WARN"), Some(0)), "{line}");
    assert!(said.starts_with(&format!("{reason}, for ")), "{reason}: {said}");
    let lasts = line["lasts"].as_str().unwrap().strip_suffix('s').unwrap();
    assert!((10.0..20.0).contains(&lasts.parse::<f64>().unwrap()), "{line}");
    stands(&bridge, true);
    bridge.reread(&path, settings("s3cret"));
    let line = until(&mut bridge, &mut lines, "connected to FROM again");
    is_an_outage(&line);
    stands(&bridge, false);
    bridge.signal("-TERM");
    end(bridge, &mut lines, Some(0));
    assert_eq!(kinds(&lines, "retry").len(), 1, "{lines:?}");
    assert!(kinds(&lines, "older-consumers").len() <= 2, "{lines:?}");
}

/// The outage of settings that were read again ends with the process.
#[test]
fn an_outage_after_a_hangup_that_lasts_until_the_end_is_seen() {
    let (broker, target) = (amqp::Broker::start().unwrap(), amqp::Broker::start().unwrap());
    let away = format!("amqp://alice:s3cret@127.0.0.1:{}/orders?reject=drop", ports::free());
    let settings = |from: &str| format!("from: '{from}'\nto: {}\n", target.url("to"));
    let path = file("away.yaml", settings(&broker.url("orders?reject=drop")));
    let mut bridge =
        Bridge::run(command(&["bridge", "--config", path.to_str().unwrap(), "--error-format", "json"]));
    let mut lines = Vec::new();
    stands(&bridge, false);
    bridge.reread(&path, settings(&away));
    until(&mut bridge, &mut lines, "FROM cannot be opened, and is tried again");
    bridge.signal("-TERM");
    is_an_outage(&until(&mut bridge, &mut lines, "the bridge ends during the outage"));
    end(bridge, &mut lines, Some(0));
}

/// The same of a place that is deleted, and comes back: the letter is named as stored when it is.
#[test]
fn a_place_that_takes_nothing_is_seen() {
    for of_the_bridge in [true, false] {
        let broker = rabbitmq::Broker::start().unwrap();
        broker.queue("orders");
        broker.queue("dead");
        let answers = Arc::new(Mutex::new("422 Unprocessable Entity"));
        let (to, place) = (target(&answers), broker.url("queue=dead"));
        let (own, own_place) = (broker.url("queue=orders"), broker.url("queue=orders&dead-letter=dead"));
        let arguments = match of_the_bridge {
            true => vec!["bridge", &own, &to, "--dead-letter", &place, "--error-format", "json"],
            false => vec!["bridge", &own_place, &to, "--error-format", "json"],
        };
        let mut bridge = Bridge::run(command(&arguments));
        let mut lines = Vec::new();
        broker.delete_queue("dead");
        ce_with(&["send", &own], GOOD).ended(0);
        stands(&bridge, true);
        let line = until(&mut bridge, &mut lines, "the bridge stalls");
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.starts_with("the dead-letter place takes nothing"), "{line}");
        assert!(reason.contains("NO_ROUTE"), "{line}");
        let refused = kinds(&lines, "refused");
        assert!(refused[0]["message"].as_str().unwrap().contains("422"), "{lines:?}");
        assert!(refused[0]["detail"].as_str().unwrap().contains("NO_ROUTE"), "{lines:?}");
        assert!(refused.len() == 1 && kinds(&lines, "dead-letter").is_empty(), "{lines:?}");
        let dead = broker.queue("dead");
        until(&mut bridge, &mut lines, "the bridge moves messages again");
        stands(&bridge, false);
        bridge.signal("-TERM");
        end(bridge, &mut lines, Some(0));
        assert_eq!((dead.len(), kinds(&lines, "dead-letter").len()), (1, 1), "{lines:?}");
        assert_eq!(kinds(&lines, "refused").len(), 1, "{lines:?}");
        is_said_once(&lines);
    }
}

/// Whose place the letters go to makes no difference.
#[test]
fn what_is_refused_is_one_line_a_message() {
    for of_the_bridge in [true, false] {
        let broker = rabbitmq::Broker::start().unwrap();
        broker.queue("orders");
        let dead = broker.queue("dead");
        let to = target(&Arc::new(Mutex::new("400 Bad Request")));
        let from = broker.url("queue=orders");
        let events = (1..=40).map(|id| with_id(id)).collect::<Vec<_>>();
        ce_with(&["send", &from], events.join("\n")).ended(0);
        let (own_place, place) = (broker.url("queue=orders&dead-letter=dead"), broker.url("queue=dead"));
        let ends = match of_the_bridge {
            true => vec![&*from, &*to, "--dead-letter", &*place],
            false => vec![&*own_place, &*to],
        };
        let ran = ce(&[&["bridge", "--error-format", "json", "--idle", "1"], &*ends].concat());
        assert_eq!((ran.status, dead.len()), (0, 40), "{}", ran.err);
        let lines = ran.errors();
        let letters = kinds(&lines, "dead-letter");
        let letters = letters.iter().filter(|line| line["message"].as_str().unwrap().contains("400"));
        let ids: BTreeSet<_> = letters.clone().map(|line| line["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 40, "{}", ran.err);
        let is_placed = |line: &&Value| {
            line["letter_place"] == "/queues/dead" && line["detail"] == "its dead letter is at /queues/dead"
        };
        assert!(letters.clone().all(is_placed), "{}", ran.err);
        // Beside these: that it begins, and its end.
        assert!(letters.count() == 40 && lines.len() <= 43, "{}", ran.err);
        is_said_once(&lines);
    }
}

/// A log has positions, and HTTP reports no place.
#[test]
fn the_place_of_a_dead_letter_is_in_its_line() {
    let broker = kafka::Broker::start().unwrap();
    for topic in ["orders", "rejected"] {
        broker.create_topic(topic, 1).unwrap();
    }
    ce_with(&["send", &broker.url("orders")], format!("{}\n{}\n", with_id(1), with_id(2))).ended(0);
    let to = target(&Arc::new(Mutex::new("400 Bad Request")));
    let place = Listener::start(&[]);
    let run = |from: &str, more: &[&str]| {
        let ran = ce(&[&["bridge", from, &to, "--error-format", "json", "--idle", "3"], more].concat());
        let lines = ran.ended(0).errors();
        let is_refused = |line: &&Value| line["message"].as_str().unwrap().contains("400");
        let letters = kinds(&lines, "dead-letter").into_iter().filter(is_refused).cloned();
        let letters = letters.collect::<Vec<Value>>();
        assert_eq!(letters.len(), 2, "{lines:?}");
        for (line, offset) in letters.iter().zip(["0", "1"]) {
            let origin = (&line["topic"], &line["partition"], &line["offset"]);
            assert_eq!(origin, (&"orders".into(), &"0".into(), &offset.into()), "{line}");
        }
        letters
    };
    let of_source = run(&broker.url("orders?group=a&dead-letter=rejected"), &[]);
    for (line, offset) in of_source.iter().zip(["0", "1"]) {
        let letter = (&line["letter_place"], &line["letter_partition"], &line["letter_offset"]);
        assert_eq!(letter, (&"rejected".into(), &"0".into(), &offset.into()), "{line}");
        assert_eq!(line["detail"], format!("its dead letter is at rejected/0/{offset}"), "{line}");
    }
    let secret = place.url.replace("://", "://alice:s3cret@");
    let of_bridge = run(&broker.url("orders?group=b&reject=drop"), &["--dead-letter", &secret]);
    for line in &of_bridge {
        let shown = line["letter_place"].as_str().unwrap();
        assert!(shown.ends_with("/events") && !shown.contains("s3cret"), "{line}");
        assert!(line["letter_offset"].is_null(), "{line}");
    }
    place.stop();
}

/// Over core NATS, the server reports each attempt.
#[test]
fn a_place_that_is_forbidden_is_no_line_an_attempt() {
    for of_the_bridge in [true, false] {
        let mut options = nats::ServerOptions::default();
        options.denied = vec!["dead".to_owned()];
        let server = nats::Server::with_options(options).unwrap();
        let (from, own_place) = (server.url("orders?reject=drop"), server.url("orders?dead-letter=dead"));
        let (to, place) = (target(&Arc::new(Mutex::new("400 Bad Request"))), server.url("dead"));
        let ends = match of_the_bridge {
            true => vec!["bridge", &from, &to, "--losses", "log", "--dead-letter", &place],
            false => vec!["bridge", &own_place, &to],
        };
        let mut bridge = Bridge::run(command(&[&ends[..], &["--error-format", "json"]].concat()));
        let mut lines = Vec::new();
        let events = (1..=5).map(|id| with_id(id)).collect::<Vec<_>>();
        ce_with(&["send", &server.url("orders")], events.join("\n")).ended(0);
        let line = until(&mut bridge, &mut lines, "the bridge stalls");
        assert!(line["reason"].as_str().unwrap().contains("Permissions Violation"), "{line}");
        // Meanwhile, there were more attempts than these.
        let named = |line: &&Value| line.to_string().contains("Permissions Violation");
        assert_eq!(lines.iter().filter(named).count(), 3, "{lines:?}");
        bridge.signal("-TERM");
        end(bridge, &mut lines, Some(3));
        assert_eq!(lines.iter().filter(named).count(), 3, "{lines:?}");
        is_said_once(&lines);
    }
}

/// librdkafka reports each of its attempts, several in a second. Both ends are Kafka, and away.
#[test]
fn an_outage_of_kafka_is_no_line_an_attempt() {
    let broker = kafka::Broker::start().unwrap();
    for topic in ["orders", "copies"] {
        broker.create_topic(topic, 1).unwrap();
    }
    let (from, to) = (broker.url("orders?group=billing&reject=drop"), broker.url("copies"));
    let mut bridge = Bridge::run(command(&["bridge", &from, &to, "--error-format", "json"]));
    broker.go_away().unwrap();
    let mut lines = Vec::new();
    until(&mut bridge, &mut lines, "the bridge stalls");
    let of_clients: Vec<_> = lines
        .iter()
        .filter(|line| {
            line["target"].as_str().is_some_and(|target| target.starts_with("cloudevents_kafka::"))
        })
        .collect();
    // Two kinds of errors of each of the two clients, and no broker has a number yet.
    assert!(of_clients.len() <= 6, "{of_clients:?}");
    bridge.signal("-KILL");
    end(bridge, &mut lines, None);
}

/// Once, not for each message and attempt.
#[test]
fn an_authority_that_is_not_known_is_said_with_what_to_do() {
    let (runtime, authority) = (Runtime::new().unwrap(), Authority::new().unwrap());
    let listener = Listener::start(&[]);
    let port = runtime.block_on(authority.terminate(listener.port(), false)).unwrap();
    let (_broker, from) = queue();
    let to = format!("https://127.0.0.1:{port}/events");
    let mut bridge = Bridge::run(command(&["bridge", &from, &to, "--error-format", "json"]));
    let mut lines = Vec::new();
    until(&mut bridge, &mut lines, "the bridge stalls");
    let retries = kinds(&lines, "retry");
    assert_eq!(retries.len(), 1, "{lines:?}");
    assert!(retries[0]["message"].as_str().unwrap().contains("UnknownIssuer"), "{lines:?}");
    let help = retries[0]["help"].as_str().unwrap();
    for place in ["--cacert", "the option `ca`", "SSL_CERT_FILE"] {
        assert!(help.contains(place), "{help}");
    }
    bridge.signal("-TERM");
    end(bridge, &mut lines, Some(0));
    listener.stop();
}

/// A webhook that answers like this.
fn target(answers: &Arc<Mutex<&'static str>>) -> String {
    let answers = Arc::clone(answers);
    hook(move |_| *answers.lock().unwrap())
}

/// Waits until a bridge is stalled and not ready, or neither.
fn stands(bridge: &Bridge, stalled: bool) {
    let gauge = format!("\ncloudevents_bridge_stalled {}\n", u8::from(stalled));
    let status = if stalled { "HTTP/1.1 503 " } else { "HTTP/1.1 200 " };
    program::until("the bridge is stalled and not ready, or neither", || {
        bridge.get("/metrics").contains(&gauge) && bridge.get("/ready").starts_with(status)
    });
}

/// Reads lines up to the one with this message.
fn until(bridge: &mut Bridge, lines: &mut Vec<Value>, message: &str) -> Value {
    loop {
        let mut line = String::new();
        assert!(bridge.errors.read_line(&mut line).unwrap() > 0, "it ended: {lines:?}");
        lines.push(strict(line.trim_end()));
        if let Some(line) = lines.last().filter(|line| line["message"] == message) {
            return line.clone();
        }
    }
}

/// Waits until the bridge exits with this status, and reads the last lines.
fn end(bridge: Bridge, lines: &mut Vec<Value>, status: Option<i32>) {
    let (ended, text) = bridge.end();
    lines.extend(text.lines().map(strict));
    assert_eq!(ended, status, "{lines:?}");
}

fn kinds<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The begin and the end of an outage, and its length in seconds, add up. The line may be later than the end.
fn is_an_outage(line: &Value) {
    let at = |name: &str| {
        let text = line[name].as_str().unwrap_or_else(|| panic!("{line} has no `{name}`"));
        assert!(text.ends_with('Z'), "{line}");
        SystemTime::try_from(Timestamp::parse(text).unwrap()).unwrap()
    };
    let after: f64 = line["after"].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap();
    let lasted = at("ended").duration_since(at("began")).unwrap().as_secs_f64();
    assert!((lasted - after).abs() < 0.05 && at("timestamp") >= at("ended"), "{line}");
}

/// No two lines of a short time say the same.
fn is_said_once(lines: &[Value]) {
    let said = lines.iter().map(|line| (line["kind"].as_str(), line["message"].as_str().unwrap()));
    assert_eq!(said.collect::<BTreeSet<_>>().len(), lines.len(), "{lines:?}");
}

/// A queue with one event, and its URL.
fn queue() -> (rabbitmq::Broker, String) {
    let broker = rabbitmq::Broker::start().unwrap();
    broker.queue("orders");
    ce_with(&["send", &broker.url("queue=orders")], GOOD).ended(0);
    let url = broker.url("queue=orders&reject=drop");
    (broker, url)
}

/// Standard error of a bridge from a queue with one event to a target that answers with this status.
fn bridged(status: &str, arguments: &[&str]) -> String {
    let (_broker, from) = queue();
    let target = Listener::start(&["--respond", status]);
    let bridge = Bridge::run(command(&[&["bridge", &from, &target.url], arguments].concat()));
    match status {
        "422" => bridge.until(&["cloudevents_bridge_refused_total"], 1),
        _ => bridge.until(&["cloudevents_bridge_failed_total"], 2),
    }
    bridge.signal("-TERM");
    let (_, text) = bridge.end();
    target.stop();
    text
}

/// A line of JSON, without duplicate members.
fn strict(line: &str) -> Value {
    cloudevents_json::codec::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// rdkafka closes a consumer that is dropped, and logs an error where that was done before.
#[test]
fn a_consumer_of_kafka_ends_without_an_error() {
    let broker = kafka::Broker::start().unwrap();
    broker.create_topic("orders", 1).unwrap();
    ce_with(&["send", &broker.url("orders")], GOOD).ended(0);
    for url in ["orders", "orders?group=g&reject=drop"] {
        let mut command = command(&["listen", &broker.url(url), "--count", "1"]);
        command.env("RUST_LOG", "error,rdkafka=trace");
        // The consumer was closed.
        program::run(command).says("Consumer destroyed").never_says("ERROR");
    }
}

/// Lines of tests that read them are checked there, too: by `cloudevents_testkit::logged`.
#[test]
fn no_field_has_a_name_that_every_line_has() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = 0;
    let mut folders = vec![crates.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.components().any(|part| part.as_os_str() == "src")
            {
                for fields in places(&fs::read_to_string(&path).unwrap()) {
                    found += 1;
                    let at = |name: &String| RESERVED.contains(&name.as_str());
                    assert!(!fields.iter().any(at), "{}: {fields:?}", path.display());
                    let mut once = fields.clone();
                    once.sort();
                    once.dedup();
                    assert_eq!(once.len(), fields.len(), "{}: {fields:?}", path.display());
                }
            }
        }
    }
    assert!(found > 100, "{found}");
    let fields =
        places(r#"tracing::warn!(target: "t", %a.b, ?c, d = f(1, ","), message = "x", "text {}", e);"#);
    assert_eq!(fields, [["a.b", "c", "d", "message"]]);
}

/// What `tracing_subscriber::fmt().json()` writes by itself.
const RESERVED: [&str; 11] = [
    "message",
    "level",
    "target",
    "timestamp",
    "fields",
    "filename",
    "line_number",
    "span",
    "spans",
    "threadId",
    "threadName",
];

/// The names of the fields of each place that logs.
fn places(source: &str) -> Vec<Vec<String>> {
    let macros = ["trace!(", "debug!(", "info!(", "warn!(", "error!(", "event!(", "span!("];
    let mut places = Vec::new();
    for (at, _) in source.match_indices("tracing::") {
        let rest = source[at..].trim_start_matches("tracing::");
        let Some((_, arguments)) = rest.split_once('(') else { continue };
        let called = &rest[..rest.len() - arguments.len()];
        if macros.iter().any(|name| called.ends_with(name)) {
            places.push(fields(arguments, called.ends_with("span!(")));
        }
    }
    places
}

/// Splits arguments at commas, up to the text of an event, or behind the name of a span.
fn fields(arguments: &str, is_span: bool) -> Vec<String> {
    let (mut fields, mut depth, mut in_text, mut before) = (Vec::new(), 0, false, ' ');
    let mut field = String::new();
    for character in arguments.chars() {
        match character {
            '"' if before != '\\' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
        if depth < 0 || character == ',' && depth == 0 && !in_text {
            let text = field.trim();
            let is_text = text.starts_with('"');
            if is_text && !is_span {
                break;
            }
            let name = text.split('=').next().unwrap().trim().trim_start_matches(['%', '?']);
            let is_metadata = ["target:", "parent:", "name:", "Level::", "tracing::Level"]
                .iter()
                .any(|start| text.starts_with(start));
            if !name.is_empty() && !is_metadata && !is_text {
                fields.push(name.to_owned());
            }
            field.clear();
            if depth < 0 {
                break;
            }
        } else {
            field.push(character);
        }
        before = character;
    }
    fields
}
