//! Defects that were found, each with the document that showed it.

use cloudevents_core::{DecodeOptions, ErrorKind, Format, RepairKind};
use cloudevents_protobuf::{Protobuf, decode};

/// A `dataschema` that is an empty `ce_uri` was dropped silently.
#[test]
fn an_empty_ce_uri_as_dataschema() {
    let mut document = b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t".to_vec();
    document.extend_from_slice(b"\x2a\x10\x0a\x0adataschema\x12\x02\x2a\x00");
    let error = decode(document.clone()).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::EmptyAttribute, Some("dataschema")));
    assert_eq!(error.clause(), Some("CE-dataschema-b"));
    let decoded = Protobuf::new().decode(document.into(), &DecodeOptions::lenient()).unwrap();
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::DroppedAttribute);
}
