//! The testee: it does what its arguments and the requests tell it to.

use std::fs::File;
use std::io::{BufRead, Write, stdin, stdout};
use std::process::{Command, ExitCode};
use std::thread;

use serde_json::{Value, json};

/// The first argument of a process that is a testee.
pub(crate) const ARGUMENT: &str = "be-a-testee";

/// The command that runs a testee.
pub(crate) fn command(script: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(ARGUMENT).args(script);
    command
}

pub(crate) fn main(script: &[String]) -> ExitCode {
    let has = |word: &str| script.iter().any(|other| other == word);
    let marker = script.iter().find_map(|word| word.strip_prefix("only-once="));
    if marker.is_some_and(|path| File::create_new(path).is_err()) {
        eprintln!("not again");
        return ExitCode::from(5);
    }
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match request["cmd"].as_str() {
            Some("start") if has("bad-start") => answer(&json!({"version": 2})),
            Some("start") => {
                answer(&json!({
                    "version": 1, "implementation": {"name": "Scripted", "version": "1", "language": "Rust"},
                    "capabilities": {"ops": ["script"], "formats": [], "bindings": []}
                }));
                if has("deaf") {
                    forever();
                }
                if has("canned") {
                    for seq in 1..=1000 {
                        answer(&json!({"seq": seq, "unsupported": "x"}));
                    }
                    forever();
                }
            }
            Some("stop") if has("bye") => {
                write(b"bye\n");
                return ExitCode::SUCCESS;
            }
            Some("stop") if has("bad-stop") => return ExitCode::from(4),
            Some("stop") if has("no-stop") => forever(),
            Some("stop") => return ExitCode::SUCCESS,
            _ => {
                obey(&request);
                if has("twice") {
                    answer(&json!({"seq": request["seq"], "error": {}}));
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn obey(request: &Value) {
    let seq = &request["seq"];
    match request["do"].as_str() {
        Some("pass") => answer(&json!({"seq": seq, "result": {"name": "right"}})),
        Some("fail") => {
            eprintln!("about to fail");
            answer(&json!({"seq": seq, "result": {"name": "wrong"}}));
        }
        Some("skip") => answer(&json!({"seq": seq, "unsupported": "no pigeons"})),
        Some("hang") => {
            eprintln!("about to hang");
            forever();
        }
        Some("exit") => {
            eprintln!("about to exit");
            std::process::exit(3);
        }
        Some("abort") => std::process::abort(),
        Some("garbage") => write(b"Hello!\n"),
        Some("not-text") => write(b"\xff\xfe\n"),
        Some("half") => {
            write(b"{\"seq\":");
            std::process::exit(0);
        }
        Some("wrong-seq") => answer(&json!({"seq": 0, "result": {"name": "right"}})),
        Some("flood") => while stdout().write_all(&[b'a'; 4096]).is_ok() {},
        Some("noise") => {
            for number in 0..100_000 {
                eprintln!("noise {number}");
            }
            std::process::exit(3);
        }
        other => panic!("no script {other:?}"),
    }
}

fn answer(answer: &Value) {
    write(format!("{answer}\n").as_bytes());
}

fn write(bytes: &[u8]) {
    let mut stdout = stdout().lock();
    stdout.write_all(bytes).unwrap();
    stdout.flush().unwrap();
}

fn forever() -> ! {
    loop {
        thread::park();
    }
}
