//! Events made from definitions and values.

use crate::Message;
use crate::endpoint::encoded;
use cloudevents_core::EventBuilder;
use std::fmt;

impl Message {
    /// Starts an event with this definition and these values of placeholders: the attributes that the definition states are set. The
    /// program adds the rest, such as the id, the time and the payload, and [judges](crate::Judge) the event.
    ///
    /// Characters of a value that templates encode are percent-encoded. Values that no template has are ignored.
    ///
    /// Errors: a placeholder has no value, or an empty one.
    ///
    /// ```
    /// use cloudevents_catalog::{Catalog, Judge};
    ///
    /// let catalog = Catalog::parse(r#"{"messagegroups": {"shop": {"messages": {"com.example.order": {
    ///     "envelope": "CloudEvents/1.0", "envelopemetadata": {
    ///         "source": {"value": "/shops/{shop}"}, "region": {"value": "eu"}, "time": {"required": true}
    ///     }
    /// }}}}}"#)?;
    /// let order = catalog.message("com.example.order").unwrap();
    /// let event = order.event(&[("shop", "7")])?.id("1").time("2026-01-01T00:00:00Z").build()?;
    /// assert_eq!((event.ty(), event.source().as_str()), ("com.example.order", "/shops/7"));
    /// assert_eq!(event.extension("region").unwrap().to_canonical(), "eu");
    /// order.admit(&event)?;
    ///
    /// assert_eq!(
    ///     order.event(&[]).unwrap_err().to_string(),
    ///     "the placeholder `shop` of `source` has no value [/messagegroups/shop/messages/com.example.order]"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn event(&self, values: &[(&str, &str)]) -> Result<EventBuilder, NoValue> {
        self.with_values(values, |value| encoded(value, b""))
    }

    /// The same, with values that are written so.
    pub(crate) fn with_values(
        &self,
        values: &[(&str, &str)],
        written: impl Fn(&str) -> String,
    ) -> Result<EventBuilder, NoValue> {
        let value = |name: &str| {
            let found = values.iter().rev().find(|(known, _)| *known == name);
            found.map(|(_, value)| written(value))
        };
        let mut event = cloudevents_core::Event::builder().ty(&self.id);
        for attribute in &self.attributes {
            event = attribute.set(event, value).map_err(|placeholder| NoValue {
                message: self.xid.to_string(),
                attribute: attribute.name.clone(),
                placeholder: placeholder.to_owned(),
            })?;
        }
        Ok(event)
    }

    /// The names of the placeholders in the templates of the attributes, each once.
    pub fn placeholders(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let templates = self.attributes.iter().filter_map(|attribute| attribute.template());
        for name in templates.flat_map(crate::Template::placeholders) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// A placeholder has no value, or an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoValue {
    message: String,
    attribute: String,
    placeholder: String,
}

impl NoValue {
    /// The name of the placeholder.
    pub fn placeholder(&self) -> &str {
        &self.placeholder
    }
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, attribute, placeholder } = self;
        write!(f, "the placeholder `{placeholder}` of `{attribute}` has no value [{message}]")
    }
}

impl std::error::Error for NoValue {}
