//! HTTP messages as text: as they are on the wire, one line per header.

use crate::plain::{count, plain};
use http::{HeaderMap, StatusCode, Version};
use serde_json::{Map, Value, json};

/// Returns a request as text, each line after `mark`. Values of sensitive headers are not shown; a body that is not text is described.
pub fn request(method: &str, host: &str, path: &str, headers: &HeaderMap, body: &[u8], mark: &str) -> String {
    let mut text = format!("{mark}{method} {} HTTP/1.1\n{mark}host: {}\n", plain(path), plain(host));
    put(headers, &mut text, mark);
    text += &format!("{mark}content-length: {}\n", body.len());
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

/// Splits text with HTTP messages into messages of the testee protocol. `None` if the text does not begin like HTTP.
///
/// Each message may begin with a request line or a status line. A body has as many bytes as `Content-Length` names; without it, it ends
/// before a blank line that the next message follows, and a line break at its end does not belong to it.
pub(crate) fn messages(text: &[u8]) -> Option<Vec<(usize, Value)>> {
    let mut at = skip_blank(text, 0);
    if !begins(text, at) {
        return None;
    }
    let mut all = Vec::new();
    while begins(text, at) {
        let begin = at;
        let mut message = Map::new();
        let mut headers: Vec<Value> = Vec::new();
        let mut length = None;
        let mut has_body = false;
        while let Some((line, next)) = line(text, at) {
            at = next;
            if line.is_empty() {
                has_body = true;
                break;
            }
            match header(line) {
                Some((name, value)) => {
                    if name.eq_ignore_ascii_case("content-length") {
                        length = value.parse::<usize>().ok();
                    }
                    headers.push(json!([name, value]));
                }
                None => message.extend(start_line(line).into_iter().flatten()),
            }
        }
        if has_body {
            let rest = text.get(at..).unwrap_or_default();
            let length = length.filter(|length| *length <= rest.len()).unwrap_or_else(|| body(rest));
            let body = rest.get(..length).unwrap_or_default();
            at = at.saturating_add(length);
            if !body.is_empty() {
                message.insert("body".into(), cloudevents_testkit::tagged::from_bytes(body));
            }
        }
        message.insert("headers".into(), headers.into());
        all.push((begin, Value::Object(message)));
        at = skip_blank(text, at);
    }
    Some(all)
}

/// Returns the length of a body that is followed by a blank line and another message, or by nothing.
fn body(rest: &[u8]) -> usize {
    if begins(rest, skip_blank(rest, 0)) {
        return 0;
    }
    let mut at = 0;
    while let Some((found, next)) = line(rest, at) {
        if found.is_empty() && begins(rest, skip_blank(rest, next)) {
            break;
        }
        at = next;
    }
    let body = rest.get(..at).unwrap_or_default();
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.strip_suffix(b"\r").unwrap_or(body).len()
}

/// Whether a line of HTTP is here: of a request, of a response, or a header that every CloudEvent has.
fn begins(text: &[u8], at: usize) -> bool {
    let Some((line, _)) = line(text, at) else { return false };
    if start_line(line).is_some() {
        return true;
    }
    header(line).is_some_and(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name.starts_with("ce-") || ["content-type", "content-length", "host"].contains(&name.as_str())
    })
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

    fn read(text: &str) -> Vec<Value> {
        messages(text.as_bytes()).unwrap().into_iter().map(|(_, message)| message).collect()
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
            assert!(messages(text.as_bytes()).is_none(), "{text}");
        }
    }
}
