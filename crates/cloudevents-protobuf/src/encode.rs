//! Events to protobuf documents.

use crate::{
    data,
    decode::version_error,
    time::{Carried, Message},
    value::{TIMESTAMP, Written, entry_length, put_entry},
    wire::{bytes_tag, field_length, put_bytes},
};
use cloudevents_core::{Data, Error, Event, Losses, MediaType, SpecVersion, Uri, Value, codec::CoreName};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    check_version(event)?;
    let plan = Plan::of(event);
    let length = plan.length();
    if out.capacity() == 0 {
        // Cheaper than growing an empty buffer.
        *out = Vec::with_capacity(length);
    } else {
        out.reserve(length);
    }
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

/// An event, with values that are computed once.
pub(crate) struct Plan<'a> {
    event: &'a Event,
    data: Option<Data<'a>>,
    /// The attributes with a field of their own.
    texts: [&'a str; 4],
    content_type: Option<&'a str>,
    schema: Option<&'a str>,
    subject: Option<&'a str>,
    time: Option<Carried>,
    time_message: Option<Message>,
    /// Ordered by name, without extensions that the format cannot hold.
    extensions: SmallVec<[(&'a str, Written<'a>); 4]>,
    /// Whether the extensions include a timestamp, which may not be carried exactly.
    timestamps: bool,
}

impl<'a> Plan<'a> {
    #[inline(always)]
    pub(crate) fn of(event: &'a Event) -> Self {
        let data = event.data();
        let content_type = event.datacontenttype().or_else(|| data::implied(event, data));
        let time = event.time().map(Carried::of);
        let (mut extensions, mut timestamps) = (SmallVec::new(), false);
        for (name, value) in event.extensions() {
            timestamps |= matches!(value, Value::Timestamp(_));
            if let Some(value) = Written::of(value) {
                extensions.push((name.as_str(), value));
            }
        }
        Self {
            event,
            data,
            texts: [event.id(), event.source().as_str(), VERSION, event.ty()],
            content_type: content_type.map(MediaType::as_str),
            schema: event.dataschema().map(Uri::as_str),
            subject: event.subject(),
            time,
            time_message: time.and_then(|time| Some(time.native?.message())),
            extensions,
            timestamps,
        }
    }

    /// The length of the document.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        let mut length = self.data.map_or(0, data::length);
        for text in self.texts {
            length = length.saturating_add(field_length(text.len()));
        }
        let mut add = |name: &str, value: usize| {
            length = length.saturating_add(field_length(entry_length(name, value)));
        };
        for (name, text) in
            [("datacontenttype", self.content_type), ("dataschema", self.schema), ("subject", self.subject)]
        {
            if let Some(text) = text {
                add(name, field_length(text.len()));
            }
        }
        if let Some(message) = &self.time_message {
            add("time", field_length(message.bytes().len()));
        }
        for (name, value) in &self.extensions {
            add(name, value.length());
        }
        length
    }

    /// Appends the document to a buffer that has room. Fields are ordered by number, entries of the map by name.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>) -> Losses {
        let mut losses = Losses::none();
        let [id, source, version, ty] = self.texts.map(str::as_bytes);
        put_bytes(bytes_tag(1), id, out);
        put_bytes(bytes_tag(2), source, out);
        put_bytes(bytes_tag(3), version, out);
        put_bytes(bytes_tag(4), ty, out);
        let mut core = CORE.as_slice();
        for (name, value) in &self.extensions {
            while let Some((before, rest)) = core.split_first()
                && is_before(before.as_str(), name)
            {
                self.append_core(*before, out);
                core = rest;
            }
            value.write_entry(name, out);
        }
        for name in core {
            self.append_core(*name, out);
        }
        if self.timestamps {
            self.extension_losses(&mut losses);
        }
        if let Some(carried) = self.time.filter(|carried| !carried.is_exact())
            && let Some(time) = self.event.time()
        {
            carried.losses("time", time, &mut losses);
        }
        if let Some(data) = self.data {
            data::write(data, out);
            data::losses(self.event, data, &mut losses);
        }
        losses
    }

    #[cold]
    fn extension_losses(&self, losses: &mut Losses) {
        for (name, value) in self.event.extensions() {
            if let Value::Timestamp(timestamp) = value {
                Carried::of(timestamp).losses(name.as_str(), timestamp, losses);
            }
        }
    }

    #[inline]
    fn append_core(&self, name: CoreName, out: &mut Vec<u8>) {
        let text = str::as_bytes;
        // Constant names are copied inline.
        match name {
            CoreName::DataContentType => {
                put_core("datacontenttype", bytes_tag(3), self.content_type.map(text), out);
            }
            CoreName::DataSchema => put_core("dataschema", bytes_tag(5), self.schema.map(text), out),
            CoreName::Subject => put_core("subject", bytes_tag(3), self.subject.map(text), out),
            CoreName::Time => {
                put_core("time", TIMESTAMP, self.time_message.as_ref().map(Message::bytes), out)
            }
            CoreName::Id | CoreName::Source | CoreName::SpecVersion | CoreName::Type => {}
        }
    }
}

/// Appends the entry of an attribute, if there is one.
#[inline(always)]
fn put_core(name: &'static str, tag: u8, value: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        put_entry(name, tag, value, out);
    }
}

/// The attributes of the specification that are entries of the map, by name.
const CORE: [CoreName; 4] =
    [CoreName::DataContentType, CoreName::DataSchema, CoreName::Subject, CoreName::Time];

/// The order of names. Most differ in the first byte.
#[inline]
fn is_before(one: &str, other: &str) -> bool {
    match one.as_bytes().first().cmp(&other.as_bytes().first()) {
        Ordering::Equal => one < other,
        order => order == Ordering::Less,
    }
}

const VERSION: &str = "1.0";
