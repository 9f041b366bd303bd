//! Groups, and what they commit.

use super::client::{Behaviour, committed, name, next, text, texts, until};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};

pub(super) const ALL: &[Behaviour] = &[
    ("a group that has committed nothing has no offset", |place| {
        let (topic, group) = (place.topic(1), name("group"));
        assert_eq!(committed(&place.consumer(&group), &topic), Offset::Invalid);
    }),
    ("a group continues where it has committed", |place| {
        let (topic, group, producer) = (place.topic(1), name("group"), place.producer());
        producer.put_all(&topic, &["a", "b", "c"]);
        let consumer = place.consumer(&group);
        consumer.subscribe(&[&topic]).unwrap();
        assert_eq!(texts(&consumer, 2), ["a", "b"]);
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        drop(consumer);
        let consumer = place.consumer(&group);
        consumer.subscribe(&[&topic]).unwrap();
        assert_eq!(text(&next(&consumer)), "c");
    }),
    ("without a commit, everything comes again", |place| {
        let (topic, group, producer) = (place.topic(1), name("group"), place.producer());
        producer.put(&topic, "a");
        for _ in 0..2 {
            let consumer = place.consumer(&group);
            consumer.subscribe(&[&topic]).unwrap();
            assert_eq!(text(&next(&consumer)), "a");
        }
    }),
    ("a commit may be of any offset, and of an earlier one", |place| {
        let (topic, group, producer) = (place.topic(1), name("group"), place.producer());
        producer.put_all(&topic, &["a", "b", "c"]);
        for offset in [3, 1] {
            let consumer = place.consumer(&group);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, 0, Offset::Offset(offset)).unwrap();
            consumer.commit(&list, CommitMode::Sync).unwrap();
            assert_eq!(committed(&consumer, &topic), Offset::Offset(offset));
        }
        let consumer = place.consumer(&group);
        consumer.subscribe(&[&topic]).unwrap();
        assert_eq!(text(&next(&consumer)), "b");
    }),
    ("groups do not disturb one another", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "a");
        for group in [name("one"), name("two")] {
            let consumer = place.consumer(&group);
            consumer.subscribe(&[&topic]).unwrap();
            assert_eq!(text(&next(&consumer)), "a");
            consumer.commit_consumer_state(CommitMode::Sync).unwrap();
            assert_eq!(committed(&consumer, &topic), Offset::Offset(1));
        }
    }),
    ("a group without a commit begins at the end, if it wants that", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "before");
        let settings = [("auto.offset.reset", "latest"), ("enable.partition.eof", "true")];
        let consumer = place.consumer_with(&name("group"), &settings);
        consumer.subscribe(&[&topic]).unwrap();
        assert!(super::client::try_next(&consumer).is_err()); // the end
        producer.put(&topic, "after");
        assert_eq!(text(&next(&consumer)), "after");
    }),
    ("a consumer of a group gets all partitions", |place| {
        let (topic, producer, consumer) = (place.topic(3), place.producer(), place.consumer(&name("group")));
        for partition in 0..3 {
            let record =
                rdkafka::producer::BaseRecord::<(), str>::to(&topic).partition(partition).payload("x");
            producer.send(record).unwrap();
        }
        consumer.subscribe(&[&topic]).unwrap();
        assert_eq!(texts(&consumer, 3), ["x", "x", "x"]);
        assert_eq!(consumer.assignment().unwrap().count(), 3);
    }),
    ("two consumers of a group share the partitions", |place| {
        let (topic, group) = (place.topic(2), name("group"));
        let (one, two) = (place.consumer(&group), place.consumer(&group));
        one.subscribe(&[&topic]).unwrap();
        until(&[&one], || one.assignment().unwrap().count() == 2);
        two.subscribe(&[&topic]).unwrap();
        let counts = || (one.assignment().unwrap().count(), two.assignment().unwrap().count());
        until(&[&one, &two], || counts() == (1, 1));
    }),
    ("a consumer that leaves gives its partitions back", |place| {
        let (topic, group) = (place.topic(2), name("group"));
        let one = place.consumer(&group);
        one.subscribe(&[&topic]).unwrap();
        until(&[&one], || one.assignment().unwrap().count() == 2);
        drop(one);
        let two = place.consumer(&group);
        two.subscribe(&[&topic]).unwrap();
        until(&[&two], || two.assignment().unwrap().count() == 2);
    }),
    ("a group outlives its consumers", |place| {
        let (topic, group, producer) = (place.topic(1), name("group"), place.producer());
        producer.put(&topic, "a");
        let consumer = place.consumer(&group);
        consumer.subscribe(&[&topic]).unwrap();
        next(&consumer);
        consumer.commit_consumer_state(CommitMode::Sync).unwrap();
        drop(consumer);
        assert_eq!(committed(&place.consumer(&group), &topic), Offset::Offset(1));
    }),
];
