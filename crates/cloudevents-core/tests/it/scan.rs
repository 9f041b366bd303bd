//! Strings of JSON texts as written.

use cloudevents_core::codec::scan::{Mistake, Scanner, needs_escape};

/// Wherever a string ends: within 16 bytes, which are read at once, or behind them.
#[test]
fn a_string_is_plain_if_it_is_printable_ascii() {
    for length in 0..40 {
        for at in [0, length / 2, length] {
            for (odd, plain) in [("", true), ("~", true), ("\u{7f}", false), ("\u{80}", false), ("é", false)]
            {
                for escape in ["", r"\n"] {
                    let (before, after) = ("a".repeat(at), "z".repeat(length - at));
                    let contents = [&before, odd, escape, &after].concat();
                    for behind in ["", "é", &"é".repeat(20), &"x".repeat(40)] {
                        let text = format!("\"{contents}\"{behind}");
                        let string = Scanner::new(&text).string().unwrap();
                        assert_eq!(string.range(), 1..1 + contents.len(), "{text}");
                        assert_eq!((string.plain, string.escaped), (plain, !escape.is_empty()), "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_string_without_an_end() {
    for text in [r#"""#, r#""abc"#, r#""abc\"#, r#""abc\n"#, r#""abcdefghijklmnopqrst\"#] {
        let problem = Scanner::new(text).string().unwrap_err();
        assert_eq!((problem.what, problem.at), (Mistake::End, text.len()), "{text}");
    }
    for text in [r#""\x""#, r#""\u12x4""#, r#""\u123""#, r#""\u00zz""#] {
        assert_eq!(Scanner::new(text).string().unwrap_err().what, Mistake::Escape, "{text}");
    }
}

#[test]
fn the_end_of_an_unchecked_string() {
    for (text, end, escaped) in [(r#""ab" "c""#, 3, false), (r#""a\"b""#, 5, true), (r#""""#, 1, false)] {
        let mut scanner = Scanner::new(text);
        let string = scanner.unchecked_string().unwrap();
        assert_eq!(
            (string.range(), string.escaped, scanner.position()),
            (1..end, escaped, end + 1),
            "{text}"
        );
    }
    // What the caller has to check.
    for text in ["\"a\u{1}b\"", r#""a\nb""#, r#""\x""#] {
        let string = Scanner::new(text).unchecked_string().unwrap();
        assert_eq!((string.range(), string.escaped), (1..text.len() - 1, false), "{text}");
    }
    for text in ["", r#"""#, r#"x""#, r#""a\""#] {
        assert!(Scanner::new(text).unchecked_string().is_err(), "{text}");
    }
}

/// RFC 8259, section 7: quotation marks, backslashes and U+0000 to U+001F are escaped; spaces and DEL are not.
#[test]
fn what_needs_an_escape() {
    for length in [0, 1, 7, 8, 15, 16, 40] {
        for byte in 0..0x80_u8 {
            let text = [&*" ".repeat(length), &char::from(byte).to_string(), &"x".repeat(length)].concat();
            let special = byte < 0x20 || byte == 0x22 || byte == 0x5c;
            assert_eq!(needs_escape(&text), special, "{text:?}");
        }
    }
}
