//! Documents other than events.

use cloudevents_core::ErrorKind;
use cloudevents_json::codec::{kind, parse};

/// The same with and without the feature `arbitrary_precision` of `serde_json`: `.ci/features` runs this with it.
#[test]
fn numbers_are_machine_numbers() {
    let value =
        parse(br#"{"a":[3,-3,1.50,-0,18446744073709551615,-9223372036854775808,1e2,0.1,{"b":7}]}"#).unwrap();
    let text = r#"{"a":[3,-3,1.5,-0.0,18446744073709551615,-9223372036854775808,100.0,0.1,{"b":7}]}"#;
    assert_eq!(value.to_string(), text);
    let list = value["a"].as_array().unwrap();
    assert!(list[..8].iter().all(|number| kind(number) == "a number"));
    assert_eq!((list[0].as_u64(), list[1].as_i64(), list[2].as_f64()), (Some(3), Some(-3), Some(1.5)));
    // Beyond 64 bits, the nearest double.
    assert_eq!(parse(b"12345678901234567890123").unwrap().as_f64(), Some(1.234_567_890_123_456_8e22));
    let error = parse(b"[1e400]").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidDocument);
    assert!(error.detail().starts_with("number out of range"), "{error}");
}
