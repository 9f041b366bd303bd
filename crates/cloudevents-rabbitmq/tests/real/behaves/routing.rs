//! Where messages go.

use super::client::{Behaviour, Client, Refused::*, headers, name, number, text};
use amq_protocol::{
    protocol::exchange,
    types::{AMQPValue, FieldArray},
};

pub(super) const ALL: &[Behaviour] = &[
    ("the default exchange routes to the queue of the key's name", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["x"]);
        let sent = client.take(&queue).unwrap();
        assert_eq!((sent.text(), sent.exchange.as_str(), sent.key.as_str()), ("x", "", &*queue));
    }),
    ("a direct exchange wants the whole key", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "direct", &["a", "a.b"]);
        for key in ["a", "a.b", "a.", "A", "", "a.b.c"] {
            client.publish(&exchange, key, key).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["a", "a.b"]);
    }),
    ("a fanout exchange routes all, once to each queue", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "fanout", &["a", "b"]);
        client.publish(&exchange, "c", "x").unwrap();
        assert_eq!(client.take_all(&queue), ["x"]);
    }),
    ("a queue with several bindings gets a message once", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &["#", "a.*", "*.b"]);
        client.publish(&exchange, "a.b", "x").unwrap();
        assert_eq!(client.take_all(&queue), ["x"]);
    }),
    ("in topics, * is one word", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &["a.*.c"]);
        for key in ["a.b.c", "a.c", "a.b.b.c", "a..c", "a.b.c.d"] {
            client.publish(&exchange, key, key).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["a.b.c", "a..c"]);
    }),
    ("in topics, * does not match an empty key", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &["*"]);
        client.publish(&exchange, "", "empty").unwrap();
        client.publish(&exchange, "word", "word").unwrap();
        assert_eq!(client.take_all(&queue), ["word"]);
    }),
    ("in topics, # is any number of words, and an empty key has none", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &["#"]);
        for key in ["", "a", "a.b"] {
            client.publish(&exchange, key, key).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["", "a", "a.b"]);
    }),
    ("in topics, # stands anywhere", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &["a.#.z", "#.end"]);
        for key in ["a.z", "a.b.c.z", "a.b", "end", "x.end", "end.x", "za", ""] {
            client.publish(&exchange, key, key).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["a.z", "a.b.c.z", "end", "x.end"]);
    }),
    ("an empty topic pattern matches the empty key alone", |place| {
        let (mut client, queue, exchange) = bound(place.client(), "topic", &[""]);
        client.publish(&exchange, "", "empty").unwrap();
        client.publish(&exchange, "a", "a").unwrap();
        assert_eq!(client.take_all(&queue), ["empty"]);
    }),
    ("headers must all match unless any is enough", |place| {
        let mut client = place.client();
        let (all, any) = (name("all"), name("any"));
        for (queue, how) in [(&all, None), (&any, Some("any"))] {
            client.declare(queue).unwrap();
            let fields = [("kind", text("a")), ("size", number(1)), ("for", text(&all))];
            match how {
                None => client.bind_with(queue, "amq.headers", "", fields).unwrap(),
                Some(how) => {
                    let [kind, size, _] = fields;
                    client.bind_with(queue, "amq.headers", "", [kind, size, ("x-match", text(how))]).unwrap()
                }
            };
        }
        let both = [("kind", text("a")), ("size", number(1)), ("for", text(&all))];
        client.publish_with("amq.headers", "", headers(both), "both").unwrap();
        client.publish_with("amq.headers", "", headers([("kind", text("a"))]), "one").unwrap();
        client.publish_with("amq.headers", "", headers([("kind", text("b"))]), "other").unwrap();
        client.publish("amq.headers", "", "none").unwrap();
        assert_eq!(client.take_all(&all), ["both"]);
        assert_eq!(client.take_all(&any), ["both", "one"]);
    }),
    ("a number matches a header of another width, and no text", |place| {
        let (mut client, queue) = place.with_queue();
        let own = ("for", text(&queue));
        client.bind_with(&queue, "amq.match", "", [("size", number(1)), own.clone()]).unwrap();
        for (value, says) in [
            (AMQPValue::LongLongInt(1), "wide"),
            (text("1"), "text"),
            (AMQPValue::ShortShortInt(1), "narrow"),
        ] {
            client.publish_with("amq.match", "", headers([("size", value), own.clone()]), says).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["wide", "narrow"]);
    }),
    ("a header without a value matches whatever is there", |place| {
        let (mut client, queue) = place.with_queue();
        let own = ("for", text(&queue));
        client.bind_with(&queue, "amq.headers", "", [("kind", AMQPValue::Void), own.clone()]).unwrap();
        client.publish_with("amq.headers", "", headers([("kind", number(7)), own.clone()]), "there").unwrap();
        client.publish_with("amq.headers", "", headers([own]), "absent").unwrap();
        assert_eq!(client.take_all(&queue), ["there"]);
    }),
    ("headers that begin with x- do not count", |place| {
        let (mut client, queue) = place.with_queue();
        let own = ("for", text(&queue));
        client.bind_with(&queue, "amq.headers", "", [("x-kind", text("a")), own.clone()]).unwrap();
        client.publish_with("amq.headers", "", headers([own]), "x").unwrap();
        assert_eq!(client.take_all(&queue), ["x"]);
    }),
    ("headers that begin with x- count with all-with-x and any-with-x", |place| {
        let (mut client, queue) = place.with_queue();
        for (how, kind) in [("all-with-x", "a"), ("any-with-x", "b")] {
            let how = ("x-match", text(how));
            client
                .bind_with(&queue, "amq.headers", "", [("x-kind", text(&format!("{queue}{kind}"))), how])
                .unwrap();
        }
        for kind in ["a", "b", "c"] {
            let properties = headers([("x-kind", text(&format!("{queue}{kind}")))]);
            client.publish_with("amq.headers", "", properties, kind).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["a", "b"]);
    }),
    ("headers with no arguments match all, and none with any", |place| {
        let mut client = place.client();
        let exchange = name("e");
        client.declare_exchange(&exchange, "headers").unwrap();
        let (all, any) = (name("q"), name("q"));
        client.declare(&all).unwrap();
        client.declare(&any).unwrap();
        client.bind(&all, &exchange, "").unwrap();
        client.bind_with(&any, &exchange, "", [("x-match", text("any"))]).unwrap();
        client.publish(&exchange, "", "x").unwrap();
        assert_eq!((client.take_all(&all).len(), client.take_all(&any).len()), (1, 0));
    }),
    ("a binding whose x-match is unknown is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let bound = client.bind_with(&queue, "amq.headers", "", [("x-match", text("some"))]);
        assert_eq!(bound.unwrap_err(), Channel(406));
    }),
    ("bindings whose arguments differ are two", |place| {
        let (mut client, queue) = place.with_queue();
        let own = ("for", text(&queue));
        for kind in ["a", "b"] {
            client.bind_with(&queue, "amq.headers", "", [("kind", text(kind)), own.clone()]).unwrap();
        }
        for kind in ["a", "b", "c"] {
            let properties = headers([("kind", text(kind)), own.clone()]);
            client.publish_with("amq.headers", "", properties, kind).unwrap();
        }
        assert_eq!(client.take_all(&queue), ["a", "b"]);
    }),
    ("CC and BCC are further keys, and BCC is not delivered", |place| {
        let (mut client, to) = place.with_queue();
        let (cc, bcc) = (name("cc"), name("bcc"));
        client.declare(&cc).unwrap();
        client.declare(&bcc).unwrap();
        let list = |name: &str| AMQPValue::FieldArray(FieldArray::from(vec![text(name)]));
        let properties = headers([("CC", list(&cc)), ("BCC", list(&bcc))]);
        client.publish_with("", &to, properties, "x").unwrap();
        for queue in [&to, &cc, &bcc] {
            let sent = client.take(queue).unwrap();
            assert_eq!(sent.key, to);
            assert_eq!((sent.header("CC").is_some(), sent.header("BCC").is_some()), (true, false));
        }
    }),
    ("a CC that is no list is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let sent = client.publish_with("", &queue, headers([("CC", text("x"))]), "x");
        assert_eq!(sent, Err(Channel(406)));
    }),
    ("publishing to an internal exchange is 403", |place| {
        let mut client = place.client();
        let exchange = name("e");
        client
            .exchange(exchange::AMQPMethod::Declare(exchange::Declare {
                exchange: exchange.as_str().into(),
                kind: "fanout".into(),
                internal: true,
                ..Default::default()
            }))
            .unwrap();
        assert_eq!(client.publish(&exchange, "", "x"), Err(Channel(403)));
    }),
];

/// A queue that is bound to an exchange of this type with these keys.
fn bound(mut client: Client, kind: &str, keys: &[&str]) -> (Client, String, String) {
    let (queue, exchange) = (name("q"), name("e"));
    client.declare(&queue).unwrap();
    client.declare_exchange(&exchange, kind).unwrap();
    for key in keys {
        client.bind(&queue, &exchange, key).unwrap();
    }
    (client, queue, exchange)
}
