//! serde_json as the oracle: what is JSON, and what it means.

use cloudevents_core::{JsonText, codec::scan::Scanner};
use cloudevents_testkit::any;
use proptest::prelude::*;

/// serde_json's verdict: a value, or nothing. It refuses numbers beyond f64, so those are left out by the caller.
fn is_json(text: &str) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value: Result<serde::de::IgnoredAny, _> = serde::Deserialize::deserialize(&mut deserializer);
    value.is_ok() && deserializer.end().is_ok()
}

proptest! {
    #[test]
    fn json_stays_json(text in any::json()) {
        prop_assert!(JsonText::parse(&text).is_ok());
        prop_assert!(is_json(&text));
    }

    #[test]
    fn mutated_json_is_judged_alike(text in any::json(), at in any::<prop::sample::Index>(), with in prop::sample::select(vec![
        "", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "null", " ", "\n", "\u{1}", "é", "\\u12", "tru",
    ]), remove in 0..3_usize) {
        let characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len() + 1);
        let mutated: String = characters[..at].iter().collect::<String>()
            + with
            + &characters[(at + remove).min(characters.len())..].iter().collect::<String>();
        prop_assert_eq!(JsonText::parse(&mutated).is_ok(), is_json(&mutated), "{}", mutated);
    }

    #[test]
    fn strings_are_read_alike(text in any::<String>(), escape in any::<bool>()) {
        let json = if escape {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\"")
        } else {
            serde_json::to_string(&text).unwrap()
        };
        let mut scanner = Scanner::new(&json);
        let string = scanner.string().unwrap();
        let mut read = String::new();
        scanner.unescape(string, &mut read).unwrap();
        prop_assert_eq!(read, text);
    }
}
