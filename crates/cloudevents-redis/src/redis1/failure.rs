//! Errors of the client and of the server, with a detail and a help text.

use cloudevents_core::Error;
use cloudevents_transport::binding::{disconnected, refused};
use redis::RedisError;

/// An error of the server is about the command, unless the server is not ready; any other error is about the connection.
pub(super) fn of(error: &RedisError) -> Error {
    if error.kind() == redis::ErrorKind::AuthenticationFailed {
        return refused(error).with_help("the server does not know this user or password");
    }
    let Some(code) = error.code() else {
        return disconnected(error);
    };
    let detail = match error.detail() {
        Some(detail) => format!("{code} {detail}"),
        None => code.to_owned(),
    };
    match code {
        "NOAUTH" | "WRONGPASS" => refused(detail).with_help("name a user and a password in the URL"),
        "NOPERM" => refused(detail).with_help("allow this user the command, and the key of the stream"),
        "WRONGTYPE" => refused(detail).with_help("the key is there and is no stream: name another one"),
        "OOM" => refused(detail)
            .with_temporary(true)
            .with_help("the server has reached `maxmemory`: trim streams, or raise it"),
        "READONLY" => refused(detail).with_temporary(true).with_help("this is a replica: name the master"),
        "MISCONF" | "NOREPLICAS" | "BUSY" => refused(detail).with_temporary(true),
        "MOVED" | "ASK" | "CROSSSLOT" => {
            refused(detail).with_help("name the node of a cluster that has the stream")
        }
        // While the server starts, or fails over; and the group or the stream is gone, which the next connection makes.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOGROUP" | "UNBLOCKED" => {
            disconnected(detail)
        }
        _ => refused(detail),
    }
}

#[cold]
pub(super) fn garbled(what: &str) -> Error {
    disconnected(format!("the answer to {what} is not one of Redis"))
}

#[cfg(test)]
mod tests {
    use super::of;
    use cloudevents_core::ErrorKind;
    use redis::Value;

    #[test]
    fn codes() {
        let kind = |code: &str| {
            let answered = redis::parse_redis_value(format!("-{code} detail\r\n").as_bytes());
            let error = of(&answered.and_then(Value::extract_error).unwrap_err());
            (error.kind(), error.is_temporary())
        };
        // Full, not written, not replicated, or held up by a script: for now.
        for code in ["OOM", "MISCONF", "NOREPLICAS", "BUSY", "READONLY"] {
            assert_eq!(kind(code), (ErrorKind::Refused, true), "{code}");
        }
        for code in ["ERR", "NOPERM", "WRONGTYPE", "MOVED", "CROSSSLOT"] {
            assert_eq!(kind(code), (ErrorKind::Refused, false), "{code}");
        }
        for code in ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOGROUP", "UNBLOCKED"] {
            assert_eq!(kind(code).0, ErrorKind::Disconnected, "{code}");
        }
    }
}
