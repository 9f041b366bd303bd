//! Events that are built from flags.

use crate::{
    console::Console,
    failure::{Failure, Status},
    input,
    report::Report,
    source::{Place, Source},
};
use clap::Args;
use cloudevents_kit::{
    AttributeType, BuilderConveniences, Error, ErrorKind, Event, EventBuilder, Payload,
    attributes::MediaType, payloads::JsonText,
};
use std::path::{Path, PathBuf};

/// An event that is built from flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "Building an event")]
#[group(id = "attributes", multiple = true)]
pub struct Built {
    /// Set the id [default: a random UUID].
    #[arg(long)]
    id: Option<String>,
    /// Set the id to a random UUID, which is the default.
    #[arg(long, hide = true, conflicts_with = "id")]
    random_id: bool,
    /// Set the source, a URI-reference.
    #[arg(long)]
    source: Option<String>,
    /// Set the type.
    #[arg(long = "type", value_name = "TYPE")]
    ty: Option<String>,
    /// Set the subject.
    #[arg(long)]
    subject: Option<String>,
    /// Set the time: 2018-04-05T17:31:00Z [default: now].
    #[arg(long)]
    time: Option<String>,
    /// Set the time to now, which is the default.
    #[arg(long, hide = true, conflicts_with = "time")]
    now: bool,
    /// Leave the time out.
    #[arg(long, conflicts_with_all = ["time", "now"])]
    no_time: bool,
    /// Set the URI of the payload's schema.
    #[arg(long, value_name = "URI")]
    dataschema: Option<String>,
    /// Set the media type of the payload [default: detected from the payload].
    #[arg(long, value_name = "MEDIA-TYPE")]
    datacontenttype: Option<String>,
    /// Set an extension, a String unless a type is given: priority:Integer=3.
    #[arg(long, short = 'e', value_name = "NAME[:TYPE]=VALUE")]
    extension: Vec<String>,
    /// Use this text as the payload, or the contents of a file of 256 MiB at most: @order.json, @- for standard input.
    #[arg(long, short, value_name = "TEXT|@FILE", conflicts_with = "data_file", allow_hyphen_values = true)]
    data: Option<String>,
    /// Use the contents of this file as the payload. `-`: standard input.
    #[arg(long, hide = true, value_name = "FILE")]
    data_file: Option<PathBuf>,
}

impl Built {
    /// Returns the event of the flags, or `None` if no flag is given and nothing to start from. Reports a generated id and time.
    pub fn event(
        &self,
        start: Option<EventBuilder>,
        console: &Console,
    ) -> Result<Option<(Event, Place)>, Failure> {
        let Some(template) = self.template(start, console)? else { return Ok(None) };
        template.tell(console);
        Ok(Some(template.first()))
    }

    /// Returns the event of the flags, from which events with other ids and times are made.
    ///
    /// `None` if no flag is given and there is no `start`. Flags take precedence over `start`. `start` takes precedence over a generated id
    /// and a generated time.
    pub fn template(
        &self,
        start: Option<EventBuilder>,
        console: &Console,
    ) -> Result<Option<Template>, Failure> {
        if !self.is_given() && start.is_none() {
            return Ok(None);
        }
        let mut builder = start.unwrap_or_else(Event::builder);
        let is_random = self.random_id || self.id.is_none() && builder.attribute("id").is_none();
        let is_now = self.now || self.time.is_none() && !self.no_time && builder.attribute("time").is_none();
        builder = match &self.id {
            Some(id) => builder.id(id),
            None if is_random => builder.random_id(),
            None => builder,
        };
        builder = match &self.time {
            Some(time) => builder.time(time),
            None if is_now => builder.time_now(),
            None if self.no_time => builder.without("time"),
            None => builder,
        };
        builder = with(builder, self.source.as_deref(), |builder, text| builder.source(text));
        builder = with(builder, self.ty.as_deref(), |builder, text| builder.ty(text));
        builder = with(builder, self.subject.as_deref(), |builder, text| builder.subject(text));
        builder = with(builder, self.dataschema.as_deref(), |builder, text| builder.dataschema(text));
        for given in &self.extension {
            builder = extension(builder, given)?;
        }
        builder = self.payload(builder)?;
        match builder.build() {
            Ok(event) => {
                let source = Source::new("command line", bytes::Bytes::new(), 0);
                Ok(Some(Template { event, id: is_random, time: is_now, place: Place::of(source) }))
            }
            Err(mistakes) => {
                let (last, others) = match mistakes.errors().split_last() {
                    Some(split) => split,
                    None => return Err(Failure::usage(mistakes.to_string())),
                };
                for error in others {
                    console.report(&self.report(error));
                }
                Err(Failure::Told(Status::Usage, Box::new(self.report(last))))
            }
        }
    }

    /// Whether a flag is given.
    pub fn is_given(&self) -> bool {
        let has_data = self.data.is_some() || self.data_file.is_some();
        let others = [self.random_id, self.now, self.no_time, !self.extension.is_empty(), has_data];
        others.contains(&true) || self.texts().iter().any(|(_, text)| text.is_some())
    }

    /// The attributes that have a flag of their name.
    fn texts(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.ty),
            ("subject", &self.subject),
            ("time", &self.time),
            ("dataschema", &self.dataschema),
            ("datacontenttype", &self.datacontenttype),
        ]
    }

    /// Adds the payload and its content type, which is detected from the payload if no flag sets it.
    fn payload(&self, builder: EventBuilder) -> Result<EventBuilder, Failure> {
        let bytes = match (&self.data, &self.data_file) {
            (Some(text), _) => match text.strip_prefix('@') {
                Some(file) => input::read(Path::new(file))?.1,
                None => text.clone().into_bytes(),
            },
            (None, Some(path)) => input::read(path)?.1,
            (None, None) => {
                return Ok(match &self.datacontenttype {
                    Some(media_type) => builder.datacontenttype(media_type),
                    None => builder,
                });
            }
        };
        let text = std::str::from_utf8(&bytes).ok();
        let found = match text {
            Some(text) if JsonText::parse(text).is_ok() => "application/json",
            Some(_) => "text/plain",
            None => "application/octet-stream",
        };
        let media_type = self.datacontenttype.as_deref().unwrap_or(found);
        let is_json = MediaType::parse(media_type).is_ok_and(MediaType::is_json);
        let payload = match text.map(str::to_owned) {
            _ if is_json => Payload::json(bytes),
            Some(text) => Ok(Payload::text(text)),
            None => Ok(Payload::binary(bytes)),
        };
        let payload = payload.map_err(|error| {
            let detail = error.detail().to_owned();
            Error::new(ErrorKind::InvalidData)
                .with_detail(format!("not JSON: {detail}"))
                .with_attribute("data")
        });
        Ok(builder.payload(media_type, payload))
    }

    /// Returns a report of the error that shows the flag at fault.
    fn report(&self, error: &Error) -> Report {
        let name = error.attribute().unwrap_or_default();
        let extension = self
            .extension
            .iter()
            .find(|given| given.split(['=', ':']).next().is_some_and(|found| found == name));
        let line = match self.texts().into_iter().find(|(attribute, _)| *attribute == name) {
            Some((attribute, text)) => text.as_ref().map(|text| (format!("--{attribute} "), text)),
            None => extension.map(|given| ("-e ".to_owned(), given)),
        };
        let report = Report::of(error);
        let report = match (error.kind(), name) {
            (ErrorKind::MissingAttribute, name) => report.help(format!("set it with --{name}")),
            _ => report,
        };
        let (text, offset) = match line {
            Some((flag, value)) => {
                // Mark the value of an extension, or all of it if its name is invalid.
                let name = match error.kind() {
                    ErrorKind::InvalidName => 0,
                    _ if flag == "-e " => value.find('=').map_or(0, |at| at.saturating_add(1)),
                    _ => 0,
                };
                let offset = flag.len().saturating_add(name);
                (format!("{flag}{value}"), Some(offset))
            }
            None => (String::new(), None),
        };
        report.at(&Place::of(Source::new("command line", text, 0))).up_to_end_of_line(offset)
    }
}

/// An event of flags.
#[derive(Debug)]
pub struct Template {
    event: Event,
    /// Whether the id and the time are generated.
    id: bool,
    time: bool,
    place: Place,
}

impl Template {
    /// Reports the id and the time, where they are generated.
    pub fn tell(&self, console: &Console) {
        if self.id {
            let words = format!("generated the id {}", self.event.id());
            console.report(&Report::note(words).kind("generated"));
        }
        if let Some(time) = self.event.time().filter(|_| self.time) {
            console.report(&Report::note(format!("generated the time {time}")).kind("generated"));
        }
    }

    /// Returns the event as it was built.
    pub fn first(&self) -> (Event, Place) {
        (self.event.clone(), self.place.clone())
    }

    /// Returns the event with another id and the time now, where these are generated.
    pub fn again(&self) -> Result<(Event, Place), Error> {
        let mut builder = self.event.clone().into_builder();
        if self.id {
            builder = builder.random_id();
        }
        if self.time {
            builder = builder.time_now();
        }
        let event = builder.build().map_err(Error::from)?;
        Ok((event, self.place.clone()))
    }
}

fn with(
    builder: EventBuilder,
    text: Option<&str>,
    set: impl FnOnce(EventBuilder, &str) -> EventBuilder,
) -> EventBuilder {
    match text {
        Some(text) => set(builder, text),
        None => builder,
    }
}

/// Sets `name=value` or `name:Type=value`.
fn extension(builder: EventBuilder, given: &str) -> Result<EventBuilder, Failure> {
    let Some((name, value)) = given.split_once('=') else {
        return Err(Failure::usage(format!("the extension `{}` has no value", crate::plain::plain(given)))
            .help("write -e name=value, or -e name:Type=value"));
    };
    let (name, ty) = match name.split_once(':') {
        Some((name, ty)) => (name, ty),
        None => (name, "String"),
    };
    let known = [
        AttributeType::Boolean,
        AttributeType::Integer,
        AttributeType::String,
        AttributeType::Binary,
        AttributeType::Uri,
        AttributeType::UriReference,
        AttributeType::Timestamp,
    ];
    let Some(ty) = known.into_iter().find(|known| known.name().eq_ignore_ascii_case(ty)) else {
        let names = known.map(AttributeType::name).join(", ");
        return Err(Failure::usage(format!("unknown attribute type `{}`", crate::plain::plain(ty)))
            .help(format!("the types are {names}")));
    };
    let mut scratch = Vec::new();
    Ok(match ty.parse(value, &mut scratch) {
        Ok(value) => builder.extension(name, value),
        Err(error) => builder.mistake(error.with_attribute(name)),
    })
}
