//! Where the embedded broker is not Kafka: what it refuses, and what it does otherwise. Its documentation lists these.

use super::client::{Behaviour, name, patience, run};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::Consumer,
    error::KafkaError,
    producer::{BaseRecord, Producer},
    types::RDKafkaErrorCode,
};
use std::time::Duration;

pub(super) const ALL: &[Behaviour] = &[
    ("transactions are refused, so that no reader sees what was aborted", |place| {
        let topic = place.topic(1);
        let producer = place.producer_with(&[("transactional.id", &name("t"))]);
        let begun = producer.transactional().init_transactions(patience()).and_then(|()| {
            producer.transactional().begin_transaction()?;
            producer.post(BaseRecord::<(), str>::to(&topic).partition(0).payload("aborted"));
            producer.transactional().commit_transaction(patience())
        });
        let code = begun.unwrap_err().rdkafka_error_code();
        assert_eq!(code, Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed));
        // The producer does not try again.
        let (fatal, _) = producer.transactional().client().fatal_error().unwrap();
        assert_eq!(fatal, RDKafkaErrorCode::TransactionalIdAuthorizationFailed);
        let (_, end) = place.consumer("ends").fetch_watermarks(&topic, 0, patience()).unwrap();
        assert_eq!(end, 0);
    }),
    ("admin clients get no answer", |place| {
        let admin: AdminClient<DefaultClientContext> = place.config().create().unwrap();
        // The broker answers what is not of an admin.
        admin.inner().fetch_metadata(None, patience()).unwrap();
        let topic = name("new");
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        let patience = AdminOptions::new().request_timeout(Some(Duration::from_secs(2)));
        let created = run(admin.create_topics([&new], &patience));
        assert!(
            matches!(created, Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))),
            "{created:?}"
        );
        assert_eq!(place.create(&topic, 1), Ok(()), "it was created");
    }),
    ("a producer creates a topic of any name", |place| {
        let (topic, producer) =
            (name("not valid: "), place.producer_with(&[("allow.auto.create.topics", "true")]));
        assert_eq!(producer.put(&topic, "x"), 0);
    }),
    ("a producer creates the topic that it sends to, with four partitions", |place| {
        let (topic, producer) = (name("topic"), place.producer_with(&[("allow.auto.create.topics", "true")]));
        producer.put(&topic, "x");
        let consumer = place.consumer(&name("group"));
        let metadata = consumer.fetch_metadata(Some(&topic), patience()).unwrap();
        assert_eq!(metadata.topics()[0].partitions().len(), 4);
    }),
    ("a message of any size is taken", |place| {
        let (topic, producer) = (place.topic(1), place.producer_with(&[("message.max.bytes", "4000000")]));
        assert_eq!(producer.put(&topic, &"x".repeat(2_000_000)), 0);
    }),
    ("the oldest messages of a partition are dropped", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let long = "x".repeat(900_000);
        for _ in 0..10 {
            producer.put(&topic, &long);
        }
        let (begin, end) = place.consumer("ends").fetch_watermarks(&topic, 0, patience()).unwrap();
        assert!(begin > 0 && end == 10, "{begin} {end}");
    }),
    ("no offset is found by a time", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer
            .send(BaseRecord::<(), str>::to(&topic).partition(0).payload("x").timestamp(1_700_000_000_000))
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(1_600_000_000_000)).unwrap();
        let found = place.consumer(&name("group")).offsets_for_times(list, patience()).unwrap();
        assert_eq!(found.find_partition(&topic, 0).unwrap().offset(), Offset::End);
    }),
];
