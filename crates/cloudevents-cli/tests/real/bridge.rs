//! `ce bridge`, as a user runs it.

use crate::hook::hook;
use crate::program::{
    Bridge, GOOD, Listener, ce, ce_line, ce_with, command, exchange, file, path_of, until, url_of, with_id,
};
use cloudevents_testkit::{amqp::Broker, patience, ports, slowed};
use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

fn send(url: &str, id: usize) {
    let event = with_id(id);
    ce_with(&["send", url], event).ended(0);
}

/// A bridge that has moved so many messages, or refused them, and then is stopped.
fn moved(arguments: &[&str], number: u64) -> String {
    let bridge = Bridge::start(arguments);
    bridge.until(&["cloudevents_bridge_confirmed_total", "cloudevents_bridge_refused_total"], number);
    bridge.stop()
}

/// The story of the README: a queue to a webhook that is away, and a bridge that is killed.
#[test]
fn a_queue_to_a_webhook_that_is_away_and_a_bridge_that_is_killed() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let from = format!("{url}?dead-letter=rejected");
    let port = ports::free();
    let hook = format!("http://127.0.0.1:{port}/events");
    (1..=3).for_each(|id| send(&url, id));

    let bridge = Bridge::start(&[&from, &hook]);
    assert!(bridge.get("/live").starts_with("HTTP/1.1 200 OK\r\n"));
    bridge.until(&["cloudevents_bridge_failed_total"], 3);
    assert!(bridge.get("/ready").starts_with("HTTP/1.1 503 "));
    bridge.signal("-KILL");
    assert_eq!(bridge.end().0, None);
    send(&url, 4);

    let bridge = Bridge::start(&[&from, &hook]);
    let listener = Listener::at(&hook, &["--count", "4"]);
    let listened = listener.end().ended(0);
    let mut ids = listened.ids();
    ids.sort();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    bridge.until(&["cloudevents_bridge_confirmed_total"], 4);
    assert!(bridge.get("/ready").starts_with("HTTP/1.1 200 OK\r\n"));
    let text = bridge.stop();
    assert!(text.ends_with("4 messages moved, 0 refused\n"), "{text}");
    assert!(broker.queue("orders").is_empty() && broker.queue("rejected").is_empty());
}

/// Otherwise it would end with 0 and leave everything where it is.
#[test]
fn a_bridge_whose_target_is_away_is_not_idle() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let hook = format!("http://127.0.0.1:{}/events", ports::free());
    (1..=3).for_each(|id| send(&url, id));
    let mut bridge = Bridge::start(&[&format!("{url}?dead-letter=rejected"), &hook, "--idle", "3"]);
    let begin = Instant::now();
    // Without what waits for another attempt, it ends at the second look.
    while begin.elapsed() < Duration::from_secs(8) {
        assert_eq!(bridge.child.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(50)); // between two looks
    }
    let listener = Listener::at(&hook, &["--count", "3"]);
    let text = bridge.ended(0);
    assert!(text.ends_with("3 messages moved, 0 refused\n"), "{text}");
    // That is said once, not for each message and attempt.
    assert_eq!(text.matches("will be sent again").count(), 1, "{text}");
    assert_eq!(listener.end().lines().len(), 3);
}

/// Over HTTP, the sender of a message makes the next attempt, or none.
#[test]
fn a_bridge_that_holds_nothing_is_idle_though_its_last_attempt_failed() {
    let (port, closed) = (ports::free(), ports::free());
    let from = format!("http://127.0.0.1:{port}/events");
    let bridge = Bridge::start(&[&from, &format!("http://127.0.0.1:{closed}/events"), "--idle", "4"]);
    ce_with(&["send", &from, "--retry", "0"], GOOD).ended(3);
    let text = bridge.ended(0);
    assert!(text.ends_with("0 messages moved, 0 refused\n"), "{text}");
}

/// Behind a service of Kubernetes, no request comes to one that is not ready: it could never show that its target is back.
#[test]
fn a_bridge_that_holds_nothing_is_ready_though_its_last_attempts_failed() {
    let (port, target) = (ports::free(), ports::free());
    let (from, to) = (format!("http://127.0.0.1:{port}/events"), format!("http://127.0.0.1:{target}/events"));
    let bridge = Bridge::start(&[&from, &to]);
    let becomes_ready = || until("it is ready", || bridge.get("/ready").starts_with("HTTP/1.1 200 OK\r\n"));
    // So many that it slows down.
    ce_with(&["send", &from, "--retry", "0"], [GOOD; 20].join("\n")).ended(3);
    becomes_ready();
    let listener = Listener::at(&to, &["--count", "1"]);
    send(&from, 1);
    assert_eq!(listener.end().lines().len(), 1);
    becomes_ready();
    bridge.stop();
}

/// Who connects and says nothing must not have an orchestrator end the bridge.
#[test]
fn probes_are_answered_beside_connections_that_say_nothing() {
    let from = format!("http://127.0.0.1:{}/events", ports::free());
    let bridge = Bridge::start(&[&from, "http://127.0.0.1:9/events"]);
    let silent: Vec<_> = (0..64).map(|_| bridge.connect()).collect();
    let begin = Instant::now();
    assert!(bridge.get("/live").starts_with("HTTP/1.1 200 OK\r\n"));
    // In turns of five seconds, it takes twenty.
    assert!(begin.elapsed() < slowed(Duration::from_secs(15)), "{:?}", begin.elapsed());
    drop(silent);
    bridge.stop();
}

/// What holds for many requests is reported once.
#[test]
fn requests_that_a_bridge_refuses_are_reported() {
    let from = format!("127.0.0.1:{}", ports::free());
    let url = format!("http://{from}/events");
    let mut bridge = Bridge::start(&[&url, &url_of("out.jsonl", "")]);
    let large = "POST /events HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n";
    (0..3).for_each(|_| drop(exchange(&from, large)));
    exchange(&from, "GET /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(bridge.line("a request was refused").contains("[too-large]"));
    let next = bridge.line("a request was refused");
    assert!(next.contains("405 Method Not Allowed of GET /events [refused]"), "{next}");
    bridge.stop();
}

/// A sender hears the pause that the target requested, and not one of the bridge's own.
#[test]
fn the_pause_that_a_target_requests_reaches_the_sender() {
    let to = hook(|_| "503 Service Unavailable\r\nretry-after: 7");
    let from = format!("127.0.0.1:{}", ports::free());
    let bridge = Bridge::start(&[&format!("http://{from}/"), &to]);
    let request = "POST / HTTP/1.1\r\nhost: x\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let response = exchange(&from, request);
    assert!(
        response.starts_with("HTTP/1.1 503 ") && response.contains("\r\nretry-after: 7\r\n"),
        "{response}"
    );
    bridge.stop();
}

#[test]
fn dead_letters_are_taken_back() {
    let broker = Broker::start().unwrap();
    let (from, to) = (broker.url("rejected?reject=drop"), broker.url("orders"));
    (1..=3).for_each(|id| send(&broker.url("rejected"), id));
    let arguments = ["bridge", &from, &to, "--redrive", "-n", "2", "--idle", "30", "--filter", "id <> '2'"];
    let ran = ce(&[&arguments[..], &["--dry-run"]].concat()).ended(0);
    assert_eq!(ran.err.matches("would be sent").count(), 2, "{}", ran.err);
    assert!(ran.err.contains("a dry run: 0 messages moved, 0 refused, 2 to be sent\n"), "{}", ran.err);
    let shown = ran.err.lines().filter(|line| line.contains("would be sent"));
    assert_eq!(shown.filter(|line| line.contains("event 2")).count(), 0, "{}", ran.err);
    assert!(broker.queue("orders").is_empty());
    ce(&arguments).says_last("2 messages moved, 0 refused\n");
    let listened = Listener::at(&to, &["--count", "2"]).end();
    let mut ids = listened.ids();
    ids.sort();
    assert_eq!(ids, ["1", "3"]);
}

/// Over SQS, nothing else shows it and leaves the letter.
#[test]
fn a_dry_run_shows_why_a_dead_letter_is_one() {
    let broker = Broker::start().unwrap();
    send(&broker.url("orders"), 1);
    let target = Listener::start(&["--respond", "422", "--count", "1"]);
    let from = broker.url("orders?dead-letter=rejected");
    ce(&["bridge", &from, &target.url, "--idle", "1"]).ended(0);
    assert_eq!(broker.queue("rejected").len(), 1);
    let (from, to) = (broker.url("rejected?reject=drop"), broker.url("to"));
    let ran = ce(&["bridge", &from, &to, "--redrive", "--dry-run", "--idle", "1"]);
    let line = ran.err.lines().find(|line| line.contains("would be sent")).expect(&ran.err);
    assert!(line.contains("event 1 would be sent: refused before at delivery 1 by its source: "), "{line}");
    assert!(line.contains("422") && ran.out.is_empty(), "{line}");
}

/// Those that wait for their turn are on their way.
#[test]
fn a_bridge_whose_messages_wait_for_their_turn_is_not_idle() {
    let broker = Broker::start().unwrap();
    let (from, to) = (broker.url("rejected?reject=drop"), broker.url("orders"));
    let events: Vec<_> = (1..=16).map(|id| with_id(id)).collect();
    ce_with(&["send", &broker.url("rejected")], events.join("\n")).ended(0);
    // All are received by its first look, and take eight seconds.
    ce(&["bridge", &from, &to, "--redrive", "--idle", "3", "--rate", "2", "-n", "16"])
        .says_last("16 messages moved, 0 refused\n");
}

#[test]
fn mistakes() {
    let http = "http://localhost/ http://localhost/";
    for (arguments, words) in [
        ("", "FROM is missing"),
        ("amqp://localhost/a", "TO is missing"),
        ("amqp://localhost/a http://localhost/", "there is no place for refused messages"),
        ("amqp://localhost/a?dead-leter=b http://localhost/", "no option `dead-leter`"),
        ("kafka://localhost:9092/orders http://localhost/", "a bridge from Kafka needs a group"),
        ("nats+jetstream://localhost/orders http://localhost/", "a bridge from JetStream needs a consumer"),
        ("nats+jetstream://localhost/orders http://localhost/ --redrive", "from JetStream needs a consumer"),
        (
            "amqp://localhost/a?dead-letter=a http://localhost/ --redrive",
            "the dead-letter place is FROM itself",
        ),
        (&format!("{http} --dead-letter file:refused.jsonl"), "a file holds events only"),
        (&format!("{http} --dead-letter -"), "standard output takes events only"),
        (&format!("{http} --order x"), "`attribute:NAME`"),
        (&format!("{http} --catalog-policy log"), "`catalog-policy` goes with `catalog`"),
        (&format!("{http} --catalog nowhere.json"), "nowhere.json"),
        (&format!("{http} --catalog-policy drop"), "expected `reject` or `log`"),
    ] {
        ce_line(&format!("bridge --check {arguments}")).ended(2).says(words);
    }
    let filtered = ["bridge", "http://localhost/", "http://localhost/", "--check", "--filter", "id ="];
    ce(&filtered).ended(2).says("expected an expression");
}

#[test]
fn an_end_that_cannot_be_opened_is_named_without_its_secrets() {
    let port = ports::free();
    let away = |query: &str| format!("amqp://alice:s3cret@127.0.0.1:{port}/orders{query}");
    let (broker, http) = (Broker::start().unwrap(), "http://127.0.0.1:1/");
    let (from, own) = (away("?reject=drop"), broker.url("own?reject=drop"));
    for (from, to, name) in [(&*from, http, "FROM amqp://"), (&*own, &*away(""), "TO amqp://")] {
        ce(&["bridge", from, to])
            .ended(3)
            .says(name)
            .says(&format!("127.0.0.1:{port}/orders"))
            .never_says("s3cret");
    }
}

/// What a contract does not allow is a dead letter, or is reported and sent.
#[test]
fn events_are_moved_by_a_contract() {
    let broker = Broker::start().unwrap();
    let catalog = path_of("bridged.xreg.json", crate::catalog::SHOP);
    for (policy, words) in
        [("reject", "1 message moved, 1 refused\n"), ("log", "2 messages moved, 0 refused\n")]
    {
        let name = |end: &str| format!("{end}-{policy}");
        let url = broker.url(&name("orders"));
        for (id, data) in [(1, "{}"), (2, r#"{"number":1}"#)] {
            let event = format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"/shops/7","type":"com.example.order","subject":"s","data":{data}}}"#
            );
            ce_with(&["send", &url], event).ended(0);
        }
        let (from, to) = (format!("{url}?dead-letter={}", name("rejected")), broker.url(&name("checked")));
        let text = moved(&[&from, &to, "--catalog", &catalog, "--catalog-policy", policy], 2);
        assert!(text.ends_with(words), "{text}");
        assert!(text.contains("required property"), "{text}");
        let counts = ["checked", "rejected"].map(|end| broker.queue(&name(end)).len());
        assert_eq!(counts, if policy == "log" { [2, 0] } else { [1, 1] }, "{text}");
    }
}

/// A dead letter without its reason is none: it would be tried again for ever.
#[test]
fn dead_letters_go_where_their_reason_can() {
    let letters = Listener::at("ws://127.0.0.1:0/events", &[]);
    let events = url_of("in.jsonl", "");
    let (from, to) = (events.as_str(), "http://127.0.0.1:9/");
    let arguments = ["bridge", from, to, "--dead-letter", &letters.url, "--losses"];
    ce(&[&arguments[..], &["refuse"]].concat()).ended(2).says("the dead-letter place carries no headers");
    ce(&[&arguments[..], &["log"]].concat()).ended(0).says("messages that cannot be decoded stay at FROM");
}

/// A file has no place for them.
#[test]
fn refused_events_of_a_file_are_in_the_exit_status() {
    let target = Listener::start(&["--respond", "422"]);
    let from = format!("file:{}", file("refused.jsonl", [GOOD; 3].join("\n")).display());
    let ran = ce(&["bridge", &from, &target.url, "--error-format", "json"]).ended(1);
    let last: serde_json::Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["moved"], &last["refused"]), (&"summary".into(), &0.into(), &3.into()));
}

#[test]
fn a_configuration_file_is_checked_with_places() {
    let good = "from: http://127.0.0.1:0/\nto: http://127.0.0.1:1/\nsubject: \"{type}/{id}\"\n";
    let path = file("bridge.yaml", good);
    ce(&["bridge", "--config", path.to_str().unwrap(), "--check"])
        .ended(0)
        .says_only("the settings are valid\n");
    let path = file("bridge.yaml", "from: http://127.0.0.1:0/\nto: http://127.0.0.1:1/\nlimt: 3\n");
    ce(&["bridge", "--config", path.to_str().unwrap(), "--check"])
        .ended(2)
        .says("unknown field `limt`")
        .says("bridge.yaml:3:1");
}

#[test]
fn settings_are_read_again_after_a_hangup() {
    let broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let config = |to: &str| format!("from: {from}\nto: {to}\n");
    let path = file("reload.yaml", config(&broker.url("old")));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    send(&broker.url("orders"), 1);
    bridge.until(&["cloudevents_bridge_confirmed_total"], 1);
    // What is not valid changes nothing.
    bridge.reread(&path, "from: nowhere\n");
    bridge.line("the settings were not read again");
    send(&broker.url("orders"), 2);
    bridge.until(&["cloudevents_bridge_confirmed_total"], 2);
    bridge.reread(&path, config(&broker.url("new")));
    bridge.line("the settings were read again");
    send(&broker.url("orders"), 3);
    until("the event is moved", || !broker.queue("new").is_empty());
    bridge.stop();
    assert_eq!((broker.queue("old").len(), broker.queue("new").len()), (2, 1));
}

/// The secret comes from a store that does not answer for now.
#[test]
fn a_bridge_goes_on_while_its_settings_are_read_again() {
    let (broker, listener) = (Broker::start().unwrap(), Listener::start(&["--count", "1"]));
    let waits = file("waits", "");
    let began = waits.with_file_name("began");
    // It ends by itself where the test has failed.
    let secret = format!(
        "echo > {}; n=0; while test -e {} && test $n -lt 900; do n=$((n+1)); sleep 0.1; done; echo secret",
        began.display(),
        waits.display()
    );
    let hook =
        format!("connections:\n  hook:\n    url: {}\n    authorization-command: '{secret}'\n", listener.url);
    let from = broker.url("orders?dead-letter=rejected");
    let settings = file("reload.yaml", format!("from: {from}\nto: '@hook'\n"));
    let mut command = command(&["bridge", "--config", settings.to_str().unwrap()]);
    command.env("CE_CONFIG", file("config.yaml", hook));
    std::fs::remove_file(&waits).unwrap();
    let mut bridge = Bridge::run(command);
    std::fs::write(&waits, "").unwrap();
    std::fs::remove_file(&began).unwrap();
    bridge.signal("-HUP");
    until("the command is run", || began.exists());
    send(&broker.url("orders"), 1);
    assert_eq!(listener.end().lines().len(), 1);
    bridge.signal("-TERM");
    assert_eq!(bridge.child.wait().unwrap().code(), Some(0));
    std::fs::remove_file(&waits).unwrap();
}

/// The bridge before has ended by then.
#[test]
fn settings_that_are_read_again_while_the_broker_is_away_hold_when_it_is_back() {
    let mut broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let config = |to: &str| format!("from: {from}\nto: {to}\n");
    let path = file("reload.yaml", config(&broker.url("old")));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap(), "--error-format", "json"]);
    broker.stop();
    bridge.line("reconnecting");
    bridge.reread(&path, config(&broker.url("new")));
    bridge.line("the settings were read again");
    bridge.line("cannot be opened, and is tried again");
    broker.restart().unwrap();
    send(&broker.url("orders"), 1);
    until("it comes back", || !broker.queue("new").is_empty());
    bridge.stop();
}

/// Some mistakes show only when an end is opened.
#[test]
fn settings_that_cannot_be_opened_are_given_up_for_those_before() {
    let broker = Broker::start().unwrap();
    let (from, to) = (broker.url("orders?dead-letter=rejected"), broker.url("to"));
    let path = file("reload.yaml", format!("from: {from}\nto: {to}\n"));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    bridge.reread(&path, format!("from: {from}&deadletter=x\nto: {to}\n"));
    bridge.line("the new settings cannot be used: the old ones hold again");
    bridge.line("bridge from");
    send(&broker.url("orders"), 1);
    bridge.until(&["cloudevents_bridge_confirmed_total"], 1);
    bridge.stop();
}

/// What serves /ready goes on while no bridge does.
#[test]
fn a_bridge_is_not_ready_while_its_new_settings_cannot_be_opened() {
    let broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let config = |to: &str| format!("from: {from}\nto: {to}\n");
    let path = file("reload.yaml", config(&broker.url("to")));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    bridge.reread(&path, config(&format!("amqp://127.0.0.1:{}/to", ports::free())));
    bridge.line("cannot be opened, and is tried again");
    assert!(bridge.get("/ready").starts_with("HTTP/1.1 503"));
    assert!(bridge.get("/live").starts_with("HTTP/1.1 200"));
    bridge.until(&["cloudevents_bridge_stalled"], 1);
    bridge.reread(&path, config(&broker.url("to")));
    bridge.line("bridge from");
    bridge.until(&["cloudevents_bridge_ready"], 1);
    bridge.stop();
}

/// Where their new address is taken, they stay.
#[test]
fn metrics_move_with_their_address() {
    let broker = Broker::start().unwrap();
    let ends = format!("from: {}\nto: {}\n", broker.url("orders?dead-letter=rejected"), broker.url("to"));
    let config = |metrics: &str| format!("{ends}metrics: {metrics}\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let [first, second] = [(); 2].map(|()| format!("127.0.0.1:{}", ports::free()));
    let path = file("reload.yaml", config(&first));
    let mut command = command(&["bridge", "--config", path.to_str().unwrap()]);
    command.stdin(Stdio::null());
    let mut bridge = Bridge::with_metrics(command);
    let gone =
        |address: &str| until("the address is no more served", || TcpStream::connect(address).is_err());
    let taken = config(&taken.local_addr().unwrap().to_string());
    bridge.reread(&path, &taken);
    bridge.line("metrics cannot be served at");
    assert_eq!(bridge.find_metrics(), first);
    bridge.until(&["cloudevents_bridge_ready"], 1);
    // The last settings whose ends were opened, though their address is taken.
    bridge.reread(&path, taken.replace("rejected", "rejected&deadletter=x"));
    bridge.line("the old ones hold again");
    assert_eq!(bridge.find_metrics(), first);
    bridge.until(&["cloudevents_bridge_ready"], 1);
    bridge.reread(&path, config(&second));
    assert_eq!(bridge.find_metrics(), second);
    bridge.until(&["cloudevents_bridge_ready"], 1);
    gone(&first);
    let everywhere = second.replace("127.0.0.1", "0.0.0.0");
    for same_port in [&everywhere, &second] {
        bridge.reread(&path, config(same_port));
        assert_eq!(bridge.find_metrics(), same_port);
        bridge.until(&["cloudevents_bridge_ready"], 1);
    }
    bridge.reread(&path, &ends);
    bridge.line("bridge from");
    gone(&second);
    bridge.stop();
}

/// Those that were read in between have never held.
#[test]
fn settings_give_way_to_the_last_ones_whose_ends_were_opened() {
    let (broker, mut target) = (Broker::start().unwrap(), Broker::start().unwrap());
    let (from, to) = (broker.url("orders?dead-letter=rejected"), target.url("to"));
    let path = file("reload.yaml", format!("from: {from}\nto: {to}\n"));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    target.stop();
    bridge.line("reconnecting");
    // TO is opened first: the mistake does not show.
    std::fs::write(&path, format!("from: {from}&deadletter=x\nto: {to}\n")).unwrap();
    for _ in 0..2 {
        bridge.signal("-HUP");
        bridge.line("the settings were read again");
        bridge.line("cannot be opened, and is tried again");
    }
    target.restart().unwrap();
    bridge.line("the new settings cannot be used: the old ones hold again");
    bridge.line("bridge from");
    send(&broker.url("orders"), 1);
    bridge.until(&["cloudevents_bridge_confirmed_total"], 1);
    bridge.stop();
}

/// There is nothing to go back to before.
#[cfg(target_os = "linux")]
#[test]
fn settings_that_are_read_again_while_the_first_ones_are_opened_come_behind_them() {
    let broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let pipe = file("pipe", "");
    std::fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let config = |from: &str| format!("from: {from}\nto: 'file:{}'\n", pipe.display());
    let path = file("reload.yaml", config(&from));
    // It waits for a reader of the pipe.
    let mut bridge = command(&["bridge", "--config", path.to_str().unwrap()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = bridge.id().to_string();
    let signal =
        |name: &str| assert!(Command::new("kill").args([name, &*process]).status().unwrap().success());
    // Bit 0 of what it catches.
    let catches = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&line, 16).unwrap() & 1 == 1
    };
    while !catches(std::fs::read_to_string(format!("/proc/{process}/status")).unwrap()) {
        std::thread::yield_now();
    }
    std::fs::write(&path, config(&format!("{from}&deadletter=x"))).unwrap();
    signal("-HUP");
    let _reader = std::fs::File::open(&pipe).unwrap();
    let mut lines = BufReader::new(bridge.stderr.take().unwrap()).lines().map(Result::unwrap);
    for expected in ["bridge from", "the old ones hold again", "bridge from"] {
        assert!(lines.any(|line| line.contains(expected)), "{expected}");
    }
    signal("-TERM");
    lines.for_each(drop);
    assert_eq!(bridge.wait().unwrap().code(), Some(0));
}

/// A file that nothing was read from yet has no position that would be lost.
#[test]
fn settings_with_a_file_that_cannot_be_opened_give_way_to_others() {
    let broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let config = |from: &str, to: &str| format!("from: '{from}'\nto: '{to}'\n");
    let to = broker.url("to");
    let path = file("reload.yaml", config(&from, &to));
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    let events = url_of("in.jsonl", GOOD);
    let away = format!("amqp://127.0.0.1:{}/to", ports::free());
    bridge.reread(&path, config(&events, &away));
    bridge.line("cannot be opened, and is tried again");
    bridge.reread(&path, config(&from, &to));
    bridge.line("bridge from amqp");
    bridge.stop();
}

/// Standard input has the events.
#[test]
fn a_command_for_a_secret_takes_nothing_of_standard_input() {
    let (hook, arrived) = crate::redriving::slow_hook(Duration::ZERO);
    let eaten = file("eaten", "");
    let get = format!("cat >> {}; echo x", eaten.display());
    let connections = format!("connections:\n  hook:\n    url: {hook}\n    authorization-command: '{get}'\n");
    let mut command = command(&["bridge", "-", "@hook"]);
    command.env("CE_CONFIG", file("config.yaml", connections));
    let input = std::fs::File::open(file("in.jsonl", format!("{GOOD}\n{GOOD}\n"))).unwrap();
    let ended = command.stdin(input).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(arrived.try_iter().count(), 2);
    assert_eq!(std::fs::read_to_string(&eaten).unwrap(), "");
}

/// A deployment replaces a file at the moment of the signal.
#[test]
fn settings_that_held_are_tried_until_they_can_be_opened_again() {
    let broker = Broker::start().unwrap();
    let headers = file("headers.txt", "x-tenant: a\n");
    let from = broker.url("orders?dead-letter=rejected");
    let settings =
        format!("from: {from}\nto: http://127.0.0.1:9/events\nsend-headers: ['@{}']\n", headers.display());
    let path = file("reload.yaml", settings);
    let mut bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
    std::fs::remove_file(&headers).unwrap();
    bridge.signal("-HUP");
    bridge.line("the new settings cannot be used: the old ones hold again");
    bridge.line("cannot be opened, and is tried again");
    std::fs::write(&headers, "x-tenant: b\n").unwrap();
    bridge.line("bridge from");
    bridge.stop();
}

/// Ends that are opened sooner than the settings are read do not make it forget what it reads.
#[test]
fn the_last_settings_hold_however_fast_the_ones_before_are_opened() {
    let broker = Broker::start().unwrap();
    let from = broker.url("orders?dead-letter=rejected");
    let (slow, begun) = crate::redriving::slow_hook(Duration::from_secs(2));
    let (last, arrived) = crate::redriving::slow_hook(Duration::ZERO);
    let connections =
        format!("connections:\n  last:\n    url: {last}\n    authorization-command: 'sleep 3; echo x'\n");
    let config = |to: &str| format!("from: {from}\nto: '{to}'\n");
    let path = file("reload.yaml", config(&slow));
    let mut command = command(&["bridge", "--config", path.to_str().unwrap()]);
    command.env("CE_CONFIG", file("config.yaml", connections));
    let bridge = Bridge::run(command);
    send(&broker.url("orders"), 0);
    begun.recv().unwrap();
    bridge.reread(&path, config(&broker.url("between")));
    std::thread::sleep(Duration::from_millis(500)); // it is read; the slow answer is waited for
    bridge.reread(&path, config("@last"));
    let begin = Instant::now();
    for id in 1.. {
        send(&broker.url("orders"), id);
        if arrived.recv_timeout(Duration::from_millis(500)).is_ok() {
            break;
        }
        assert!(begin.elapsed() < patience(), "the second signal is lost");
    }
    bridge.stop();
}

/// From a producer of documents that nothing marks, with names that are none, to a consumer that reads colons and strings.
#[test]
fn peers_by_name_at_both_ends() {
    let broker = Broker::start().unwrap();
    let (url, from, to) =
        (broker.url("from"), format!("{}?dead-letter=rejected", broker.url("from")), broker.url("to"));
    let document = GOOD.replacen('{', r#"{"iodebeziumtxId":"571","iodebeziumop":"c","#, 1);
    broker.queue("from").put(document.as_bytes());
    let text = moved(&[&from, &to], 1);
    assert!(text.contains("0 messages moved, 1 refused"), "{text}");

    broker.queue("from").put(document.as_bytes());
    send(&url, 7);
    let to = format!("{to}?peer=java-4");
    let text = moved(&[&format!("{from}&peer=debezium-3"), &to], 2);
    assert!(text.contains("2 messages moved, 0 refused, 1 repaired"), "{text}");
    assert!(text.contains("[assumed-json]") && text.contains("[dropped-name]"), "{text}");
    let arrived = ce(&["listen", &broker.url("to"), "--count", "2", "-v"]);
    let debezium = arrived.lines().into_iter().find(|event| event["iodebeziumop"] == "c").unwrap();
    assert!(debezium.get("iodebeziumtxId").is_none(), "{debezium}");
    assert!(arrived.err.contains("cloudEvents:id"), "{}", arrived.err);

    ce(&["bridge", &from, &to, "--from-peer", "python", "--check"]).ended(2).says("python-2");
    let settings =
        file("peers.yaml", format!("from: {from}\nto: {to}\nlenient: numeric-time\nto-peer: go-2\n"));
    let path = settings.to_str().unwrap();
    ce(&["bridge", "--config", path, "--check"]).ended(0);
    let unknown = file("no-peer.yaml", format!("from: {from}\nto: {to}\nto-peer: go\n"));
    ce(&["bridge", "--config", unknown.to_str().unwrap(), "--check"]).ended(2).says("go-2");
}
