//! `docs/choose.md`: the protocols side by side, from the rows of their pages.
//!
//! `CE_WRITE_DOCS=1 cargo test -p cloudevents-testkit --test it choose` writes the page anew.

use std::{fmt::Write, fs, path::Path};

/// The pages of promises.
const PAGES: [&str; 11] =
    ["http", "kafka", "amqp", "rabbitmq", "nats", "jetstream", "mqtt", "redis", "sqs", "pgmq", "websockets"];

/// The questions, and the row that answers each: the heading and the first cell.
const QUESTIONS: [(&str, &str, &str); 10] = [
    (
        "Is a message lost when the broker or the peer restarts?",
        "Incidents",
        "the peer restarts, or is killed",
    ),
    ("Is a message lost when the consumer crashes?", "Receiving", "the consumer crashes"),
    ("Does the sender make duplicates?", "Sending", "duplicates made by the sender"),
    ("In which order do messages arrive?", "Receiving", "order"),
    ("What does a retry do?", "Receiving", "retry"),
    ("Where does a rejected message go?", "Receiving", "reject"),
    ("May a handler take long?", "Receiving", "work that takes long"),
    ("What happens to a message that is too large?", "Sending", "a message that is too large"),
    ("Can a request wait for a reply?", "Sending", "a request"),
    ("Can several events be one message?", "Sending", "a batch"),
];

#[test]
fn the_page_has_the_rows_of_the_protocols() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let pages =
        PAGES.map(|name| (name, fs::read_to_string(docs.join(format!("promises/{name}.md"))).unwrap()));
    let mut written = String::from(
        "# Choosing a protocol\n\nThe same questions to every protocol. Each table is made of the rows of the pages of promises, which have the other promises, \
         and the behaviour in\nincidents. [Delivery](delivery.md) has the promises of all protocols.\n",
    );
    for (question, heading, row) in QUESTIONS {
        write!(written, "\n## {question}\n\n| | |\n|---|---|\n").unwrap();
        for (name, page) in &pages {
            let title = page.lines().next().unwrap().trim_start_matches("# ").trim_end_matches(": promises");
            let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
            let cell = section.lines().find_map(|line| line.strip_prefix(&format!("| {row} | "))).expect(row);
            let cell = cell.trim_end_matches(" |").replace("](#", &format!("](promises/{name}.md#"));
            let cell = cell.replace("](../", "](");
            writeln!(written, "| [{title}](protocols/{name}.md) | {cell} |").unwrap();
        }
    }
    let path = docs.join("choose.md");
    if std::env::var_os("CE_WRITE_DOCS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), written, "CE_WRITE_DOCS=1 writes the page anew");
}
