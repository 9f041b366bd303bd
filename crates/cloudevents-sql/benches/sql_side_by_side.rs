//! Parses and evaluates the same expressions with this crate and with another evaluator, in turns, and prints the times.
//!
//! The argument is the program of the other evaluator. `spec-tests/crosslang/sql/run.sh` builds that of the Go SDK and runs this:
//!
//! ```text
//! cargo bench -p cloudevents-sql --bench sql_side_by_side -- PROGRAM
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use cloudevents_core::Event;
use cloudevents_sql::Expression;
use serde_json::{Value, json};
use std::{
    hint::black_box,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

const TURNS: usize = 9;
const ROUNDS: u32 = 5_000;

const EXPRESSIONS: &[&str] = &[
    "type LIKE 'com.example.%' AND subject = 'orders/42' AND EXISTS priority",
    "type = 'com.example.order.placed'",
    "type LIKE '%.placed'",
    "source IN ('/shop', '/office', '/home')",
    "priority > 2 AND priority * 2 < 10",
    "UPPER(subject) = 'ORDERS/42' AND LENGTH(id) < 12",
    "CONCAT(type, '@', source) LIKE 'com.example.%@/shop'",
    "EXISTS missing OR (region = 'eu' XOR priority = 4) OR NOT EXISTS subject",
];

fn main() {
    let program = std::env::args().nth(1).expect("the program of the other evaluator");
    let mut other = Other::start(&program);
    let attributes = json!({
        "specversion": "1.0", "id": "A234-1234", "source": "/shop", "type": "com.example.order.placed",
        "subject": "orders/42", "priority": 3, "region": "eu",
    });
    let event = cloudevents_json::decode(attributes.to_string()).unwrap();
    println!(
        "| expression | parse ns | of the other | evaluate ns | of the other |\n|---|---:|---:|---:|---:|"
    );
    for text in EXPRESSIONS {
        let (mut parse, mut evaluate) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let (ours, value) = measured(text, &event);
            let theirs = other.measured(text, &attributes);
            assert_eq!(theirs["value"], value, "{text}");
            parse.push((ours.0, theirs["parse_ns"].as_f64().unwrap()));
            evaluate.push((ours.1, theirs["evaluate_ns"].as_f64().unwrap()));
        }
        let [parse, evaluate] = [parse, evaluate].map(|pairs| {
            let ratio = median(pairs.iter().map(|(ours, theirs)| theirs / ours));
            format!("{:.0} | {ratio:.0} x", median(pairs.iter().map(|pair| pair.0)))
        });
        println!("| `{text}` | {parse} | {evaluate} |");
    }
}

/// Nanoseconds to parse and to evaluate, and the value.
fn measured(text: &str, event: &Event) -> ((f64, f64), String) {
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        black_box(Expression::parse(black_box(text)).unwrap());
    }
    let parse = each(begin);
    let expression = Expression::parse(text).unwrap();
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        black_box(expression.evaluate(black_box(event)));
    }
    ((parse, each(begin)), expression.evaluate(event).value.to_string())
}

fn each(begin: Instant) -> f64 {
    begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The other evaluator: a program that reads an expression and an event on each line, and answers with its value and its times.
struct Other(Child, ChildStdin, BufReader<ChildStdout>);

impl Other {
    fn start(program: &str) -> Self {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(child, input, BufReader::new(output))
    }

    fn measured(&mut self, text: &str, event: &Value) -> Value {
        let Self(_, input, output) = self;
        writeln!(input, "{}", json!({"Expression": text, "Event": event, "Rounds": ROUNDS})).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("an answer")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
