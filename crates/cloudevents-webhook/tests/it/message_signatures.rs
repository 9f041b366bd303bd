//! RFC 9421, with the examples of its appendix B.

use cloudevents_webhook::signature::{
    Component, Coverage, Identity, MessageSignatures, MessageSigner, Sign, SignatureError, SigningKey,
    Verify, VerifyingKey,
};
use data_encoding::BASE64;
use http::{HeaderName, Request, request::Parts};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const BODY: &[u8] = br#"{"hello": "world"}"#;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_618_884_473)
}

/// The test request of appendix B.2.
fn test_request(input: &str, signature: &str) -> Parts {
    Request::post("/foo?param=Value&Pet=dog")
        .header("host", "example.com")
        .header("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("content-type", "application/json")
        .header("content-digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:")
        .header("content-length", "18")
        .header("signature-input", input)
        .header("signature", signature)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

fn key(text: &str) -> Vec<u8> {
    BASE64.decode(text.as_bytes()).unwrap()
}

/// B.1.2, without the header that says what kind of key it is.
fn rsa() -> VerifyingKey {
    let spki = key(concat!(
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2",
        "+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+",
        "oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq",
        "gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W",
        "Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4",
        "aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI",
        "2wIDAQAB"
    ));
    VerifyingKey::rsa_pss(&spki[24..]).unwrap()
}

/// B.1.4.
fn ed25519() -> VerifyingKey {
    VerifyingKey::ed25519(key("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")).unwrap()
}

/// B.1.5.
fn shared() -> VerifyingKey {
    VerifyingKey::hmac(key(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    ))
    .unwrap()
}

const B23_INPUT: &str = r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
const B23: &str = "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:";
const B25_INPUT: &str =
    r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
const B25: &str = "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
const B26_INPUT: &str = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
const B26: &str =
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

#[test]
fn full_coverage_with_rsa_pss() {
    let verifier = MessageSignatures::new("example.com", "test-key-rsa-pss", rsa()).identity(Identity::Body);
    let head = test_request(B23_INPUT, B23);
    let verified = verifier.verify(&head, BODY, now()).unwrap();
    assert_eq!((verified.coverage, verified.identity), (Coverage::Attributes, Some(Identity::Body)));
    assert_eq!(verifier.verify(&head, b"{}", now()), Err(SignatureError::Digest));
}

#[test]
fn hmac_and_ed25519() {
    let verifier = MessageSignatures::new("example.com", "test-shared-secret", shared())
        .or("test-key-ed25519", ed25519())
        .identity(Identity::Body);
    let any = verifier.clone().require([Component::Authority]);
    for (input, signature) in [(B25_INPUT, B25), (B26_INPUT, B26)] {
        let head = test_request(input, signature);
        assert_eq!(any.verify(&head, BODY, now()).unwrap().coverage, Coverage::Nothing);
        let refused = verifier.verify(&head, BODY, now()).unwrap_err();
        assert!(matches!(refused, SignatureError::NotCovered(_)), "{refused:?}");
    }
    // Two signatures: one that fits is enough.
    let head =
        test_request(&format!("{B25_INPUT}, {B26_INPUT}"), &format!("{}, {B26}", B25.replace("pxc", "axc")));
    assert!(any.verify(&head, BODY, now()).is_ok());
}

#[test]
fn every_covered_part_counts() {
    let verifier = MessageSignatures::new("example.com", "test-key-ed25519", ed25519())
        .require([])
        .identity(Identity::Body);
    let good = test_request(B26_INPUT, B26);
    assert!(verifier.verify(&good, BODY, now()).is_ok());
    for (name, value) in [("date", "Tue, 20 Apr 2021 02:07:56 GMT"), ("content-type", "text/plain")] {
        let mut head = good.clone();
        head.headers.insert(name, value.parse().unwrap());
        assert_eq!(verifier.verify(&head, BODY, now()), Err(SignatureError::Mismatch), "{name}");
        head.headers.remove(name);
        assert!(matches!(verifier.verify(&head, BODY, now()), Err(SignatureError::Component(_))), "{name}");
    }
    let mut head = good.clone();
    head.method = http::Method::PUT;
    assert_eq!(verifier.verify(&head, BODY, now()), Err(SignatureError::Mismatch));
    head = good.clone();
    head.uri = "/bar?param=Value&Pet=dog".parse().unwrap();
    assert_eq!(verifier.verify(&head, BODY, now()), Err(SignatureError::Mismatch));
    // The authority, in other spellings of the same, whatever `Host` says.
    head = good.clone();
    head.headers.insert("host", "internal:8080".parse().unwrap());
    for authority in ["example.com", "Example.com:443"] {
        let verifier = MessageSignatures::new(authority, "test-key-ed25519", ed25519())
            .require([])
            .identity(Identity::Body);
        assert!(verifier.verify(&head, BODY, now()).is_ok(), "{authority}");
    }
    // Another receiver that has the key sends what it got, as it got it.
    for replayed in [&good, &head] {
        let other = MessageSignatures::new("other.example", "test-key-ed25519", ed25519())
            .require([])
            .identity(Identity::Body);
        assert_eq!(other.verify(replayed, BODY, now()), Err(SignatureError::Mismatch));
        assert!(other.or_authority("example.com").verify(replayed, BODY, now()).is_ok());
    }
    // Another key's id, another algorithm, another time.
    let unknown = test_request(&B26_INPUT.replace("test-key-ed25519", "other"), B26);
    assert_eq!(verifier.verify(&unknown, BODY, now()), Err(SignatureError::UnknownKey("other".into())));
    for input in
        [format!("{B26_INPUT};alg=\"hmac-sha256\""), B26_INPUT.replace(";keyid=\"test-key-ed25519\"", "")]
    {
        assert_eq!(
            verifier.verify(&test_request(&input, B26), BODY, now()),
            Err(SignatureError::Mismatch),
            "{input}"
        );
    }
    let late = now() + Duration::from_secs(301);
    assert!(matches!(verifier.verify(&good, BODY, late), Err(SignatureError::Time { .. })));
    let timeless = B26_INPUT.replace(";created=1618884473", "");
    let refused = verifier.verify(&test_request(&timeless, B26), BODY, now());
    assert_eq!(refused, Err(SignatureError::NotCovered("created".into())));
}

/// HTTP/2 without TLS behind a proxy, and the absolute form, have a scheme. It is not the one that the signer used.
#[test]
fn a_receiver_behind_a_proxy_knows_the_uri_that_was_signed() {
    let key = SigningKey::hmac([1; 32]).unwrap();
    let verifier = MessageSignatures::new("partner.example", "k", key.verifying_key())
        .require([])
        .identity(Identity::Body);
    for uri in ["/hook?a=1", "https://partner.example/hook?a=1", "http://internal:8080/hook?a=1"] {
        // `https://partner.example/hook?a=1`, with HMAC-SHA256 of another implementation.
        let (head, ()) = Request::post(uri)
            .header("signature-input", r#"sig=("@target-uri");created=1618884473;keyid="k""#)
            .header("signature", "sig=:5GNVrfEODBu1PMawF2H8v2VhWZN9LN/9aUmY5NFUz4E=:")
            .body(())
            .unwrap()
            .into_parts();
        assert!(verifier.verify(&head, b"", now()).is_ok(), "{uri}");
    }
}

/// RFC 9421, section 4.3: intermediaries add signatures of their own.
#[test]
fn a_signature_that_cannot_be_read_says_nothing_of_another() {
    let verifier = MessageSignatures::new("example.com", "test-key-ed25519", ed25519())
        .require([])
        .identity(Identity::Body);
    for (input, signature) in [
        ("proxy=1", "proxy=:AAAA:"),
        ("proxy=(\"@method\");created=1618884473", "other=:AAAA:"),
        ("proxy=(\"@method\");created=1618884473", "proxy=token"),
        ("proxy=(\"@method\";tr);created=1618884473;keyid=\"p\"", "proxy=:AAAA:"),
    ] {
        let head = test_request(&format!("{input}, {B26_INPUT}"), &format!("{signature}, {B26}"));
        assert!(verifier.verify(&head, BODY, now()).is_ok(), "{input} {signature}");
        assert!(
            verifier.verify(&test_request(input, signature), BODY, now()).is_err(),
            "{input} {signature}"
        );
    }
    // Section 2.3: `alg` and `keyid` are Strings.
    for parameter in ["alg=ed25519", "alg=1", "alg"] {
        let head = test_request(&format!("{B26_INPUT};{parameter}"), B26);
        assert!(
            matches!(verifier.verify(&head, BODY, now()), Err(SignatureError::Malformed(_))),
            "{parameter}"
        );
    }
}

#[test]
fn what_is_malformed_or_not_supported() {
    let verifier = MessageSignatures::new("example.com", "k", shared()).require([]).identity(Identity::Body);
    for (input, signature) in [
        ("", "sig=:AAAA:"),
        ("sig", "sig=:AAAA:"),
        ("sig=1", "sig=:AAAA:"),
        (r#"sig=("@method");created=1618884473"#, ""),
        (r#"sig=("@method");created=1618884473"#, "other=:AAAA:"),
        (r#"sig=("@method");created=1618884473"#, "sig=AAAA"),
        (r#"sig=("@method" "@method");created=1618884473"#, "sig=:AAAA:"),
        (r#"sig=(method);created=1618884473"#, "sig=:AAAA:"),
        (r#"sig=("@method");created="now""#, "sig=:AAAA:"),
        (r#"sig=("@method");created=-1"#, "sig=:AAAA:"),
        ("sig=(\"@method", "sig=:AAAA:"),
    ] {
        let refused = verifier.verify(&test_request(input, signature), BODY, now()).unwrap_err();
        assert!(
            matches!(refused, SignatureError::Malformed(_) | SignatureError::Missing(_)),
            "{input} {signature}: {refused:?}"
        );
    }
    for component in [
        "@status",
        "@query-param\";name=\"Pet",
        "content-type\";bs",
        "Content-Type",
        "x-absent",
        "@nothing",
        "date\";tr",
    ] {
        let end = if component.contains('"') { "" } else { "\"" };
        let input = format!("sig=(\"{component}{end});created=1618884473;keyid=\"k\"");
        let refused = verifier.verify(&test_request(&input, "sig=:AAAA:"), BODY, now()).unwrap_err();
        assert!(
            matches!(refused, SignatureError::Component(_) | SignatureError::Malformed(_)),
            "{input}: {refused:?}"
        );
    }
    let bare = Request::post("/").body(()).unwrap().into_parts().0;
    assert_eq!(verifier.verify(&bare, BODY, now()), Err(SignatureError::Missing("signature-input")));
}

#[test]
fn attributes_that_are_added_or_removed_on_the_way() {
    let key = SigningKey::hmac([1; 32]).unwrap();
    let signed = || {
        let mut head = Request::post("https://receiver.example/hook?x=1")
            .header("content-type", "text/plain")
            .header("ce-id", "1")
            .header("ce-type", "a, b")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        MessageSigner::new("k", key.clone()).sign(&mut head, b"hello", "delivery-1", now()).unwrap();
        head
    };
    let verifier = MessageSignatures::new("receiver.example", "k", key.verifying_key());
    let verified = verifier.verify(&signed(), b"hello", now()).unwrap();
    assert_eq!((verified.coverage, verified.id.as_deref()), (Coverage::Attributes, Some("delivery-1")));
    // One that was not signed takes the reliance on attributes away.
    let mut head = signed();
    head.headers.insert("ce-extra", "1".parse().unwrap());
    assert_eq!(verifier.verify(&head, b"hello", now()).unwrap().coverage, Coverage::Body);
    // The content coding decides what the data are (RFC 9530, 6.3).
    let mut head = signed();
    head.headers.insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(verifier.verify(&head, b"hello", now()).unwrap().coverage, Coverage::Body);
    MessageSigner::new("k", key.clone()).sign(&mut head, b"hello", "delivery-1", now()).unwrap();
    assert_eq!(verifier.verify(&head, b"hello", now()).unwrap().coverage, Coverage::Attributes);
    head.headers.remove("content-encoding");
    let removed = verifier.verify(&head, b"hello", now());
    assert!(
        matches!(&removed, Err(SignatureError::Component(name)) if &**name == "content-encoding"),
        "{removed:?}"
    );
    // One that was signed has to be there, once, as it was.
    for change in ["2", ""] {
        let mut head = signed();
        head.headers.insert("ce-id", change.parse().unwrap());
        assert_eq!(verifier.verify(&head, b"hello", now()), Err(SignatureError::Mismatch));
    }
    let mut head = signed();
    head.headers.append("ce-id", "2".parse().unwrap());
    assert_eq!(verifier.verify(&head, b"hello", now()), Err(SignatureError::Mismatch));
    assert!(matches!(
        verifier.clone().require([Component::Field(HeaderName::from_static("x-request-id"))]).verify(&signed(), b"hello", now()),
        Err(SignatureError::NotCovered(name)) if &*name == "x-request-id"
    ));
}

/// Whoever has a delivery could sign nothing, but sends it with another nonce if that is not signed; and honest senders use fresh ones.
#[test]
fn the_id_of_a_delivery_is_in_a_signed_header() {
    let key = SigningKey::hmac([1; 32]).unwrap();
    let signed = |id: &str| {
        let request = Request::post("https://receiver.example/hook").header("x-id", "7").body(()).unwrap();
        let mut head = request.into_parts().0;
        MessageSigner::new("k", key.clone()).sign(&mut head, b"hello", id, now()).unwrap();
        head
    };
    let nonce = |head: &Parts| {
        let input = head.headers["signature-input"].to_str().unwrap();
        input.split(";nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let verifier = MessageSignatures::new("receiver.example", "k", key.verifying_key());
    let (one, again) = (signed("delivery-1"), signed("delivery-1"));
    assert_ne!(nonce(&one), nonce(&again));
    for head in [&one, &again] {
        assert_eq!(verifier.verify(head, b"hello", now()).unwrap().id.as_deref(), Some("delivery-1"));
        // A header that is not signed is no id.
        let other = verifier.clone().id_in(HeaderName::from_static("x-id"));
        let refused = Err(SignatureError::NotCovered("x-id".into()));
        assert_eq!(other.clone().verify(head, b"hello", now()), refused);
        let by_body = other.identity(Identity::Body).verify(head, b"hello", now()).unwrap();
        assert_eq!((by_body.id, by_body.identity), (None, Some(Identity::Body)));
    }
    let mut changed = one;
    changed.headers.insert("webhook-id", "delivery-2".parse().unwrap());
    assert_eq!(verifier.verify(&changed, b"hello", now()), Err(SignatureError::Mismatch));
}

/// What a signature covers is the values of a field, joined, without white space around them. HTTP/2 carries such white space.
#[test]
fn other_spellings_of_a_signed_id_are_no_other_deliveries() {
    let key = SigningKey::hmac([1; 32]).unwrap();
    let verifier = MessageSignatures::new("receiver.example", "k", key.verifying_key());
    let mut head = Request::post("https://receiver.example/hook").body(()).unwrap().into_parts().0;
    MessageSigner::new("k", key.clone()).sign(&mut head, b"hello", "1, 2", now()).unwrap();
    for spelled in ["1, 2", " 1, 2", "1, 2\t", "   1, 2   "] {
        head.headers.insert("webhook-id", spelled.parse().unwrap());
        assert_eq!(
            verifier.verify(&head, b"hello", now()).unwrap().id.as_deref(),
            Some("1, 2"),
            "{spelled:?}"
        );
    }
    head.headers.insert("webhook-id", "1".parse().unwrap());
    head.headers.append("webhook-id", "2".parse().unwrap());
    let refused = verifier.verify(&head, b"hello", now());
    assert_eq!(refused, Err(SignatureError::Component("webhook-id".into())));
}
