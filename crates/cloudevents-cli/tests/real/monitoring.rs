//! The metrics of a bridge, and the alerts and the dashboard in `deploy/` that read them.

use crate::hook::hook;
use crate::program::{Bridge, ce_with, with_id};
use cloudevents_testkit::amqp::Broker;
use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

fn deploy(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "deploy", name].iter().collect()
}

/// Metrics of a bridge with a refused message, and with a confirmed one.
fn page() -> String {
    let mut statuses = ["422 Unprocessable Content", "204 No Content"].into_iter();
    let to = hook(move |_| statuses.next().unwrap());
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let bridge = Bridge::start(&[&format!("{url}?dead-letter=rejected"), &to]);
    for id in ["1", "2"] {
        let event = with_id(id);
        ce_with(&["send", &url], event).ended(0);
    }
    bridge.until(&["cloudevents_bridge_confirmed_total"], 1);
    bridge.until(&["cloudevents_bridge_all_refused_total"], 1);
    let response = bridge.get("/metrics");
    bridge.stop();
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("cloudevents_"))
        .collect()
}

/// Prometheus' own program for rules and metrics, which `.ci/setup` installs.
pub(crate) fn promtool(arguments: &[&str], input: &str) {
    let program = Command::new("promtool")
        .args(arguments)
        .current_dir(deploy(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut program = match program {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return println!("SKIPPED: promtool is not installed");
        }
        program => program.unwrap(),
    };
    program.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success() && !said.concat().contains("FAILED"), "{arguments:?}: {said:?}");
}

#[test]
fn metrics_are_as_the_rules_of_prometheus_have_them() {
    let page = page();
    promtool(&["check", "metrics"], &page);
    let mut known = names(&page);
    // Of a gate, whose page webhook_operating.rs has.
    known.extend(["cloudevents_webhook_deliveries_total", "cloudevents_webhook_refused_total"]);
    known.extend(["cloudevents_webhook_in_flight", "cloudevents_webhook_ready"]);
    for file in ["alerts.yaml", "alerts-test.yaml", "dashboard.json"] {
        let text = fs::read_to_string(deploy(file)).unwrap();
        let unknown: Vec<_> = names(&text).into_iter().filter(|name| !known.contains(name)).collect();
        // AMQP 1.0 has no time of a message that a broker sets.
        assert!(unknown.iter().all(|name| *name == "cloudevents_bridge_lag_seconds"), "{file}: {unknown:?}");
    }
    serde_json::from_slice::<serde_json::Value>(&fs::read(deploy("dashboard.json")).unwrap()).unwrap();
}

/// They fire when they have to, and not before.
#[test]
fn alerts_pass_their_tests() {
    promtool(&["check", "rules", "alerts.yaml"], "");
    promtool(&["test", "rules", "alerts-test.yaml"], "");
}
