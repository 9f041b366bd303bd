//! What `ce bridge` waits for before it is idle.

use crate::hook::hook;
use crate::program::{Bridge, ce, ce_with, command, exited, file, path_of, url_of, with_id};
use crate::suggested::send_documents;
use cloudevents_testkit::{amqp::Broker, slowed};
use std::{
    io::Read,
    sync::mpsc,
    time::{Duration, Instant},
};

fn event(id: usize) -> String {
    with_id(id) + "\n"
}

/// A webhook that answers like this to events with an odd id, and accepts the others.
fn webhook(status: &'static str) -> String {
    hook(move |request| match request.header("ce-id").unwrap().parse::<usize>().unwrap() % 2 {
        1 => status,
        _ => "204 No Content",
    })
}

/// A webhook that accepts an event after this time, one at a time. The receiver has each when it has come.
pub(crate) fn slow_hook(wait: Duration) -> (String, mpsc::Receiver<()>) {
    let (comes, come) = mpsc::channel();
    let answer = move |_| {
        let _ = comes.send(());
        std::thread::sleep(wait);
        "204 No Content"
    };
    (hook(answer), come)
}

/// A configuration file with letters of a file, of which the bridge may hold them all.
fn settings_of_letters(number: usize) -> String {
    let from = url_of("letters.jsonl", (0..number).map(event).collect::<String>());
    let settings = format!("from: {from}\nto: http://127.0.0.1:9/events\nin-flight: {{messages: 6000}}\n");
    path_of("bridge.yaml", settings)
}

/// One that holds as much as it may reads nothing more, so that nothing more is to be waited for.
#[test]
fn a_dry_run_of_more_letters_than_it_may_hold_ends_and_says_so() {
    let from = url_of("letters.jsonl", (0..1100).map(event).collect::<String>());
    let begin = Instant::now();
    let ran = ce(&["bridge", &from, "http://127.0.0.1:9/events", "--redrive", "--dry-run", "--idle", "3"]);
    assert!(begin.elapsed() < slowed(Duration::from_secs(20)), "{:?}", begin.elapsed());
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("would be sent").count(), 1024, "{}", ran.err);
    assert!(ran.err.contains("a dry run: 0 messages moved"), "{}", ran.err);
    assert_eq!(ran.err.matches("no more than 1,024 messages can be held at once").count(), 1, "{}", ran.err);
}

/// Who decides by a dry run takes what it shows for all that there is.
#[test]
fn a_dry_run_shows_each_letter_however_many_it_may_hold_and_however_late_it_is_read() {
    let settings = settings_of_letters(5000);
    let arguments = ["bridge", "--config", &settings, "--redrive", "--dry-run", "--idle", "2"];
    let mut child = command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(5)); // as a person who reads the first page
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    assert_eq!(text.matches("would be sent").count(), 5000, "{text}");
    assert_eq!(text.matches("5,000 messages were held until the end").count(), 1, "{text}");
}

/// The letters that it holds are kept from all other consumers.
#[test]
fn a_dry_run_whose_output_is_not_read_ends_by_a_signal() {
    let settings = settings_of_letters(5000);
    for (idle, seconds) in [("600", 2), ("2", 6)] {
        let arguments = ["--config", &settings, "--redrive", "--dry-run", "--idle", idle];
        let mut bridge = Bridge::start(&arguments);
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(bridge.child.try_wait().unwrap(), None, "what it shows waits for its reader");
        bridge.signal("-TERM");
        assert_eq!(exited(&mut bridge.child), Some(0), "--idle {idle}");
    }
}

/// More would be taken back than was wanted.
#[test]
fn a_limit_of_messages_holds_when_the_settings_are_read_again() {
    let broker = Broker::start().unwrap();
    let from = broker.url("rejected");
    ce_with(&["send", &from], (0..16).map(event).collect::<String>()).ended(0);
    let (to, begun) = slow_hook(Duration::from_millis(500));
    let settings = file("bridge.yaml", format!("from: {from}?reject=drop\nto: {to}\nlimit: 1\n"));
    let mut bridge = Bridge::start(&["--config", settings.to_str().unwrap(), "--redrive", "-n", "12"]);
    begun.recv().unwrap();
    begun.recv().unwrap();
    // It takes five seconds for the others.
    bridge.signal("-HUP");
    bridge.line("the settings were read again");
    let text = bridge.ended(0);
    assert_eq!((begun.try_iter().count() + 2, broker.queue("rejected").len()), (12, 4), "{text}");
}

#[test]
fn a_filtered_redrive_of_more_letters_than_it_may_hold_ends_and_says_so() {
    let broker = Broker::start().unwrap();
    let from = broker.url("rejected");
    ce_with(&["send", &from], (0..10).map(event).collect::<String>()).ended(0);
    let settings = format!(
        "from: {from}?reject=drop\nto: {}\nin-flight: {{messages: 5}}\nfilter: \"FALSE\"\n",
        broker.url("orders")
    );
    let settings = file("bridge.yaml", settings);
    ce(&["bridge", "--config", settings.to_str().unwrap(), "--redrive", "--idle", "4"])
        .ended(0)
        .says("no more than 5 messages can be held at once");
    assert_eq!(broker.queue("rejected").len(), 10);
}

/// The broker sends no more than that, whatever `in-flight` is.
#[test]
fn a_filtered_redrive_of_more_letters_than_its_broker_sends_ends_and_says_so() {
    let broker = cloudevents_testkit::rabbitmq::Broker::start().unwrap();
    let letters = broker.queue("rejected");
    let from = broker.url("queue=rejected&prefetch=5&reject=drop");
    ce_with(&["send", &broker.url("queue=rejected")], (0..10).map(event).collect::<String>()).ended(0);
    ce(&["bridge", &from, &webhook("204 No Content"), "--redrive", "--idle", "4", "--filter", "FALSE"])
        .ended(0)
        .says("5 messages were held until the end; there may be others at FROM");
    assert_eq!(letters.len(), 10);
}

/// Where the bound of the broker is not known: it may be lower than all others.
#[test]
fn a_redrive_that_holds_messages_at_its_end_says_that_there_may_be_others() {
    let broker = Broker::start().unwrap();
    let ends = |name: &str, more: &[&str], warnings| {
        let from = broker.url(name);
        ce_with(&["send", &from], (0..3).map(event).collect::<String>()).ended(0);
        let (from, to) = (format!("{from}?reject=drop"), webhook("204 No Content"));
        let ran = ce(&[&["bridge", &from, &to, "--redrive", "--idle", "4"], more].concat()).ended(0);
        assert_eq!(ran.err.matches("3 messages were held until the end").count(), warnings, "{}", ran.err);
    };
    std::thread::scope(|all| {
        all.spawn(|| ends("shown", &["--dry-run"], 1));
        all.spawn(|| ends("filtered", &["--filter", "FALSE"], 1));
        all.spawn(|| ends("moved", &[], 0));
    });
}

/// A redrive by a timer would otherwise stay as a process of which nothing is known.
#[test]
fn what_a_redrive_waits_for_is_said_once() {
    let broker = Broker::start().unwrap();
    let from = broker.url("rejected");
    ce_with(&["send", &from], (1..=3).map(event).collect::<String>()).ended(0);
    let to = webhook("500 Internal Server Error");
    // In order, the second message would wait behind the first one.
    let mut bridge =
        Bridge::start(&[&format!("{from}?reject=drop"), &to, "--redrive", "--order", "none", "--idle", "3"]);
    let line = bridge.line("waiting for another attempt at 2 messages");
    assert!(line.contains("the bridge is not idle before"), "{line}");
    std::thread::sleep(Duration::from_secs(4)); // another look
    assert_eq!(bridge.child.try_wait().unwrap(), None);
    bridge.signal("-INT");
    let text = bridge.ended(0);
    assert!(!text.contains("waiting for") && text.contains("1 message moved, 0 refused"), "{text}");
    assert_eq!(broker.queue("rejected").len(), 2);
}

/// Otherwise it would end with 0 and say that they became dead letters, which are where they were.
#[test]
fn a_bridge_whose_dead_letter_place_is_gone_is_not_idle_and_reports_the_letters() {
    let broker = Broker::start().unwrap();
    let from = broker.url("rejected");
    let to = webhook("400 Bad Request");
    let mut bridge = Bridge::start(&[&format!("{from}?dead-letter=lost"), &to, "--redrive", "--idle", "6"]);
    broker.delete_queue("lost");
    ce_with(&["send", &from], (1..=3).map(event).collect::<String>()).ended(0);
    bridge.line("waiting for the dead-letter place of 2 refused messages");
    bridge.signal("-INT");
    let text = bridge.ended(3);
    assert!(text.contains("error: no dead letter for 2 refused messages"), "{text}");
    assert_eq!(broker.queue("rejected").len(), 2);
}

/// So it is with a place of the bridge's own. Without an order, both refused messages are tried.
#[test]
fn letters_that_a_place_of_the_bridge_has_not_taken_are_reported() {
    let broker = Broker::start().unwrap();
    broker.queue("lost");
    let (from, lost) = (broker.url("orders"), broker.url("lost"));
    let to = webhook("400 Bad Request");
    let mut bridge = Bridge::start(&[&from, &to, "--dead-letter", &lost, "--order", "none"]);
    broker.delete_queue("lost");
    ce_with(&["send", &from], (1..=3).map(event).collect::<String>()).ended(0);
    bridge.line("its dead letter is not stored");
    bridge.until(&["cloudevents_bridge_failed_total"], 2);
    bridge.signal("-INT");
    let text = bridge.ended(3);
    assert!(text.contains("error: no dead letter for 2 refused messages"), "{text}");
    assert_eq!(broker.queue("orders").len(), 2);
}

/// The server has forgotten them: they are not where they were. So it is when the settings are read again.
#[test]
fn refused_messages_without_a_letter_are_lost_where_the_source_keeps_no_message() {
    let mut options = cloudevents_testkit::nats::ServerOptions::default();
    options.denied = vec!["lost.>".into()];
    let server = cloudevents_testkit::nats::Server::with_options(options).unwrap();
    let from = server.url("orders");
    let settings = format!("from: {from}?dead-letter=lost.orders\nto: {}\n", webhook("400 Bad Request"));
    let settings = file("bridge.yaml", settings);
    for reads_again in [false, true] {
        let mut bridge = Bridge::start(&["--config", settings.to_str().unwrap()]);
        ce_with(&["send", &from], (1..=3).map(event).collect::<String>()).ended(0);
        bridge.until(&["cloudevents_bridge_waiting_letters"], 2);
        if reads_again {
            bridge.signal("-HUP");
            bridge.line("error: 2 messages lost");
            bridge.line("the settings were read again");
        }
        bridge.signal("-INT");
        let (status, text) = bridge.end();
        assert!(!text.contains("at FROM again"), "{text}");
        if !reads_again {
            assert_eq!((status, text.matches("error: 2 messages lost").count()), (Some(3), 1), "{text}");
        }
    }
}

/// Who takes letters back has no other copy of them. They are there for the next redrive, and the first one ends all the same.
#[test]
fn letters_that_are_refused_again_stay_whatever_the_protocol_and_the_url_say() {
    let takes_back = |from: &str, to: &str, status, words: &str| {
        let ran = ce(&["bridge", from, to, "--redrive", "--idle", "3"]).ended(status).says(words);
        ran.err
    };
    // What is settled in order begins with the first letter that was refused.
    let check = |from: &str, to: &str, left: usize| {
        ce_with(&["send", to], (0..4).map(event).collect::<String>()).ended(0);
        for option in ["reject=drop", ""] {
            let end = if from.contains('?') { '&' } else { '?' };
            let from = format!("{from}{end}{option}");
            let from = from.trim_end_matches(['?', '&']);
            let words = "2 refused";
            let told = takes_back(from, &webhook("422 Unprocessable Entity"), 1, words);
            assert_eq!(told.matches("was refused again, and stays at FROM").count(), 2, "{from}: {told}");
        }
        takes_back(from, &webhook("204 No Content"), 0, &format!("{left} messages moved, 0 refused"));
        takes_back(from, &webhook("204 No Content"), 0, "0 messages moved, 0 refused");
    };
    std::thread::scope(|all| {
        all.spawn(|| {
            let broker = Broker::start().unwrap();
            check(&broker.url("rejected"), &broker.url("rejected"), 2);
        });
        all.spawn(|| {
            let broker = cloudevents_testkit::rabbitmq::Broker::start().unwrap();
            broker.queue("rejected");
            check(&broker.url("queue=rejected"), &broker.url("queue=rejected"), 2);
        });
        all.spawn(|| {
            let broker = cloudevents_testkit::mqtt::Broker::start().unwrap();
            let (from, to) = (broker.url("rejected?client=c&session=1h"), broker.url("rejected"));
            takes_back(&from, &webhook("204 No Content"), 0, "0 messages moved"); // there is a session
            check(&from, &to, 3);
        });
        all.spawn(|| {
            let broker = cloudevents_testkit::kafka::Broker::start().unwrap();
            broker.create_topic("rejected", 1).unwrap();
            check(&broker.url("rejected?group=g"), &broker.url("rejected"), 3);
        });
    });
}

/// The reason of a refusal has nothing to do with the limit.
#[test]
fn the_limit_of_a_broker_is_the_help_of_the_messages_that_were_held_and_of_no_others() {
    let broker = cloudevents_testkit::kafka::Broker::start().unwrap();
    broker.create_topic("rejected", 1).unwrap();
    let url = broker.url("rejected");
    send_documents(&url, &["{\"specversion\":\"1.0\""]);
    ce_with(&["send", &url], event(1)).ended(0);
    let from = broker.url("rejected?group=g");
    let arguments = ["bridge", &from, "http://127.0.0.1:9/events", "--redrive", "--dry-run", "--idle", "3"];
    let more = ["--mode", "binary", "--error-format", "json"]; // a document is read
    let ran = ce(&[&arguments[..], &more].concat()).ended(0);
    let lines = ran.errors();
    let with = |words: &str| {
        let has = |line: &&serde_json::Value| line["message"].as_str().unwrap().contains(words);
        lines.iter().filter(has).collect::<Vec<_>>()
    };
    let (refused, held) = (with(" was refused: "), with("2 messages were held until the end"));
    assert!(refused.len() == 1 && refused[0]["help"].is_null(), "{lines:?}");
    assert_eq!((&refused[0]["kind"], &refused[0]["severity"]), (&"refused".into(), &"warning".into()));
    assert!(held.len() == 1 && held[0]["help"].as_str().unwrap().contains("`prefetch`"), "{lines:?}");
}

#[test]
fn letters_that_are_refused_again_move_to_another_place_that_is_named() {
    let broker = Broker::start().unwrap();
    let (from, lost) = (broker.url("rejected"), broker.url("lost"));
    let named = format!("{from}?dead-letter=lost");
    for (number, arguments) in [vec![&*named], vec![&*from, "--dead-letter", &lost]].iter().enumerate() {
        ce_with(&["send", &from], (0..4).map(event).collect::<String>()).ended(0);
        let to = webhook("422 Unprocessable Entity");
        let ran = ce(&[&["bridge", arguments[0], &to, "--redrive", "--idle", "3"], &arguments[1..]].concat())
            .ended(1);
        assert_eq!(ran.err.matches("was refused: ").count(), 2, "{}", ran.err);
        let letters = (broker.queue("rejected").len(), broker.queue("lost").len());
        assert_eq!(letters, (0, 2 * number + 2), "{}", ran.err);
    }
}

#[test]
fn a_redrive_from_what_keeps_no_letter_needs_a_place_for_what_is_refused_again() {
    let server = cloudevents_testkit::nats::Server::start().unwrap();
    let arguments =
        ["bridge", &server.url("letters"), &webhook("204 No Content"), "--redrive", "--idle", "1"];
    ce(&arguments).ended(2).says("name another dead-letter place");
    ce(&[&arguments[..], &["--dead-letter", &server.url("lost")]].concat()).ended(0);
}

/// The next redrive of the same group has nothing to send, and one of another group has all of it.
#[test]
fn a_redrive_of_a_log_moves_its_group_and_removes_nothing() {
    let broker = cloudevents_testkit::kafka::Broker::start().unwrap();
    broker.create_topic("rejected", 1).unwrap();
    ce_with(&["send", &broker.url("rejected")], (1..=3).map(event).collect::<String>()).ended(0);
    for (group, sent) in [("redrive", 3), ("redrive", 0), ("another", 3)] {
        let from = broker.url(&format!(
            "rejected?group={group}&reject=drop&session.timeout.ms=4000&heartbeat.interval.ms=300"
        ));
        ce(&["bridge", &from, "-", "--redrive"]).ended(0).prints_lines(sent);
    }
    assert_eq!(broker.messages("rejected").unwrap().len(), 3);
}
