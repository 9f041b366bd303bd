//! A batch read from a stream follows the rules of a batch read as a whole.

use cloudevents_core::{DecodeOptions, Error, ErrorKind, Format, Leniency, RepairKind};
use cloudevents_json::{BatchReader, BatchSplitter, BatchWriter, Json, LineReader};
use std::io;

const V1: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
const V03: &str = r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#;

/// Returns one byte at a time.
struct Slow<'a>(&'a [u8]);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (first, _) = buffer.split_at_mut(buffer.len().min(1));
        std::io::Read::read(&mut self.0, first)
    }
}

type Read = Vec<Result<(String, Vec<RepairKind>), (ErrorKind, Option<usize>)>>;

fn read(document: &str, with: &DecodeOptions) -> Result<Read, ErrorKind> {
    let items = BatchReader::new(Slow(document.as_bytes()), with.clone()).collect::<Result<Vec<_>, _>>();
    let items = items.map_err(|error| error.into_inner().unwrap().downcast::<Error>().unwrap().kind())?;
    Ok(items
        .into_iter()
        .map(|item| match item.event {
            Ok(decoded) => Ok((
                decoded.value.id().to_owned(),
                decoded.repairs().iter().map(|repair| repair.kind()).collect(),
            )),
            Err(error) => Err((error.kind(), error.index())),
        })
        .collect())
}

/// Regression: mixed versions were read, which `decode_batch` refuses.
#[test]
fn mixed_specversions_are_refused() {
    let document = format!("[{V1}, {V03}, {{}}, {V1}]");
    let good = Ok(("1".to_owned(), vec![]));
    let expected = vec![
        good.clone(),
        Err((ErrorKind::MixedSpecversions, Some(1))),
        Err((ErrorKind::MissingAttribute, Some(2))),
        good,
    ];
    assert_eq!(read(&document, &DecodeOptions::strict()).unwrap(), expected);
    let whole = Json::new().decode_items(document.into(), &DecodeOptions::strict()).unwrap();
    let kinds: Vec<_> =
        whole.iter().map(|item| item.event.as_ref().err().map(|error| error.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::MixedSpecversions), Some(ErrorKind::MissingAttribute), None]);
    let error = cloudevents_json::decode_batch(format!("[{V1}, {V1}, {V03}]")).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::MixedSpecversions, Some(2)));
}

/// Regression: a byte order mark was refused even where leniency allows it.
#[test]
fn a_byte_order_mark_goes_by_leniency() {
    let document = format!("\u{feff}[{V1},{V1}]");
    assert_eq!(read(&document, &DecodeOptions::strict()).unwrap_err(), ErrorKind::InvalidDocument);
    let all_but = DecodeOptions::strict().with_leniency(Leniency::all().without(RepairKind::ByteOrderMark));
    assert_eq!(read(&document, &all_but).unwrap_err(), ErrorKind::InvalidDocument);
    let expected = vec![Ok(("1".to_owned(), vec![RepairKind::ByteOrderMark])), Ok(("1".to_owned(), vec![]))];
    assert_eq!(read(&document, &DecodeOptions::lenient()).unwrap(), expected);
    let whole = Json::new().decode_batch(document.into(), &DecodeOptions::lenient()).unwrap();
    let one = Json::new().decode(format!("\u{feff}{V1}").into(), &DecodeOptions::lenient()).unwrap();
    for repairs in [&whole.repairs, &one.repairs] {
        let kinds: Vec<_> = repairs.iter().map(|repair| repair.kind()).collect();
        assert_eq!(kinds, [RepairKind::ByteOrderMark]);
    }
    // Nowhere else, and nothing that begins like one.
    for bad in [format!("[\u{feff}{V1}]"), format!(" \u{feff}[{V1}]"), format!("\u{fec0}[{V1}]")] {
        let read = read(&bad, &DecodeOptions::lenient());
        assert!(!matches!(&read, Ok(items) if items.iter().all(Result::is_ok)), "{bad}: {read:?}");
    }
}

fn limited(bytes: usize) -> DecodeOptions {
    let mut with = DecodeOptions::strict();
    with.limits.bytes = bytes;
    with
}

#[test]
fn elements_and_lines_at_the_limit() {
    let line = |limit| {
        let mut lines = LineReader::new(V1.as_bytes(), limited(limit));
        lines.next().unwrap().unwrap().event.map(drop).map_err(|error| error.kind())
    };
    assert_eq!((line(V1.len()), line(V1.len() - 1)), (Ok(()), Err(ErrorKind::TooLarge)));
    let too_long = LineReader::new(V1.as_bytes(), limited(V1.len() - 1)).next().unwrap().unwrap();
    assert!(too_long.raw.is_empty());
    assert!(too_long.event.unwrap_err().help().unwrap().contains("Limits::bytes"));
    let element = |limit| {
        let mut splitter = BatchSplitter::new(&limited(limit));
        splitter.push(format!("[{V1},").as_bytes());
        splitter.next_element().map(Option::unwrap).map_err(|error| (error.kind(), error.index()))
    };
    assert_eq!(element(V1.len()).unwrap(), V1);
    assert_eq!(element(V1.len() - 1), Err((ErrorKind::TooLarge, Some(0))));
    assert_eq!(element(V1.len() - 2), Err((ErrorKind::TooLarge, Some(0))));
}

/// Fails in between, as reads that a signal interrupts do, and for good at the end.
struct Failing<'a>(Slow<'a>, bool, io::ErrorKind);

impl io::Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.0.0.is_empty() { Err(self.2.into()) } else { self.0.read(buffer) }
    }
}

#[test]
fn interrupted_reads_are_repeated_and_others_end_the_stream() {
    let document = format!("[{V1}");
    let source = Failing(Slow(document.as_bytes()), false, io::ErrorKind::ConnectionReset);
    let mut reader = BatchReader::new(source, DecodeOptions::strict());
    assert_eq!(reader.next().unwrap().unwrap().event.unwrap().value.id(), "1");
    assert_eq!(reader.next().unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(reader.next().is_none());
}

#[test]
fn interrupted_reads_of_lines_are_repeated() {
    let lines = format!("{V1}\n\n{V03}\n");
    let source = Failing(Slow(lines.as_bytes()), false, io::ErrorKind::ConnectionReset);
    let read: Vec<_> = LineReader::new(io::BufReader::new(source), DecodeOptions::strict()).collect();
    let kinds: Vec<_> = read.iter().map(|line| line.as_ref().map(|item| item.event.is_ok())).collect();
    assert!(
        matches!(kinds[..], [Ok(true), Ok(true), Err(error)] if error.kind() == io::ErrorKind::ConnectionReset)
    );
}

/// Brackets and commas in strings end no element, however their quotation marks are escaped.
#[test]
fn elements_are_split_at_their_end() {
    let elements =
        [r#"{"a":"]},"}"#, r#"{"a":"\\","b":"\"}"}"#, r#"{"a\"}]":"\\\""}"#, r#"{"a":{"b":[{}]}}"#, "{}"];
    let document = format!("[{}]", elements.join(" , "));
    let mut splitter = BatchSplitter::new(&DecodeOptions::strict());
    let mut found = Vec::new();
    for byte in document.bytes() {
        splitter.push(&[byte]);
        found.extend(splitter.next_element().unwrap());
    }
    assert_eq!(found, elements);
    assert!(splitter.is_finished() && splitter.offset() == document.len());
}

#[test]
fn more_events_than_the_limit_end_the_stream() {
    let mut with = DecodeOptions::strict();
    with.limits.batch = 2;
    assert_eq!(read(&format!("[{V1},{V1}]"), &with).unwrap().len(), 2);
    assert_eq!(read(&format!("[{V1},{V1},{V1}]"), &with).unwrap_err(), ErrorKind::TooMany);
}

#[test]
fn what_is_written_event_by_event_is_a_batch() {
    let events = cloudevents_json::decode_batch(format!("[{V1},{V1},{V1}]")).unwrap();
    for count in 0..3 {
        let mut writer = BatchWriter::new(Vec::new()).unwrap();
        for event in &events[..count] {
            assert!(writer.write(event).unwrap().is_empty());
        }
        assert_eq!(cloudevents_json::decode_batch(writer.finish().unwrap()).unwrap(), events[..count]);
    }
}
