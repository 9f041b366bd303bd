//! Requests, and answers.

use super::client::{Behaviour, name};

pub(super) const ALL: &[Behaviour] = &[
    ("a request that no subscription gets is answered with 503", |place| {
        let (mut client, inbox) = (place.client(), name());
        client.subscribe(&inbox, "1");
        client.write(&format!("PUB {} {inbox} 1\r\nx\r\n", name()));
        let sent = client.messages().remove(0);
        // Newer servers add the subject of the request.
        assert!(sent.headers.starts_with("NATS/1.0 503\r\n"), "{}", sent.headers);
        assert_eq!(sent.text, "");
        assert_eq!(sent.subject, inbox);
    }),
    ("a request that a subscription gets is not", |place| {
        let (mut client, inbox, subject) = (place.client(), name(), name());
        client.subscribe(&inbox, "1");
        client.subscribe(&subject, "2");
        client.write(&format!("PUB {subject} {inbox} 1\r\nx\r\n"));
        let sids: Vec<_> = client.messages().into_iter().map(|sent| sent.sid).collect();
        assert_eq!(sids, ["2"]);
    }),
    ("a client that does not want 503 gets none", |place| {
        let mut client = place.connect(r#"{"verbose":false,"headers":true}"#);
        let inbox = name();
        client.subscribe(&inbox, "1");
        client.write(&format!("PUB {} {inbox} 1\r\nx\r\n", name()));
        assert_eq!(client.received(), []);
    }),
    ("a message without a reply is not answered", |place| {
        let mut client = place.client();
        client.subscribe(">", "1");
        client.received(); // what others say on a shared server
        let mut other = place.client();
        let subject = name();
        other.publish(&subject, "x");
        let own: Vec<_> = client.messages().into_iter().filter(|sent| sent.subject == subject).collect();
        assert_eq!(own.len(), 1);
    }),
    ("an answer reaches the inbox", |place| {
        let (mut asking, mut answering) = (place.client(), place.client());
        let (inbox, subject) = (name(), name());
        asking.subscribe(&format!("{inbox}.*"), "1");
        answering.subscribe(&subject, "1");
        assert_eq!(answering.received(), []);
        asking.write(&format!("PUB {subject} {inbox}.7 8\r\nquestion\r\n"));
        assert_eq!(asking.received(), []);
        let request = answering.messages().remove(0);
        answering.publish(&request.reply.unwrap(), "answer");
        let answer = asking.messages().remove(0);
        assert_eq!((&*answer.text, answer.subject), ("answer", format!("{inbox}.7")));
    }),
];
