//! What producers hear, and what arrives.

use super::client::{Behaviour, headers, name, next, text, texts, with_headers};
use rdkafka::{
    Message, Offset, consumer::Consumer, message::Timestamp, producer::BaseRecord, types::RDKafkaErrorCode,
};

pub(super) const ALL: &[Behaviour] = &[
    ("a topic whose name has other characters or another length is refused", |place| {
        for invalid in ["", ".", "..", "a b", "a/b", "a:b", "\u{e4}", &"a".repeat(250)] {
            assert_eq!(place.create(invalid, 1), Err(RDKafkaErrorCode::InvalidTopic), "{invalid}");
        }
        let longest = format!("{}.-_{}", name("T"), "a".repeat(249));
        assert_eq!(place.create(&longest[..249], 1), Ok(()));
    }),
    ("a topic that is there is not created again", |place| {
        let topic = place.topic(1);
        assert_eq!(place.create(&topic, 1), Err(RDKafkaErrorCode::TopicAlreadyExists));
    }),
    ("a topic has partitions", |place| {
        assert_eq!(place.create(&name("topic"), 0), Err(RDKafkaErrorCode::InvalidPartitions));
    }),
    ("offsets of a partition begin at 0 and count up", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        assert_eq!(["a", "b", "c"].map(|text| producer.put(&topic, text)), [0, 1, 2]);
    }),
    ("each partition counts for itself", |place| {
        let (topic, producer) = (place.topic(3), place.producer());
        for partition in [0, 1, 1, 2] {
            let sent =
                producer.send(BaseRecord::<(), str>::to(&topic).partition(partition).payload("x")).unwrap();
            assert_eq!(sent.0, partition);
        }
        let ends: Vec<_> = (0..3)
            .map(|partition| {
                place.consumer("ends").fetch_watermarks(&topic, partition, super::client::patience())
            })
            .map(Result::unwrap)
            .collect();
        assert_eq!(ends, [(0, 1), (0, 2), (0, 1)]);
    }),
    ("messages of a partition arrive in order", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let sent: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        for text in &sent {
            producer.post(BaseRecord::<(), str>::to(&topic).partition(0).payload(text));
        }
        sent.iter().for_each(|_| _ = producer.report().unwrap());
        let reader = place.reader(&topic, 0, Offset::Beginning);
        assert_eq!(texts(&reader, 500), sent);
    }),
    ("key, value and headers arrive as they were sent", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let fields =
            [("b", Some("1")), ("a", Some("2")), ("b", Some("3")), ("empty", Some("")), ("null", None)];
        let record = BaseRecord::to(&topic).partition(0).key("k").payload("v").headers(with_headers(&fields));
        producer.send(record).unwrap();
        let got = next(&place.reader(&topic, 0, Offset::Beginning));
        assert_eq!((got.key(), got.payload()), (Some(&b"k"[..]), Some(&b"v"[..])));
        let expected: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(|value| value.as_bytes().to_vec())))
            .collect();
        assert_eq!(headers(&got), expected);
    }),
    ("a value that is null is not an empty one", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.send(BaseRecord::<str, str>::to(&topic).partition(0).key("k")).unwrap();
        producer.send(BaseRecord::<str, str>::to(&topic).partition(0).key("k").payload("")).unwrap();
        let reader = place.reader(&topic, 0, Offset::Beginning);
        assert_eq!(
            [next(&reader).payload().map(<[u8]>::len), next(&reader).payload().map(<[u8]>::len)],
            [None, Some(0)]
        );
    }),
    ("a key that is null is not an empty one", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.send(BaseRecord::<str, str>::to(&topic).partition(0).payload("v")).unwrap();
        producer.send(BaseRecord::<str, str>::to(&topic).partition(0).key("").payload("v")).unwrap();
        let reader = place.reader(&topic, 0, Offset::Beginning);
        assert_eq!(
            [next(&reader).key().map(<[u8]>::len), next(&reader).key().map(<[u8]>::len)],
            [None, Some(0)]
        );
    }),
    ("a message has the time of its producer", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
        producer
            .send(BaseRecord::<(), str>::to(&topic).partition(0).payload("x").timestamp(now - 5000))
            .unwrap();
        let got = next(&place.reader(&topic, 0, Offset::Beginning));
        assert_eq!(got.timestamp(), Timestamp::CreateTime(now - 5000));
    }),
    ("messages may be compressed", |place| {
        let built = [("gzip", cfg!(feature = "gzip")), ("zstd", cfg!(feature = "zstd"))];
        let built = built.into_iter().filter_map(|(codec, is_built)| is_built.then_some(codec));
        for codec in ["snappy", "lz4"].into_iter().chain(built) {
            let (topic, producer) = (place.topic(1), place.producer_with(&[("compression.type", codec)]));
            let long = "0123456789".repeat(1000);
            producer.put(&topic, &long);
            assert!(text(&next(&place.reader(&topic, 0, Offset::Beginning))) == long, "{codec}");
        }
    }),
    ("a message may be large", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        let long = "0123456789".repeat(90_000);
        producer.put(&topic, &long);
        assert!(text(&next(&place.reader(&topic, 0, Offset::Beginning))) == long);
    }),
    ("an idempotent producer sends each message once", |place| {
        let (topic, producer) = (place.topic(1), place.producer_with(&[("enable.idempotence", "true")]));
        assert_eq!(["a", "b", "c"].map(|text| producer.put(&topic, text)), [0, 1, 2]);
        assert_eq!(texts(&place.reader(&topic, 0, Offset::Beginning), 3), ["a", "b", "c"]);
    }),
    ("two producers of a partition share its offsets", |place| {
        let (topic, one, two) = (place.topic(1), place.producer(), place.producer());
        assert_eq!([one.put(&topic, "a"), two.put(&topic, "b"), one.put(&topic, "c")], [0, 1, 2]);
    }),
    ("a message to a partition that is not there fails", |place| {
        let (topic, producer) = (place.topic(1), place.producer());
        producer.put(&topic, "x");
        let refused = producer.refused(BaseRecord::<(), str>::to(&topic).partition(7).payload("x"));
        assert_eq!(refused.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownPartition));
    }),
    ("without an acknowledgement, a message has no offset, and arrives", |place| {
        let (topic, producer) = (place.topic(1), place.producer_with(&[("acks", "0")]));
        producer.send(BaseRecord::<(), str>::to(&topic).partition(0).payload("x")).unwrap();
        assert_eq!(text(&next(&place.reader(&topic, 0, Offset::Beginning))), "x");
    }),
];
