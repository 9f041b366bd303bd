//! Records that our client would never write, from a producer that assembles the bytes by itself.

use crate::broker::{Topic, config, event, next, number, patience, soon};
use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_kafka::rdkafka039::{self, KafkaReceiverOptions};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A header: its name and value, neither of which must be text.
type Header<'h> = (&'h [u8], Option<&'h [u8]>);

const EVENT: [Header<'static>; 4] = [
    (b"ce_specversion", Some(b"1.0")),
    (b"ce_id", Some(b"7")),
    (b"ce_source", Some(b"/s")),
    (b"ce_type", Some(b"t")),
];

/// A name that begins like that of an attribute, and one that does not.
const NO_TEXT: [Header<'static>; 2] = [(b"ce_\xff", Some(b"x")), (b"\x80\xfe", None)];

#[tokio::test]
async fn a_header_whose_name_is_not_utf8_is_left_out() {
    left_out(&Topic::new(1));
}

pub(crate) fn left_out(topic: &Topic) {
    let headers = [&NO_TEXT[..1], &EVENT, &[(b"null", None), (b"empty", Some(b""))], &NO_TEXT[1..]].concat();
    let sent = record(Some(b"key"), Some(b"payload"), &headers);
    produce(topic, &sent);
    produce(topic, &sent);
    let consumer: BaseConsumer = config(&topic.servers).set("group.id", "none").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic.name, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let owned = consumer.poll(patience()).unwrap().unwrap().detach();
    let borrowed = consumer.poll(patience()).unwrap().unwrap();
    let with = DecodeOptions::strict();
    for (event, record) in [
        (rdkafka039::decode(&borrowed, &with).unwrap().value, rdkafka039::record(&borrowed)),
        (rdkafka039::decode(&owned, &with).unwrap().value, rdkafka039::record(&owned)),
    ] {
        assert_eq!((event.id(), event.data_bytes().map(|data| &**data)), ("7", Some(&b"payload"[..])));
        assert_eq!(event.extensions().count(), 0);
        assert_eq!(record.key.as_deref(), Some(&b"key"[..]));
        let kept: Vec<_> =
            record.headers.iter().map(|header| (header.name.as_bytes(), header.value.as_deref())).collect();
        assert_eq!(kept, [&EVENT[..], &[(b"null", None), (b"empty", Some(b""))]].concat());
    }
}

/// The receiver does not fail either, and delivers what follows.
#[tokio::test]
async fn a_receiver_goes_on_behind_it() {
    let topic = Topic::new(1);
    produce(&topic, &record(None, None, &[&EVENT[..], &NO_TEXT].concat()));
    produce(&topic, &record(None, None, &NO_TEXT));
    soon(topic.sender().await.send(&event(8, "k"))).await.unwrap();
    let mut receiver = topic.receiver_with("", KafkaReceiverOptions::default()).await;
    let first = next(&mut receiver).await;
    assert_eq!((number(&first), first.headers().len()), (7, EVENT.len()));
    first.accept().await.unwrap();
    let second = next(&mut receiver).await;
    assert_eq!(second.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
    second.accept().await.unwrap();
    assert_eq!(number(&next(&mut receiver).await), 8);
}

#[tokio::test]
async fn many_headers() {
    let topic = Topic::new(1);
    let names: Vec<_> = (0..50_000).map(|number| format!("h{number}").into_bytes()).collect();
    let many = names.iter().map(|name| (&name[..], Some(&b"v"[..])));
    let headers: Vec<_> = many.chain(EVENT).chain(NO_TEXT).collect();
    produce(&topic, &record(None, Some(b""), &headers));
    let mut receiver = topic.receiver().await;
    let delivery = next(&mut receiver).await;
    assert_eq!((number(&delivery), delivery.headers().len()), (7, 50_004));
}

/// Truncated headers and invalid lengths. librdkafka takes such a record for one without headers.
#[tokio::test]
async fn headers_that_are_none() {
    let topic = Topic::new(1);
    let broken: [&[u8]; 5] = [
        &[8, 10, b'c'],                                    // four headers, only half a name present
        &[2, 1, b'c', 0],                                  // a name of negative length
        &[2, 2, b'c', 3],                                  // a value of length -2
        &[2, 2, b'c', 254, 255, 255, 255, 15],             // a value of 2 GiB
        &[254, 255, 255, 255, 255, 255, 255, 255, 255, 1], // the largest possible number of headers
    ];
    for headers in broken {
        produce(&topic, &record_of(None, Some(b"x"), headers));
    }
    soon(topic.sender().await.send(&event(9, "k"))).await.unwrap();
    let mut receiver = topic.receiver().await;
    for headers in broken {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent, "{headers:?}");
        assert!(delivery.headers().is_empty());
        delivery.accept().await.unwrap();
    }
    assert_eq!(number(&next(&mut receiver).await), 9);
}

/// One record, as in a batch of version 2: https://kafka.apache.org/documentation/#record
fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(&mut bytes, headers.len() as i64);
    for (name, value) in headers {
        field(&mut bytes, Some(name));
        field(&mut bytes, *value);
    }
    record_of(key, value, &bytes)
}

fn record_of(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0]; // attributes, and the deltas of time and offset
    field(&mut body, key);
    field(&mut body, value);
    body.extend_from_slice(headers);
    let mut record = Vec::new();
    varint(&mut record, body.len() as i64);
    record.extend(body);
    record
}

fn field(bytes: &mut Vec<u8>, field: Option<&[u8]>) {
    varint(bytes, field.map_or(-1, |field| field.len() as i64));
    bytes.extend_from_slice(field.unwrap_or_default());
}

/// A zigzag varint with seven bits per byte.
fn varint(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Sends a batch of one record to partition 0 (Produce, version 3), and waits for the response.
fn produce(topic: &Topic, record: &[u8]) {
    let mut checked = Vec::new(); // the input of the checksum
    checked.extend([0_u8; 2 + 4 + 8 + 8]); // attributes, last offset, first and last time
    checked.extend([0xff_u8; 8 + 2 + 4]); // no producer id, epoch, sequence
    checked.extend(1_i32.to_be_bytes());
    checked.extend(record);
    let mut batch = vec![0_u8; 8]; // base offset
    batch.extend((4 + 1 + 4 + checked.len() as i32).to_be_bytes());
    batch.extend([0xff, 0xff, 0xff, 0xff, 2]); // leader epoch, magic
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);

    let mut request = Vec::new();
    for number in [0_i16, 3, 0, 1, -1, -1, 1] {
        request.extend(number.to_be_bytes()); // Produce 3; correlation 1; no client id, no transaction; acks of all
    }
    request.extend(10_000_i32.to_be_bytes());
    request.extend(1_i32.to_be_bytes());
    request.extend((topic.name.len() as i16).to_be_bytes());
    request.extend(topic.name.as_bytes());
    for number in [1, 0, batch.len() as i32] {
        request.extend(number.to_be_bytes());
    }
    request.extend(batch);

    let mut broker = TcpStream::connect(&topic.servers).unwrap();
    broker.set_read_timeout(Some(patience())).unwrap();
    broker.write_all(&(request.len() as i32).to_be_bytes()).unwrap();
    broker.write_all(&request).unwrap();
    let mut length = [0; 4];
    broker.read_exact(&mut length).unwrap();
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer).unwrap();
    // Correlation, topics, name, partitions, number, error.
    let at = 4 + 4 + 2 + topic.name.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker refuses it: {answer:?}");
}

/// CRC-32C, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}
