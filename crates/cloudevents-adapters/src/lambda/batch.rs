//! The records of an invocation, and the response that names failures.

use cloudevents_core::{Decoded, Error, Event};
use serde::Serialize;
use std::fmt::Display;

/// The records of an invocation, in order.
#[derive(Debug)]
pub struct Batch {
    records: Vec<Record>,
    ordered: bool,
}

/// A record of an invocation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// How the response names the record: the id of a message of SQS, or the sequence number of a record of Kinesis.
    pub id: String,
    /// The events of the record, or the reason why it cannot be read. A document of another system may have several events.
    pub events: Result<Decoded<Vec<Event>>, Error>,
}

/// The response of a function to a batch. In JSON it is an object with `batchItemFailures`.
///
/// Lambda reads it only if the event source mapping has the function response type `ReportBatchItemFailures`. Otherwise every response
/// means that all records succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchResponse {
    /// The records that Lambda has to deliver again, in the order of the batch.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchItemFailure {
    /// The [id](Record::id) of the record.
    pub item_identifier: String,
    /// Why it failed, for the log of the function. It is not a part of the response.
    #[serde(skip)]
    pub reason: String,
}

impl Batch {
    pub(super) fn new(records: Vec<Record>, ordered: bool) -> Self {
        Self { records, ordered }
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the records have an order to keep: those of a FIFO queue, and those of a shard of Kinesis.
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Calls the handler for each event, one after the other, and returns the response.
    ///
    /// - A record that cannot be read is a failure.
    /// - A record is a failure if the handler returns an error for one of its events. The handler is not called for the events after it.
    /// - If the records [have an order](Self::is_ordered), all records after the first failure are failures, and the handler is not called
    ///   for them. Lambda delivers them again, behind the record that failed.
    ///
    /// ```
    /// # async fn example(invocation: &str) -> Result<(), cloudevents_core::Error> {
    /// use cloudevents_adapters::{Adapters, lambda};
    /// use cloudevents_core::DecodeOptions;
    ///
    /// let batch = lambda::sqs(invocation, &Adapters::known(), &DecodeOptions::strict())?;
    /// let response = batch.run(async |event| match event.ty() {
    ///     "com.example.order.placed" => Ok(()),
    ///     other => Err(format!("the type {other} is unknown")),
    /// });
    /// for failure in &response.await.batch_item_failures {
    ///     eprintln!("{}: {}", failure.item_identifier, failure.reason);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn run<E: Display>(
        self,
        mut handler: impl AsyncFnMut(Event) -> Result<(), E>,
    ) -> BatchResponse {
        let mut response = BatchResponse::default();
        for Record { id, events } in self.records {
            if self.ordered && !response.batch_item_failures.is_empty() {
                response.fail(id, "a record before it failed".to_owned());
                continue;
            }
            let events = match events {
                Ok(events) => events.value,
                Err(error) => {
                    response.fail(id, format!("{error:#}"));
                    continue;
                }
            };
            for event in events {
                if let Err(error) = handler(event).await {
                    response.fail(id, error.to_string());
                    break;
                }
            }
        }
        response
    }
}

impl BatchResponse {
    fn fail(&mut self, item_identifier: String, reason: String) {
        self.batch_item_failures.push(BatchItemFailure { item_identifier, reason });
    }
}
