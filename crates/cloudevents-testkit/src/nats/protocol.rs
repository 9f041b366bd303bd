//! The text protocol: lines, and payloads of announced lengths.

use bytes::{Bytes, BytesMut};

/// The longest line, as in nats-server.
const LINE: usize = 4096;

/// An operation of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Connect(Bytes),
    Ping,
    Pong,
    Sub { subject: String, group: Option<String>, sid: String },
    Unsub { sid: String, max: Option<u64> },
    Publish { subject: String, reply: Option<String>, headers: Bytes, payload: Bytes },
}

/// Why a connection ends, as the server reports it.
pub(super) const UNKNOWN: &str = "Unknown Protocol Operation";
pub(super) const TOO_LONG: &str = "Maximum Control Line Exceeded";
pub(super) const TOO_LARGE: &str = "Maximum Payload Violation";

/// Takes an operation from the buffer. `None` if it is not complete.
pub(super) fn take(buffer: &mut BytesMut, max_payload: usize) -> Result<Option<Operation>, &'static str> {
    let Some(end) = buffer.iter().take(LINE).position(|byte| *byte == b'\n') else {
        return if buffer.len() > LINE { Err(TOO_LONG) } else { Ok(None) };
    };
    let line = buffer.get(..end).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| UNKNOWN)?.trim_end_matches('\r');
    let (name, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let arguments: Vec<&str> = rest.split_ascii_whitespace().collect();
    let text = |text: &str| text.to_owned();
    let operation = match (name.to_ascii_uppercase().as_str(), arguments.as_slice()) {
        ("CONNECT", _) => Operation::Connect(Bytes::copy_from_slice(rest.trim().as_bytes())),
        ("PING", []) => Operation::Ping,
        ("PONG", []) => Operation::Pong,
        ("SUB", [subject, sid]) => Operation::Sub { subject: text(subject), group: None, sid: text(sid) },
        ("SUB", [subject, group, sid]) => {
            Operation::Sub { subject: text(subject), group: Some(text(group)), sid: text(sid) }
        }
        ("UNSUB", [sid]) => Operation::Unsub { sid: text(sid), max: None },
        ("UNSUB", [sid, max]) => {
            Operation::Unsub { sid: text(sid), max: Some(max.parse().map_err(|_| UNKNOWN)?) }
        }
        ("PUB", [subject, reply @ .., size]) if reply.len() <= 1 => {
            let size = length(size, max_payload)?;
            let (subject, reply) = (text(subject), reply.first().map(|reply| text(reply)));
            return Ok(payload(buffer, end, size).map(|payload| Operation::Publish {
                subject,
                reply,
                headers: Bytes::new(),
                payload,
            }));
        }
        ("HPUB", [subject, reply @ .., headers, size]) if reply.len() <= 1 => {
            let (headers, size) = (length(headers, max_payload)?, length(size, max_payload)?);
            if headers > size {
                return Err(UNKNOWN);
            }
            let (subject, reply) = (text(subject), reply.first().map(|reply| text(reply)));
            return Ok(payload(buffer, end, size).map(|mut payload| {
                let headers = payload.split_to(headers);
                Operation::Publish { subject, reply, headers, payload }
            }));
        }
        _ => return Err(UNKNOWN),
    };
    let _ = buffer.split_to(end.saturating_add(1));
    Ok(Some(operation))
}

fn length(text: &str, max: usize) -> Result<usize, &'static str> {
    let length: usize = text.parse().map_err(|_| UNKNOWN)?;
    if length > max { Err(TOO_LARGE) } else { Ok(length) }
}

/// Takes the line and the payload behind it, with its line break.
fn payload(buffer: &mut BytesMut, line: usize, size: usize) -> Option<Bytes> {
    let (start, ends) = (line.saturating_add(1), line.saturating_add(size).saturating_add(3));
    if buffer.len() < ends {
        return None;
    }
    let mut whole = buffer.split_to(ends).freeze();
    let _ = whole.split_to(start);
    Some(whole.split_to(size))
}

/// A message for a subscription.
pub(super) fn message(
    subject: &str,
    sid: &str,
    reply: Option<&str>,
    headers: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
    let mut written = match headers.len() {
        0 => format!("MSG {subject} {sid} {reply}{}\r\n", payload.len()),
        length => {
            let total = length.saturating_add(payload.len());
            format!("HMSG {subject} {sid} {reply}{length} {total}\r\n")
        }
    }
    .into_bytes();
    written.extend_from_slice(headers);
    written.extend_from_slice(payload);
    written.extend_from_slice(b"\r\n");
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Operation>, &'static str> {
        let mut buffer = BytesMut::from(bytes);
        let mut all = Vec::new();
        while let Some(operation) = take(&mut buffer, 100)? {
            all.push(operation);
        }
        Ok(all)
    }

    #[test]
    fn operations() {
        let bytes = b"connect {}\r\nPING\r\nSUB a.* 1\r\nSUB\tb  g 2\nUNSUB 1 5\r\nPUB a 2\r\nhi\r\nHPUB a r 4 6\r\nhe\r\nxy\r\n";
        let publish =
            |reply: Option<&str>, headers: &'static str, payload: &'static str| Operation::Publish {
                subject: "a".into(),
                reply: reply.map(str::to_owned),
                headers: headers.into(),
                payload: payload.into(),
            };
        let expected = [
            Operation::Connect("{}".into()),
            Operation::Ping,
            Operation::Sub { subject: "a.*".into(), group: None, sid: "1".into() },
            Operation::Sub { subject: "b".into(), group: Some("g".into()), sid: "2".into() },
            Operation::Unsub { sid: "1".into(), max: Some(5) },
            publish(None, "", "hi"),
            publish(Some("r"), "he\r\n", "xy"),
        ];
        assert_eq!(all(bytes).unwrap(), expected);
        // Cut anywhere, it waits for the rest.
        for end in 0..bytes.len() {
            assert!(all(&bytes[..end]).unwrap().len() < expected.len());
        }
    }

    #[test]
    fn what_is_none() {
        for bytes in
            [&b"HELLO\r\n"[..], b"SUB a\r\n", b"PUB a\r\n", b"PUB a -1\r\n", b"HPUB a 5 4\r\n", b"\xff\r\n"]
        {
            assert_eq!(all(bytes).unwrap_err(), UNKNOWN, "{bytes:?}");
        }
        assert_eq!(all(b"PUB a 101\r\n").unwrap_err(), TOO_LARGE);
        assert_eq!(all(&[b'a'; 5000]).unwrap_err(), TOO_LONG);
    }

    #[test]
    fn messages() {
        assert_eq!(message("a", "1", None, b"", b"hi"), b"MSG a 1 2\r\nhi\r\n");
        assert_eq!(message("a", "1", Some("r"), b"h", b"hi"), b"HMSG a 1 r 1 3\r\nhhi\r\n");
    }
}
