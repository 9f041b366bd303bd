//! How a sender writes events: what the URL says, or else the options.

use super::AmqpSenderOptions;
use crate::Separator;
use cloudevents_core::{Error, Format, FormatId, Formats};
use cloudevents_json::Json;
use cloudevents_transport::Endpoint;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Writing {
    format: Option<FormatOf>,
    formats: Formats,
    pub(super) separator: Separator,
}

#[derive(Debug)]
enum FormatOf {
    Given(Arc<dyn Format>),
    /// One of the formats.
    Named(FormatId),
}

impl Writing {
    pub(super) fn new(endpoint: &Endpoint, options: &mut AmqpSenderOptions) -> Result<Self, Error> {
        let mut formats = std::mem::take(&mut options.formats);
        if formats.get(&FormatId::JSON).is_none() {
            formats = formats.with(Json::new());
        }
        let named = match endpoint.option("format") {
            Some(name) => formats
                .iter()
                .map(Format::id)
                .find(|id| id.as_str() == name)
                .ok_or_else(|| endpoint.invalid("the option `format` names no format that is at hand"))?,
            None => FormatId::JSON,
        };
        let format = match endpoint.option("mode") {
            Some("structured") => Some(FormatOf::Named(named)),
            Some("binary") | None if endpoint.option("format").is_some() => {
                return Err(endpoint.invalid("the option `format` goes with `mode=structured`"));
            }
            Some("binary") => None,
            None => options.format.clone().map(FormatOf::Given),
            Some(_) => return Err(endpoint.invalid("the option `mode` is neither `binary` nor `structured`")),
        };
        let separator = match endpoint.option("separator") {
            None => options.separator,
            Some("underscore") => Separator::Underscore,
            Some("colon") => Separator::Colon,
            Some(_) => {
                return Err(endpoint.invalid("the option `separator` is neither `underscore` nor `colon`"));
            }
        };
        Ok(Self { format, formats, separator })
    }

    /// The format of events; none for binary mode.
    pub(super) fn format(&self) -> Result<Option<&dyn Format>, Error> {
        match &self.format {
            None => Ok(None),
            Some(FormatOf::Given(format)) => Ok(Some(&**format)),
            Some(FormatOf::Named(id)) => self.formats.require(id).map(Some),
        }
    }
}
