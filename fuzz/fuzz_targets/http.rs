//! Any headers and body as an HTTP message: no panic; what is an event can be written and read again; forwarding moves it unchanged.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Mode};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Lines of `name: value`, an empty line, the body.
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        rest = after;
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(name, value);
        }
    }
    let body = Bytes::copy_from_slice(rest);
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let _ = cloudevents_http::decode_events(&headers, body.clone(), &with);
        let Ok(decoded) = cloudevents_http::decode(&headers, body.clone(), &with) else { continue };
        let mut again = HeaderMap::new();
        let (body, _) = cloudevents_http::encode(&decoded.value, Mode::Binary, &mut again).expect("an event can be written");
        let event = cloudevents_http::decode(&again, body, &DecodeOptions::lenient()).expect("what was written can be read").value;
        assert_eq!(event.id(), decoded.value.id());
        assert_eq!(event.attributes().len() >= decoded.value.attributes().len(), true);
        assert_eq!(event.data_bytes().map(|b| b.to_vec()).unwrap_or_default(), decoded.value.data_bytes().map(|b| b.to_vec()).unwrap_or_default());
    }
});
