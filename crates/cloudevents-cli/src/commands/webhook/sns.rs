//! Deliveries of Amazon SNS: their signatures, and the confirmation of subscriptions.

use crate::{console::Console, failure::Failure, report::Report};
use cloudevents_kit::{
    Event,
    webhook::{
        guard::{SystemResolver, UrlGuard},
        receiver::WebhookOptions,
        reqwest013::GuardedClient,
        sns::SnsSignatures,
    },
};

/// The type of the event that the adapter makes of a confirmation.
const CONFIRMATION: &str = "com.amazonaws.sns.SubscriptionConfirmation";

/// Checks the signatures of messages of these topics. `None` without topics.
pub(super) fn signed(
    options: WebhookOptions,
    topics: &[String],
    adapter: Option<&str>,
) -> Result<(WebhookOptions, Option<SnsSignatures>), Failure> {
    if topics.is_empty() {
        return Ok((options, None));
    }
    if adapter != Some("aws-sns") {
        return Err(Failure::usage("--sns-topic is for --from aws-sns"));
    }
    let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder());
    let signatures = client.and_then(|client| SnsSignatures::new(client, topics));
    let signatures = signatures.map_err(|error| Failure::usage(format!("--sns-topic: {error}")))?;
    Ok((options.signature(signatures.clone()), Some(signatures)))
}

/// Confirms the subscription, if the event requests a confirmation. `false`: SNS has to send the event again.
pub(super) async fn confirmed(signatures: Option<&SnsSignatures>, event: &Event, console: &Console) -> bool {
    let Some(signatures) = signatures.filter(|_| event.ty() == CONFIRMATION) else { return true };
    match signatures.confirm(event.data_bytes().map(|data| data.as_ref()).unwrap_or_default()).await {
        Ok(_) => {
            console.notes().say("the subscription of the topic is confirmed");
            true
        }
        Err(error) => {
            let report = Report::warning("the subscription of the topic was not confirmed");
            console.report(&report.kind(error.kind().code()).detail(error.to_string()));
            false
        }
    }
}
