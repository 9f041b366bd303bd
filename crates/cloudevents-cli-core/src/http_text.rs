//! HTTP messages as text: as they are on the wire, one line per header.

use crate::plain::{count, plain};
use http::{HeaderMap, StatusCode, Version, header::CONTENT_LENGTH};
use serde_json::{Map, Value, json};

/// Returns a request as text, each line after `mark`. Values of sensitive headers are not shown; a body that is not text is described.
pub fn request(method: &str, host: &str, path: &str, headers: &HeaderMap, body: &[u8], mark: &str) -> String {
    let mut text = format!("{mark}{method} {} HTTP/1.1\n{mark}host: {}\n", plain(path), plain(host));
    put(headers, &mut text, mark);
    if !headers.contains_key(CONTENT_LENGTH) {
        text += &format!("{mark}content-length: {}\n", body.len());
    }
    text + &shown(body, mark)
}

/// Returns a response as text, as [`request`] does.
pub fn response(
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
    body: &[u8],
    mark: &str,
) -> String {
    let mut text = format!("{mark}{version:?} {status}\n");
    put(headers, &mut text, mark);
    text + &shown(body, mark)
}

fn put(headers: &HeaderMap, text: &mut String, mark: &str) {
    for (name, value) in headers {
        let shown = match value.is_sensitive() {
            true => "(not shown)".to_owned(),
            false => plain(&value.as_bytes().iter().copied().map(char::from).collect::<String>()),
        };
        *text += &format!("{mark}{name}: {shown}\n");
    }
}

/// A blank line, and the body if there is one.
fn shown(body: &[u8], mark: &str) -> String {
    let mut text = format!("{}\n", mark.trim_end());
    match std::str::from_utf8(body) {
        Ok(body) => {
            for line in body.lines() {
                let line: Vec<String> = line.split('\t').map(plain).collect();
                text += &format!("{mark}{}\n", line.join("\t"));
            }
        }
        Err(_) => text += &format!("{mark}[{}]\n", count(body.len(), "binary byte")),
    }
    text
}

/// Why there is no message.
#[derive(Debug)]
pub(crate) enum Partial {
    /// The text has to have this many bytes, or more.
    Needs(usize),
    /// It is wrong.
    Broken(&'static str),
}

/// The most headers of a message.
const MOST_HEADERS: usize = 10_000;

/// Reads the HTTP message that the text begins with, as a message of the testee protocol, and returns its length. `ended`: whether no more
/// text follows.
///
/// A message may begin with a request line or a status line. A body is chunked, or has as many bytes as `Content-Length` names. Without
/// both, it ends before a blank line that the next message follows. A line break at its end does not belong to it then.
pub(crate) fn message(text: &[u8], ended: bool) -> Result<(usize, Value), Partial> {
    let more = Partial::Needs(text.len().saturating_mul(2));
    let mut at = 0;
    let mut message = Map::new();
    let mut headers: Vec<Value> = Vec::new();
    let (mut length, mut chunked, mut has_body) = (None, false, false);
    while let Some((line, next)) = line(text, at).filter(|(_, next)| ended || is_whole(text, *next)) {
        let is_first = at == 0;
        at = next;
        if line.is_empty() {
            has_body = true;
            break;
        }
        match header(line) {
            Some((name, value)) => {
                if name.eq_ignore_ascii_case("content-length") {
                    let digits = Some(&value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
                    let stated = digits.and_then(|digits| digits.parse::<usize>().ok());
                    if stated.is_none() || length.is_some_and(|before| Some(before) != stated) {
                        return Err(Partial::Broken("Content-Length is not one number of bytes"));
                    }
                    length = stated;
                }
                if name.eq_ignore_ascii_case("transfer-encoding") {
                    if chunked || !value.eq_ignore_ascii_case("chunked") {
                        return Err(Partial::Broken("of transfer codings, only chunked is decoded, once"));
                    }
                    chunked = true; // the body is shown without it
                } else {
                    if headers.len() >= MOST_HEADERS {
                        return Err(Partial::Broken("a message has more than 10,000 headers"));
                    }
                    headers.push(json!([name, value]));
                }
            }
            None => match start_line(line).filter(|_| is_first) {
                Some(members) => message.extend(members),
                // The line is not left out, because it could have had a meaning.
                None => return Err(Partial::Broken("a line of the head is no header (RFC 9112, section 5)")),
            },
        }
    }
    if !has_body && !ended {
        return Err(more);
    }
    if has_body {
        let rest = text.get(at..).unwrap_or_default();
        let (taken, body) = match length {
            _ if chunked => dechunked(rest, ended, more)?,
            Some(length) if length > rest.len() && !ended => {
                return Err(Partial::Needs(at.saturating_add(length)));
            }
            Some(length) if length > rest.len() => {
                return Err(Partial::Broken("the body is shorter than its Content-Length"));
            }
            Some(length) => (length, rest.get(..length).unwrap_or_default().to_vec()),
            None => {
                let length = body(rest, ended).ok_or(more)?;
                (length, rest.get(..length).unwrap_or_default().to_vec())
            }
        };
        at = at.saturating_add(taken);
        if !body.is_empty() {
            message.insert("body".into(), cloudevents_testkit::tagged::from_bytes(&body));
        }
    }
    message.insert("headers".into(), headers.into());
    Ok((at, Value::Object(message)))
}

/// Whether the line that ends here has a line break: otherwise more of it may come.
fn is_whole(text: &[u8], next: usize) -> bool {
    next.checked_sub(1).and_then(|last| text.get(last)) == Some(&b'\n')
}

/// The content of a chunked body (RFC 9112, section 7.1), and the length of the body with its trailers.
fn dechunked(rest: &[u8], ended: bool, more: Partial) -> Result<(usize, Vec<u8>), Partial> {
    let broken = || Partial::Broken("the chunked body is broken");
    let more = if ended { broken() } else { more };
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let Some((head, next)) = line(rest, at).filter(|(_, next)| is_whole(rest, *next)) else {
            return Err(more);
        };
        let size = head.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size =
            std::str::from_utf8(size).ok().filter(|size| size.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).ok_or_else(broken)?;
        at = next;
        if size == 0 {
            break;
        }
        let end = at.saturating_add(size);
        let Some(chunk) = rest.get(at..end) else { return Err(more) };
        body.extend_from_slice(chunk);
        match line(rest, end) {
            Some((b"", next)) if is_whole(rest, next) => at = next,
            None => return Err(more),
            Some(_) if rest.len().saturating_sub(end) < 2 => return Err(more),
            Some(_) => return Err(broken()),
        }
    }
    // Trailers, up to a blank line.
    while let Some((trailer, next)) = line(rest, at) {
        if !is_whole(rest, next) && !ended {
            return Err(more);
        }
        at = next;
        if trailer.is_empty() {
            return Ok((at, body));
        }
    }
    if ended { Ok((at, body)) } else { Err(more) }
}

/// Returns the length of a body that is followed by a blank line and another message, or by nothing. `None` if more text may show it.
fn body(rest: &[u8], ended: bool) -> Option<usize> {
    let follows =
        |next| begins(rest, next) && (ended || line(rest, next).is_some_and(|(_, end)| is_whole(rest, end)));
    if follows(skip_blank(rest, 0)) {
        return Some(0);
    }
    let mut at = 0;
    let mut found = ended;
    while let Some((here, next)) = line(rest, at) {
        at = match here.is_empty() {
            false => next,
            // The text behind all blank lines is looked at once.
            true => match skip_blank(rest, next) {
                behind if follows(behind) => {
                    found = true;
                    break;
                }
                behind => behind,
            },
        };
    }
    let body = rest.get(..at).filter(|_| found)?;
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    Some(body.strip_suffix(b"\r").unwrap_or(body).len())
}

/// Whether a line of HTTP is here: of a request, of a response, or a header that every CloudEvent has.
pub(crate) fn begins(text: &[u8], at: usize) -> bool {
    let Some((line, _)) = line(text, at) else { return false };
    if start_line(line).is_some() {
        return true;
    }
    header(line).is_some_and(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name.starts_with("ce-") || ["content-type", "content-length", "host"].contains(&name.as_str())
    })
}

/// Whether the text begins with the first line of a request or of a response.
pub(crate) fn begins_message(text: &[u8]) -> bool {
    line(text, 0).is_some_and(|(line, _)| start_line(line).is_some())
}

/// `POST /path HTTP/1.1` or `HTTP/1.1 204 No Content`, as members of the message.
fn start_line(line: &[u8]) -> Option<Map<String, Value>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (first, second, third) = (words.next()?, words.next()?, words.next());
    let members = if first.starts_with("HTTP/") {
        json!({"status": second.parse::<u16>().ok()?})
    } else if third?.starts_with("HTTP/") && first.bytes().all(|byte| byte.is_ascii_uppercase()) {
        json!({"method": first, "target": second})
    } else {
        return None;
    };
    match members {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Name and value; the value is the Latin-1 text of its octets.
fn header(line: &[u8]) -> Option<(String, String)> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) {
        return None;
    }
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let latin1 = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    Some((latin1(name), latin1(value)))
}

/// Returns the line at `at` without its end, and where the next one begins. `None` at the end of the text.
fn line(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = rest.get(..length)?;
    let next = at.saturating_add(length).saturating_add(1);
    Some((line.strip_suffix(b"\r").unwrap_or(line), next.min(text.len())))
}

fn skip_blank(text: &[u8], mut at: usize) -> usize {
    while let Some((found, next)) = line(text, at).filter(|(found, _)| found.trim_ascii().is_empty()) {
        debug_assert!(found.trim_ascii().is_empty());
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a text, which comes in pieces of this size.
    fn read_in(text: &str, piece: usize) -> Vec<Value> {
        let (mut rest, mut all, mut seen) = (text.as_bytes(), Vec::new(), piece);
        loop {
            rest = &rest[skip_blank(rest, 0)..];
            if rest.is_empty() {
                return all;
            }
            let here = &rest[..seen.min(rest.len())];
            match message(here, here.len() == rest.len()) {
                Ok((length, message)) => {
                    rest = &rest[length..];
                    all.push(message);
                }
                Err(Partial::Needs(_)) => seen += piece,
                Err(Partial::Broken(words)) => panic!("{words}"),
            }
        }
    }

    fn read(text: &str) -> Vec<Value> {
        let all = read_in(text, text.len());
        for piece in 1..text.len() {
            assert_eq!(read_in(text, piece), all, "{piece}");
        }
        all
    }

    #[test]
    fn chunks_are_no_payload() {
        let text = "POST / HTTP/1.1\r\nce-id: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\na\n\n\r\nA\r\n0123456789\r\n0\r\ntrailer: 1\r\n\r\nce-id: 2\r\n\r\n";
        let wanted = json!([
            {"method": "POST", "target": "/", "headers": [["ce-id", "1"]], "body": {"text": "a\n\n0123456789"}},
            {"headers": [["ce-id", "2"]]},
        ]);
        assert_eq!(Value::from(read(text)), wanted);
        for broken in ["x\r\n", "3\r\nabcd\r\n", "-1\r\n", "3\r\nab"] {
            let text = format!("ce-id: 1\r\ntransfer-encoding: chunked\r\n\r\n{broken}");
            assert!(matches!(message(text.as_bytes(), true), Err(Partial::Broken(_))), "{broken}");
        }
    }

    /// Otherwise its framing would be the payload.
    #[test]
    fn other_transfer_codings_are_refused() {
        for coding in ["gzip, chunked", "gzip", "chunked, chunked", "chunked\r\ntransfer-encoding: chunked"] {
            let text = format!("ce-id: 1\r\ntransfer-encoding: {coding}\r\n\r\n1\r\nx\r\n0\r\n\r\n");
            let broken = message(text.as_bytes(), true);
            assert!(matches!(broken, Err(Partial::Broken(words)) if words.contains("coding")), "{coding}");
        }
    }

    /// Otherwise a part of an attribute, or all of it, is left out.
    #[test]
    fn what_is_no_header_is_not_left_out() {
        for line in [
            "ce-subject: a\r\n b",
            "ce-subject : a",
            "ce-sub ject: a",
            "ce-subject",
            ": a",
            "HTTP/1.1 204 No Content",
            "content-length: 1, 1",
            "content-length: +1",
            "content-length: x",
            "content-length:",
            "content-length: 1\r\ncontent-length: 2",
            "content-length: 99999999999999999999999",
        ] {
            let text = format!("POST / HTTP/1.1\r\nce-id: 1\r\n{line}\r\n\r\nx");
            assert!(matches!(message(text.as_bytes(), true), Err(Partial::Broken(_))), "{line}");
        }
        let twice = "ce-id: 1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx";
        assert!(message(twice.as_bytes(), true).is_ok());
    }

    #[test]
    fn many_blank_lines_take_linear_time() {
        let begin = std::time::Instant::now();
        let text = format!("ce-id: 1\n\nx{}y", "\n".repeat(300_000));
        assert_eq!(message(text.as_bytes(), true).unwrap().0, text.len());
        // Quadratic, it takes minutes.
        assert!(begin.elapsed() < std::time::Duration::from_secs(20));
    }

    #[test]
    fn a_request_with_a_length() {
        let text =
            "POST /hook HTTP/1.1\r\nHost: x\r\nce-id: 1\r\nContent-Length: 4\r\n\r\na\n\nb\r\nce-id: 2\n";
        let wanted = json!([
            {
                "method": "POST", "target": "/hook", "body": {"text": "a\n\nb"},
                "headers": [["Host", "x"], ["ce-id", "1"], ["Content-Length", "4"]],
            },
            {"headers": [["ce-id", "2"]]},
        ]);
        assert_eq!(Value::from(read(text)), wanted);
    }

    /// A capture that ends early has no message with half a payload.
    #[test]
    fn a_body_that_is_cut_is_refused() {
        let text = b"ce-id: 1\r\nContent-Length: 4\r\n\r\nabcd";
        let cut = &text[..text.len() - 1];
        assert!(matches!(message(cut, false), Err(Partial::Needs(bytes)) if bytes == text.len()));
        assert!(
            matches!(message(cut, true), Err(Partial::Broken(words)) if words.contains("Content-Length"))
        );
        assert_eq!(message(text, true).unwrap().0, text.len());
    }

    #[test]
    fn bodies_end_before_the_next_message() {
        let text = "ce-id: 1\n\nfirst\n\nstill first\n\nce-id: 2\n\n\nHTTP/1.1 204 No Content\ncontent-type: text/plain\n\nx\n\n";
        let wanted = json!([
            {"headers": [["ce-id", "1"]], "body": {"text": "first\n\nstill first"}},
            {"headers": [["ce-id", "2"]]},
            {"status": 204, "headers": [["content-type", "text/plain"]], "body": {"text": "x\n"}},
        ]);
        assert_eq!(Value::from(read(text)), wanted);
    }

    #[test]
    fn other_text_is_not_http() {
        for text in ["", "{}", "hello", "a b c", "key: value"] {
            assert!(!begins(text.as_bytes(), 0), "{text}");
        }
    }
}
