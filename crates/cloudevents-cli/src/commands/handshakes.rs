//! Handshakes of webhooks, and the options that answer them.

use crate::plain::{plain, shortened};
use cloudevents_kit::transport::Received;
use http::HeaderMap;
use std::borrow::Cow;

/// The options of `ce webhook serve`.
pub(super) const SERVE: &str = "`--origin NAME` agrees to this sender, and `--provider event-grid` to Event Grid: with `--subscription NAME` also in its own schema";

/// The option of `ce listen`.
pub(super) const LISTEN: &str = "`--allow-origin NAME` answers the handshake of this sender, and `--allow-origin eventgrid.azure.net` that of Event Grid";

/// For commands without such an option.
pub(super) const ELSEWHERE: &str =
    "`ce webhook serve` answers the handshake of a webhook, with `--origin` or `--provider event-grid`";

/// The longest name in a suggestion, in characters.
const LONGEST: usize = 80;

/// Names what answers the handshake that this message is: the validation of Event Grid's own schema, or the confirmation of SNS.
///
/// `None` for other messages.
pub(super) fn answered_by(received: &Received) -> Option<String> {
    of_headers(|name| received.header_text(name).map(Cow::into_owned))
}

/// The same for a request.
pub(super) fn of_request(headers: &HeaderMap) -> Option<String> {
    of_headers(|name| Some(headers.get(name)?.to_str().ok()?.to_owned()))
}

fn of_headers(header: impl Fn(&str) -> Option<String>) -> Option<String> {
    let named = |name: &str, otherwise: &str| match header(name) {
        Some(text) => plain(&shortened(&text, LONGEST)),
        None => otherwise.to_owned(),
    };
    let is = |name: &str, kind: &str| header(name).is_some_and(|text| text.eq_ignore_ascii_case(kind));
    if is("aeg-event-type", "SubscriptionValidation") {
        let name = named("aeg-subscription-name", "NAME");
        return Some(format!(
            "`ce webhook serve --provider event-grid --subscription {name}` answers the validation of Event Grid's own schema"
        ));
    }
    is("x-amz-sns-message-type", "SubscriptionConfirmation").then(|| {
        let topic = named("x-amz-sns-topic-arn", "ARN");
        format!("`ce webhook serve --from aws-sns --sns-topic {topic}` confirms the subscription of SNS, if it can check the signature")
    })
}
