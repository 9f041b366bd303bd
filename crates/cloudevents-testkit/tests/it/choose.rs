//! `docs/choose.md` and `docs/choose-answers.md`: the protocols side by side.
//!
//! The first page has a verdict of each protocol on each question, the second page the same verdict beside the whole row of the page of
//! promises. `CE_WRITE_DOCS=1 cargo test -p cloudevents-testkit --test it choose` writes both pages anew.

use std::{fmt::Write, fs, path::Path};

/// The pages of promises.
const PAGES: [&str; 12] = [
    "http",
    "kafka",
    "amqp",
    "rabbitmq",
    "nats",
    "jetstream",
    "mqtt",
    "redis",
    "sqs",
    "pubsub",
    "pgmq",
    "websockets",
];

/// The row about the largest message. It does not name all limits.
const TOO_LARGE: &str = "a message that is too large";

/// A question, and the row that answers it.
struct Question {
    question: &'static str,
    /// The head of its column.
    column: &'static str,
    heading: &'static str,
    /// The first cell of the row.
    row: &'static str,
    /// The verdict of each protocol, in the order of `PAGES`, and the words that it follows from. The words are in the row. Words about
    /// the largest message are on the page of the protocol.
    verdicts: [(&'static str, &'static str); 12],
}

/// The beginning of the first page.
const CHOICE: &str = "\
Take the protocol of a broker that you run. At NATS, take JetStream if each message has to arrive. Without a broker, send over HTTP from an
[outbox](outbox.md), or take [pgmq](protocols/pgmq.md) if you have Postgres. Programs of other companies take [webhooks](webhooks.md). Requests with
replies need HTTP, NATS, AMQP 1.0 or MQTT 5. If several receivers have to keep [the order of a
customer](delivery-order.md#keep-the-order-of-a-customer), take Kafka, a FIFO queue of SQS, or pgmq with `groups=true`.

A cell with `if` has the condition for a yes. Questions lead to [the whole answers](choose-answers.md).
";

/// The beginning of the second page.
const ANSWERS: &str = "\
The same questions to every protocol. [Choosing a protocol](choose.md) has them at a glance. Each table has the verdicts, and the rows of the pages of
promises that they follow from. A verdict with `if` has the condition for a yes. These pages also have the other promises, and the behaviour in
incidents. [Delivery](delivery.md) has the promises of all protocols.
";

/// The tables of the first page: the heading, an introduction and the number of questions.
const TABLES: [(&str, &str, usize); 3] = [
    (
        "Loss and duplicates",
        "\
A restart may also fail the sends that are under way: send them again, which can make duplicates. The sender itself sends no message twice. Most
protocols deliver [at least once](delivery.md#at-least-once). An [inbox](inbox.md) skips the second delivery.",
        3,
    ),
    (
        "Order, retries and rejection",
        "\
The columns *Order* and *Retry* are about `Delivery::retry`. It becomes a rejection at attempt `attempts` (10), except over HTTP.
[`run`](delivery-attempts.md) holds a message until its next attempt, except over HTTP, and counts only some failures. A retried message of a group of
SQS or pgmq may come after messages behind it in its group, except in `run` with `in_order(OrderBy::Key)`. Programs choose the place of rejected
messages.",
        4,
    ),
    (
        "Replies, batches and size",
        "Receivers take events of [16 MiB](delivery-order.md#limits-of-an-event), or up to the limit of the program.",
        3,
    ),
];

/// The questions, in the order of both pages.
const QUESTIONS: [Question; 10] = [
    Question {
        question: "Is a message lost when the broker or the peer restarts?",
        column: "Lost when the broker restarts?",
        heading: "Incidents",
        row: "the peer restarts, or is killed",
        verdicts: [
            ("if the sender does not repeat", "HTTP stores no message"),
            ("if power fails without another replica", "loses the records that no other replica has"),
            (
                "if broker, queue or message not durable",
                "from a durable queue, at a broker that stores messages",
            ),
            (
                "if queue exclusive, not durable, or `wait=classic`",
                "no confirmed message is lost from a durable queue",
            ),
            ("yes", "messages that are sent meanwhile are lost"),
            (
                "if stream in memory, or `max_deliver`",
                "no confirmed message is lost from a stream that is stored in files",
            ),
            ("if QoS 0, no `client` or persistence", "no confirmed message is lost on three conditions"),
            ("if not `appendfsync always`", "with `appendfsync always`, no confirmed message is lost"),
            ("no", "confirmed messages stay"),
            ("no", "stored messages stay"),
            ("if the queue is unlogged", "committed messages stay, unless the queue is unlogged"),
            ("yes", "Written messages may be lost"),
        ],
    },
    Question {
        question: "Is a message lost when the consumer crashes?",
        column: "Lost when the consumer crashes?",
        heading: "Receiving",
        row: "the consumer crashes",
        verdicts: [
            ("if the sender does not repeat", "have to send again"),
            ("no", "nothing is lost."),
            (
                "if beyond RabbitMQ 4's delivery limit",
                "Quorum queues of RabbitMQ 4 have a [limit of deliveries]",
            ),
            (
                "if beyond RabbitMQ 4's delivery limit",
                "Quorum queues of RabbitMQ 4 have a [limit of deliveries]",
            ),
            ("yes", "its messages are lost"),
            ("if beyond its `max_deliver`", "can lose messages"),
            ("if QoS 0 or no `client`", "nothing is lost with a `client` identifier"),
            ("no", "nothing is lost."),
            ("no", "nothing is lost."),
            ("no", "nothing is lost."),
            ("no", "nothing is lost."),
            ("yes", "the messages that it had not handled are lost"),
        ],
    },
    Question {
        question: "Does the sender make duplicates?",
        column: "Duplicates by the sender?",
        heading: "Sending",
        row: "duplicates made by the sender",
        verdicts: [("no", "never"); 12],
    },
    Question {
        question: "In which order do messages arrive?",
        column: "Order",
        heading: "Receiving",
        row: "order",
        verdicts: [
            ("none between concurrent requests", "Concurrent requests have no order"),
            ("of a partition, redelivered later", "within a partition. Redelivered messages come later"),
            ("of the broker, redelivered later", "as the broker delivers. Redelivered messages come later"),
            ("of the broker, retried later", "as the broker delivers. Retried messages come later"),
            ("of the server, retried later", "as the server sends. Messages from memory come later"),
            ("of the stream, redelivered later", "as the stream has them. Redelivered messages come later"),
            ("of a session, redelivered later", "over one session. Redelivered messages come later"),
            ("of the stream, redelivered first", "Messages that come again come before newer entries"),
            ("of groups, if FIFO queue", "A standard queue has no order"),
            ("of keys, if `ordered=true`", "Without `ordered=true`, there is no order"),
            (
                "if one receiver, or `groups=true`",
                "With `groups=true`, all receivers keep the order of each group",
            ),
            ("of a connection, redelivered later", "over one connection. Redelivered messages come later"),
        ],
    },
    Question {
        question: "What does a retry do?",
        column: "Retry",
        heading: "Receiving",
        row: "retry",
        verdicts: [
            ("503 with `Retry-After`", "responds with 503 and `Retry-After`"),
            ("from memory, and stays uncommitted", "The committed offset stays before it"),
            ("from the broker, unless pre-settled", "The broker delivers the message again"),
            ("a copy, at the queue's end", "the copy returns to the end of the queue"),
            ("from memory; a crash loses it", "A crash loses the message"),
            (
                "from the server, until `max_deliver`",
                "sends `-NAK` with the delay, for which the server waits",
            ),
            ("from memory, and stays unacknowledged", "It stays unacknowledged"),
            ("held, then back to the group", "the receiver gives it back to the group"),
            ("hidden, at most 12 hours", "cannot stay hidden for longer than 12 hours"),
            ("hidden, at most 10 minutes", "for 10 minutes at most"),
            ("hidden for the delay", "hides the message for the delay"),
            ("from memory; a crash loses it", "delivers the message again from memory"),
        ],
    },
    Question {
        question: "Where does a rejected message go?",
        column: "Rejected message",
        heading: "Receiving",
        row: "reject",
        verdicts: [
            ("sender gets 422, 400 or 415", "it responds with 400 or 415"),
            ("another topic, or dropped", "sends the message to the dead-letter topic"),
            (
                "another address, the broker, or dropped",
                "settles it as rejected with the reason, or drops it",
            ),
            (
                "queue, exchange, the broker, or dropped",
                "Or it leaves the message to the broker, or drops it",
            ),
            ("another subject, if subscribed, or dropped", "to another subject, or drops it"),
            (
                "another subject, an advisory, or dropped",
                "ends it with an advisory of the server, or drops it",
            ),
            ("another topic, or dropped", "sends the message to another topic, or drops it"),
            ("another stream, or dropped", "stores the message in another stream, or drops it"),
            ("another queue, or dropped", "sends the message to another queue, or drops it"),
            ("another topic, or dropped", "sends the message to another topic, or drops it"),
            ("the archive, another queue, or dropped", "moves the message to the archive"),
            ("a sink, or dropped", "sends the message to a sink of the program, or drops it"),
        ],
    },
    Question {
        question: "May a handler take long?",
        column: "Long handler?",
        heading: "Receiving",
        row: "work that takes long",
        verdicts: [
            ("if the sender waits for it", "as long as the sender waits for the response"),
            (
                "if no rebalance moves its partition",
                "A rebalance waits for a handler for `rebalance-wait` (10 s)",
            ),
            ("if the broker or `lock` allows", "as long as the broker lets a receiver hold a message"),
            ("if wait plus handler below 30 minutes", "has a limit of 30 minutes by default"),
            ("yes", "has no limit"),
            ("yes", "has no limit"),
            ("yes", "has no limit"),
            ("yes", "has no limit"),
            ("if below 12 hours", "may take up to 12 hours"),
            ("yes", "has no limit"),
            ("yes", "has no limit"),
            ("yes", "has no limit"),
        ],
    },
    Question {
        question: "What happens to a message that is too large?",
        column: "Largest message",
        heading: "Sending",
        row: TOO_LARGE,
        verdicts: [
            ("16 MiB, at the receiver", "`DecodeOptions::limits` of the receiver: 16 MiB by default"),
            ("`max.message.bytes` of the topic", "the topic's `max.message.bytes`"),
            ("limit of the broker", "raise the limit of the broker"),
            ("16 MiB (`max-message-size`)", "A sender sends at most 16 MiB"),
            ("`max_payload` of the server", "raise `max_payload` of the server"),
            (
                "`max_payload`, or the stream's limit",
                "raise `max_payload` of the server, or the limit of the stream",
            ),
            ("limit of the broker", "Raise the limit of the broker"),
            ("16 MiB (`max-message-size`)", "the largest message of a sender (16 MiB)"),
            ("1 MiB, or less by queue", "The limit is 1,048,576 bytes"),
            ("10 MB, as JSON", "10,000,000 bytes"),
            ("16 MiB (`max-message-size`)", "The limit is 16 MiB with headers"),
            ("16 MiB, at the receiver", "`DecodeOptions::limits` of the receiver, 16 MiB by default"),
        ],
    },
    Question {
        question: "Can a request wait for a reply?",
        column: "Reply to a request?",
        heading: "Sending",
        row: "a request",
        verdicts: [
            ("yes", "returns the event of the response"),
            ("no", "there are no replies"),
            ("if the broker has dynamic nodes", "With a broker without dynamic nodes, a request is an error"),
            ("no", "there are no replies"),
            ("if there is a subscriber", "Without a subscriber, it is an error"),
            ("no", "there are no replies"),
            ("if MQTT 5", "Over 3.1.1, a request is an error"),
            ("no", "there are no replies"),
            ("no", "there are no replies"),
            ("no", "there are no replies"),
            ("no", "there are no replies"),
            ("no", "there are no replies"),
        ],
    },
    Question {
        question: "Can several events be one message?",
        column: "Several events in a message?",
        heading: "Sending",
        row: "a batch",
        verdicts: [
            ("yes", "one message with several events"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
            ("no", "there is no batched mode"),
        ],
    },
];

/// The title of the page of a protocol.
fn title(page: &str) -> &str {
    page.lines().next().unwrap().trim_start_matches("# ").trim_end_matches(": promises")
}

/// The second cell of the row that answers a question.
fn answer<'a>(page: &'a str, Question { heading, row, .. }: &Question) -> &'a str {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let cell = section.lines().find_map(|line| line.strip_prefix(&format!("| {row} | "))).expect(row);
    cell.trim_end_matches(" |")
}

/// Compares a page with its text, or writes it anew.
fn check(path: &Path, written: &str) {
    if std::env::var_os("CE_WRITE_DOCS").is_some() {
        fs::write(path, written).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), written, "CE_WRITE_DOCS=1 writes the page anew");
}

#[test]
fn the_pages_have_the_rows_of_the_protocols() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read =
        |folder: &str, name: &str| fs::read_to_string(docs.join(format!("{folder}/{name}.md"))).unwrap();
    let pages = PAGES.map(|name| (name, read("promises", name)));

    let mut matrices = format!("# Choosing a protocol\n\n{CHOICE}");
    let mut questions = QUESTIONS.iter();
    for (heading, introduction, count) in TABLES {
        let columns: Vec<_> = questions.by_ref().take(count).collect();
        write!(matrices, "\n## {heading}\n\n{introduction}\n\n|").unwrap();
        for Question { question, column, .. } in &columns {
            let anchor = question.to_lowercase().replace(' ', "-").replace('?', "");
            write!(matrices, " | [{column}](choose-answers.md#{anchor})").unwrap();
        }
        writeln!(matrices, " |\n|{}", "---|".repeat(count + 1)).unwrap();
        for (at, (name, page)) in pages.iter().enumerate() {
            write!(matrices, "| [{}](protocols/{name}.md)", title(page)).unwrap();
            for Question { verdicts, .. } in &columns {
                write!(matrices, " | {}", verdicts[at].0).unwrap();
            }
            writeln!(matrices, " |").unwrap();
        }
    }
    check(&docs.join("choose.md"), &matrices);
    assert!(questions.next().is_none(), "each question has a column");
    assert!(matrices.len() <= 6 << 10, "a person reads the page in a minute: {} bytes", matrices.len());

    let mut answers = format!("# Choosing a protocol: the whole answers\n\n{ANSWERS}");
    for question in &QUESTIONS {
        write!(answers, "\n## {}\n\n| | {} | |\n|---|---|---|\n", question.question, question.column)
            .unwrap();
        for ((name, page), (verdict, _)) in pages.iter().zip(question.verdicts) {
            let cell = answer(page, question).replace("](#", &format!("](promises/{name}.md#"));
            let cell = cell.replace("](../", "](");
            writeln!(answers, "| [{}](protocols/{name}.md) | {verdict} | {cell} |", title(page)).unwrap();
        }
    }
    check(&docs.join("choose-answers.md"), &answers);

    for question in &QUESTIONS {
        for ((name, page), (verdict, words)) in pages.iter().zip(question.verdicts) {
            let stated = match question.row {
                TOO_LARGE => read("protocols", name).contains(words),
                _ => answer(page, question).contains(words),
            };
            assert!(
                stated,
                "{name}: `{words}` is gone. Is the verdict on `{}` still `{verdict}`?",
                question.row
            );
            // What can be answered by yes or no is, in these words, or has its condition.
            let plain = ["yes", "no"].contains(&verdict) || verdict.starts_with("if ");
            assert!(plain || !question.column.ends_with('?'), "{name}, {}: `{verdict}`", question.column);
            let short = verdict.strip_prefix("if ").unwrap_or(verdict).split_whitespace().count() <= 6;
            assert!(short, "{name}: `{verdict}` has more than six words");
        }
    }
}
