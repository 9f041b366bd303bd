//! Events made from definitions.

use crate::Message;
use cloudevents_core::{BuildError, Event};
#[cfg(feature = "jsonschema060")]
use {crate::schema, cloudevents_core::Payload};

impl Message {
    /// An example of an event with this definition. It is always the same event. Placeholders of templates have their names as values.
    ///
    /// With the feature `jsonschema060`, it has a payload by a JSON Schema, if a payload is found without a search. Judge the event to see
    /// whether it is valid. It has no payload by schemas of other formats.
    ///
    /// Errors: the definition has names or values that no event has.
    ///
    /// ```
    /// use cloudevents_catalog::Catalog;
    ///
    /// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
    ///     "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/shops/{shop}"}}
    /// }}}}}"#)?;
    /// let event = catalog.messages().next().unwrap().example()?;
    /// assert_eq!((event.ty(), event.source().as_str()), ("com.example.order", "/shops/shop"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn example(&self) -> Result<Event, BuildError> {
        let mut event = Event::builder().id("1").source("https://example.com/").ty(&self.id);
        #[cfg(feature = "jsonschema060")]
        if let Some((document, selection)) = &self.schema.document
            && matches!(*self.schema.schema, schema::Schema::Json(_))
            && let Some(value) = schema::sample(document, selection.as_deref())
            && let Ok(payload) = Payload::json(value.to_string())
        {
            let content_type = self.members.get("datacontenttype").and_then(|name| name.as_str());
            event = event.payload(content_type.unwrap_or("application/json"), payload);
        }
        for attribute in &self.attributes {
            event = attribute.example(event);
        }
        event.build()
    }
}
