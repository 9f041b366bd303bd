//! Where messages go.

use super::client::{Behaviour, Client, name};

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
