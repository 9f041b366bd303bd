//! Runs every example of every `--help` and of the README.

use crate::catalog::SHOP;
use crate::program::{GOOD, Listener, command, executable};
use cloudevents_testkit::{amqp, kafka, mqtt, rabbitmq};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Examples that need something that this test does not have, and why.
const NOT_RUN: [(&str, &str); 16] = [
    ("ce create", "needs brokers that keep settings; tests/real/create.rs has some"),
    ("outbox.db", "needs an outbox"),
    ("postgresql:", "needs a database; tests/real/deliveries.rs has one, where CE_TEST_POSTGRES_URL is set"),
    ("ce look nats+jetstream", "needs JetStream; tests of cloudevents-nats have it"),
    ("ce look postgres", "needs a database; tests of cloudevents-pgmq have one"),
    ("ce look redis", "needs a server; tests of cloudevents-redis have one"),
    ("ce look 'sqs", "needs an account; tests of cloudevents-sqs have an emulator"),
    ("ce webhook check", "takes a minute; tests/real/webhook.rs runs it"),
    ("--official", "needs a checkout of the specification"),
    ("--consumer", "needs a consumer; tests/real/consumer.rs has some"),
    ("ce conformance listen", "needs a producer; tests/real/producer.rs has some"),
    ("--site", "needs a folder of runs; tests/real/conformance.rs has one"),
    ("ce conformance selftest", "takes minutes; CI runs it in release mode"),
    ("cargo install", "needs a network"),
    (" @", "needs a configuration file; tests/real/settings.rs has one"),
    ("ce webhook verify", "the signature of the example has no secret"),
];

/// How many examples run at a time.
const AT_ONCE: usize = 6;

#[test]
fn every_example_runs() {
    let world = World::start();
    let mut examples = BTreeSet::new();
    collect(&mut Vec::new(), &mut examples);
    examples.extend(of_the_readme());
    assert!(examples.len() > 50, "{examples:#?}");
    let wanted = |example: &&String| !NOT_RUN.iter().any(|(part, _)| example.contains(part));
    let next = Mutex::new(examples.iter().filter(wanted));
    let failed = Mutex::new(Vec::new());
    // Most of them wait for something.
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let example = next.lock().unwrap().next();
                    let Some(example) = example else { break };
                    if let Err(why) = world.run(example) {
                        failed.lock().unwrap().push(format!("{example}\n{why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n\n{}", failed.len(), examples.len(), failed.join("\n\n"));
}

/// Adds the examples of this command and of its subcommands.
fn collect(path: &mut Vec<String>, examples: &mut BTreeSet<String>) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let output = command(&arguments).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let after = help.split_once("Examples:\n").or_else(|| help.split_once("Example:\n"));
    let block: Vec<&str> = after
        .map(|(_, after)| after.lines().take_while(|line| line.starts_with("  ")).collect())
        .unwrap_or_default();
    let long = block.iter().find(|line| line.chars().count() > 80);
    assert!(long.is_none(), "an example does not fit 80 columns: {}", long.unwrap_or(&""));
    examples.extend(commands(&block));
    let listed = help.split_once("\nCommands:\n").map(|(_, list)| list).unwrap_or_default();
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap_or_default();
        // A wrapped description continues far to the right.
        if line.starts_with("  ") && !line.starts_with("    ") && name != "help" {
            path.push(name.to_owned());
            collect(path, examples);
            path.pop();
        }
    }
}

fn of_the_readme() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(|block| commands(&block.lines().collect::<Vec<_>>())).collect()
}

/// Joins continued lines, and cuts comments, which follow two spaces.
fn commands(lines: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut continued = false;
    for line in lines {
        let (line, continues) = match line.trim().strip_suffix('\\') {
            Some(line) => (line.trim().to_owned(), true),
            None => (line.trim().to_owned(), false),
        };
        let line = line.split("  ").next().unwrap_or_default().trim_end_matches(" &").to_owned();
        match all.last_mut() {
            Some(last) if continued => *last = format!("{last} {line}"),
            _ if line.is_empty() => {}
            _ => all.push(line),
        }
        continued = continues;
    }
    all
}

/// A folder with the files that examples name, programs, and servers.
struct World {
    folder: PathBuf,
    http: Listener,
    /// Addresses in examples, and what they stand for here.
    addresses: Vec<(&'static str, String)>,
    _servers: Vec<Box<dyn std::any::Any + Send + Sync>>,
}

impl World {
    fn start() -> Self {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("examples-{}", std::process::id()));
        // Numbers of processes come again.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
        for name in ["order.json", "one.json", "two.json"] {
            write(name, format!("{GOOD}\n"));
        }
        for name in ["batch.json", "orders.json"] {
            write(name, format!("[{GOOD},{GOOD}]\n"));
        }
        for name in ["events.jsonl", "orders.jsonl"] {
            write(name, format!("{GOOD}\n{GOOD}\n"));
        }
        write("event.yaml", "specversion: \"1.0\"\nid: \"1\"\nsource: /s\ntype: t\n".into());
        write("filters.json", "[{\"exact\": {\"type\": \"t\"}}]".into());
        write("trigger.yaml", "{apiVersion: eventing.knative.dev/v1, kind: Trigger}".into());
        write("shop.xreg.json", SHOP.to_owned());
        write("released.xreg.json", SHOP.to_owned());
        let order = r#"{"specversion":"1.0","id":"1","source":"/shops/7","type":"com.example.order","subject":"s","data":{"number":1}}"#;
        write("shop-orders.jsonl", format!("{order}\n"));
        fs::create_dir_all(folder.join("catalogs")).unwrap();
        write("catalogs/shop.json", SHOP.to_owned());
        fs::create_dir_all(folder.join("events")).unwrap();
        write("events/order.json", GOOD.to_owned());
        let head =
            "POST / HTTP/1.1\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n\r\n";
        write("captured-request.txt", head.to_owned());
        write("filter.json", "{\"exact\": {\"type\": \"t\"}}".into());
        write("known.txt", String::new());
        write(
            "bridge.yaml",
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/bridge.yaml")).unwrap(),
        );
        let run = folder.join("run.ndjson");
        let ran =
            command(&["conformance", "run", "mqtt/**", "--ndjson", run.to_str().unwrap()]).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        for name in ["ours", "theirs", "before", "after"] {
            fs::copy(&run, folder.join(format!("{name}.ndjson"))).unwrap();
        }
        let ce = env!("CARGO_BIN_EXE_ce");
        for (name, script) in [
            ("bin/ce", format!("exec {ce} \"$@\"")),
            ("bin/node", format!("exec {ce} testee")),
            ("bin/man", "exec cat".to_owned()),
            ("bin/jq", "exec cat".to_owned()),
            ("adapter", format!("exec {ce} testee")),
        ] {
            write(name, format!("#!/bin/sh\n{script}\n"));
            executable(&folder.join(name));
        }
        let http = Listener::idle("http://127.0.0.1:0/events", "600", &[]);
        let mut world = Self { folder, http, addresses: Vec::new(), _servers: Vec::new() };
        world.brokers();
        world
    }

    fn brokers(&mut self) {
        let broker = kafka::Broker::start().unwrap();
        for topic in ["orders", "rejected", "orders.rejected"] {
            broker.create_topic(topic, 1).unwrap();
        }
        self.add("localhost:9092", &broker.url("x"), broker);
        let broker = amqp::Broker::start().unwrap();
        let url = broker.url("x");
        self.add("guest:guest@localhost:5672", &url, ());
        self.add("amqp://localhost/", &url, broker);
        let broker = rabbitmq::Broker::start().unwrap();
        broker.queue("orders");
        self.add("rabbitmq://localhost:5672/", &broker.url(""), broker);
        let broker = mqtt::Broker::start().unwrap();
        self.add("localhost:1883", &broker.url("x"), broker);
    }

    /// Maps an address to the authority of a URL.
    fn add(&mut self, address: &'static str, url: &str, server: impl std::any::Any + Send + Sync) {
        let authority = url.split_once("://").unwrap().1.split('/').next().unwrap();
        let to = match address.strip_suffix('/') {
            Some(address) => format!("{}://{authority}/", address.split_once("://").unwrap().0),
            None => authority.to_owned(),
        };
        self.addresses.push((address, to));
        self._servers.push(Box::new(server));
    }

    fn run(&self, example: &str) -> Result<(), String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut line = example.to_owned();
        for (address, here) in &self.addresses {
            line = line.replace(address, here);
        }
        // It has events, and would wait for a target that is not there.
        if line.contains("ce bridge file:") {
            line = line.replace("https://example.com/hook", &self.http.url);
        }
        // Servers take any port and end soon; clients send to a server.
        let serves =
            ["ce listen ", "ce webhook serve", "ce bridge http"].iter().any(|serve| line.contains(serve));
        let root = if serves { "http://127.0.0.1:0/" } else { self.http.url.trim_end_matches("events") };
        for address in ["http://localhost:8080/", "http://127.0.0.1:8080/", "http://0.0.0.0:8080/"] {
            line = line.replace(address, root);
        }
        // Who joins a group of another example waits for the session of its member: 44 seconds.
        let group = format!("group={}-", NEXT.fetch_add(1, Ordering::Relaxed));
        let line = line
            .replace("group=", &group)
            .replace("/hook", if serves { "/hook" } else { "/events" })
            .replace("ce conformance run", "ce conformance run --shard 1/50")
            .replace("--idle 5", "")
            .replace("--repeat 10000", "--repeat 100")
            .replace("0.0.0.0:9090", "127.0.0.1:0")
            .replace("127.0.0.1:9090", "127.0.0.1:0")
            .replace("ce listen ", "ce listen --idle 1 ")
            .replace("ce bridge ", "ce bridge --idle 1 ")
            .replace("ce webhook serve", "timeout -s INT 1 ce webhook serve")
            .replace("tail -f", "cat")
            .replace("whsec_...", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .replace("SECRET=... ", "SECRET=a-secret-of-examples ")
            .replace("TOKEN=...", "TOKEN=token");
        let is_remote = line.contains("https://");
        let home = self.folder.join("home");
        for folder in [".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        let path = format!("{}:{}", self.folder.join("bin").display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("timeout");
        shell.args(["60", "sh", "-c", &line]).current_dir(&self.folder).env("PATH", path).env("HOME", home);
        shell.env("CE_CONFIG", "").env("TOKEN_HEADER", "Bearer x").env("HOOK_TOKEN", "token");
        // No example reaches another machine.
        shell.env("HTTPS_PROXY", "http://127.0.0.1:9").env("https_proxy", "http://127.0.0.1:9");
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let status = output.status.code().unwrap_or(-1);
        let good = match status {
            0 | 1 => true,
            3 => is_remote,
            // It serves until it is stopped.
            124 => line.contains("webhook serve"),
            _ => false,
        };
        if good {
            return Ok(());
        }
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(format!("  as: {line}\n  status {status}\n{out}{err}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.http.interrupt();
    }
}
