//! `ce tour` and `ce completions`.

use crate::program::{ce, command, run};

#[test]
fn the_tour_fits_a_screen() {
    let at = |columns: &str| {
        let mut command = command(&["tour", "--output", "pretty"]);
        command.env("COLUMNS", columns);
        run(command).ended(0).out
    };
    let narrow = at("80");
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    assert!(narrow.lines().count() <= 40, "{} lines:\n{narrow}", narrow.lines().count());
    assert!(
        narrow.contains("HTTP        ce-subject: caf%C3%A9  ce-priority: 3  ce-time: 2026-05-17T08:15:30Z\n"),
        "{narrow}"
    );
    assert!(narrow.contains(": expirytime, priority as String (text headers)\n"), "{narrow}");
    assert!(narrow.contains("\nEverything came back as it was sent. "), "{narrow}");
    assert!(narrow.contains("\nNow try\n  ce tour --wire "), "{narrow}");
    assert!(narrow.contains("\nKafka       ce_subject: café       ce_priority: 3  ce_time: "), "{narrow}");
    is_in_the_readme(&narrow);
    let small = at("60");
    assert!(small.lines().all(|line| line.chars().count() <= 60), "{small}");
    assert!(small.contains("\nEverything came back as it was sent. "), "{small}");
    let wide = at("140");
    assert!(wide.lines().all(|line| line.chars().count() <= 140), "{wide}");
    assert!(wide.lines().count() < narrow.lines().count(), "{wide}");
    assert!(wide.contains("  ce-time: 2026-05-17T08:15:30Z\n"), "{wide}");
}

/// Checks that the README of the repository shows lines of the tour, but for times.
fn is_in_the_readme(tour: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let Ok(readme) = std::fs::read_to_string(path) else {
        eprintln!("   SKIPPED: the README of the repository is not here");
        return;
    };
    let part =
        readme.split("A part of its screen:\n\n```text\n").nth(1).unwrap().split("```").next().unwrap();
    let timeless = |text: &str| {
        let words =
            text.split_whitespace().filter(|word| !word.chars().all(|c| c.is_ascii_digit() || c == '.'));
        words.collect::<Vec<_>>().join(" ")
    };
    let tour: Vec<String> = tour.lines().map(timeless).collect();
    for line in part.lines() {
        assert!(tour.contains(&timeless(line)), "the README has `{line}`, the tour has\n{}", tour.join("\n"));
    }
}

#[test]
fn everything_comes_back() {
    let ran = ce(&["tour", "--wire", "--output", "pretty"]).ended(0);
    assert!(ran.out.contains("Everything came back as it was sent."), "{}", ran.out);
    assert!(ran.out.contains("  | ce-type: com.example.weather.reading.v1\n"), "{}", ran.out);
    assert!(ran.out.contains("priority (Integer)"), "{}", ran.out);
    assert!(ran.out.contains("\nA relay: HTTP to Kafka to AMQP to "), "{}", ran.out);
    assert!(ran.out.contains("  | ce_type: com.example.weather.reading.v1\n"), "{}", ran.out);
    assert!(ran.out.contains("  | cloudEvents_type: com.example.weather.reading.v1\n"), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
}

#[test]
fn for_programs() {
    let ran = ce(&["tour"]);
    // On a busy machine, librdkafka's mock cluster is away for a moment, which is said.
    let said: Vec<_> =
        ran.err.lines().filter(|line| !line.contains("the Kafka producer is in trouble")).collect();
    assert_eq!((ran.status, said.as_slice()), (0, &["Everything came back as it was sent."][..]));
    let lines = ran.lines();
    let has = |binding: &str, mode: &str| {
        lines.iter().any(|line| line["binding"] == binding && line["mode"] == mode)
    };
    for binding in ["HTTP", "Kafka", "AMQP", "MQTT", "RabbitMQ", "NATS", "WebSockets", "relay"] {
        let found = ["binary", "structured", "batched"].map(|mode| has(binding, mode));
        assert_eq!(found, [binding != "WebSockets", true, binding == "HTTP"], "{binding}");
    }
    assert!(
        lines
            .iter()
            .all(|line| line["same"] == line["events"] && line["differences"].as_array().unwrap().is_empty())
    );
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = ce(&["completions", shell]).ended(0).says_only("");
        assert!(ran.out.contains("conformance"), "{shell}");
    }
}

#[test]
fn every_command_has_help() {
    let ran = ce(&["--help"]).ended(0).says_only("");
    let commands = "tour send listen convert validate inspect encode decode conformance testee completions";
    for command in commands.split(' ') {
        assert!(ran.out.contains(&format!("\n  {command} ")), "{}", ran.out);
        ce(&[command, "--help"]).ended(0);
    }
}
