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

/// The nearest double of each, whatever other crates of the build enable.
#[test]
fn doubles_are_read_to_the_last_digit() {
    // serde_json without its feature `float_roundtrip` reads another one.
    for text in ["122.416294033786585", "0.3333333333333333", "5e-324", "1.7976931348623157e308"] {
        assert_eq!(parse(text.as_bytes()).unwrap().as_f64(), Some(text.parse::<f64>().unwrap()), "{text}");
    }
}
