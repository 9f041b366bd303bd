//! Events that travel from format to format: what changes on the way is what the reports of losses name.

use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_cbor::Cbor;
use cloudevents_core::{DecodeOptions, Event, Format, LossClass};
use cloudevents_json::Json;
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form, changes, told},
};
use cloudevents_xml::Xml;
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeMap;

/// The codec of a carrier, all of which are formats here.
pub(crate) fn format(carrier: Carrier) -> &'static dyn Format {
    const FORMATS: [&dyn Format; 6] =
        [&Json::new(), &Protobuf::new(), &Avro::new(), &AvroCompact::new(), &Xml::new(), &Cbor::new()];
    FORMATS[Carrier::FORMATS.iter().position(|known| *known == carrier).unwrap()]
}

/// One step: the event that comes out, and what the report names.
fn step(event: &Event, carrier: Carrier) -> Result<(Event, BTreeMap<String, LossClass>), TestCaseError> {
    let mut document = Vec::new();
    let losses = format(carrier).encode(event, &mut document)?;
    let came = format(carrier).decode(document.into(), &DecodeOptions::strict())?;
    prop_assert!(came.repairs.is_empty());
    Ok((came.value, told(&losses)))
}

proptest! {
    #[test]
    fn what_changes_on_the_way_is_named(
        event in any::event_of_1_0(),
        chain in vec(select(&Carrier::FORMATS[..]), 3),
    ) {
        let mut now = event.clone();
        let mut named = BTreeMap::new();
        for carrier in &chain {
            let (came, told) = step(&now, *carrier)?;
            prop_assert_eq!(&came, &carrier_form(&now, *carrier), "{:?}", carrier);
            prop_assert_eq!(&told, &changes(&now, &came), "{:?} of {:?}", carrier, now);
            named.extend(told);
            now = came;
        }
        let changed = changes(&event, &now);
        prop_assert!(changed.keys().all(|name| named.contains_key(name)), "changed: {:?}, named: {:?}, became: {:?}", changed, named, now);
    }
}

#[test]
fn every_format_has_a_codec() {
    for carrier in Carrier::FORMATS {
        let id = format(carrier).id().as_str().replace('-', "");
        assert_eq!(format!("{carrier:?}").to_lowercase(), id);
    }
}
