//! Any answer of Pub/Sub: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use cloudevents_core::{DecodeOptions, Mode};
use cloudevents_pubsub::{GOOGLE_PUBSUB, reqwest013::ReceivedMessage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(received) = ReceivedMessage::of_answer(data, "orders") else { return };
    for ReceivedMessage { message, .. } in &received {
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Ok(forwarded) = GOOGLE_PUBSUB.decode_message(message, &with)
                && let Ok(again) = GOOGLE_PUBSUB.encode_message(&forwarded.value)
            {
                assert!(GOOGLE_PUBSUB.is_cloudevent(&again));
                let read = GOOGLE_PUBSUB.decode_message(&again, &DecodeOptions::lenient()).expect("what was written can be read").value;
                assert_eq!(read.mode(), forwarded.value.mode());
            }
            let Ok(decoded) = GOOGLE_PUBSUB.decode(message, &with) else { continue };
            let Ok(again) = GOOGLE_PUBSUB.encode(&decoded.value, Mode::Binary) else { continue };
            let event = GOOGLE_PUBSUB.decode(&again.message, &DecodeOptions::lenient()).expect("what was written can be read").value;
            assert_eq!(event.id(), decoded.value.id());
        }
    }
});
