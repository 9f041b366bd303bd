//! The rules for deliveries: the requests, and how a target treats them.

use super::{
    probe::{Answer, Draft, Signing, Token},
    verdict::{Rule, Verdict},
};
use bytes::Bytes;
use http::Method;

/// The duty of a target.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// Accept the delivery.
    Accept,
    /// Accept it, or refuse the media type.
    AcceptOrDecline,
    /// Refuse it with one of these statuses; another one of the client's errors is a warning.
    Refuse(&'static [u16]),
    /// The same, or end the connection.
    RefuseOrHangUp(&'static [u16]),
}

/// The conditions for judging a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Token,
    Secret,
    /// The target takes part in the handshake.
    Handshake,
    /// Half a minute.
    Time,
}

/// A rule, and how it is checked.
pub(super) struct Case {
    pub(super) rule: Rule,
    pub(super) needs: Needs,
    pub(super) expect: Expect,
    /// Makes the request out of a good one with this id.
    pub(super) change: fn(&mut Draft, &str),
}

const fn case(
    id: &'static str,
    clause: &'static str,
    title: &'static str,
    fix: &'static str,
    needs: Needs,
    expect: Expect,
    change: fn(&mut Draft, &str),
) -> Case {
    Case { rule: Rule { id, clause, title, fix }, needs, expect, change }
}

const REFUSED: Expect = Expect::Refuse(&[401, 403]);

/// In the order in which they are checked: first whether good deliveries are accepted. Those that are sent again repeat the first one.
pub(super) const CASES: &[Case] = &[
    case(
        "delivery.structured",
        "WEBHOOK-2.1-b",
        "accepts an event in structured mode",
        "accept POST requests with `application/cloudevents+json`",
        Needs::Nothing,
        Expect::Accept,
        |_, _| {},
    ),
    case(
        "delivery.binary",
        "HTTP-3-c",
        "accepts an event in binary mode, or declines the mode with 415",
        "read attributes from `ce-` headers; decline with 415 where signatures do not cover them",
        Needs::Nothing,
        Expect::AcceptOrDecline,
        binary,
    ),
    case(
        "delivery.batch",
        "HTTP-3-c",
        "accepts a batch, or declines it with 415",
        "read `application/cloudevents-batch+json`, or respond with 415",
        Needs::Nothing,
        Expect::AcceptOrDecline,
        |draft, id| {
            draft.body = format!("[{},{}]", event(id, "1"), event(id, "2")).into();
            content_type(draft, "application/cloudevents-batch+json");
        },
    ),
    case(
        "delivery.again",
        "",
        "accepts a repeated delivery",
        "respond with 2xx to a delivery that was processed before",
        Needs::Nothing,
        Expect::Accept,
        |_, _| {},
    ),
    case(
        "size.64k",
        "CE-Size-Limits-c",
        "accepts an event of 64 KiB",
        "allow bodies of 64 KiB at least",
        Needs::Nothing,
        Expect::Accept,
        |draft, id| {
            let data = "x".repeat((64 << 10) - 200);
            draft.body = event(id, "1").replace("payload", &data).into();
        },
    ),
    case(
        "token.query",
        "WEBHOOK-3-b",
        "accepts the token in the query",
        "also read the query parameter `access_token`",
        Needs::Token,
        Expect::Accept,
        |draft, _| draft.token = Token::Query,
    ),
    case(
        "token.none",
        "WEBHOOK-3-a",
        "refuses a delivery without a token",
        "respond with 401",
        Needs::Token,
        REFUSED,
        |draft, _| draft.token = Token::None,
    ),
    case(
        "token.wrong",
        "WEBHOOK-3-a",
        "refuses a delivery with a wrong token",
        "compare the whole token, in constant time, and respond with 401",
        Needs::Token,
        REFUSED,
        |draft, _| draft.token = Token::Wrong,
    ),
    case(
        "token.half",
        "WEBHOOK-3-a",
        "refuses the beginning of the token",
        "compare the whole token, in constant time, and respond with 401",
        Needs::Token,
        REFUSED,
        |draft, _| draft.token = Token::Half,
    ),
    case(
        "token.longer",
        "WEBHOOK-3-a",
        "refuses what only begins with the token",
        "compare the whole token, in constant time, and respond with 401",
        Needs::Token,
        REFUSED,
        |draft, _| draft.token = Token::Longer,
    ),
    case(
        "token.both",
        "WEBHOOK-3-a",
        "refuses a token in both places",
        "respond with 400 (RFC 6750, section 2)",
        Needs::Token,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.token = Token::Both,
    ),
    case(
        "signature.none",
        "",
        "refuses a delivery without a signature",
        "require the signature",
        Needs::Secret,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.signing = Signing::None,
    ),
    case(
        "signature.wrong",
        "",
        "refuses a wrong signature",
        "verify the raw body, before it is parsed",
        Needs::Secret,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.signing = Signing::Wrong,
    ),
    case(
        "signature.old",
        "",
        "refuses a signature that is ten minutes old",
        "allow five minutes between the time of the signature and now",
        Needs::Secret,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.signing = Signing::Old,
    ),
    case(
        "signature.future",
        "",
        "refuses a signature whose time is ten minutes from now",
        "allow five minutes between the time of the signature and now, in both directions",
        Needs::Secret,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.signing = Signing::Future,
    ),
    case(
        "signature.id",
        "",
        "refuses a signature of another delivery's id",
        "verify the id, the time and the body together",
        Needs::Secret,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.signing = Signing::OtherId,
    ),
    case(
        "origin.other",
        "WEBHOOK-2.1-e",
        "refuses deliveries of an origin that it did not agree to",
        "compare the whole origin, not its beginning",
        Needs::Handshake,
        Expect::Refuse(&[401, 403]),
        |draft, _| {
            draft.origin = draft.origin.take().map(|origin| format!("{origin}.attacker.invalid"));
        },
    ),
    case(
        "origin.none",
        "WEBHOOK-2.1-e",
        "refuses deliveries without an origin",
        "require `WebHook-Request-Origin`",
        Needs::Handshake,
        Expect::Refuse(&[400, 401, 403]),
        |draft, _| draft.origin = None,
    ),
    case(
        "delivery.again-later",
        "",
        "accepts a delivery that is repeated later",
        "respond with 2xx to a delivery that was processed before",
        Needs::Nothing,
        Expect::Accept,
        |_, _| {},
    ),
    case(
        "media-type.unknown",
        "WEBHOOK-2.2-m",
        "declines an unknown content type",
        "respond with 415",
        Needs::Nothing,
        Expect::Refuse(&[415]),
        |draft, _| content_type(draft, "foo/bar"),
    ),
    case(
        "media-type.format",
        "WEBHOOK-2.2-m",
        "declines an unknown event format",
        "respond with 415",
        Needs::Nothing,
        Expect::Refuse(&[415]),
        |draft, _| content_type(draft, "application/cloudevents+toml"),
    ),
    case(
        "media-type.none",
        "WEBHOOK-2.1-c",
        "refuses a delivery without a content type",
        "respond with 400 or 415",
        Needs::Nothing,
        Expect::Refuse(&[400, 415]),
        |draft, _| draft.headers.retain(|(name, _)| *name != "content-type"),
    ),
    case(
        "payload.none",
        "WEBHOOK-2.1-d",
        "refuses a delivery without a payload",
        "respond with 400",
        Needs::Nothing,
        Expect::Refuse(&[400, 411, 422]),
        |draft, _| draft.body = Bytes::new(),
    ),
    case(
        "event.syntax",
        "",
        "refuses a document that is not JSON",
        "respond with 400, not with a server error",
        Needs::Nothing,
        Expect::Refuse(&[400, 422]),
        |draft, _| draft.body = Bytes::from_static(b"{\"specversion\":"),
    ),
    case(
        "event.attribute",
        "CE-id-a",
        "refuses an event without an id",
        "respond with 400, not with a server error",
        Needs::Nothing,
        Expect::Refuse(&[400, 422]),
        |draft, _| {
            draft.body =
                Bytes::from_static(br#"{"specversion":"1.0","source":"/check","type":"t","data":1}"#);
        },
    ),
    case(
        "size.large",
        "",
        "refuses a body of one MiB, before it is parsed",
        "limit bodies, and respond with 413",
        Needs::Nothing,
        Expect::RefuseOrHangUp(&[413]),
        |draft, id| {
            draft.body = event(id, "1").replace("payload", &"x".repeat(1 << 20)).into();
        },
    ),
    case(
        "method.get",
        "WEBHOOK-2.1-b",
        "declines GET",
        "respond with 405",
        Needs::Nothing,
        Expect::Refuse(&[405, 404, 401, 403]),
        |draft, _| {
            draft.method = Method::GET;
            draft.body = Bytes::new();
        },
    ),
    case(
        "body.slow",
        "",
        "does not wait for a body that arrives too slowly",
        "give bodies a deadline, and respond with 408",
        Needs::Time,
        Expect::RefuseOrHangUp(&[408]),
        |draft, _| draft.slow = true,
    ),
    case(
        "delivery.after",
        "",
        "still accepts deliveries after all checks",
        "see the log of the target",
        Needs::Nothing,
        Expect::Accept,
        |_, _| {},
    ),
];

/// An event as a document.
pub(super) fn event(id: &str, number: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}-{number}","source":"/ce-webhook-check","type":"io.cloudevents.check","datacontenttype":"text/plain","data":"payload"}}"#
    )
}

/// A good delivery.
pub(super) fn good(origin: &str, id: &str) -> Draft {
    Draft {
        method: Method::POST,
        id: id.to_owned(),
        origin: Some(origin.to_owned()),
        token: Token::Header,
        signing: Signing::Right,
        headers: vec![("content-type", "application/cloudevents+json".to_owned())],
        body: event(id, "1").into(),
        slow: false,
    }
}

fn content_type(draft: &mut Draft, value: &str) {
    draft.headers = vec![("content-type", value.to_owned())];
}

fn binary(draft: &mut Draft, id: &str) {
    content_type(draft, "text/plain");
    draft.headers.extend([
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", format!("{id}-1")),
        ("ce-source", "/ce-webhook-check".to_owned()),
        ("ce-type", "io.cloudevents.check".to_owned()),
    ]);
    draft.body = Bytes::from_static(b"payload");
}

impl Expect {
    /// How the target did, and its behaviour.
    pub(super) fn judge(self, answer: &Answer) -> (Verdict, String) {
        let status = match answer {
            Ok(response) => response.status,
            Err(error) => {
                let verdict = match self {
                    Self::RefuseOrHangUp(_) if !error.contains("in time") => Verdict::Pass,
                    Self::RefuseOrHangUp(_) => Verdict::Warn,
                    _ => Verdict::Fail,
                };
                return (verdict, error.clone());
            }
        };
        let verdict = match (self, status) {
            // That is about the rate, and not about this request.
            (_, 429) => Verdict::Skip,
            (Self::Accept | Self::AcceptOrDecline, 200..=299) | (Self::AcceptOrDecline, 415) => Verdict::Pass,
            (Self::Refuse(wanted) | Self::RefuseOrHangUp(wanted), status) if wanted.contains(&status) => {
                Verdict::Pass
            }
            (Self::Refuse(_) | Self::RefuseOrHangUp(_), 400..=499) => Verdict::Warn,
            _ => Verdict::Fail,
        };
        (verdict, format!("the target responded {status}"))
    }
}
