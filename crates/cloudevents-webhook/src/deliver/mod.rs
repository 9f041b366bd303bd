//! How a sender judges a response, and when it tries again.
//!
//! ```
//! use cloudevents_webhook::deliver::{Conclusion, Practice, RetrySchedule};
//! use std::time::{Duration, SystemTime};
//!
//! let response = http::Response::builder().status(429).header("retry-after", "120").body(())?;
//! let conclusion = Practice::CloudEvents.conclude(&response, SystemTime::now());
//! assert_eq!(conclusion, Conclusion::Retry { not_before: Some(Duration::from_secs(120)), throttled: true });
//!
//! // The wait is never shorter than the target requested, and nothing waits beyond the deadline of the delivery.
//! let schedule = RetrySchedule::standard_webhooks();
//! assert_eq!(schedule.wait(1, Duration::ZERO, Some(Duration::from_secs(120)), 0.5), Some(Duration::from_secs(120)));
//! assert_eq!(schedule.wait(1, Duration::ZERO, Some(Duration::from_secs(1_000_000_000)), 0.5), None);
//! # Ok::<(), http::Error>(())
//! ```

mod conclusion;
mod health;

pub use cloudevents_http::retry_after;
#[cfg(feature = "reqwest013")]
pub use cloudevents_transport::RetrySchedule;
pub use conclusion::{Conclusion, Practice};
pub use health::{Admission, Health, Reason, TargetState};
