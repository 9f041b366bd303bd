//! Servers that refuse, throttle, or are no EventBridge.

use crate::tools::{event, sending, url, within};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_eventbridge::awssdk1::sender;
use cloudevents_testkit::service::Service;
use cloudevents_transport::Sender;
use futures_util::future::join_all;

/// The answer to the request of this number, from 0: a status and a document.
type Answers = fn(usize) -> (u16, String);

/// A bus whose requests to put events get these answers.
async fn bus(answers: Answers) -> Sender {
    let service = Service::start("application/x-amz-json-1.1", move |request, before| {
        Some(match request.line.ends_with("PutEvents") {
            true => answers(before),
            false => (200, "{}".to_owned()),
        })
    });
    within(sender(&url(&service.await.url(), "q", ""), sending())).await.unwrap()
}

fn refusal(code: &str) -> String {
    format!(
        r#"{{"__type":"{code}","message":"Total size of the entries in the request is over the limit."}}"#
    )
}

const PUT: &str = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#;

fn shown(result: Result<(), Error>) -> Option<(ErrorKind, bool)> {
    result.err().map(|error| (error.kind(), error.is_temporary()))
}

/// It is a refusal for now, and no lost connection: senders that try again wait, and none connects again.
#[tokio::test]
async fn what_is_throttled_may_be_sent_later() {
    let sender = bus(|number| match number {
        0 => (400, refusal("ThrottlingException")),
        1 => (503, refusal("InternalException")),
        _ => (200, PUT.into()),
    })
    .await;
    for _ in 0..2 {
        let error = within(sender.send(&event(1))).await.map(drop);
        assert_eq!(shown(error), Some((ErrorKind::Refused, true)));
    }
    within(sender.send(&event(1))).await.unwrap();
}

#[tokio::test]
async fn an_entry_fails_alone() {
    const ANSWER: &str = r#"{"FailedEntryCount":2,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException"},
        {"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."},{"EventId":"2"}]}"#;
    let sender = bus(|_| (200, ANSWER.into())).await;
    let mut outcomes = Vec::new();
    for number in 0..5 {
        outcomes.push(sender.enqueue(&event(number)).await.unwrap());
    }
    let outcomes = within(join_all(outcomes)).await.into_iter().map(|outcome| shown(outcome.map(drop)));
    let throttled = Some((ErrorKind::Refused, true));
    let malformed = Some((ErrorKind::Unsupported, false));
    // The last one has no answer.
    let lost = Some((ErrorKind::Disconnected, true));
    assert_eq!(outcomes.collect::<Vec<_>>(), [None, throttled, malformed, None, lost]);
}

/// EventBridge does not say which message is too large.
#[tokio::test]
async fn a_request_that_is_too_long_is_sent_one_by_one() {
    let sender = bus(|number| match number {
        0 => (400, refusal("ValidationException")),
        2 => (400, refusal("ValidationException")),
        _ => (200, PUT.into()),
    })
    .await;
    let mut outcomes = Vec::new();
    for number in 0..3 {
        outcomes.push(sender.enqueue(&event(number)).await.unwrap());
    }
    let outcomes = within(join_all(outcomes)).await;
    let kinds: Vec<_> = outcomes.into_iter().map(|outcome| outcome.err().map(|error| error.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::TooLarge), None]);
}

/// A sender keeps its events for a new session.
#[tokio::test]
async fn an_ended_session_is_a_refusal_for_now() {
    let sender = bus(|_| (400, refusal("ExpiredTokenException"))).await;
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
    assert_eq!(error.help(), Some("the session has ended: renew the credentials"));
}

#[tokio::test]
async fn what_is_no_answer_of_event_bridge_is_a_lost_connection() {
    let sender = bus(|_| (200, "<html>".into())).await;
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(error.help(), Some("check the option `endpoint`"));
}
