//! Time grows with what is verified, and no faster.

use cloudevents_webhook::signature::{
    MessageSignatures, SignatureError, SigningKey, StandardWebhooks, Stripe, Verify,
};
use http::{Request, request::Parts};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// Many signatures in a header must not cost as many passes over the body.
#[test]
fn many_signatures_take_hardly_longer_than_one() {
    let body = vec![b'x'; 4 << 20];
    let wrong = "00".repeat(32);
    let stripe = |count: usize| {
        request(&[("stripe-signature", &format!("t=1700000000{}", format!(",v1={wrong}").repeat(count)))])
    };
    let standard = |count: usize| {
        let value = vec!["v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; count].join(" ");
        let (id, time) = (("webhook-id", "1"), ("webhook-timestamp", "1700000000"));
        request(&[id, time, ("webhook-signature", &value)])
    };
    // What else the machine does holds up both of a pair alike, unless it begins or ends between them: not in each of nine.
    let differ = |verifier: &dyn Verify, one: Parts, many: Parts, factor: u32| {
        let once = |head: &Parts| {
            let begun = Instant::now();
            assert_eq!(verifier.verify(head, &body, at(1_700_000_000)), Err(SignatureError::Mismatch));
            begun.elapsed()
        };
        (0..9).all(|_| once(&one) * factor <= once(&many))
    };
    let verifier = Stripe::new("whsec_test").unwrap();
    assert!(!differ(&verifier, stripe(1), stripe(31), 5));
    let verifier = StandardWebhooks::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    assert!(!differ(&verifier, standard(1), standard(16), 5));
    // Each signature of a public key is a pass of its own, so four are checked, and not sixteen.
    let public = |count: usize| {
        let value = vec![format!("v1a,{}==", "A".repeat(86)); count].join(" ");
        let (id, time) = (("webhook-id", "1"), ("webhook-timestamp", "1700000000"));
        request(&[id, time, ("webhook-signature", &value)])
    };
    let verifier = StandardWebhooks::with_key(SigningKey::ed25519([7; 32]).unwrap().verifying_key());
    assert!(!differ(&verifier, public(1), public(16), 10));
}

/// Anybody may send a signature that names as many components as there is room for in a head.
#[test]
fn a_signature_that_names_many_components_is_refused_soon() {
    let key = SigningKey::ed25519([7; 32]).unwrap();
    let verifier = MessageSignatures::new("partner.example", "2026", key.verifying_key());
    let (now, seconds) = (UNIX_EPOCH + Duration::from_secs(1_800_000_000), 1_800_000_000);
    let takes = |components: u32| {
        let names: Vec<String> = (0..components).map(|number| format!("\"x{number}\"")).collect();
        let input = format!("sig=({});created={seconds};keyid=\"2026\"", names.join(" "));
        let (head, ()) = Request::post("https://partner.example/hook")
            .header("signature-input", input)
            .header("signature", "sig=:AAAA:")
            .body(())
            .unwrap()
            .into_parts();
        let begun = Instant::now();
        verifier.verify(&head, b"{}", now).unwrap_err();
        begun.elapsed()
    };
    // In pairs: what else the machine does holds up both of one alike, unless it begins or ends between them.
    let pairs: Vec<_> = (0..5).map(|_| (takes(3000), takes(48_000))).collect();
    assert!(pairs.iter().any(|(few, many)| *many < *few * 64), "16 times as many take longer: {pairs:?}");
}
