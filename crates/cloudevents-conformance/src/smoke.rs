//! Whether a testee speaks the protocol at all, before it is judged.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::answer::{self, Answer, Reply, Unsupported};
use crate::capabilities::Capabilities;
use crate::conversation::Conversation;
use crate::testee::Testee;

/// One rule of the protocol, and whether the testee follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmokeCheck {
    /// A stable name in kebab-case.
    pub name: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Describes how the testee breaks the rule. `None` if it follows the rule.
    pub fault: Option<String>,
}

impl fmt::Display for SmokeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => write!(f, "ok      {}: {}", self.name, self.rule),
            Some(fault) => write!(f, "BROKEN  {}: {}\n        {fault}", self.name, self.rule),
        }
    }
}

/// Sends a testee a few requests whose answers the protocol prescribes for every implementation. A suite would
/// misjudge a testee that breaks one of these rules.
///
/// Skips rules about features that the testee does not claim. If the testee does not start, checks nothing else.
///
/// ```
/// use cloudevents_conformance::{InProcess, smoke};
///
/// let mut testee = InProcess::new(|_: &str| "Hello!".to_owned());
/// let checks = smoke(&mut testee);
/// assert_eq!(checks[0].name, "start");
/// assert!(checks[0].fault.is_some());
/// ```
pub fn smoke(testee: &mut dyn Testee) -> Vec<SmokeCheck> {
    let mut conversation = Conversation::new(testee);
    let started = conversation.start();
    let fault = started.as_ref().err().map(ToString::to_string);
    let mut checks = vec![SmokeCheck {
        name: "start",
        rule: "`start` is answered with the version of the protocol, the implementation and its capabilities",
        fault,
    }];
    if let Ok((_, capabilities)) = &started {
        let omitted = capabilities.omitted();
        checks.push(SmokeCheck {
            name: "capabilities",
            rule: "`capabilities` state all of `ops`, `formats` and `bindings`, if need be as empty lists",
            fault: (!omitted.is_empty())
                .then(|| format!("{}: no run of it passes", Capabilities::omission(&omitted))),
        });
        checks.extend(RULES.iter().filter(|rule| (rule.applies)(capabilities)).map(|rule| SmokeCheck {
            name: rule.name,
            rule: rule.rule,
            fault: (rule.check)(&mut conversation, capabilities).err(),
        }));
        let stopped = conversation.stop();
        checks.push(SmokeCheck {
            name: "stop",
            rule: "`stop` ends the testee with status 0",
            fault: stopped.err().map(|breakdown| breakdown.to_string()),
        });
        checks.push(SmokeCheck {
            name: "start-unknown-member",
            rule: "Unknown members of `start` are ignored, and a testee starts again",
            fault: start_again(testee).err(),
        });
    }
    checks
}

struct Rule {
    name: &'static str,
    rule: &'static str,
    applies: fn(&Capabilities) -> bool,
    check: fn(&mut Conversation<'_>, &Capabilities) -> Result<(), String>,
}

const RULES: [Rule; 8] = [
    Rule {
        name: "unknown-op",
        rule: "An unknown `op` is `unsupported`",
        applies: |_| true,
        check: |conversation, _| unsupported(conversation, json!({"op": "no-such-op"})),
    },
    Rule {
        name: "unknown-binding",
        rule: "An unknown binding is `unsupported`",
        applies: |capabilities| has(&capabilities.ops, "decode"),
        check: |conversation, _| {
            unsupported(
                conversation,
                json!({"op": "decode", "via": "no-such-binding", "message": {"body": {"text": ""}}}),
            )
        },
    },
    Rule {
        name: "unknown-format",
        rule: "An unknown format is `unsupported`",
        applies: |capabilities| has(&capabilities.ops, "encode") && has(&capabilities.bindings, "http"),
        check: |conversation, _| {
            let mode =
                json!({"op": "encode", "via": "http", "mode": "structured", "format": "no-such-format"});
            unsupported(conversation, with(mode, "events", json!([event()])))
        },
    },
    Rule {
        name: "unknown-option",
        rule: "An unknown option is `unsupported`",
        applies: |capabilities| has(&capabilities.ops, "encode") && has(&capabilities.bindings, "http"),
        check: |conversation, _| {
            let options = json!({"op": "encode", "via": "http", "options": {"no-such-option": true}});
            unsupported(conversation, with(options, "events", json!([event()])))
        },
    },
    Rule {
        name: "seq",
        rule: "An answer carries the `seq` of its request, whatever number that is",
        applies: |_| true,
        check: |conversation, _| {
            [1_000_000, 7, 9_007_199_254_740_991, 7].into_iter().try_for_each(|seq| {
                conversation
                    .run_as(seq, &members(json!({"op": "no-such-op"})))
                    .answer
                    .map(drop)
                    .map_err(|fault| fault.to_string())
            })
        },
    },
    Rule {
        name: "unknown-member",
        rule: "Unknown members of a request are ignored",
        applies: |_| true,
        check: |conversation, capabilities| {
            let plain = if reads_json(capabilities) { decode(EVENT) } else { json!({"op": "no-such-op"}) };
            let one = conversation.run(&members(plain.clone())).answer;
            let other = conversation.run(&members(with(plain, "no-such-member", json!({"seq": 1})))).answer;
            let (one, other) = (shown(one)?, shown(other)?);
            if one == other { Ok(()) } else { Err(format!("without: {one}; with: {other}")) }
        },
    },
    Rule {
        name: "refusal",
        rule: "Input that is refused is answered with an `error`, and the next request is answered as any other",
        applies: reads_json,
        check: |conversation, _| {
            match conversation.run(&members(decode("{"))).answer {
                Ok(Answer::Reply(Reply::Error(_))) => (),
                answer => return Err(format!("`{{` is not an event: {}", shown(answer)?)),
            }
            conversation.run(&members(decode(EVENT))).answer.map(drop).map_err(|fault| fault.to_string())
        },
    },
    Rule {
        name: "line-break",
        rule: "An answer is one line, whatever the event contains",
        applies: reads_json,
        check: |conversation, _| {
            let data = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"a\r\nb\u2028c"}"#;
            conversation.run(&members(decode(data))).answer.map(drop).map_err(|fault| fault.to_string())
        },
    },
];

/// With `time`, since there are implementations that make one up, another each time.
const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2018-04-05T17:31:00Z"}"#;

fn start_again(testee: &mut dyn Testee) -> Result<(), String> {
    let told = |breakdown: crate::Breakdown| breakdown.to_string();
    testee.restart().map_err(told)?;
    let start = json!({"cmd": "start", "version": 1, "no-such-member": [{}]});
    let answer = testee.call(&start.to_string()).map_err(told)?;
    answer::object(&answer).and_then(|answer| Capabilities::read(&answer))?;
    testee.stop().map_err(told)
}

fn unsupported(conversation: &mut Conversation<'_>, request: Value) -> Result<(), String> {
    match conversation.run(&members(request)).answer {
        Ok(Answer::Unsupported(_)) => Ok(()),
        answer => shown(answer).and_then(|answer| Err(format!("it is not: {answer}"))),
    }
}

fn shown(answer: Result<Answer, crate::Breakdown>) -> Result<String, String> {
    match answer {
        Ok(Answer::Unsupported(Unsupported { reason, .. })) => Ok(format!("unsupported: {reason}")),
        Ok(Answer::Reply(Reply::Result(result))) => Ok(format!("the result {result}")),
        Ok(Answer::Reply(Reply::Error(error))) => Ok(format!("the error {error}")),
        Err(breakdown) => Err(breakdown.to_string()),
    }
}

fn decode(text: &str) -> Value {
    json!({"op": "decode", "via": "json", "message": {"body": {"text": text}}})
}

fn event() -> Value {
    json!({"specversion": "1.0", "attributes": {
        "id": {"type": "String", "value": "1"},
        "source": {"type": "URI-reference", "value": "/s"},
        "type": {"type": "String", "value": "t"},
    }})
}

fn reads_json(capabilities: &Capabilities) -> bool {
    has(&capabilities.ops, "decode") && has(&capabilities.formats, "json")
}

/// Whether a list of capabilities has a name. A testee without the list may have it, and is not checked here.
fn has(claimed: &Option<Vec<String>>, name: &str) -> bool {
    claimed.as_ref().is_some_and(|names| names.iter().any(|other| other == name))
}

fn members(request: Value) -> Map<String, Value> {
    match request {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn with(request: Value, name: &str, value: Value) -> Value {
    let mut members = members(request);
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use crate::testee::InProcess;

    use super::*;

    /// A testee that follows every rule, except where `spoil` changes its answers.
    fn testee(spoil: fn(&Value, Value) -> Value) -> impl FnMut(&str) -> String {
        move |request| {
            let request: Value = serde_json::from_str(request).unwrap();
            let supported = match request["op"].as_str() {
                Some("decode") => request["via"] == "json",
                Some("encode") => request["format"].is_null() && request["options"].is_null(),
                _ => false,
            };
            let refused = request["message"]["body"]["text"] == "{";
            let answer = if request["cmd"] == "start" {
                json!({
                    "version": 1, "implementation": {"name": "n", "version": "1", "language": "Rust"},
                    "capabilities": {"formats": ["json"], "bindings": ["http"], "ops": ["decode", "encode"]}
                })
            } else if !supported {
                json!({"seq": request["seq"], "unsupported": "unknown"})
            } else if refused {
                json!({"seq": request["seq"], "error": {"kind": "syntax"}})
            } else {
                json!({"seq": request["seq"], "result": {"events": []}})
            };
            spoil(&request, answer).to_string()
        }
    }

    fn broken(spoil: fn(&Value, Value) -> Value) -> Vec<&'static str> {
        let checks = smoke(&mut InProcess::new(testee(spoil)));
        checks.into_iter().filter(|check| check.fault.is_some()).map(|check| check.name).collect()
    }

    #[test]
    fn a_testee_that_speaks_the_protocol() {
        assert_eq!(broken(|_, answer| answer), [""; 0]);
        let omitting = broken(|request, mut answer| {
            if request["cmd"] == "start" {
                answer["capabilities"].as_object_mut().unwrap().remove("bindings");
            }
            answer
        });
        assert_eq!(omitting, ["capabilities"]);
        assert_eq!(smoke(&mut InProcess::new(testee(|_, answer| answer))).len(), RULES.len() + 4);
    }

    #[test]
    fn every_rule_can_be_seen_broken() {
        assert_eq!(
            broken(|_, mut answer| {
                answer["version"] = json!(2);
                answer
            }),
            ["start"]
        );
        assert_eq!(
            broken(|request, answer| match request["op"].as_str() {
                Some("no-such-op") => json!({"seq": request["seq"], "error": {}}),
                _ => answer,
            }),
            ["unknown-op"]
        );
        assert_eq!(
            broken(|request, answer| match request["via"].as_str() {
                Some("no-such-binding") => json!({"seq": request["seq"], "error": {}}),
                _ => answer,
            }),
            ["unknown-binding"]
        );
        assert_eq!(
            broken(|request, answer| match request["format"].as_str() {
                Some(_) => json!({"seq": request["seq"], "result": {}}),
                _ => answer,
            }),
            ["unknown-format"]
        );
        assert_eq!(
            broken(|request, answer| match request["options"].is_object() {
                true => json!({"seq": request["seq"], "result": {}}),
                false => answer,
            }),
            ["unknown-option"]
        );
        assert_eq!(
            broken(|request, mut answer| {
                if request["seq"] == json!(9_007_199_254_740_991_u64) {
                    answer["seq"] = json!(9_007_199_254_740_991.0);
                }
                answer
            }),
            ["seq"]
        );
        assert_eq!(
            broken(|request, answer| match request["no-such-member"].is_object() {
                true => json!({"seq": request["seq"], "error": {}}),
                false => answer,
            }),
            ["unknown-member"]
        );
        assert_eq!(
            broken(|request, answer| match answer["error"].is_object() {
                true => json!({"seq": request["seq"], "result": {}}),
                false => answer,
            }),
            ["refusal"]
        );
        assert_eq!(
            broken(|request, answer| match request["no-such-member"].is_array() {
                true => json!("no"),
                false => answer,
            }),
            ["start-unknown-member"]
        );
    }

    #[test]
    fn a_testee_that_makes_up_the_time_speaks_the_protocol() {
        let mut count = 0;
        let mut inner = testee(|_, answer| answer);
        let mut testee = InProcess::new(move |request: &str| {
            count += 1;
            let mut answer: Value = serde_json::from_str(&inner(request)).unwrap();
            if answer["result"].is_object() && !request.contains("time") {
                answer["result"]["events"] = json!([count]);
            }
            answer.to_string()
        });
        let broken: Vec<_> = smoke(&mut testee).into_iter().filter(|check| check.fault.is_some()).collect();
        assert_eq!(broken, []);
    }

    #[test]
    fn an_answer_cut_by_a_line_break_is_broken() {
        let mut inner = testee(|_, answer| answer);
        let mut testee = InProcess::new(move |request: &str| {
            let answer = inner(request);
            if request.contains("text/plain") { answer.split_at(5).0.to_owned() } else { answer }
        });
        let broken: Vec<_> = smoke(&mut testee).into_iter().filter(|check| check.fault.is_some()).collect();
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].name, "line-break");
    }

    #[test]
    fn what_is_not_claimed_is_not_asked() {
        let checks = smoke(&mut InProcess::new(testee(|request, mut answer| {
            if request["cmd"] == "start" {
                answer["capabilities"] = json!({"ops": [], "formats": [], "bindings": []});
            }
            answer
        })));
        let names: Vec<_> = checks.iter().map(|check| check.name).collect();
        let all =
            ["start", "capabilities", "unknown-op", "seq", "unknown-member", "stop", "start-unknown-member"];
        assert_eq!(names, all);
    }
}
