//! The names that most programs use: `use cloudevents_kit::prelude::*;`.
//!
//! Events with their values and payloads, and the extension traits of the formats and bindings.
//!
//! An event reads the same wherever it came from:
//!
//! ```
//! use cloudevents_kit::{Timestamp, prelude::*};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Order<'a> {
//!     customer: &'a str,
//! }
//!
//! # fn read(event: &Event, events: &mut [Event]) -> Result<(), cloudevents_kit::Error> {
//! let priority: Option<i32> = event.extension_as("priority")?; // Integer(3) over AMQP, String("3") over HTTP
//! let text: &str = event.data_as_text()?;
//! let order: Order<'_> = event.data_as_json()?; // may borrow
//! events.sort_by_key(|event| event.time().map(Timestamp::instant)); // instants compare by the time they name
//! # assert_eq!((priority, text, order.customer), (Some(3), "{\"customer\":\"Ann\"}", "Ann"));
//! # Ok(()) }
//! # let builder = || Event::builder().id("1").source("/s").ty("t").json(&std::collections::HashMap::from([("customer", "Ann")]));
//! # for event in [builder().extension("priority", 3).build()?, builder().extension("priority", "3").build()?] {
//! #     let times = ["2020-01-01T12:00:00.50+02:00", "2020-01-01T10:00:00.1Z"];
//! #     let mut events = times.map(|time| event.clone().into_builder().time(time).build().unwrap());
//! #     read(&event, &mut events)?;
//! #     assert_eq!(events[0].time().unwrap(), times[1]);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Documented extensions are types that follow the rules of their documents:
//!
//! ```
//! # #[cfg(feature = "extensions")] {
//! use cloudevents_kit::{extensions::{Severity, check}, prelude::*};
//!
//! let order = Event::builder().id("1").source("/orders").ty("com.example.order.placed").build()?;
//! let failure = Event::builder().id("2").source("/payments").ty("com.example.payment.failed").caused_by(&order);
//! let failure = failure.write_extension(&Severity::new(17)?).build()?;
//! let severity: Option<Severity> = failure.read_extension()?;
//! assert_eq!(severity.unwrap().name(), Some("ERROR"));
//! assert_eq!(failure.extension("causationid").unwrap(), "1");
//! assert!(check(&failure).is_empty());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An event can be stored inside of a row, as JSON or [with all of its types](crate::json::serde::typed), and so can its key:
//!
//! ```
//! use cloudevents_kit::{EventKey, prelude::*};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Row {
//!     id: u64,
//!     #[serde(with = "cloudevents_kit::json::serde")]
//!     event: Event,
//! }
//!
//! let event = Event::builder().id("1").source("/orders").ty("com.example.order.placed").build()?;
//! let row = serde_json::to_string(&Row { id: 7, event: event.clone() })?;
//! let row: Row = serde_json::from_str(&row)?;
//! assert_eq!((row.id, &row.event), (7, &event));
//!
//! let text = event.key().to_string();
//! let key: EventKey = text.parse()?;
//! assert_eq!(key, EventKey::new("/orders", "1")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::BuilderConveniences;
pub use cloudevents_core::{
    ContentMode, Data, DecodeOptions, Event, EventData, Format, Message, Mode, TypedEvent, Value,
};
#[cfg(feature = "extensions")]
pub use cloudevents_extensions::{BuilderExtensions, EventExtensions};
#[cfg(feature = "http")]
pub use cloudevents_http::BuilderExt;
pub use cloudevents_json::{Json, JsonBuilderExt, JsonEventExt};
