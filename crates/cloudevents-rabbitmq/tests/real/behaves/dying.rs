//! Expiry, and where dead letters go.

use super::client::{Behaviour, Client, Sent, headers, name, number, text, until};
use amq_protocol::{
    protocol::BasicProperties,
    types::{AMQPValue, FieldTable},
};

pub(super) const ALL: &[Behaviour] = &[
    ("a rejected message goes to the dead-letter exchange, with its history", |place| {
        let (mut client, from, to) = linked(place.client(), []);
        client.publish_with("", &from, headers([("mine", text("1"))]), "x").unwrap();
        reject(&mut client, &from);
        let sent = client.next();
        assert_eq!((sent.text(), sent.exchange.as_str(), &sent.key), ("x", "", &to));
        let deaths = deaths(&sent);
        assert_eq!(deaths.len(), 1);
        assert_eq!(field(&deaths[0], "reason"), text("rejected"));
        assert_eq!(field(&deaths[0], "queue"), text(&from));
        assert_eq!(field(&deaths[0], "exchange"), text(""));
        assert_eq!(field(&deaths[0], "count"), AMQPValue::LongLongInt(1));
        assert!(matches!(field(&deaths[0], "time"), AMQPValue::Timestamp(time) if time > 1_600_000_000));
        let AMQPValue::FieldArray(keys) = field(&deaths[0], "routing-keys") else { panic!() };
        assert_eq!(keys.as_slice(), [text(&from)]);
        assert_eq!(sent.header("mine"), Some(text("1")));
    }),
    ("the first death is in headers of its own", |place| {
        let (mut client, from, _) = linked(place.client(), []);
        client.put(&from, ["x"]);
        reject(&mut client, &from);
        let sent = client.next();
        assert_eq!(sent.header("x-first-death-queue"), Some(text(&from)));
        assert_eq!(sent.header("x-first-death-reason"), Some(text("rejected")));
        assert_eq!(sent.header("x-first-death-exchange"), Some(text("")));
    }),
    ("the same death again is counted, and the first one stays", |place| {
        let (mut client, from, to) = linked(place.client(), []);
        client.put(&from, ["x"]);
        reject(&mut client, &from);
        let sent = client.next();
        client.publish_with("", &from, sent.properties, "again").unwrap();
        reject(&mut client, &from);
        let again = client.next();
        let deaths = deaths(&again);
        assert_eq!((deaths.len(), field(&deaths[0], "count")), (1, AMQPValue::LongLongInt(2)));
        assert_eq!(again.header("x-first-death-queue"), Some(text(&from)));
        assert_eq!(again.key, to);
    }),
    ("deaths in two queues are two, the newest first", |place| {
        let (mut client, second, _) = linked(place.client(), []);
        let first = name("q");
        let arguments = [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(&second))];
        client.declare_with(&first, arguments).unwrap();
        client.put(&first, ["x"]);
        reject(&mut client, &first);
        reject(&mut client, &second);
        let sent = client.next();
        let queues: Vec<_> = deaths(&sent).iter().map(|death| field(death, "queue")).collect();
        assert_eq!(queues, [text(&second), text(&first)]);
        assert_eq!(sent.header("x-first-death-queue"), Some(text(&first)));
    }),
    ("without a key for dead letters, the message keeps its own", |place| {
        let mut client = place.client();
        let (exchange, from, to) = (name("e"), name("q"), name("q"));
        client.declare_exchange(&exchange, "topic").unwrap();
        client.declare_with(&from, [("x-dead-letter-exchange", text(&exchange))]).unwrap();
        client.declare(&to).unwrap();
        client.bind(&to, &exchange, "own.*").unwrap();
        client.bind(&from, "amq.direct", "own.key").unwrap();
        client.publish("amq.direct", "own.key", "x").unwrap();
        client.consume(&to, "to").unwrap();
        reject(&mut client, &from);
        let sent = client.next();
        assert_eq!((&sent.exchange, sent.key.as_str()), (&exchange, "own.key"));
        assert_eq!(field(&deaths(&sent)[0], "exchange"), text("amq.direct"));
        client.unbind(&from, "amq.direct", "own.key").unwrap();
    }),
    ("a dead-letter exchange that is missing drops the message", |place| {
        let mut client = place.client();
        let from = name("q");
        client.declare_with(&from, [("x-dead-letter-exchange", text(&name("e")))]).unwrap();
        client.put(&from, ["x", "y"]);
        reject(&mut client, &from);
        assert_eq!(client.take_all(&from), ["y"]);
    }),
    ("a message expires at its own time", |place| {
        let (mut client, from, _) = linked(place.client(), []);
        let properties = BasicProperties::default().with_expiration("30".into());
        client.publish_with("", &from, properties, "x").unwrap();
        let sent = client.next();
        assert_eq!(field(&deaths(&sent)[0], "reason"), text("expired"));
        assert_eq!(field(&deaths(&sent)[0], "original-expiration"), text("30"));
        assert_eq!(sent.properties.expiration().as_ref(), None);
    }),
    ("a message expires at the time of the queue", |place| {
        let (mut client, from, _) = linked(place.client(), [("x-message-ttl", number(30))]);
        client.put(&from, ["x"]);
        let sent = client.next();
        assert_eq!(field(&deaths(&sent)[0], "reason"), text("expired"));
        assert_eq!(sent.header("x-first-death-reason"), Some(text("expired")));
        assert_eq!(deaths(&sent)[0].inner().get("original-expiration"), None);
    }),
    ("the earlier of both times holds", |place| {
        let (mut client, from, _) = linked(place.client(), [("x-message-ttl", number(30))]);
        let properties = BasicProperties::default().with_expiration("600000".into());
        client.publish_with("", &from, properties, "x").unwrap();
        assert_eq!(client.next().text(), "x");
    }),
    ("messages expire at the head of the queue", |place| {
        let (mut client, from, _) = linked(place.client(), []);
        client.put(&from, ["stays"]);
        let properties = |expiration: &str| BasicProperties::default().with_expiration(expiration.into());
        client.publish_with("", &from, properties("1"), "behind").unwrap();
        // Another message of the same age is gone meanwhile.
        let (mut other, elsewhere, _) = linked(place.client(), []);
        other.publish_with("", &elsewhere, properties("50"), "x").unwrap();
        other.next();
        assert_eq!(client.counts(&from), Ok((2, 0)));
        assert_eq!(client.take(&from).unwrap().text(), "stays");
        assert_eq!(client.next().text(), "behind");
    }),
    ("what expires at once is delivered to a consumer that waits, or never", |place| {
        let (mut client, queue) = place.with_queue();
        let now = || BasicProperties::default().with_expiration("0".into());
        client.publish_with("", &queue, now(), "lost").unwrap();
        client.put(&queue, ["kept"]);
        assert_eq!(client.take_all(&queue), ["kept"]);
        client.consume(&queue, "c").unwrap();
        client.publish_with("", &queue, now(), "taken").unwrap();
        assert_eq!(client.next().text(), "taken");
    }),
    ("what was returned still expires", |place| {
        let (mut client, from, _) = linked(place.client(), [("x-message-ttl", number(200))]);
        client.put(&from, ["x"]);
        if let Some(sent) = client.get(&from, false).unwrap() {
            client.nack(sent.tag, false, true).unwrap();
        }
        assert_eq!(client.next().text(), "x");
    }),
    ("a message that expires back to where it came from is dropped", |place| {
        let mut client = place.client();
        let queue = name("q");
        let arguments = [
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&queue)),
            ("x-message-ttl", number(1)),
        ];
        client.declare_with(&queue, arguments).unwrap();
        client.put(&queue, ["x"]);
        until(|| (client.counts(&queue).unwrap().0 == 0).then_some(()));
        assert!(client.take(&queue).is_none());
    }),
    ("a message that was rejected back to where it came from is not dropped", |place| {
        let mut client = place.client();
        let queue = name("q");
        let arguments = [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(&queue))];
        client.declare_with(&queue, arguments).unwrap();
        client.put(&queue, ["x"]);
        client.consume(&queue, "c").unwrap();
        for count in [1, 2] {
            let sent = client.next();
            client.reject(sent.tag, false).unwrap();
            let _ = count;
        }
        assert_eq!(field(&deaths(&client.next())[0], "count"), AMQPValue::LongLongInt(2));
    }),
];

/// A queue, and where its dead letters go, which the client consumes from.
fn linked<const N: usize>(mut client: Client, more: [(&str, AMQPValue); N]) -> (Client, String, String) {
    let (from, to) = (name("q"), name("q"));
    let mut arguments = FieldTable::default();
    for (name, value) in [("x-dead-letter-exchange", text("")), ("x-dead-letter-routing-key", text(&to))]
        .into_iter()
        .chain(more)
    {
        arguments.insert(name.into(), value);
    }
    client
        .declare_as(amq_protocol::protocol::queue::Declare {
            queue: from.as_str().into(),
            durable: true,
            arguments,
            ..Default::default()
        })
        .unwrap();
    client.declare(&to).unwrap();
    client.consume(&to, "to").unwrap();
    (client, from, to)
}

/// Rejects the first message of a queue, once it is there.
fn reject(client: &mut Client, queue: &str) {
    let sent = until(|| client.get(queue, false).unwrap());
    client.reject(sent.tag, false).unwrap();
}

fn deaths(sent: &Sent) -> Vec<FieldTable> {
    let Some(AMQPValue::FieldArray(deaths)) = sent.header("x-death") else { panic!("no deaths") };
    let table = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => death.clone(),
        other => panic!("{other:?}"),
    };
    deaths.as_slice().iter().map(table).collect()
}

fn field(death: &FieldTable, name: &str) -> AMQPValue {
    death.inner().get(name).cloned().unwrap_or(AMQPValue::Void)
}
