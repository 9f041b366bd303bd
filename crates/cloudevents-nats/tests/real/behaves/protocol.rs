//! Operations, and what the server says to broken ones.

use super::client::{Behaviour, line, name};
use cloudevents_testkit::patience;

pub(super) const ALL: &[Behaviour] = &[
    ("the server begins with INFO", |place| {
        let info = place.open().info;
        assert!(info.starts_with("INFO {"), "{info}");
        for field in ["\"max_payload\":1048576", "\"headers\":true", "\"proto\":1"] {
            assert!(info.contains(field), "{info}");
        }
    }),
    ("every operation is confirmed unless the client wants it otherwise", |place| {
        let mut client = place.open();
        client.write("CONNECT {}\r\nSUB a 1\r\nUNSUB 1\r\nPUB a 1\r\nx\r\n");
        assert_eq!(client.received(), ["+OK", "+OK", "+OK", "+OK"].map(line));
    }),
    ("a ping is answered", |place| assert_eq!(place.client().received(), [])),
    ("operations may be before CONNECT", |place| {
        let mut client = place.open();
        let subject = name();
        client.write(&format!("SUB {subject} 1\r\nPUB {subject} 1\r\nx\r\n"));
        client.write("CONNECT {\"verbose\":false}\r\n");
        let got = client.received();
        assert!(got.iter().any(|got| matches!(got, super::client::Got::Message(sent) if sent.text == "x")));
    }),
    ("letters of operations are small or capital, and blanks are many", |place| {
        let mut client = place.client();
        let subject = name();
        client.write(&format!("sub\t{subject}   1\r\nPuB {subject}\t2 \r\nhi\r\n"));
        assert_eq!(client.texts(), ["hi"]);
    }),
    ("a payload may be empty, or have line breaks", |place| {
        let mut client = place.client();
        let subject = name();
        client.subscribe(&subject, "1");
        client.write(&format!("PUB {subject} 0\r\n\r\nPUB {subject} 6\r\na\r\nb\r\n\r\n"));
        assert_eq!(client.texts(), ["", "a\r\nb\r\n"]);
    }),
    ("a payload of another length than announced ends the connection", |place| {
        for wrong in
            ["PUB a 1\r\nxyz\r\n", "PUB a 5\r\nx\r\nPING\r\n", "HPUB a 12 13\r\nNATS/1.0\r\n\r\nxyz\r\n"]
        {
            let mut client = place.client();
            client.write(wrong);
            assert_eq!(client.ended(), "Unknown Protocol Operation", "{wrong:?}");
        }
    }),
    ("ending a subscription that is not there changes nothing", |place| {
        let mut client = place.client();
        client.write("UNSUB 99\r\n");
        assert_eq!(client.received(), []);
    }),
    ("CONNECT may come again, with other wants", |place| {
        let (mut client, subject) = (place.client(), name());
        client.subscribe(&subject, "1");
        client.write("CONNECT {\"verbose\":false,\"echo\":false,\"headers\":true}\r\n");
        client.write(&format!("PUB {subject} 1\r\nx\r\n"));
        assert_eq!(client.received(), []);
    }),
    ("an operation that is unknown ends the connection", |place| {
        let mut client = place.client();
        client.write("HELLO\r\n");
        assert_eq!(client.ended(), "Unknown Protocol Operation");
    }),
    ("operations with too few or too many arguments end the connection", |place| {
        for operation in
            ["SUB a", "PUB a", "SUB a b c d", "UNSUB a b c", "PUB a b c 1", "PUB a -1", "HPUB a 5 4"]
        {
            let mut client = place.client();
            client.write(&format!("{operation}\r\n"));
            client.ended();
        }
    }),
    ("a payload beyond the maximum ends the connection", |place| {
        let mut client = place.client();
        client.write("PUB a 1048577\r\n");
        assert_eq!(client.ended(), "Maximum Payload Violation");
    }),
    ("a line that is too long ends the connection", |place| {
        let mut client = place.client();
        client.write(&format!("SUB {} 1\r\n", "a".repeat(5000)));
        assert_eq!(client.ended().to_ascii_lowercase(), "maximum control line exceeded");
    }),
    ("a client that does not read is cut off, and others are not", |place| {
        let (mut slow, mut other, subject) = (place.client(), place.client(), name());
        slow.subscribe(&subject, "1");
        assert_eq!(slow.received(), []);
        // More than the 64 MiB that wait for a client, and what sockets hold.
        let (count, text) = (120, "x".repeat(1_000_000));
        (0..count).for_each(|_| other.publish(&subject, &text));
        // It is gone before it reads: a request to it has no responder.
        let begin = std::time::Instant::now();
        other.subscribe("answers", "1");
        let asked = std::iter::repeat_with(|| {
            other.write(&format!("PUB {subject} answers 1\r\nx\r\n"));
            other.messages()
        });
        let answered = asked.take_while(|_| begin.elapsed() < patience()).find(|got| !got.is_empty());
        assert!(answered.unwrap()[0].headers.starts_with("NATS/1.0 503\r\n"));
        let got = slow.drained();
        assert!(got.len() < count * text.len(), "it was not cut off");
        // There is no place for a reason.
        assert!(!got.windows(4).any(|part| part == b"-ERR"));
    }),
    ("CONNECT that is no object ends the connection", |place| {
        let mut client = place.connect("nonsense");
        client.ended();
    }),
    ("no responders without headers end the connection", |place| {
        let mut client = place.connect(r#"{"verbose":false,"no_responders":true}"#);
        assert_eq!(client.ended(), "no responders requires headers support");
    }),
    ("headers of a client that did not ask for them end the connection", |place| {
        let mut client = place.connect(r#"{"verbose":false}"#);
        client.write("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n");
        client.ended();
    }),
    ("headers arrive as they were sent", |place| {
        let mut client = place.client();
        let subject = name();
        client.subscribe(&subject, "1");
        let headers = "NATS/1.0\r\na: 1\r\nA:2\r\na:  3\r\n\r\n";
        client.write(&format!("HPUB {subject} {} {}\r\n{headers}x\r\n", headers.len(), headers.len() + 1));
        let sent = client.messages().remove(0);
        assert_eq!((&*sent.headers, &*sent.text), (headers, "x"));
    }),
    ("a client that did not ask for headers gets none", |place| {
        let mut client = place.connect(r#"{"verbose":false}"#);
        let subject = name();
        client.subscribe(&subject, "1");
        assert_eq!(client.received(), []);
        place.client().write(&format!("HPUB {subject} 12 13\r\nNATS/1.0\r\n\r\nx\r\n"));
        let sent = client.read();
        assert!(
            matches!(sent, Some(super::client::Got::Message(sent)) if sent.headers.is_empty() && sent.text == "x")
        );
    }),
];
