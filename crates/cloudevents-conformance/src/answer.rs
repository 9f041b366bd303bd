//! The answers of a testee, as the protocol writes them.

use crate::compare::shortened;
use crate::tree::json::{self, Json};

/// The answer of a testee to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It did something.
    Reply(Reply),
    /// It has no such thing, for this reason.
    Unsupported(Unsupported),
}

/// Why a testee did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported {
    pub(crate) reason: String,
    /// The part of the input that the testee's API does not take: `data`, `events`, `message`, or the name of an attribute.
    pub(crate) input: Option<String>,
}

/// The outcome that a testee reports.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The members of the result.
    Result(Json),
    /// The members of its refusal.
    Error(Json),
}

/// An object, if the line is one and says nothing twice; otherwise why not.
pub(crate) fn object(line: &str) -> Result<Json, String> {
    let tree = json::parse(line).map_err(|malformed| format!("not one line of JSON: {malformed}"))?;
    if !tree.is_object() {
        return Err("no JSON object".to_owned());
    }
    match tree.duplicate() {
        Some(name) => Err(format!("the member {:?} is there twice", shortened(name))),
        None => Ok(tree),
    }
}

impl Answer {
    /// Reads the answer to the request of this number.
    pub(crate) fn read(line: &str, seq: u64) -> Result<Self, String> {
        let answer = object(line)?;
        match answer.get("seq") {
            None => return Err("no `seq`".to_owned()),
            Some(got) if got.to_string() != seq.to_string() => {
                return Err(format!("the answer to request {} instead of request {seq}", shortened(got)));
            }
            Some(_) => (),
        }
        match (answer.get("result"), answer.get("error"), answer.get("unsupported")) {
            (Some(result), None, None) if result.is_object() => {
                Ok(Answer::Reply(Reply::Result(result.clone())))
            }
            (None, Some(error), None) if error.is_object() => Ok(Answer::Reply(Reply::Error(error.clone()))),
            (None, None, Some(reason)) => match (reason.as_str(), answer.get("input").map(Json::as_str)) {
                (None, _) => Err("`unsupported` is not the text of a reason".to_owned()),
                (_, Some(None)) => Err("`input` is not the text of a name".to_owned()),
                (Some(reason), input) => Ok(Answer::Unsupported(Unsupported {
                    reason: shortened(&reason),
                    input: input.flatten().map(str::to_owned),
                })),
            },
            (Some(_), None, None) => Err("`result` is not an object".to_owned()),
            (None, Some(_), None) => Err("`error` is not an object".to_owned()),
            _ => Err("not exactly one of `result`, `error` and `unsupported`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        for (line, wanted) in [
            (r#"{"seq":7,"result":{"match":true},"extra":1}"#, "result"),
            (r#"{"error":{"kind":"k"},"seq":7}"#, "error"),
            (r#" {"seq":7,"unsupported":"no avro","input":"data"} "#, "unsupported"),
        ] {
            let got = match Answer::read(line, 7).unwrap() {
                Answer::Reply(Reply::Result(_)) => "result",
                Answer::Reply(Reply::Error(_)) => "error",
                Answer::Unsupported(Unsupported { reason, input }) => {
                    assert_eq!((reason.as_str(), input.as_deref()), ("no avro", Some("data")));
                    "unsupported"
                }
            };
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn a_reason_is_kept_in_part() {
        let line = format!(r#"{{"seq":7,"unsupported":"{}"}}"#, "a".repeat(1 << 20));
        let Answer::Unsupported(Unsupported { reason, .. }) = Answer::read(&line, 7).unwrap() else {
            panic!("it is a result")
        };
        assert!(reason.len() < 1000 && reason.ends_with("... (1048576 bytes)"), "{reason}");
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (line, reason) in [
            ("", "not one line of JSON"),
            ("[]", "no JSON object"),
            (r#"{"result":{}}"#, "no `seq`"),
            (r#"{"seq":8,"result":{}}"#, "the answer to request 8 instead of request 7"),
            (r#"{"seq":"7","result":{}}"#, "the answer to request \"7\""),
            (r#"{"seq":7.0,"result":{}}"#, "the answer to request 7.0"),
            (r#"{"seq":7,"seq":7,"result":{}}"#, "the member \"seq\" is there twice"),
            (r#"{"seq":7,"result":{"a":[{"b":1,"b":2}]}}"#, "the member \"b\" is there twice"),
            (r#"{"seq":7}"#, "not exactly one"),
            (r#"{"seq":7,"result":{},"error":{}}"#, "not exactly one"),
            (r#"{"seq":7,"result":1}"#, "`result` is not an object"),
            (r#"{"seq":7,"error":"x"}"#, "`error` is not an object"),
            (r#"{"seq":7,"unsupported":true}"#, "`unsupported` is not"),
            (r#"{"seq":7,"unsupported":"no","input":1}"#, "`input` is not"),
        ] {
            let told = Answer::read(line, 7).unwrap_err();
            assert!(told.contains(reason), "{line}: {told}");
        }
    }
}
