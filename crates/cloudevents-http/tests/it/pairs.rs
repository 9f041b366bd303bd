//! Headers as pairs of any names and values: the vectors, decoded from pairs and from a map of the `http` crate.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, Message};
use cloudevents_http::{decode_events, decode_message};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The headers of a case, where it has them as text, and its body.
fn headers(case: &cloudevents_vectors::Case) -> Option<(Vec<(String, String)>, Bytes)> {
    let message = case.request.get("message").filter(|_| case.request.get("via") == Some(&"http".into()))?;
    let text = |value: &Value| Some(value.as_str()?.to_owned());
    let headers = message.get("headers")?.as_array()?;
    let pairs = headers.iter().map(|pair| Some((text(&pair[0])?, text(&pair[1])?))).collect::<Option<_>>()?;
    Some((pairs, text(&message["body"]["text"]).unwrap_or_default().into()))
}

fn shown<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    format!("{result:?}")
}

#[test]
fn every_vector_reads_the_same() {
    let mut seen = 0;
    for document in cloudevents_vectors::load_documents().unwrap() {
        for case in document.cases {
            let Some((pairs, body)) = headers(&case) else { continue };
            // What the http crate does not let in has no map to compare with.
            let map: Result<HeaderMap, http::Error> = pairs
                .iter()
                .map(|(name, value)| {
                    Ok((name.parse::<HeaderName>()?, HeaderValue::from_bytes(value.as_bytes())?))
                })
                .collect::<Result<Vec<_>, http::Error>>()
                .map(|all| {
                    all.into_iter().fold(HeaderMap::new(), |mut map, (name, value)| {
                        map.append(name, value);
                        map
                    })
                });
            let Ok(map) = map else { continue };
            seen += 1;
            // A map keeps the values of one name together.
            let grouped: Vec<(String, &[u8])> = map
                .iter()
                .map(|(name, value)| (name.as_str().to_ascii_uppercase(), value.as_bytes()))
                .collect();
            for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
                let expected = decode_events(&map, body.clone(), &with);
                let found =
                    decode_events(grouped.iter().map(|(name, value)| (name, value)), body.clone(), &with);
                assert_eq!(shown(found), shown(expected), "{}", case.id);
                let mode = |message: Result<cloudevents_core::Decoded<Message>, Error>| {
                    shown(message.map(|decoded| decoded.value.mode()))
                };
                let expected = mode(decode_message(&map, body.clone(), &with));
                // Names in the letter case of the vector, values as text.
                assert_eq!(mode(decode_message(pairs.clone(), body.clone(), &with)), expected, "{}", case.id);
            }
        }
    }
    assert!(seen > 200, "{seen}");
}
