//! Queue groups.

use super::client::{Behaviour, name};

pub(super) const ALL: &[Behaviour] = &[
    ("one member of a group gets a message", |place| {
        let (mut one, mut two, subject) = (place.client(), place.client(), name());
        one.join(&subject, "g", "1");
        two.join(&subject, "g", "1");
        assert_eq!((one.received(), two.received()), (vec![], vec![]));
        let mut other = place.client();
        (0..100).for_each(|_| other.publish(&subject, "x"));
        let (first, second) = (one.texts().len(), two.texts().len());
        assert_eq!(first + second, 100);
        assert!(first > 10 && second > 10, "{first} {second}");
    }),
    ("each group gets a message, and each subscription without one", |place| {
        let (mut client, subject) = (place.client(), name());
        client.join(&subject, "a", "1");
        client.join(&subject, "b", "2");
        client.subscribe(&subject, "3");
        assert_eq!(client.received(), []);
        place.client().publish(&subject, "x");
        let mut sids: Vec<_> = client.messages().into_iter().map(|sent| sent.sid).collect();
        sids.sort();
        assert_eq!(sids, ["1", "2", "3"]);
    }),
    ("a group whose subjects overlap gets a message once", |place| {
        let (mut client, base) = (place.client(), name());
        client.join(&format!("{base}.*"), "g", "1");
        client.join(&format!("{base}.>"), "g", "2");
        client.join(&format!("{base}.a"), "g", "3");
        assert_eq!(client.received(), []);
        place.client().publish(&format!("{base}.a"), "x");
        assert_eq!(client.texts(), ["x"]);
    }),
    ("a group on other subjects is another one", |place| {
        let (mut client, base) = (place.client(), name());
        client.join(&format!("{base}.a"), "g", "1");
        client.join(&format!("{base}.b"), "g", "2");
        assert_eq!(client.received(), []);
        let mut other = place.client();
        other.publish(&format!("{base}.a"), "a");
        other.publish(&format!("{base}.b"), "b");
        assert_eq!(client.texts(), ["a", "b"]);
    }),
    ("members that are left get what comes", |place| {
        let (mut one, mut two, subject) = (place.client(), place.client(), name());
        one.join(&subject, "g", "1");
        two.join(&subject, "g", "1");
        assert_eq!((one.received(), two.received()), (vec![], vec![]));
        one.write("UNSUB 1\r\n");
        assert_eq!(one.received(), []);
        let mut other = place.client();
        (0..10).for_each(|_| other.publish(&subject, "x"));
        assert_eq!((one.texts().len(), two.texts().len()), (0, 10));
    }),
    ("a group with an invalid name or subject is refused", |place| {
        let mut client = place.client();
        client.join("a..b", "g", "1");
        assert_eq!(client.received(), [super::client::line("-ERR 'Invalid Subject'")]);
    }),
];
