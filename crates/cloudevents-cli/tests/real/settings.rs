//! Files as URLs, options, secrets, variables and the configuration file.

use crate::hook::{Request, accepting};
use crate::program::{GOOD, Listener, Ran, ce, ce_with, command, file, ran};
use std::{path::Path, sync::mpsc};

/// Runs the program with this configuration file and these variables.
fn ce_in(config: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = command(arguments);
    command.env("CE_CONFIG", config).envs(variables.iter().copied());
    ran(command, GOOD)
}

/// One connection is for all commands, with options that only some of them have.
#[test]
fn a_connection_may_have_options_of_both_sides() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let url = broker.url("orders?separator=colon");
    let text = format!(
        "connections:\n  orders:\n    url: {url}\n    options: {{dead-letter: rejected, timeout: 9s, keep-alive: 30s}}\n"
    );
    let config = file("both-sides.yaml", text);
    ce_in(&config, &[], &["send", "@orders", "--id", "1", "--source", "/s", "--type", "t"])
        .ended(0)
        .never_says("older-consumers");
    ce_in(&config, &[], &["listen", "@orders", "--count", "1", "--idle", "20"])
        .ended(0)
        .prints_lines(1)
        .never_says("reject=broker");
    // An option of the other side that is given to the command is a mistake.
    ce_in(
        &config,
        &[],
        &["send", "@orders", "-o", "dead-letter=x", "--id", "1", "--source", "/s", "--type", "t"],
    )
    .ended(2)
    .says("there is no option `dead-letter`");
}

#[test]
fn files_are_urls() {
    let target = file("target.jsonl", "");
    let url = format!("file:{}", target.display());
    for _ in 0..2 {
        ce_with(&["send", &url], GOOD).ended(0).says_only(&format!("1 event sent to {}\n", target.display()));
    }
    ce_with(&["send", "-"], GOOD).ended(0).prints(&format!("{GOOD}\n"));
    ce(&["listen", &url]).ended(0).prints(&format!("{GOOD}\n{GOOD}\n")).says_last("2 events received\n");
    ce_with(&["listen", "-"], format!("{GOOD}\n{{}}\n{GOOD}\n"))
        .ended(1)
        .prints(&format!("{GOOD}\n{GOOD}\n"));
    ce(&["listen", "file:nowhere.jsonl"]).ended(2);
    ce_with(&["send", "file:x", "-o", "a=b"], GOOD).ended(2);
}

#[test]
fn a_bridge_from_a_file_ends_with_it() {
    let listener = Listener::start(&["--count", "2"]);
    let source = file("source.jsonl", format!("{GOOD}\n{GOOD}\n"));
    ce(&["bridge", &format!("file:{}", source.display()), &listener.url])
        .ended(0)
        .says_last("2 messages moved, 0 refused\n");
    assert_eq!(listener.end().out, format!("{GOOD}\n{GOOD}\n"));
    // A message that is refused is stored, and the others are moved.
    let refused = file("refused.jsonl", "");
    let broken = file("broken.jsonl", format!("{GOOD}\n{{\"specversion\":\"1.0\"}}\n"));
    let ran = ce(&["bridge", &format!("file:{}", broken.display()), &format!("file:{}", refused.display())]);
    assert_eq!(std::fs::read_to_string(&refused).unwrap(), format!("{GOOD}\n"), "{}", ran.err);
    assert!(ran.err.ends_with("1 message moved, 1 refused\n"), "{}", ran.err);
}

#[test]
fn options_are_part_of_the_url() {
    ce_with(&["send", "kafka://127.0.0.1:9/orders", "-o", "mode=binary"], GOOD)
        .ended(2)
        .says("the URL option `mode` is not supported here");
    ce_with(&["send", "http://127.0.0.1:9/", "-o", "novalue"], GOOD).ended(2);
}

/// The `authorization` of the request.
fn seen(requests: &mpsc::Receiver<Request>) -> String {
    requests.recv().unwrap().header("authorization").unwrap().to_owned()
}

#[test]
fn secrets_come_from_files_and_commands() {
    let password = file("password", "p@ss\n");
    // `me:p@ss` in base64.
    let basic = "Basic bWU6cEBzcw==";
    let (url, requests) = accepting();
    let password = password.to_str().unwrap();
    for from in [["--password-file", password], ["--password-command", "echo p@ss"]] {
        ce_with(&[&["send", &url, "--user", "me"][..], &from].concat(), GOOD)
            .ended(0)
            .never_says("p@ss")
            .never_says("p%40ss");
        assert_eq!(seen(&requests), basic);
    }
    ce_with(&["send", &url, "--user", "me", "--password-command", "exit 7"], GOOD).ended(2);
    let token = file("token", "Bearer t0ken\n");
    let text =
        format!("connections:\n  hook:\n    url: {url}\n    authorization-file: {}\n", token.display());
    ce_in(&file("config.yaml", text), &[], &["send", "@hook"]).ended(0).never_says("t0ken");
    assert_eq!(seen(&requests), "Bearer t0ken");
}

#[test]
fn connections_have_names() {
    let listener = Listener::start(&["--count", "1"]);
    let config = file("config.yaml", format!("connections:\n  here:\n    url: {}\n", listener.url));
    ce_in(&config, &[], &["send", "@here"])
        .ended(0)
        .says_only(&format!("1 event sent to {}\n", listener.url));
    assert_eq!(listener.end().out, format!("{GOOD}\n"));
    ce_in(&config, &[], &["send", "@there"])
        .ended(2)
        .says("there is no connection `there`")
        .says("the connections are here");
}

#[test]
fn names_of_connections_are_completed() {
    let config = file("config.yaml", "connections:\n  here:\n    url: file:a\n  there:\n    url: file:b\n");
    ce_in(&config, &[], &["completions", "--connections"]).ended(0).prints("@here\n@there\n");
    ce(&["completions"]).ended(2);
    for shell in ["bash", "zsh", "fish"] {
        assert!(ce(&["completions", shell]).out.contains("ce completions --connections"), "{shell}");
    }
    // As an interactive shell does it, which takes `@` for the end of a word.
    let script = file("ce.bash", ce(&["completions", "bash"]).out);
    let program = Path::new(env!("CARGO_BIN_EXE_ce")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for (words, wanted) in [("ce send @t", "there"), ("ce listen @", "here there"), ("ce se", "send")] {
        let lines = format!(
            r#". {}
words=({})
COMP_WORDS=()
for word in "${{words[@]}}"; do
  if [[ $word == @* ]]; then COMP_WORDS+=(@); [ "$word" = @ ] || COMP_WORDS+=("${{word#@}}"); else COMP_WORDS+=("$word"); fi
done
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMP_LINE='{words}' COMP_POINT=${{#COMP_LINE}}
function=$(complete -p ce | sed 's/.*-F \([^ ]*\).*/\1/')
$function ce "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}" 2>/dev/null
echo "${{COMPREPLY[*]}}""#,
            script.display(),
            words
        );
        let output = std::process::Command::new("bash")
            .args(["--norc", "-c", &lines])
            .env("CE_CONFIG", &config)
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            wanted,
            "{words}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn defaults_come_from_variables_and_the_file() {
    let config = file("config.yaml", "defaults:\n  output: yaml\n  convert:\n    to: json\n");
    let run = |variables: &[(&str, &str)], arguments: &[&str]| ce_in(&config, variables, arguments);
    let listed = |ran: Ran| ran.out.lines().next().unwrap_or_default().to_owned();
    let list = ["conformance", "list", "mqtt/**"];
    assert_eq!(listed(run(&[], &list)), "---");
    assert!(listed(run(&[("CE_OUTPUT", "json")], &list)).starts_with('{'));
    let flag = ["conformance", "list", "mqtt/**", "--output", "pretty"];
    assert!(listed(run(&[("CE_OUTPUT", "json")], &flag)).starts_with("mqtt/"));
    // A variable of one command, and one of the file.
    assert_eq!(run(&[], &["convert"]).out, format!("{GOOD}\n"));
    let ran = run(&[("CE_CONVERT_TO", "yaml")], &["convert"]);
    assert!(ran.out.starts_with("---\nspecversion: \"1.0\"\n"), "{}{}", ran.out, ran.err);
    // Errors name the place.
    let ran = run(&[("CE_SEND_TIMEOUT", "soon")], &["convert"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("the environment variable `CE_SEND_TIMEOUT`: invalid value 'soon'"),
        "{}",
        ran.err
    );
    for (text, words) in [
        (
            "defaults:\n  outptu: json\n",
            "`defaults.outptu` of the configuration file is neither an option nor a command",
        ),
        ("defaults:\n  output: jsn\n", "`defaults.output` of the configuration file: invalid value 'jsn'"),
        ("default:\n  output: json\n", "unknown field `default`"),
        ("connections:\n  a:\n    uri: x\n", "unknown field `uri`"),
    ] {
        ce_in(&file("config.yaml", text), &[], &["convert"]).ended(2).says(words);
    }
}

#[test]
fn every_option_has_a_variable_that_works() {
    // Booleans, numbers and choices.
    let config = file("config.yaml", "");
    ce_in(&config, &[("CE_QUIET", "true")], &["send", "-"]).ended(0).says_only("");
    let ran = ce_in(&config, &[("CE_QUIET", "false")], &["send", "-"]);
    assert_ne!(ran.err, "");
    let ran = ce_in(&config, &[("CE_CONFORMANCE_LIST_OUTPUT", "x")], &["send", "-"]);
    assert_eq!(ran.status, 0, "global options have one variable: {}", ran.err);
}

/// An attribute is no header, by whichever name a protocol has it.
#[test]
fn headers_that_are_attributes_are_warned_of() {
    let text = "from: http://127.0.0.1:0/\nto: http://127.0.0.1:1/\n\
        headers: {rename: {ce-tenant: ce-customer, x-tenant: tenant}, drop: [ce_stage]}\n";
    let path = file("headers.yaml", text);
    let ran = ce(&["bridge", "--config", path.to_str().unwrap(), "--check"]).ended(0);
    for (name, count) in [("`ce-tenant`", 1), ("`ce_stage`", 1), ("`x-tenant`", 0)] {
        assert_eq!(ran.err.matches(name).count(), count, "{name}: {}", ran.err);
    }
    assert!(ran.err.contains("attributes of an event are no headers"), "{}", ran.err);
}
