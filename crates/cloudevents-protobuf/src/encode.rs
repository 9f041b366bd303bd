//! Events to protobuf documents.

use crate::{
    data,
    decode::version_error,
    time::Carried,
    value::{Written, entry_length},
    wire::{bytes_tag, field_length, put_bytes},
};
use cloudevents_core::{Data, Error, Event, Losses, MediaType, SpecVersion, Value};

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    check_version(event)?;
    let plan = Plan::of(event);
    out.reserve(plan.length());
    Ok(plan.append(out))
}

/// Refuses an event of specversion 0.3.
#[inline]
pub(crate) fn check_version(event: &Event) -> Result<(), Error> {
    match event.specversion() {
        SpecVersion::V1 => Ok(()),
        _ => Err(version_error()),
    }
}

/// An event, and what it takes some work to know of it.
pub(crate) struct Plan<'a> {
    event: &'a Event,
    data: Option<Data<'a>>,
    content_type: Option<MediaType<'a>>,
    time: Option<Carried>,
}

impl<'a> Plan<'a> {
    #[inline]
    pub(crate) fn of(event: &'a Event) -> Self {
        let data = event.data();
        let content_type = data::content_type(event, data);
        Self { event, data, content_type, time: event.time().map(Carried::of) }
    }

    /// The length of the document.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        let mut length = [self.event.id(), self.event.source().as_str(), VERSION, self.event.ty()]
            .into_iter()
            .fold(0_usize, |length, text| length.saturating_add(field_length(text.len())));
        let mut add = |name: &str, value: Option<Written<'_>>| {
            if let Some(value) = value {
                length = length.saturating_add(field_length(entry_length(name, value.length())));
            }
        };
        for (name, value) in self.core() {
            add(name, value);
        }
        for (name, value) in self.event.extensions() {
            add(name.as_str(), Written::of(value));
        }
        length.saturating_add(self.data.map_or(0, data::length))
    }

    /// Appends the document to a buffer that has room. The order is that of the field numbers, and within the map that of the
    /// names.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>) -> Losses {
        let mut losses = Losses::none();
        put_bytes(bytes_tag(1), self.event.id().as_bytes(), out);
        put_bytes(bytes_tag(2), self.event.source().as_str().as_bytes(), out);
        put_bytes(bytes_tag(3), VERSION.as_bytes(), out);
        put_bytes(bytes_tag(4), self.event.ty().as_bytes(), out);
        let mut core = self.core().into_iter().peekable();
        for (name, value) in self.event.extensions() {
            let name = name.as_str();
            while let Some((before, value)) = core.next_if(|(core, _)| *core < name) {
                write_entry(before, value, out);
            }
            if let Value::Timestamp(timestamp) = value {
                Carried::of(timestamp).losses(name, timestamp, &mut losses);
            }
            write_entry(name, Written::of(value), out);
        }
        for (name, value) in core {
            write_entry(name, value, out);
        }
        if let (Some(time), Some(carried)) = (self.event.time(), self.time) {
            carried.losses("time", time, &mut losses);
        }
        if let Some(data) = self.data {
            data::write(data, out);
            data::losses(self.event, data, &mut losses);
        }
        losses
    }

    /// The attributes of the specification that are entries of the map, by name.
    #[inline]
    fn core(&self) -> [(&'static str, Option<Written<'_>>); 4] {
        [
            ("datacontenttype", self.content_type.map(|content_type| Written::text(content_type.as_str()))),
            ("dataschema", self.event.dataschema().and_then(|uri| Written::of(Value::Uri(uri)))),
            ("subject", self.event.subject().map(Written::text)),
            ("time", self.time.and_then(|time| time.native).map(Written::Timestamp)),
        ]
    }
}

#[inline]
fn write_entry(name: &str, value: Option<Written<'_>>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        value.write_entry(name, out);
    }
}

const VERSION: &str = "1.0";
