//! Subjects, and who gets a message.

use super::client::{Behaviour, Client, Place, line, name};

pub(super) const ALL: &[Behaviour] = &[
    ("a subject without wildcards is a whole subject", |place| {
        assert_eq!(matched(place, "a", &["a", "a.b", "A", "ab"]), ["a"]);
    }),
    ("* is one token", |place| {
        assert_eq!(matched(place, "*.b", &["a.b", "a.a.b", "b", "b.b"]), ["a.b", "b.b"]);
    }),
    ("> is one token or more", |place| {
        assert_eq!(matched(place, "a.>", &["a", "a.b", "a.b.c", "b.a"]), ["a.b", "a.b.c"]);
    }),
    ("wildcards within a token are letters", |place| {
        assert_eq!(matched(place, "a*", &["ab", "a*"]), ["a*"]);
        assert_eq!(matched(place, "a>.b", &["ax.b", "a>.b"]), ["a>.b"]);
    }),
    ("subscribing to a subject with empty tokens is refused, and the connection goes on", |place| {
        for subject in ["a..b", "a.", ".a", ".", "a..", "..>"] {
            let mut client = place.client();
            client.subscribe(subject, "1");
            assert_eq!(client.received(), [line("-ERR 'Invalid Subject'")], "{subject}");
        }
    }),
    ("subscribing to a subject with > before its end is refused", |place| {
        for subject in ["a.>.b", ">.a"] {
            let mut client = place.client();
            client.subscribe(subject, "1");
            assert_eq!(client.received(), [line("-ERR 'Invalid Subject'")], "{subject}");
        }
    }),
    ("a message to a subject with empty tokens reaches no subscription", |place| {
        let mut client = place.client();
        let base = name();
        client.subscribe(&format!("{base}.>"), "1");
        for subject in ["a..b", "a.", ".a"] {
            client.write(&format!("PUB {base}.{subject} 1\r\nx\r\n"));
        }
        assert_eq!(client.received(), []);
    }),
    ("a pedantic client hears of subjects that are invalid", |place| {
        for subject in ["a..b", "a.*", ">"] {
            // It is pedantic unless it says that it is not.
            for options in [r#"{"verbose":false,"pedantic":true}"#, r#"{"verbose":false}"#] {
                let mut client = place.connect(options);
                client.write(&format!("PUB {subject} 1\r\nx\r\n"));
                assert_eq!(client.received(), [line("-ERR 'Invalid Publish Subject'")], "{subject}");
            }
        }
    }),
    ("each subscription of a client gets the message", |place| {
        let (mut client, base) = (place.client(), name());
        client.subscribe(&format!("{base}.*"), "1");
        client.subscribe(&format!("{base}.>"), "2");
        assert_eq!(client.received(), []);
        place.client().publish(&format!("{base}.a"), "x");
        let mut sids: Vec<_> = client.messages().into_iter().map(|sent| sent.sid).collect();
        sids.sort();
        assert_eq!(sids, ["1", "2"]);
    }),
    ("a message has its subject, its subscription and its reply", |place| {
        let (mut client, base) = (place.client(), name());
        client.subscribe(&format!("{base}.*"), "seven");
        client.write(&format!("PUB {base}.a answers.1 1\r\nx\r\n"));
        let sent = client.messages().remove(0);
        assert_eq!((sent.subject, &*sent.sid), (format!("{base}.a"), "seven"));
        assert_eq!(sent.reply.as_deref(), Some("answers.1"));
    }),
    ("a client gets its own messages, unless it does not want them", |place| {
        let subject = name();
        let (mut client, mut other) = (place.client(), place.connect(r#"{"verbose":false,"echo":false}"#));
        client.subscribe(&subject, "1");
        other.subscribe(&subject, "1");
        assert_eq!(other.received(), []);
        client.write(&format!("PUB {subject} 1\r\na\r\n"));
        assert_eq!(client.texts(), ["a"]);
        assert_eq!(other.texts(), ["a"]);
        other.publish(&subject, "b");
        assert_eq!(client.texts(), ["b"]);
    }),
    ("a subscription that ended gets nothing, and ending it again changes nothing", |place| {
        let (mut client, subject) = (place.client(), name());
        client.subscribe(&subject, "1");
        client.write("UNSUB 1\r\nUNSUB 1\r\nUNSUB 2\r\n");
        assert_eq!(client.received(), []);
        place.client().publish(&subject, "x");
        assert_eq!(client.received(), []);
    }),
    ("the maximum of UNSUB counts what came before", |place| {
        let (mut client, subject) = (place.client(), name());
        client.subscribe(&subject, "1");
        assert_eq!(client.received(), []);
        let mut other = place.client();
        other.publish(&subject, "1");
        other.publish(&subject, "2");
        assert_eq!(client.texts(), ["1", "2"]);
        client.write("UNSUB 1 3\r\n");
        assert_eq!(client.received(), []);
        other.publish(&subject, "3");
        other.publish(&subject, "4");
        assert_eq!(client.texts(), ["3"]);
    }),
    ("a maximum that is reached ends the subscription at once", |place| {
        let (mut client, subject) = (place.client(), name());
        client.subscribe(&subject, "1");
        client.write(&format!(
            "PUB {subject} 1\r\na\r\nPUB {subject} 1\r\nb\r\nUNSUB 1 2\r\nPUB {subject} 1\r\nc\r\n"
        ));
        assert_eq!(client.texts(), ["a", "b"]);
    }),
    ("a number of a subscription that is in use is not used again", |place| {
        let (mut client, one, two) = (place.client(), name(), name());
        client.subscribe(&one, "1");
        client.subscribe(&two, "1");
        assert_eq!(client.received(), []);
        let mut other = place.client();
        other.publish(&one, "one");
        other.publish(&two, "two");
        assert_eq!(client.texts(), ["one"]);
    }),
    ("messages of a publisher arrive in order", |place| {
        let (mut client, subject) = (place.client(), name());
        client.subscribe(&subject, "1");
        assert_eq!(client.received(), []);
        let mut other = place.client();
        let texts: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        texts.iter().for_each(|text| other.publish(&subject, text));
        assert_eq!(client.texts(), texts);
    }),
];

/// Which of the subjects reach a subscription, all of them below a token of their own.
fn matched(place: &Place, pattern: &str, subjects: &[&str]) -> Vec<String> {
    let (mut client, base) = (place.client(), name());
    client.subscribe(&format!("{base}.{pattern}"), "1");
    assert_eq!(client.received(), []);
    let mut other: Client = place.client();
    for subject in subjects {
        other.publish(&format!("{base}.{subject}"), subject);
    }
    client.texts()
}
