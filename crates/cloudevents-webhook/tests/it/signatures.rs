//! The schemes, with the examples of those who made them.

use cloudevents_webhook::signature::{
    Coverage, GitHub, HmacSignature, Sign, SignatureError, SigningKey, StandardSigner, StandardWebhooks,
    Stripe, Verified, Verify, VerifyingKey, WebPubSub,
};
use http::{Request, request::Parts};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn request(headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::post("https://receiver.example/hook");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

// From the specification of Standard Webhooks.
const SPEC_BODY: &[u8] = br#"{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#;
const SPEC_TIME: u64 = 1_674_087_231;
// From the tests of its reference libraries.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const TIME: u64 = 1_614_265_330;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn standard(signature: &str) -> Parts {
    request(&[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", signature),
    ])
}

#[test]
fn standard_webhooks_as_its_libraries_test_it() {
    let verifier = StandardWebhooks::new(SECRET).unwrap();
    let verified = verifier.verify(&standard(SIGNATURE), BODY, at(TIME)).unwrap();
    assert_eq!(verified.id.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    assert_eq!((verified.signed_at, verified.coverage), (Some(at(TIME)), Coverage::Body));
    // Among others, of other versions, and of keys that are no longer known.
    let list = format!("v0,AAAA v2,x v1,AAAA v1a,AAAA {SIGNATURE}");
    assert!(verifier.verify(&standard(&list), BODY, at(TIME)).is_ok());
    // The same text signed by us.
    let mut signed = request(&[]);
    StandardSigner::new(SECRET)
        .unwrap()
        .sign(&mut signed, BODY, "msg_p5jXN8AQM9LWM0D4loKWxJek", at(TIME))
        .unwrap();
    assert_eq!(signed.headers["webhook-signature"], SIGNATURE);
    assert_eq!(signed.headers["webhook-timestamp"], "1614265330");
}

#[test]
fn a_signature_has_to_fit_in_every_part() {
    let verifier = StandardWebhooks::new(SECRET).unwrap();
    let check = |head: &Parts, body: &[u8], now| verifier.verify(head, body, at(now)).unwrap_err();
    assert_eq!(check(&standard(SIGNATURE), b"{}", TIME), SignatureError::Mismatch);
    assert_eq!(
        check(&standard("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="), BODY, TIME),
        SignatureError::Mismatch
    );
    // A public key's version does not make a shared secret's signature good.
    assert_eq!(check(&standard(&SIGNATURE.replace("v1,", "v1a,")), BODY, TIME), SignatureError::Mismatch);
    assert_eq!(check(&standard("v9,abc"), BODY, TIME), SignatureError::Malformed("webhook-signature"));
    assert_eq!(check(&standard("abc"), BODY, TIME), SignatureError::Malformed("webhook-signature"));
    for now in [TIME - 301, TIME + 301] {
        assert_eq!(check(&standard(SIGNATURE), BODY, now), SignatureError::Time { signed: TIME, now });
    }
    for now in [TIME - 300, TIME + 300] {
        assert!(verifier.verify(&standard(SIGNATURE), BODY, at(now)).is_ok());
    }
    let tolerant = verifier.clone().tolerance(Duration::from_secs(400));
    assert!(tolerant.verify(&standard(SIGNATURE), BODY, at(TIME + 400)).is_ok());
    let mut dotted = standard(SIGNATURE);
    dotted.headers.insert("webhook-id", "msg.1".parse().unwrap());
    assert_eq!(check(&dotted, BODY, TIME), SignatureError::Id);
    for (name, value) in [("webhook-timestamp", "+1614265330"), ("webhook-timestamp", "1614265330.0")] {
        let mut head = standard(SIGNATURE);
        head.headers.insert(name, value.parse().unwrap());
        assert!(matches!(check(&head, BODY, TIME), SignatureError::Malformed(_)), "{name}: {value}");
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut head = standard(SIGNATURE);
        head.headers.remove(name);
        assert_eq!(check(&head, BODY, TIME), SignatureError::Missing(name));
        let mut head = standard(SIGNATURE);
        let value = head.headers[name].clone();
        head.headers.append(name, value);
        assert_eq!(check(&head, BODY, TIME), SignatureError::Malformed(name));
    }
}

#[test]
fn keys_change_without_a_gap() {
    let old = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let mut head = request(&[]);
    StandardSigner::new(SECRET).unwrap().and(old).unwrap().sign(&mut head, BODY, "1", at(TIME)).unwrap();
    for key in [SECRET, old] {
        assert!(StandardWebhooks::new(key).unwrap().verify(&head, BODY, at(TIME)).is_ok());
    }
    let both = StandardWebhooks::new(old).unwrap().or(SECRET).unwrap();
    assert_eq!(both.verify(&standard(SIGNATURE), BODY, at(TIME)).unwrap().key, Some(1));
    // Of both, the first key that a signature fits.
    assert_eq!(both.verify(&head, BODY, at(TIME)).unwrap().key, Some(0));
}

#[test]
fn public_keys() {
    // RFC 8032, section 7.1, test 1.
    let seed = data_encoding::HEXLOWER
        .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        .unwrap();
    let public = data_encoding::HEXLOWER
        .decode(b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        .unwrap();
    let (secret, public) = (data_encoding::BASE64.encode(&seed), data_encoding::BASE64.encode(&public));
    let signer = StandardSigner::new(&format!("whsk_{secret}")).unwrap();
    let verifier = StandardWebhooks::new(&format!("whpk_{public}")).unwrap();
    let mut head = request(&[]);
    signer.sign(&mut head, SPEC_BODY, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", at(SPEC_TIME)).unwrap();
    assert!(head.headers["webhook-signature"].to_str().unwrap().starts_with("v1a,"));
    assert!(verifier.verify(&head, SPEC_BODY, at(SPEC_TIME)).is_ok());
    assert_eq!(verifier.verify(&head, b"{}", at(SPEC_TIME)), Err(SignatureError::Mismatch));
}

#[test]
fn keys_that_are_none() {
    for text in [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_AAAA",
        "whsec_*",
        "whpk_AAAA",
        "whsk_AAAA",
        "whpk_",
    ] {
        assert!(StandardWebhooks::new(text).is_err(), "{text}");
        assert!(StandardSigner::new(text).is_err(), "{text}");
    }
    assert!(VerifyingKey::hmac("").is_err() && SigningKey::hmac("").is_err());
    assert_eq!(format!("{:?}", SigningKey::hmac("s3cret").unwrap()), "SigningKey(hmac-sha256)");
}

#[test]
fn an_id_that_could_be_taken_for_more_is_not_signed() {
    for id in ["", "a.b", "a b", "a\nb", "é"] {
        let mut head = request(&[]);
        let signed = StandardSigner::new(SECRET).unwrap().sign(&mut head, BODY, id, at(TIME));
        assert_eq!(signed, Err(SignatureError::Id), "{id}");
    }
}

#[test]
fn svix_has_other_names() {
    // From the tests of Svix's libraries, which have the same secret and body.
    let head = request(&[
        ("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("svix-timestamp", "1614265330"),
        ("svix-signature", SIGNATURE),
    ]);
    assert!(StandardWebhooks::new(SECRET).unwrap().svix().verify(&head, BODY, at(TIME)).is_ok());
    assert_eq!(
        StandardWebhooks::new(SECRET).unwrap().verify(&head, BODY, at(TIME)),
        Err(SignatureError::Missing("webhook-id"))
    );
}

#[test]
fn stripe() {
    // The HMAC was made with Python's hmac module over `1492774577.{"object":"event"}`.
    let digest = "v1=92cb120e5f070e2f8f09f590928add6a22e06c88deb56e550f4571e633b55eba";
    let body = br#"{"object":"event"}"#;
    let verifier = Stripe::new("whsec_test_secret").unwrap();
    let head = request(&[(
        "stripe-signature",
        &format!("t=1492774577,{digest},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"),
    )]);
    let verified = verifier.verify(&head, body, at(1_492_774_577)).unwrap();
    assert_eq!((verified.signed_at, verified.id), (Some(at(1_492_774_577)), None));
    assert!(matches!(
        verifier.verify(&head, body, at(1_492_774_578 + 300)),
        Err(SignatureError::Time { .. })
    ));
    assert_eq!(verifier.verify(&head, b"{}", at(1_492_774_577)), Err(SignatureError::Mismatch));
    for wrong in
        ["", "t=1", "v1=00", "t=1492774577,v0=00", "t=1,t=2,v1=00", "t=1492774577,v1=xy", "t=-1,v1=00"]
    {
        let head = request(&[("stripe-signature", wrong)]);
        assert_eq!(
            verifier.verify(&head, body, at(1_492_774_577)),
            Err(SignatureError::Malformed("stripe-signature")),
            "{wrong}"
        );
    }
    let mut signed = request(&[]);
    verifier.sign(&mut signed, body, "1", at(1_492_774_577)).unwrap();
    assert_eq!(signed.headers["stripe-signature"], format!("t=1492774577,{digest}"));
}

#[test]
fn github() {
    // The example of GitHub's documentation.
    let digest = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let verifier = GitHub::new("It's a Secret to Everybody").unwrap();
    let head = request(&[("x-hub-signature-256", digest)]);
    let mut expected = Verified::new(Coverage::Body);
    expected.key = Some(0);
    assert_eq!(verifier.verify(&head, b"Hello, World!", SystemTime::now()), Ok(expected));
    assert_eq!(verifier.verify(&head, b"Hello, World?", SystemTime::now()), Err(SignatureError::Mismatch));
    let both = GitHub::new("new").unwrap().or("It's a Secret to Everybody").unwrap();
    assert_eq!(both.verify(&head, b"Hello, World!", SystemTime::now()).unwrap().key, Some(1));
    for wrong in ["", "sha256=", "sha1=757107ea", "sha256=757", &digest[7..]] {
        let head = request(&[("x-hub-signature-256", wrong)]);
        assert!(verifier.verify(&head, b"Hello, World!", SystemTime::now()).is_err(), "{wrong}");
    }
    let mut signed = request(&[]);
    verifier.sign(&mut signed, b"Hello, World!", "1", SystemTime::now()).unwrap();
    assert_eq!(signed.headers["x-hub-signature-256"], digest);
}

#[test]
fn web_pubsub() {
    // Made with Python's hmac module: the connection's id with the keys `primary` and `secondary`.
    let signature = "sha256=dcf92887059c25951ac1e1d2c05a82b5e289a300ff423f3d7da22636f9875701,sha256=51493828e6a86c28637a5b4d882d1ee5557b7e2209632499634c059430e3fc5e";
    let head = request(&[("ce-connectionId", "0f5a"), ("ce-signature", signature)]);
    for key in ["primary", "secondary"] {
        let verified = WebPubSub::new(key).unwrap().verify(&head, b"anything", SystemTime::now()).unwrap();
        assert_eq!(verified.coverage, Coverage::Nothing);
    }
    assert_eq!(
        WebPubSub::new("other").unwrap().verify(&head, b"", SystemTime::now()),
        Err(SignatureError::Mismatch)
    );
}

// From Slack's page "Verifying requests from Slack".
const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SLACK_BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SLACK: (&str, &str) =
    ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");

#[test]
fn slack() {
    let verifier = HmacSignature::slack(SLACK_SECRET).unwrap();
    let time = ("x-slack-request-timestamp", "1531420618");
    let verified = verifier.verify(&request(&[SLACK, time]), SLACK_BODY, at(1_531_420_700)).unwrap();
    assert_eq!((verified.coverage, verified.signed_at), (Coverage::Body, Some(at(1_531_420_618))));
    let refused = |headers: &[(&str, &str)], body: &[u8], now: u64| {
        verifier.verify(&request(headers), body, at(now)).unwrap_err()
    };
    assert_eq!(refused(&[SLACK, time], b"token", 1_531_420_618), SignatureError::Mismatch);
    let other = ("x-slack-request-timestamp", "1531420619");
    assert_eq!(refused(&[SLACK, other], SLACK_BODY, 1_531_420_618), SignatureError::Mismatch);
    assert!(matches!(refused(&[SLACK, time], SLACK_BODY, 1_531_420_919), SignatureError::Time { .. }));
    assert_eq!(refused(&[SLACK], SLACK_BODY, 0), SignatureError::Missing("x-slack-request-timestamp"));
    let bare = ("x-slack-signature", &SLACK.1[3..]);
    assert_eq!(
        refused(&[bare, time], SLACK_BODY, 1_531_420_618),
        SignatureError::Malformed("x-slack-signature")
    );
    // What it signs is the same.
    let mut head = request(&[]);
    verifier.sign(&mut head, SLACK_BODY, "1", at(1_531_420_618)).unwrap();
    assert_eq!(
        (&head.headers[SLACK.0], &head.headers[time.0]),
        (&SLACK.1.parse().unwrap(), &time.1.parse().unwrap())
    );
}

#[test]
fn shopify_and_schemes_of_ones_own() {
    // By Python's hmac.
    let (body, signature) = (br#"{"id":820982911946154508}"#, "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=");
    let head = request(&[("x-shopify-hmac-sha256", signature)]);
    let verifier = HmacSignature::shopify("other").unwrap().or("hush").unwrap();
    let verified = verifier.verify(&head, body, at(0)).unwrap();
    assert_eq!((verified.signed_at, verified.key), (None, Some(1)));
    assert_eq!(
        HmacSignature::shopify("other").unwrap().verify(&head, body, at(0)),
        Err(SignatureError::Mismatch)
    );
    let mut head = request(&[]);
    HmacSignature::shopify("hush").unwrap().sign(&mut head, body, "1", at(0)).unwrap();
    assert_eq!(head.headers["x-shopify-hmac-sha256"], signature);
    for name in ["X-Signature", "a header", ""] {
        assert!(HmacSignature::new(name, "hush").is_err(), "{name}");
        let timed = HmacSignature::new("x-signature", "hush").unwrap().timed(name, "", ".");
        assert!(timed.sign(&mut request(&[]), body, "1", at(0)).is_err(), "{name}");
        assert!(timed.verify(&request(&[("x-signature", "00")]), body, at(0)).is_err(), "{name}");
    }
}

#[test]
fn random_keys_are_keys_and_differ() {
    let (one, other) = (SigningKey::random_secret().unwrap(), SigningKey::random_secret().unwrap());
    assert_ne!(one, other);
    let signs = |private: &str, public: &str| {
        let mut head = request(&[]);
        StandardSigner::new(private).unwrap().sign(&mut head, b"{}", "msg_1", at(1_700_000_000)).unwrap();
        let verified = StandardWebhooks::new(public).unwrap().verify(&head, b"{}", at(1_700_000_000));
        assert!(verified.is_ok(), "{verified:?}");
    };
    signs(&one, &one);
    let (private, public) = SigningKey::random_pair().unwrap();
    assert_ne!(private, SigningKey::random_pair().unwrap().0);
    signs(&private, &public);
}

/// A receiver and `ce webhook verify` ask this.
#[test]
fn a_signature_of_the_body_covers_attributes_only_in_the_body() {
    let parts = |headers: &[(&str, &str)]| {
        let mut request = http::Request::post("/hook");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    };
    let attribute = ("ce-type", "order.placed");
    for (headers, is_covered) in [
        (&[("content-type", "application/json")][..], true),
        (&[("content-type", "application/json"), attribute], false),
        (&[attribute], false),
        (&[("content-type", "application/cloudevents+json"), attribute], true),
        (&[("content-type", "application/cloudevents-batch+json"), attribute], true),
    ] {
        assert_eq!(Coverage::Body.covers_attributes(&parts(headers)), is_covered, "{headers:?}");
        assert!(Coverage::Attributes.covers_attributes(&parts(headers)), "{headers:?}");
        assert!(!Coverage::Nothing.covers_attributes(&parts(headers)), "{headers:?}");
    }
}
