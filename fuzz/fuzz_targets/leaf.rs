//! Any text as each of the leaf types: no panic; what is accepted keeps its spelling and its meaning.
#![no_main]

use cloudevents_core::{AttributeType, MediaType, Name, Timestamp, detect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for ty in AttributeType::ALL {
        let mut scratch = Vec::new();
        if let Ok(value) = ty.parse(text, &mut scratch) {
            let canonical = value.to_canonical().into_owned();
            let mut again = Vec::new();
            assert_eq!(ty.parse(&canonical, &mut again).expect("canonical strings parse").to_canonical(), canonical);
        }
    }
    if let Ok(timestamp) = Timestamp::parse(text) {
        let instant = timestamp.instant();
        if let Some(utc) = Timestamp::format_utc(instant.seconds, instant.nanosecond()) {
            let again = Timestamp::parse(&utc).expect("formatted timestamps parse");
            assert_eq!((again.instant().seconds, again.instant().nanosecond()), (instant.seconds, instant.nanosecond()));
        }
    }
    if let Ok(media_type) = MediaType::parse(text) {
        assert_eq!(media_type, media_type);
        for (name, value) in media_type.parameters() {
            assert!(media_type.parameter(name).is_some());
            let _ = value.unquoted();
        }
    }
    let _ = (Name::parse(text), detect(Some(text)));
});
