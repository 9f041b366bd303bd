//! Handles orders from a queue of SQS, as an AWS Lambda function. Its response names the records that failed, and Lambda delivers only
//! these again. The trigger needs the function response type `ReportBatchItemFailures`:
//!
//! ```text
//! cargo lambda build --release -p example-lambda-sqs
//! aws lambda create-event-source-mapping --function-name orders --event-source-arn arn:aws:sqs:eu-central-1:123456789012:orders \
//!     --function-response-types ReportBatchItemFailures
//! ```

use cloudevents_kit::{
    self as kit,
    adapters::{
        Adapters,
        lambda::{self, BatchResponse},
    },
    prelude::*,
};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Order {
    total: i64,
}

/// The invocation is a raw value, so that numbers of payloads keep their digits.
async fn handle(invocation: LambdaEvent<Box<RawValue>>) -> Result<BatchResponse, lambda_runtime::Error> {
    let batch = lambda::sqs(invocation.payload.get(), &Adapters::known(), &kit::decoding())?;
    let response = batch.run(async |event| confirm(&event)).await;
    for failure in &response.batch_item_failures {
        eprintln!("{}: {}", failure.item_identifier, failure.reason);
    }
    Ok(response)
}

fn confirm(event: &Event) -> Result<(), String> {
    let order: Order = event.data_as_json().map_err(|error| format!("{error:#}"))?;
    if order.total <= 0 {
        return Err(format!("the total of order {} is {}", event.id(), order.total));
    }
    eprintln!("order {} is confirmed", event.id());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(handle)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_that_failed_are_named() {
        let payload =
            RawValue::from_string(include_str!("../tests/invocation.json").to_owned()).expect("JSON");
        let response = handle(LambdaEvent::new(payload, lambda_runtime::Context::default())).await;
        let response = serde_json::to_string(&response.expect("a response")).expect("JSON");
        assert_eq!(response, r#"{"batchItemFailures":[{"itemIdentifier":"m2"},{"itemIdentifier":"m3"}]}"#);
    }
}
