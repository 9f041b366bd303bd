//! Schemas by the attribute `dataschema`, without a catalog.

use crate::finding::Notes;
use crate::schema::{Format, Payload, Schema};
use crate::{Judge, LoadError, LoadOptions, Verdict};
use cloudevents_core::Event;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Judges payloads by the schemas that events name in `dataschema`, without a catalog. An event with another `dataschema`, or without one,
/// is [undefined](crate::Outcome::Undefined). Nothing is fetched.
///
/// ```
/// # #[cfg(feature = "jsonschema060")] {
/// use cloudevents_catalog::{DataSchemas, Judge};
/// use cloudevents_core::{Event, Payload};
///
/// let schemas = DataSchemas::new().with(
///     "https://example.com/order.json",
///     "JsonSchema/draft/2020-12",
///     r#"{"type": "object", "required": ["number"]}"#,
/// )?;
/// let order = |json| Event::builder().id("1").source("/s").ty("com.example.order")
///     .dataschema("https://example.com/order.json").payload("application/json", Payload::body(json)).build();
/// assert!(schemas.admit(&order(r#"{"number": 1}"#)?).is_ok());
/// let refused = schemas.admit(&order("{}")?).unwrap_err();
/// assert_eq!(refused.to_string(), "data: \"number\" is a required property [schema]");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct DataSchemas {
    schemas: HashMap<String, (Arc<str>, Schema)>,
}

impl DataSchemas {
    /// Without any schema.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns them with the schema that this value of `dataschema` names.
    ///
    /// Formats are the formats of catalogs, such as `JsonSchema/draft-07` and `Avro/1.12.0`. A format that is not judged, or not with the
    /// features of this build, gives [`Verdict::not_judged`]. A document of Protobuf has one message outside of others.
    pub fn with(mut self, uri: &str, format: &str, document: &str) -> Result<Self, LoadError> {
        let options = LoadOptions::lenient();
        let mut notes = Notes::new(&options, &Value::Null);
        let Some(format) = Format::read(format, "", &mut notes) else {
            let why = notes.into_findings().into_iter().next().map(|finding| finding.message);
            return Err(LoadError::new(why.unwrap_or_default()));
        };
        let document = Value::String(document.to_owned());
        let schema = Schema::compile(&format, &document, &mut notes.compiled).map_err(|fault| {
            LoadError::new(format!("the schema `{uri}` cannot be used: {}", fault.cut().words()))
        })?;
        self.schemas.insert(uri.to_owned(), (Arc::from(uri), schema));
        Ok(self)
    }
}

impl Judge for DataSchemas {
    fn judge(&self, event: &Event) -> Verdict {
        let named = event.dataschema().and_then(|uri| self.schemas.get(uri.as_str()));
        let Some((uri, schema)) = named else { return Verdict::default() };
        let mut faults = Vec::new();
        let not_judged = schema.judge(&Payload::new(event), uri, &mut faults);
        Verdict { definition: Some(uri.clone()), faults, not_judged, ..Verdict::default() }
    }
}
