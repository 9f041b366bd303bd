//! A delivery that files have.

use crate::{failure::Failure, input};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use std::path::Path;

/// A delivery: the head of its request, and its body as it came.
pub(super) struct Given {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Given {
    /// Reads the body, or the whole request, from a file, and headers as options have them: `Name: value`, or `@FILE` with such lines.
    pub(super) fn read(file: &Path, headers: &[String], is_whole: bool) -> Result<Self, Failure> {
        let (mut parts, ()) =
            Request::post("/").body(()).map_err(|_| not_a_request("--header"))?.into_parts();
        for given in headers {
            match given.strip_prefix('@') {
                None => header(given.as_bytes(), "--header", &mut parts.headers)?,
                Some(path) => {
                    let (_, bytes) = input::bytes(Path::new(path), input::SMALL)?;
                    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
                    for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
                        let place = format!("{path}, line {}", number.saturating_add(1));
                        header(line, &place, &mut parts.headers)?;
                    }
                }
            }
        }
        let (name, body) = input::read(file)?;
        let body = Bytes::from(body);
        match is_whole {
            true => whole(body, &name, parts),
            false => Ok(Self { parts, body }),
        }
    }
}

/// Reads a request: its first line, its headers, a blank line, and the body.
fn whole(text: Bytes, name: &str, mut parts: Parts) -> Result<Given, Failure> {
    let mut at = 0;
    let mut is_first = true;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'\n', rest) else { return Err(not_a_request(name)) };
        let line = rest.get(..length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at = at.saturating_add(length).saturating_add(1);
        if std::mem::take(&mut is_first) {
            (parts.method, parts.uri) = first_line(line).ok_or_else(|| not_a_request(name))?;
        } else if line.is_empty() {
            break;
        } else {
            header(line, name, &mut parts.headers)?;
        }
    }
    let mut body = text.slice(at.min(text.len())..);
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        return Err(Failure::usage(format!("`{name}` has a body with a transfer coding"))
            .help("give the body as it is without, and leave `Transfer-Encoding` out"));
    }
    // As `ce webhook serve` does: a service may believe another length.
    if parts.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Failure::usage(format!("`{name}` has several `Content-Length`")));
    }
    if let Some(length) = parts.headers.get(CONTENT_LENGTH) {
        let is_number = |length: &&str| length.bytes().all(|byte| byte.is_ascii_digit());
        let length = length.to_str().ok().filter(is_number).and_then(|length| length.parse().ok());
        let length = length.filter(|length: &usize| *length <= body.len());
        let cut = || Failure::usage(format!("`{name}` does not have the body of its `Content-Length`"));
        let length = length.ok_or_else(cut)?;
        // A program that passes a request on may use the bytes that nothing would check. An editor or a shell adds the last line end.
        if !matches!(body.get(length..), Some(b"" | b"\n" | b"\r\n")) {
            return Err(Failure::usage(format!(
                "`{name}` has more bytes after the body of its `Content-Length`"
            ))
            .help("to check the body that a program has, leave `Content-Length` out"));
        }
        body.truncate(length);
    }
    Ok(Given { parts, body })
}

/// `POST /hook HTTP/1.1`.
fn first_line(line: &[u8]) -> Option<(Method, Uri)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_line = version.starts_with("HTTP/") && words.next().is_none();
    is_line.then_some(())?;
    Some((method.parse().ok()?, target.parse().ok()?))
}

/// Adds the header `Name: value`. Errors do not show the value.
fn header(line: &[u8], place: &str, headers: &mut HeaderMap) -> Result<(), Failure> {
    let not_a_header = || Failure::usage(format!("{place}: not a header")).help("write `Name: value`");
    let colon = memchr::memchr(b':', line).ok_or_else(not_a_header)?;
    let (name, value) = line.split_at_checked(colon).ok_or_else(not_a_header)?;
    // Neither a folded line nor a name before white space.
    let name = HeaderName::from_bytes(name).map_err(|_| not_a_header())?;
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let value = HeaderValue::from_bytes(value).map_err(|_| not_a_header())?;
    let too_many = |_| Failure::usage(format!("{place}: too many headers"));
    headers.try_append(name, value).map(drop).map_err(too_many)
}

fn not_a_request(name: &str) -> Failure {
    Failure::usage(format!("`{name}` is not a request"))
        .help("it begins with a line such as `POST /hook HTTP/1.1`, and has headers and a blank line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Given, Failure> {
        whole(Bytes::from_static(text.as_bytes()), "request", Request::new(()).into_parts().0)
    }

    #[test]
    fn a_request_has_its_head_and_its_body_byte_for_byte() {
        let given = read("POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nX-A:  1 \r\n\r\n{}\n\r\n").unwrap();
        assert_eq!((given.parts.method, given.parts.uri.to_string()), (Method::POST, "/hook?a=1".into()));
        assert_eq!(
            (&given.parts.headers["x-a"], &given.body[..]),
            (&HeaderValue::from_static("1"), &b"{}\n\r\n"[..])
        );
        // An editor or a shell adds the last line end.
        let given = read("PUT /hook HTTP/1.1\nContent-Length: 2\n\n{}\n").unwrap();
        assert_eq!((given.parts.method, &given.body[..]), (Method::PUT, &b"{}"[..]));
        for wrong in [
            "",
            "{}",
            "POST /hook HTTP/1.1",
            "POST /hook HTTP/1.1\r\nHost: x\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "POST /hook\r\n\r\n",
            "POST /a b HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nno header\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}EVIL",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{} ",
            "POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\n{}",
            "POST / HTTP/1.1\r\nX-A: 1\r\n X-B: 2\r\n\r\n{}",
            "POST / HTTP/1.1\r\nX-A : 1\r\n\r\n{}",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n{}",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn more_headers_than_a_map_takes_are_a_mistake() {
        let lines: String = (0..40_000).map(|number| format!("X-{number}: 1\n")).collect();
        let text = Bytes::from(format!("POST / HTTP/1.1\n{lines}\n{{}}"));
        let parts = Request::new(()).into_parts().0;
        assert!(whole(text, "request", parts).is_err());
    }
}
