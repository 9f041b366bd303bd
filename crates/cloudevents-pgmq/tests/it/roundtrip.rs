//! A message returns its event, for any event that Postgres can store.

use cloudevents_core::{DecodeOptions, ErrorKind, Formats, Mode};
use cloudevents_json::Json;
use cloudevents_pgmq::{decode, decode_message, encode, encode_message};
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;
use serde_json::Value;

/// Whether a string has U+0000, wherever.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_event(event in any::event()) {
        let with = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let json = Json::new();
        let (message, _) = match encode(&event, Mode::Structured(&json)) {
            Ok(encoded) => encoded,
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Unsupported);
                let document = serde_json::from_slice::<Value>(&cloudevents_json::encode(&event).0);
                prop_assert!(document.map_or(true, |document| has_nul(&document)), "{}", error);
                return Ok(());
            }
        };
        let decoded = decode(&message, &with)?;
        prop_assert!(decoded.repairs().is_empty());
        prop_assert_eq!(&decoded.value, &carrier_form(&event, Carrier::Json));
        let forwarded = encode_message(&decode_message(&message, &with)?.value)?;
        prop_assert_eq!(decode(&forwarded, &with)?.value, decoded.value);
    }
}
