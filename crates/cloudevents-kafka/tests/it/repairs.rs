//! What other implementations write, and the repairs that read it.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Leniency, RepairKind};
use cloudevents_kafka::{Record, decode};

fn event() -> Record {
    let required = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    required.iter().fold(Record::default(), |record, (name, value)| {
        record.with_header(*name, Bytes::from_static(value.as_bytes()))
    })
}

fn json() -> Record {
    Record::new(Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#))
}

/// Spring and Camel. KAFKA-3.2.1-a.
#[test]
fn a_content_type_under_another_spelling_of_its_name() {
    let named = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::ContentTypeName));
    for name in ["Content-Type", "contentType"] {
        let record = event().with_header(name, Bytes::from("text/plain"));
        // Strictly, and with the repairs of invalid events, it is a header like others.
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            let decoded = decode(&record, &with).unwrap();
            assert_eq!((decoded.value.datacontenttype(), decoded.repairs().len()), (None, 0));
        }
        let decoded = decode(&record, &named).unwrap();
        assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
        assert_eq!(decoded.repairs()[0].kind(), RepairKind::ContentTypeName);
        let both = record.with_header("content-type", Bytes::from("text/xml"));
        let decoded = decode(&both, &named).unwrap();
        assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/xml");
        assert!(decoded.repairs().is_empty());

        let document = json().with_header(name, Bytes::from("application/cloudevents+json"));
        assert_eq!(
            decode(&document, &DecodeOptions::strict()).unwrap_err().kind(),
            ErrorKind::NotACloudEvent
        );
        let decoded = decode(&document, &named).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::ContentTypeName));
    }
}
