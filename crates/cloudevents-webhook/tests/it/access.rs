//! Access tokens.

use cloudevents_webhook::{AccessToken, TokenPlace, authorize};
use http::{Request, request::Parts};

fn request(uri: &str, authorization: &[&str]) -> Parts {
    let mut request = Request::post(uri);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// WEBHOOK-3-b: both ways are supported. WEBHOOK-3.2-b, -c: among other parameters.
#[test]
fn both_ways() {
    for (uri, authorization, place) in [
        ("/hook", &["Bearer s3cret"][..], TokenPlace::Header),
        ("/hook", &["bearer  s3cret"], TokenPlace::Header),
        ("/hook?access_token=s3cret", &[], TokenPlace::Query),
        ("/hook?a=1&access_token=s3%63ret&b=2", &[], TokenPlace::Query),
    ] {
        let request = request(uri, authorization);
        let token = AccessToken::from_request(&request).unwrap().unwrap();
        assert_eq!(token.place(), place, "{uri}");
        assert!(token.is_bearer("s3cret"), "{uri}");
        assert!(!token.is_bearer("s3creT") && !token.is_bearer("s3cre") && !token.is_bearer(""));
        assert!(!format!("{token:?}").contains("s3cret"));
    }
    assert!(AccessToken::from_request(&request("/hook?x_access_token=1", &[])).unwrap().is_none());
}

#[test]
fn never_both_and_never_twice() {
    for (uri, authorization) in [
        ("/hook?access_token=a", &["Bearer a"][..]),
        ("/hook?access_token=a&access_token=a", &[]),
        ("/hook", &["Bearer a", "Bearer a"]),
        ("/hook", &["a"]),
    ] {
        assert!(AccessToken::from_request(&request(uri, authorization)).is_err(), "{uri} {authorization:?}");
    }
}

#[test]
fn other_schemes_are_no_bearer_tokens() {
    let request = request("/hook", &["Basic s3cret"]);
    let token = AccessToken::from_request(&request).unwrap().unwrap();
    assert_eq!((token.scheme(), token.expose()), (Some("Basic"), "s3cret"));
    assert!(!token.is_bearer("s3cret"));
}

/// WEBHOOK-3.1-a.
/// Tokens are compared by words: every byte counts, in whole words and behind them.
#[test]
fn one_other_byte_or_another_length_is_another_token() {
    for length in 1..=40 {
        let token: String = ('A'..='Z').chain('a'..='z').take(length).collect();
        let parts = request("/hook", &[&format!("Bearer {token}")]);
        let given = AccessToken::from_request(&parts).unwrap().unwrap();
        assert!(given.is_bearer(&token));
        for at in 0..length {
            let other = format!("{}-{}", &token[..at], &token[at + 1..]);
            assert!(!given.is_bearer(&other) && !given.is_bearer(&token[..at]), "{at} of {length}");
        }
        assert!(!given.is_bearer(&format!("{token}-")) && !given.is_bearer(&format!("{token}{token}")));
    }
}

#[test]
fn senders_use_the_header() {
    let mut request = Request::post("https://partner.example/hook").body(()).unwrap();
    authorize(&mut request, "s3cret").unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer s3cret");
    assert!(!format!("{:?}", request.headers()).contains("s3cret"));
    assert!(authorize(&mut request, "a\nb").is_err());
}
