//! Messages that the client cannot parse: it ends its connection instead of passing them on.
//!
//! The rules are those of async-nats 0.51, in `try_read_op` of its `connection.rs`.

use super::message;
use async_nats::{HeaderMap, StatusCode};
use cloudevents_core::{Error, ErrorKind};

/// The line with which a block of headers begins.
const VERSION: &str = "NATS/1.0";

/// Returns the headers that the client can parse, and the error of the others if there are any.
pub(super) fn headers(block: &[u8]) -> (HeaderMap, Option<Error>) {
    let text = String::from_utf8_lossy(block);
    let is_utf8 = matches!(text, std::borrow::Cow::Borrowed(_));
    let mut wrong = (!is_utf8).then_some((ErrorKind::InvalidUtf8, "they are not UTF-8"));
    let mut finds = |what| {
        wrong.get_or_insert((ErrorKind::InvalidDocument, what));
    };
    let mut headers = HeaderMap::new();
    let mut lines = text.lines().peekable();
    match lines.next().and_then(|line| line.strip_prefix(VERSION)).map(str::trim) {
        Some(rest) if is_status(rest) => {}
        _ => finds("they do not begin with `NATS/1.0`, or with a status behind it that is a number"),
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, first)) = line.split_once(':') else {
            finds("a line has no colon");
            continue;
        };
        let mut value = first.trim_start().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        let value = value.trim_end();
        let is_whole = is_utf8 || !(name.contains('\u{fffd}') || value.contains('\u{fffd}'));
        // The client panics at a carriage return within a value.
        if is_whole && message::append(&mut headers, name, value.as_bytes()).is_err() {
            finds("a name or a value has a character that no header may have");
        }
    }
    (headers, wrong.map(|(kind, what)| malformed(kind, what)))
}

/// Returns the error of a subject that the client cannot parse. The server shows this character in place of bytes that are not UTF-8. Since
/// 2.11, it does so without an escape, so a publisher that writes the character looks alike.
pub(super) fn subject(subject: &str, has_headers: bool) -> Option<Error> {
    if subject.contains('\u{fffd}') {
        return Some(malformed(ErrorKind::InvalidUtf8, "the subject is not UTF-8"));
    }
    // The line of a message without headers is split at spaces, which no subject has.
    (has_headers && subject.contains(char::is_whitespace))
        .then(|| malformed(ErrorKind::InvalidDocument, "the subject has a space"))
}

/// Whether this is a status with its meaning, or empty.
fn is_status(text: &str) -> bool {
    let status = text.split_once(' ').map_or(text, |(status, _)| status.trim());
    status.is_empty() || status.parse::<StatusCode>().is_ok()
}

fn malformed(kind: ErrorKind, what: &str) -> Error {
    Error::new(kind).with_detail(format!("the client cannot parse the headers of this message: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(block: &[u8]) -> Option<ErrorKind> {
        headers(block).1.map(|error| error.kind())
    }

    #[test]
    fn what_the_client_cannot_parse() {
        for block in [
            &b""[..],
            b"NATS/2.0\r\n\r\n",
            b" NATS/1.0\r\n\r\n",
            b"NATS/1.0 x\r\n\r\n",
            b"NATS/1.0 99\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\nbad name: x\r\n\r\n",
            b"NATS/1.0\r\n folded: first\r\n\r\n",
            b"NATS/1.0\r\na: x\ry\r\n\r\n",
        ] {
            assert_eq!(wrong(block), Some(ErrorKind::InvalidDocument), "{block:?}");
        }
        assert_eq!(wrong(b"NATS/1.0\r\na: \xff\r\n\r\n"), Some(ErrorKind::InvalidUtf8));
        for block in [
            &b"NATS/1.0"[..],
            b"NATS/1.0\r\n\r\n",
            b"NATS/1.0 404 No Messages\r\n\r\n",
            b"NATS/1.0\r\n: x\r\n\r\n",
            b"NATS/1.0\r\na:\r\nb:x\nc: y\r\n z\r\n\r\n",
            "NATS/1.0\r\na: \u{fffd} \r\n\r\n".as_bytes(),
        ] {
            assert_eq!(wrong(block), None, "{block:?}");
        }
    }

    #[test]
    fn the_others_are_kept() {
        let block = b"NATS/1.0\r\nce-id: 1\r\nbad: \xff\r\nno colon\r\nlong: a\r\n b\r\n\r\n";
        let kept = headers(block).0;
        let value = |name: &str| kept.get(name).map(|value| value.as_str().to_owned());
        assert_eq!((value("ce-id"), value("long"), kept.len()), (Some("1".into()), Some("a b".into()), 2));
    }

    #[test]
    fn subjects() {
        let kind = |name: &str| subject(name, true).map(|error| error.kind());
        assert_eq!(kind("a.b"), None);
        assert_eq!(kind("a.\u{fffd}"), Some(ErrorKind::InvalidUtf8));
        assert_eq!(kind("a.\u{a0}"), Some(ErrorKind::InvalidDocument));
        assert!(subject("a.\u{a0}", false).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(block in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = headers(&block);
            let _ = headers(&[b"NATS/1.0\r\n", &block[..]].concat());
        }

        /// What the client writes has nothing wrong.
        #[test]
        fn what_a_client_sends_is_parsed(name in "[!-9;-~]{1,20}", value in "[^\r\n]{0,40}") {
            let (kept, wrong) = headers(format!("NATS/1.0\r\n{name}: {value}\r\n\r\n").as_bytes());
            prop_assert!(wrong.is_none());
            prop_assert_eq!(kept.get(name.as_str()).map(|kept| kept.as_str()), Some(value.trim()));
        }
    }
}
