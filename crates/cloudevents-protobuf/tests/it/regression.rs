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

/// Which event of a batch was repaired.
#[test]
fn repairs_of_a_batch_have_the_index_of_their_event() {
    let good = b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t".to_vec();
    let mut odd = good.clone();
    odd.extend_from_slice(b"\x2a\x10\x0a\x0adataschema\x12\x02\x2a\x00");
    let mut batch = Vec::new();
    for event in [&good, &odd] {
        batch.extend([0x0a, event.len() as u8]);
        batch.extend(event);
    }
    let decoded = Protobuf::new().decode_batch(batch.clone().into(), &DecodeOptions::lenient()).unwrap();
    assert_eq!(decoded.repairs().iter().map(|repair| repair.index()).collect::<Vec<_>>(), [Some(1)]);
    // Those of single items had none.
    let items = Protobuf::new().decode_items(batch.into(), &DecodeOptions::lenient()).unwrap();
    let repairs = items[1].event.as_ref().unwrap().repairs();
    assert_eq!(repairs.iter().map(|repair| repair.index()).collect::<Vec<_>>(), [Some(1)]);
}
