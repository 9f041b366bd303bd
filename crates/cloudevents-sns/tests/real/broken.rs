//! Servers that refuse, throttle, or are no SNS.

use crate::tools::{event, sending, url, within};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_sns::awssdk1::sender;
use cloudevents_testkit::service::Service;
use cloudevents_transport::Sender;
use futures_util::future::join_all;

/// The answer to the request of this number, from 0: a status and a document.
type Answers = fn(usize) -> (u16, String);

/// A topic whose requests to publish get these answers.
async fn topic(answers: Answers) -> Sender {
    const ATTRIBUTES: &str = "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes/></GetTopicAttributesResult></GetTopicAttributesResponse>";
    let service = Service::start("text/xml", move |request, before| {
        Some(match request.line.ends_with("PublishBatch") {
            true => answers(before),
            false => (200, ATTRIBUTES.to_owned()),
        })
    });
    within(sender(&url(&service.await.url(), "q", ""), sending())).await.unwrap()
}

fn refusal(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    )
}

fn published(successful: &[usize], failed: &str) -> String {
    let members: String = successful
        .iter()
        .map(|id| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>"))
        .collect();
    format!(
        "<PublishBatchResponse><PublishBatchResult><Successful>{members}</Successful><Failed>{failed}</Failed></PublishBatchResult></PublishBatchResponse>"
    )
}

fn shown(result: Result<(), Error>) -> Option<(ErrorKind, bool)> {
    result.err().map(|error| (error.kind(), error.is_temporary()))
}

/// It is a refusal for now, and no lost connection: senders that try again wait, and none connects again.
#[tokio::test]
async fn what_is_throttled_may_be_sent_later() {
    let sender = topic(|number| match number {
        0 => (400, refusal("Throttled")),
        1 => (503, refusal("ServiceUnavailable")),
        _ => (200, published(&[0], "")),
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
    let sender = topic(|_| {
        let of = |id, code, fault| {
            format!("<member><Id>{id}</Id><Code>{code}</Code><SenderFault>{fault}</SenderFault></member>")
        };
        (200, published(&[0, 3], &(of(1, "InternalError", false) + &of(2, "InvalidParameter", true))))
    })
    .await;
    let mut outcomes = Vec::new();
    for number in 0..5 {
        outcomes.push(sender.enqueue(&event(number)).await.unwrap());
    }
    let outcomes = within(join_all(outcomes)).await.into_iter().map(|outcome| shown(outcome.map(drop)));
    let refused = |temporary| Some((ErrorKind::Refused, temporary));
    // The last one has no answer.
    let lost = Some((ErrorKind::Disconnected, true));
    assert_eq!(outcomes.collect::<Vec<_>>(), [None, refused(true), refused(false), None, lost]);
}

/// SNS does not say which message is too large.
#[tokio::test]
async fn a_request_that_is_too_long_is_sent_one_by_one() {
    let sender = topic(|number| match number {
        0 => (400, refusal("BatchRequestTooLong")),
        2 => (400, refusal("BatchRequestTooLong")),
        _ => (200, published(&[0], "")),
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
    let sender = topic(|_| (403, refusal("ExpiredToken"))).await;
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Refused, true), "{error}");
    assert_eq!(error.help(), Some("the session has ended: renew the credentials"));
}

#[tokio::test]
async fn what_is_no_answer_of_sns_is_a_lost_connection() {
    let sender = topic(|_| (200, "{}".into())).await;
    let error = within(sender.send(&event(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(error.help(), Some("check the option `endpoint`"));
}
