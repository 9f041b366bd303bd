//! OPC UA.

use crate::{Extension, Fields, violation};
use cloudevents_core::{Error, Event, EventBuilder};

/// A message of OPC UA PubSub as an event (`opcua.md`): its own attributes.
///
/// An event uses the extension when it has one of these, or when its type is `ua-metadata`, `ua-keyframe`, `ua-deltaframe` or `ua-event`.
/// Events of these types have a `subject`, which ends with `/` and the id of the event in case of `ua-event`. All of them but `ua-metadata`
/// also have `sequence`, `traceparent` and `recordedtime`, as [`Sequence`](crate::Sequence),
/// [`DistributedTracing`](crate::DistributedTracing) and [`RecordedTime`](crate::RecordedTime) write them.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{BuilderExtensions, EventExtensions, OpcUa};
///
/// let metadata = Event::builder().id("1234-1234-1234").source("urn:factory:aggregationserver:opcua").ty("ua-metadata");
/// let opc_ua = OpcUa { metadata_major_version: Some(672338910), metadata_minor_version: Some(672341762), status: None };
/// let event = metadata.subject("energy-consumption-asset").write_extension(&opc_ua).build()?;
/// assert_eq!(event.read_extension()?, Some(opc_ua));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpcUa {
    /// `opcuametadatamajorversion`, absent from an event with a `dataschema`.
    pub metadata_major_version: Option<i32>,
    /// `opcuametadataminorversion`, absent from an event with a `dataschema`.
    pub metadata_minor_version: Option<i32>,
    /// `opcuastatus`: the status of the message, required unless it is *Good*.
    pub status: Option<i32>,
}

impl Extension for OpcUa {
    const ATTRIBUTES: &'static [&'static str] = &[MAJOR, MINOR, STATUS];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let is_message = is_message(event.ty());
        let fields = Fields::of::<Self>(event).or_else(|| is_message.then(|| Fields::new(event)));
        let Some(mut fields) = fields else { return Ok(None) };
        let metadata_major_version = fields.optional(MAJOR, MAJOR_CLAUSE);
        let metadata_minor_version = fields.optional(MINOR, MINOR_CLAUSE);
        let status = fields.optional(STATUS, "OPCUA-opcuastatus-a");
        for (name, clause) in [(MAJOR, MAJOR_CLAUSE), (MINOR, MINOR_CLAUSE)] {
            if event.extension(name).is_some() && event.attribute("dataschema").is_some() {
                refuse(&mut fields, name, clause, "it must not be present beside dataschema");
            }
        }
        if is_message {
            check_subject(event, &mut fields);
        }
        if is_data_or_event_message(event.ty()) {
            for name in ["sequence", "traceparent", "recordedtime"] {
                if event.extension(name).is_none() {
                    refuse(
                        &mut fields,
                        name,
                        "OPCUA-Other-a",
                        "messages of this type require it, and it is missing",
                    );
                }
            }
        }
        fields.finish(|| Some(Self { metadata_major_version, metadata_minor_version, status }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension(MAJOR, self.metadata_major_version)
            .extension(MINOR, self.metadata_minor_version)
            .extension(STATUS, self.status)
    }
}

const MAJOR: &str = "opcuametadatamajorversion";
const MAJOR_CLAUSE: &str = "OPCUA-opcuametadatamajorversion-a";
const MINOR: &str = "opcuametadataminorversion";
const MINOR_CLAUSE: &str = "OPCUA-opcuametadataminorversion-a";
const STATUS: &str = "opcuastatus";

fn is_message(ty: &str) -> bool {
    ty == "ua-metadata" || is_data_or_event_message(ty)
}

fn is_data_or_event_message(ty: &str) -> bool {
    matches!(ty, "ua-keyframe" | "ua-deltaframe" | "ua-event")
}

/// The name or id of the writer of the data set; for an event, `/` and its id follow.
fn check_subject(event: &Event, fields: &mut Fields<'_>) {
    match event.subject() {
        None => {
            refuse(
                fields,
                "subject",
                "OPCUA-subject-a",
                "it is missing; it names the writer of the data set",
            );
        }
        Some(subject) if event.ty() == "ua-event" => {
            if subject.rsplit_once('/').is_none_or(|(writer, id)| writer.is_empty() || id.is_empty()) {
                refuse(
                    fields,
                    "subject",
                    "OPCUA-subject-b",
                    "a `/` and the id of the event are missing at its end",
                );
            }
        }
        Some(_) => {}
    }
}

fn refuse(fields: &mut Fields<'_>, name: &str, clause: &'static str, detail: &'static str) {
    fields.accept::<()>(Err(violation(name, clause, detail)));
}
