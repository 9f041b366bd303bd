//! Events of invocations of AWS Lambda, and the responses of functions.
//!
//! A function reads the document that invokes it, for any runtime. [The crate's documentation](crate#aws-lambda) has a table of triggers.
//!
//! The types of the crate `aws_lambda_events` are not used: with them, one record of an unexpected shape would fail the whole invocation,
//! and numbers of payloads would lose digits.

mod batch;
mod document;
mod http;
mod kinesis;
mod record;
mod sns;
mod sqs;

pub use batch::{Batch, BatchItemFailure, BatchResponse, Record};
pub use document::document;
pub use http::{HttpResponse, request};
pub use kinesis::kinesis;
pub use sns::sns;
pub use sqs::sqs;
