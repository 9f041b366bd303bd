//! Compressed bodies: what is accepted, and the bounds of what they decompress to.

use crate::tools::{GOOD, Wire, client, is_late, post, serve, soon};
use axum::{Router, routing};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_http::{
    BodyOptions, Decompression, HttpReceiver, HttpReceiverOptions,
    axum08::{CloudEvent, CloudEvents, DecodingLayer},
    event_from_request, read_body,
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{Full, StreamBody};
use std::{convert::Infallible, io::Write, time::Instant};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"pears"}"#;

/// Written by `zstd` 1.5 with and without a checksum: see `zstd --ultra -19` and `--no-check`.
const ZSTD: &[u8] = include_bytes!("zstd/event.json.zst");
const ZSTD_UNCHECKED: &[u8] = include_bytes!("zstd/event-no-check.json.zst");
/// 1 MiB of zeros, in blocks that repeat one byte.
const ZSTD_ZEROS: &[u8] = include_bytes!("zstd/zeros-1m.zst");
/// A megabyte of text that is hard to compress, in several blocks; its beginning is `0 `.
const ZSTD_TEXT: &[u8] = include_bytes!("zstd/numbers.zst");
/// Needs a window of 128 MiB.
const ZSTD_LONG: &[u8] = include_bytes!("zstd/long.zst");

/// A batch of 120 events, without a checksum that would catch damage early.
const ZSTD_BATCH: &[u8] = include_bytes!("zstd/batch-no-check.zst");

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn numbers() -> Vec<u8> {
    (0..200_000)
        .flat_map(|n: u64| format!("{} ", n.wrapping_mul(0x9e37_79b9) % 10_007).into_bytes())
        .collect()
}

/// Reads a body that comes in pieces of this size.
async fn read(coding: &str, body: &[u8], piece: usize, with: BodyOptions<'_>) -> Result<Bytes, ErrorKind> {
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", coding.parse().unwrap());
    let frames: Vec<_> = body
        .chunks(piece)
        .map(|piece| Ok::<_, Infallible>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let read = read_body(&mut headers, body, with).await.map_err(|error| error.kind());
    assert!(read.is_err() || !headers.contains_key("content-encoding"));
    read
}

fn accepting(decoding: &DecodeOptions) -> BodyOptions<'_> {
    BodyOptions::from(decoding).with_decompression(Decompression::all())
}

#[tokio::test]
async fn in_pieces_of_any_size() {
    let decoding = DecodeOptions::strict();
    let with = accepting(&decoding);
    let zipped = gzip(EVENT);
    let twice = [gzip(&EVENT[..10]), gzip(&EVENT[10..])].concat();
    let skippable = [&[0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], ZSTD].concat();
    let frames = [ZSTD, ZSTD_UNCHECKED].concat();
    for piece in [1, 2, 3, 7, 1000] {
        for (coding, body) in [
            ("gzip", &*zipped),
            ("x-gzip", &*zipped),
            ("GZIP", &*twice),
            ("zstd", ZSTD),
            ("zstd", ZSTD_UNCHECKED),
            ("zstd", &*skippable),
        ] {
            assert_eq!(read(coding, body, piece, with).await.unwrap(), EVENT, "{coding} by {piece}");
        }
        assert_eq!(read("zstd", &frames, piece, with).await.unwrap(), [EVENT, EVENT].concat());
    }
    let numbers = numbers();
    for piece in [1000, 100_000, 1 << 20] {
        assert_eq!(read("gzip", &gzip(&numbers), piece, with).await.unwrap(), numbers);
        assert_eq!(read("zstd", ZSTD_TEXT, piece, with).await.unwrap(), numbers);
    }
}

#[tokio::test]
async fn every_damage_is_an_error() {
    let decoding = DecodeOptions::strict();
    let with = accepting(&decoding);
    for (coding, body) in [("gzip", gzip(EVENT)), ("zstd", ZSTD.to_vec())] {
        for length in 0..body.len() {
            assert_eq!(
                read(coding, &body[..length], 9, with).await,
                Err(ErrorKind::InvalidData),
                "{length} of {coding}"
            );
        }
        let more = [&body[..], b"more"].concat();
        assert_eq!(read(coding, &more, 1000, with).await, Err(ErrorKind::InvalidData), "{coding}");
        for at in 0..body.len() {
            // Whatever a changed byte does, it is not another text that passes for this one.
            let mut body = body.clone();
            body[at] ^= 0x55;
            assert!(
                read(coding, &body, 5, with).await.map_or(true, |body| body == EVENT),
                "{at} of {coding}"
            );
        }
    }
    assert_eq!(read("gzip", EVENT.as_bytes(), 1000, with).await, Err(ErrorKind::InvalidData));
    assert_eq!(read("zstd", EVENT.as_bytes(), 1000, with).await, Err(ErrorKind::InvalidData));
    assert_eq!(read("zstd", ZSTD_LONG, 1000, with).await, Err(ErrorKind::InvalidData));
}

/// Damage that no checksum catches goes deep into the decoder. It may read as something else, within the bounds; it never panics.
#[tokio::test]
async fn damage_stays_within_the_bounds() {
    let mut decoding = DecodeOptions::strict();
    let whole = read("zstd", ZSTD_BATCH, 1000, accepting(&decoding)).await.unwrap();
    assert!(whole.len() > 10_000);
    decoding.limits.bytes = whole.len();
    for at in 0..ZSTD_BATCH.len() {
        for mask in [0x01, 0x10, 0x80, 0xff] {
            let mut body = ZSTD_BATCH.to_vec();
            body[at] ^= mask;
            match read("zstd", &body, 4096, accepting(&decoding)).await {
                Ok(read) => assert!(read.len() <= whole.len()),
                Err(kind) => {
                    assert!(matches!(kind, ErrorKind::InvalidData | ErrorKind::TooLarge), "{kind:?}")
                }
            }
        }
    }
}

#[tokio::test]
async fn bombs_go_off_within_bounds() {
    let zeros = vec![0; 8 << 20];
    let zipped = gzip(&zeros);
    let mut decoding = DecodeOptions::strict();
    for (coding, body) in [("gzip", &zipped[..]), ("zstd", ZSTD_ZEROS)] {
        // The ratio.
        assert_eq!(
            read(coding, body, 1000, accepting(&decoding)).await,
            Err(ErrorKind::TooLarge),
            "{coding}"
        );
        let free = BodyOptions::from(&decoding).with_decompression(Decompression::all().max_ratio(u32::MAX));
        let whole = read(coding, body, 1000, free).await.unwrap();
        assert!(whole.len() >= 1 << 20 && whole.iter().all(|byte| *byte == 0), "{coding}");
    }
    // The size.
    decoding.limits.bytes = 1 << 20;
    let with = BodyOptions::from(&decoding).with_decompression(Decompression::all().max_ratio(u32::MAX));
    assert_eq!(read("zstd", ZSTD_ZEROS, 1000, with).await.unwrap().len(), 1 << 20);
    assert_eq!(read("gzip", &zipped, 1000, with).await, Err(ErrorKind::TooLarge));
    decoding.limits.bytes = (1 << 20) - 1;
    let with = BodyOptions::from(&decoding).with_decompression(Decompression::all().max_ratio(u32::MAX));
    assert_eq!(read("zstd", ZSTD_ZEROS, 1000, with).await, Err(ErrorKind::TooLarge));
}

#[tokio::test]
async fn off_unless_turned_on() {
    let request = || {
        Request::post("/")
            .header("content-type", "application/cloudevents+json")
            .header("content-encoding", "gzip")
            .body(Full::new(Bytes::from(gzip(EVENT))))
            .unwrap()
    };
    let decoding = DecodeOptions::strict();
    let error = event_from_request(request(), &decoding).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContentEncoding);
    let event = event_from_request(request(), accepting(&decoding)).await.unwrap().value;
    assert_eq!(event.id(), "1");
}

fn head(coding: &str, length: usize) -> Vec<u8> {
    format!("POST /events HTTP/1.1\r\nhost: test\r\ncontent-type: application/cloudevents+json\r\ncontent-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n").into()
}

fn request(coding: &str, body: &[u8]) -> Vec<u8> {
    [&head(coding, body.len())[..], body].concat()
}

#[tokio::test]
async fn in_the_extractors() {
    let route = || {
        Router::new()
            .route("/events", routing::post(async |CloudEvent(event): CloudEvent| event.id().to_owned()))
            .route("/batch", routing::post(async |CloudEvents(events): CloudEvents| events.len().to_string()))
    };
    let off = serve(route().layer(DecodingLayer::new(DecodeOptions::strict()))).await;
    let answer = post(off, request("gzip", &gzip(EVENT))).await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["accept-encoding"]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &"identity".parse().unwrap())
    );

    let layer = DecodingLayer::new(DecodeOptions::strict()).decompression(Decompression::all());
    let on = serve(route().layer(layer)).await;
    for (coding, body) in [("gzip", &gzip(EVENT)[..]), ("zstd", ZSTD), ("identity", EVENT.as_bytes())] {
        let answer = post(on, request(coding, body)).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"1"[..]), "{coding}");
    }
    for coding in ["br", "gzip, gzip", "gzip, identity"] {
        let answer = post(on, request(coding, b"?")).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem("code")),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding".into()),
            "{coding}"
        );
        assert_eq!(answer.headers["accept-encoding"], "gzip, zstd, identity");
    }
    let answer = post(on, request("gzip", b"no gzip")).await.unwrap();
    assert_eq!((answer.status, answer.problem("code")), (StatusCode::BAD_REQUEST, "invalid-data".into()));
    let answer = post(on, request("gzip", &gzip(vec![b' '; 8 << 20]))).await.unwrap();
    assert_eq!((answer.status, answer.problem("code")), (StatusCode::PAYLOAD_TOO_LARGE, "too-large".into()));

    // A client with decompression of its own, on a payload in binary mode.
    let answer = client()
        .post(format!("http://{on}/events"))
        .headers(
            [("ce-specversion", "1.0"), ("ce-id", "2"), ("ce-source", "/s"), ("ce-type", "t")]
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
        )
        .header("content-encoding", "gzip")
        .body(gzip("pears"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "2");
}

#[tokio::test]
async fn in_the_server() {
    let mut options = HttpReceiverOptions::default();
    options.decompression = Decompression::all();
    options.receiver.in_flight.bytes = 128 << 10;
    let receiver = HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
    let address = receiver.local_addr();
    let mut deliveries = receiver.into_receiver();
    let running = tokio::spawn(async move {
        while let Some(delivery) = deliveries.next().await.unwrap() {
            match delivery.event() {
                Ok(_) => {
                    let coding = delivery.header("content-encoding");
                    assert!(coding.is_none_or(|coding| &*coding == b"identity"));
                    delivery.accept().await.unwrap();
                }
                Err(error) => delivery.reject(&error).await.unwrap(),
            }
        }
    });
    for (coding, body) in [("gzip", &gzip(EVENT)[..]), ("zstd", ZSTD), ("identity", EVENT.as_bytes())] {
        let answer = soon(post(address, request(coding, body))).await.unwrap();
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{coding}");
    }
    assert_eq!(soon(post(address, GOOD)).await.unwrap().status, StatusCode::NO_CONTENT);
    let answer = soon(post(address, request("deflate", b"?"))).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem("code")),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding".into())
    );
    assert_eq!(answer.headers["accept-encoding"], "gzip, zstd, identity");
    let answer = soon(post(address, request("gzip", &gzip(vec![b' '; 8 << 20])))).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);

    // What two bodies decompress to counts in the bounds that they share.
    let held = gzip(&numbers()[..120 << 10]);
    let begin = Instant::now();
    let (mut first, mut second) = (Wire::connect(address).await, Wire::connect(address).await);
    for wire in [&mut first, &mut second] {
        wire.write(head("gzip", held.len() + 1)).await;
        wire.write(&held).await;
    }
    let answer = soon(async {
        tokio::select! {
            answer = first.answer() => answer,
            answer = second.answer() => answer,
        }
    })
    .await
    .unwrap();
    // One that has had its time makes room for the other.
    if answer.status != StatusCode::REQUEST_TIMEOUT || !is_late(begin) {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key("retry-after"));
    }
    running.abort();
}

/// A frame of one block, by RFC 8878, section 3.1.1: as it stands, or one byte repeated.
fn frame(size_flag: u8, single_segment: bool, content: &[u8], repeated: bool) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, size_flag << 6 | u8::from(single_segment) << 5];
    if !single_segment {
        frame.push(0x50); // a window of 1 MiB
    }
    let length = content.len() as u64;
    match (size_flag, single_segment) {
        (0, false) => {}
        (0, true) => frame.push(length as u8),
        (1, _) => frame.extend(((length - 256) as u16).to_le_bytes()),
        (2, _) => frame.extend((length as u32).to_le_bytes()),
        _ => frame.extend(length.to_le_bytes()),
    }
    let head = 1 | u32::from(repeated) << 1 | (length as u32) << 3;
    frame.extend(&head.to_le_bytes()[..3]);
    frame.extend(if repeated { &content[..1] } else { content });
    frame
}

#[tokio::test]
async fn every_frame_header() {
    let decoding = DecodeOptions::strict();
    let with = accepting(&decoding).with_decompression(Decompression::all().max_ratio(u32::MAX));
    let skippable =
        |length: u8| [&[0x50, 0x2a, 0x4d, 0x18, length, 0, 0, 0][..], &vec![1; length.into()]].concat();
    for (size_flag, length) in [(0, 1), (0, 255), (1, 256), (1, 300), (2, 300), (2, 128 << 10), (3, 300)] {
        for single_segment in [false, true] {
            for repeated in [false, true] {
                let content = vec![b'x'; length];
                let frame = frame(size_flag, single_segment, &content, repeated);
                let body = [skippable(0), skippable(5), frame, skippable(0)].concat();
                for piece in [1, 6, 500_000].into_iter().skip(usize::from(length > 1000)) {
                    let read = soon(read("zstd", &body, piece, with)).await.unwrap();
                    assert!(read == content, "{size_flag} {single_segment} {repeated}, {length} by {piece}");
                }
            }
        }
    }
}

/// 64 KiB are allowed, however well they are compressed.
#[tokio::test]
async fn the_ratio_at_its_limit() {
    let decoding = DecodeOptions::strict();
    let with = accepting(&decoding).with_decompression(Decompression::all().max_ratio(10));
    let read = |length: usize| {
        let body = frame(2, true, &vec![0; length], true);
        async move { read("zstd", &body, 1000, with).await.map(|body| body.len()) }
    };
    assert_eq!(read(64 << 10).await, Ok(64 << 10));
    assert_eq!(read((64 << 10) + 1).await, Err(ErrorKind::TooLarge));
}

/// Members without content (RFC 1952, section 2.2) cost time and come to nothing, so that no other bound stops them.
#[tokio::test]
async fn empty_members_are_bounded() {
    let decoding = DecodeOptions::strict();
    let empty = gzip("");
    // Files are concatenated, and writers of blocks end with an empty one.
    let some = [gzip(EVENT), empty.repeat(100)].concat();
    assert_eq!(read("gzip", &some, 1000, accepting(&decoding)).await.unwrap(), EVENT);
    let many = empty.repeat(200_000);
    assert_eq!(read("gzip", &many, 100_000, accepting(&decoding)).await, Err(ErrorKind::TooLarge));
    let blocks = gzip("x".repeat(100)).repeat(2000);
    assert_eq!(read("gzip", &blocks, 1000, accepting(&decoding)).await.unwrap().len(), 200_000);
}

/// RFC 8878, sections 3.1.1.1.1.4 and 3.1.1.1.4.
#[tokio::test]
async fn a_frame_keeps_to_its_header() {
    let decoding = DecodeOptions::strict();
    for size_flag in [0_u8, 1, 2, 3] {
        let content = vec![b'x'; if size_flag == 0 { 200 } else { 300 }];
        let good = frame(size_flag, true, &content, false);
        assert_eq!(read("zstd", &good, 100, accepting(&decoding)).await.unwrap(), content);
        let mut reserved = good.clone();
        reserved[4] |= 8;
        assert_eq!(read("zstd", &reserved, 100, accepting(&decoding)).await, Err(ErrorKind::InvalidData));
        for other in [good[5] - 1, good[5] + 1] {
            let mut wrong = good.clone();
            wrong[5] = other;
            assert_eq!(
                read("zstd", &wrong, 100, accepting(&decoding)).await,
                Err(ErrorKind::InvalidData),
                "{size_flag}"
            );
        }
    }
}
