//! Reading from offsets.

use super::client::{Behaviour, assign, name, next, patience, text, texts, try_next};
use rdkafka::{Message, Offset, consumer::Consumer, error::KafkaError, types::RDKafkaErrorCode};

pub(super) const ALL: &[Behaviour] = &[
    ("a partition without messages begins and ends at 0", |place| {
        let (topic, consumer) = (place.topic(1), place.consumer(&name("group")));
        assert_eq!(consumer.fetch_watermarks(&topic, 0, patience()).unwrap(), (0, 0));
    }),
    ("a reader begins at an offset", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put_all(&topic, &["a", "b", "c"]);
        let reader = place.reader(&topic, 0, Offset::Offset(1));
        let got = next(&reader);
        assert_eq!((text(&got), got.offset(), got.partition(), got.topic()), ("b".into(), 1, 0, &*topic));
        assert_eq!(texts(&reader, 1), ["c"]);
    }),
    ("a reader begins behind the last message", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "before");
        let reader = place.consumer_with(&name("group"), &[("enable.partition.eof", "true")]);
        assign(&reader, &topic, 0, Offset::End);
        assert_eq!(try_next(&reader).unwrap_err(), KafkaError::PartitionEOF(0));
        producer.put(&topic, "after");
        assert_eq!(text(&next(&reader)), "after");
    }),
    ("a reader begins some messages before the end", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put_all(&topic, &["a", "b", "c"]);
        assert_eq!(texts(&place.reader(&topic, 0, Offset::OffsetTail(2)), 2), ["b", "c"]);
    }),
    ("a reader goes back", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put_all(&topic, &["a", "b"]);
        let reader = place.reader(&topic, 0, Offset::Beginning);
        assert_eq!(texts(&reader, 2), ["a", "b"]);
        reader.seek(&topic, 0, Offset::Offset(0), patience()).unwrap();
        assert_eq!(texts(&reader, 2), ["a", "b"]);
    }),
    ("the end of a partition is reported", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "a");
        let reader = place.consumer_with(&name("group"), &[("enable.partition.eof", "true")]);
        assign(&reader, &topic, 0, Offset::Beginning);
        assert_eq!(text(&next(&reader)), "a");
        assert_eq!(try_next(&reader).unwrap_err(), KafkaError::PartitionEOF(0));
    }),
    ("an offset beyond the end is out of range", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "a");
        let reader = place.consumer_with(&name("group"), &[("auto.offset.reset", "error")]);
        assign(&reader, &topic, 0, Offset::Offset(100));
        let error = try_next(&reader).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset), "{error}");
    }),
    ("an offset beyond the end leads to the beginning, if the reader wants that", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "a");
        assert_eq!(text(&next(&place.reader(&topic, 0, Offset::Offset(100)))), "a");
    }),
    ("a reader waits for what comes", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let reader = place.consumer_with(&name("group"), &[("enable.partition.eof", "true")]);
        assign(&reader, &topic, 0, Offset::Beginning);
        assert_eq!(try_next(&reader).unwrap_err(), KafkaError::PartitionEOF(0));
        producer.put(&topic, "a");
        assert_eq!(text(&next(&reader)), "a");
    }),
    ("readers do not disturb one another", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put_all(&topic, &["a", "b"]);
        let (one, two) =
            (place.reader(&topic, 0, Offset::Beginning), place.reader(&topic, 0, Offset::Beginning));
        assert_eq!(
            (texts(&one, 2), texts(&two, 2)),
            (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()])
        );
    }),
    ("metadata has the partitions of a topic", |place| {
        let (topic, consumer) = (place.topic(3), place.consumer(&name("group")));
        let metadata = consumer.fetch_metadata(Some(&topic), patience()).unwrap();
        let mut ids: Vec<_> = metadata.topics()[0].partitions().iter().map(|known| known.id()).collect();
        ids.sort_unstable();
        assert_eq!(ids, [0, 1, 2]);
    }),
    ("a topic that is not there is an error", |place| {
        let (topic, consumer) = (name("topic"), place.consumer(&name("group")));
        consumer.subscribe(&[&topic]).unwrap();
        let error = try_next(&consumer).unwrap_err();
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownTopicOrPartition));
    }),
];
