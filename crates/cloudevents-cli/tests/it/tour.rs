//! `ce tour` and `ce completions`.

use crate::program::ce;

#[test]
fn everything_comes_back() {
    let ran = ce(&["tour", "--output", "pretty"]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("Everything came back as it was sent."), "{}", ran.out);
    assert!(ran.out.contains("  | ce-type: com.example.weather.reading.v1\n"), "{}", ran.out);
    assert!(ran.out.contains("priority (Integer)"), "{}", ran.out);
    if cfg!(all(feature = "kafka", feature = "amqp")) {
        assert!(ran.out.contains("\nA relay: HTTP to Kafka to AMQP to "), "{}", ran.out);
        assert!(ran.out.contains("  | ce_type: com.example.weather.reading.v1\n"), "{}", ran.out);
        assert!(ran.out.contains("  | cloudEvents_type: com.example.weather.reading.v1\n"), "{}", ran.out);
    }
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
}

#[test]
fn for_programs() {
    let ran = ce(&["tour"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, "Everything came back as it was sent.\n"));
    let lines = ran.lines();
    let mut bindings = vec!["HTTP"];
    bindings.extend(cfg!(feature = "kafka").then_some("Kafka"));
    bindings.extend(cfg!(feature = "amqp").then_some("AMQP"));
    bindings.extend(cfg!(feature = "mqtt").then_some("MQTT"));
    bindings.extend(cfg!(feature = "rabbitmq").then_some("RabbitMQ"));
    bindings.extend(cfg!(feature = "nats").then_some("NATS"));
    bindings.extend(cfg!(feature = "websockets").then_some("WebSockets"));
    if bindings.len() > 1 {
        bindings.push("relay");
    }
    let has = |binding: &str, mode: &str| {
        lines.iter().any(|line| line["binding"] == binding && line["mode"] == mode)
    };
    for binding in bindings {
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
        let ran = ce(&["completions", shell]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("conformance"), "{shell}");
    }
}

#[test]
fn every_command_has_help() {
    let ran = ce(&["--help"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    for command in [
        "tour",
        "send",
        "listen",
        "convert",
        "validate",
        "inspect",
        "encode",
        "decode",
        "conformance",
        "testee",
        "completions",
    ] {
        assert!(ran.out.contains(&format!("\n  {command} ")), "{}", ran.out);
        assert_eq!(ce(&[command, "--help"]).status, 0);
    }
}
