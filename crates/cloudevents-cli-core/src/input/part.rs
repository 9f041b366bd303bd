//! Parts of an input: the unit of reading, and of the work of threads.

use super::{
    decoding::Decoding,
    documents::{JsonDocuments, batch, foreign_events, single},
    form::Form,
    lines::{Chunk, Lines},
    located::Located,
    stream::{Elements, Group},
    yaml_documents::yaml_documents,
};
use crate::{
    failure::{Failure, Status},
    report::Report,
    source::Source,
    yaml,
};
use cloudevents_kit::FormatId;
use std::{io, sync::Arc};

/// The parts of an input.
pub(super) enum Parts {
    /// Events that are in memory: one part.
    Ready(Vec<Located>),
    Documents(Box<JsonDocuments>),
    Lines(Lines),
    /// Lines with documents of other systems.
    ForeignLines(Box<(Lines, Decoding)>),
    Elements(Box<Elements>),
}

impl Parts {
    /// Returns the events of a source whose form is known, or of text whose form is detected.
    pub(super) fn of(
        source: &Arc<Source>,
        form: Option<&Form>,
        by_name: Option<&Form>,
        decoding: &Decoding,
    ) -> Result<Self, Failure> {
        let require = |id: &FormatId| {
            let found = decoding.options.formats.require(id);
            found.map_err(|error| Failure::Told(Status::Usage, Box::new(Report::of(&error))))
        };
        let text = &source.text;
        let begin = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start().first();
        Ok(Self::Ready(match (form, begin, by_name) {
            (Some(Form::Single(id)), ..) => vec![single(require(id)?, source, text.clone(), 0, decoding)],
            (Some(Form::Batch(id)), ..) => batch(require(id)?, source, text.clone(), 0, decoding),
            (Some(Form::Yaml), ..) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
            (_, None | Some(b'{' | b'['), _) => {
                let documents = JsonDocuments::new(Arc::clone(source), decoding.clone());
                return Ok(Self::Documents(Box::new(documents)));
            }
            _ if yaml::is_likely(text) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
            (.., Some(by_name)) => return Self::of(source, Some(by_name), None, decoding),
            _ => return Err(cannot_tell(&source.name)),
        }))
    }

    /// Reads the next part, which may have no event. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Part>> {
        Ok(match self {
            Self::Ready(all) => {
                let all = std::mem::take(all);
                (!all.is_empty()).then(|| Part::Ready(all.into_iter()))
            }
            Self::Documents(documents) => {
                let some = documents.next();
                (!some.is_empty()).then(|| Part::Ready(some.into_iter()))
            }
            Self::Lines(lines) => lines.next()?.map(Part::Chunk),
            Self::ForeignLines(lines) => {
                let (lines, decoding) = &mut **lines;
                let events = |mut chunk: Chunk| -> Vec<Located> {
                    let lines = std::iter::from_fn(|| chunk.next_line());
                    lines.flat_map(|(place, line)| foreign_events(place, &[], line, decoding)).collect()
                };
                lines.next()?.map(|chunk| Part::Ready(events(chunk).into_iter()))
            }
            Self::Elements(elements) => elements.next()?.map(Part::Group),
        })
    }
}

/// The bytes that an event in memory, or its problems, counts as.
const EVENT: usize = 256;

/// A part of an input: events, in order.
#[derive(Debug)]
pub(super) enum Part {
    Ready(std::vec::IntoIter<Located>),
    Chunk(Chunk),
    Group(Group),
}

impl Default for Part {
    fn default() -> Self {
        Self::Ready(Vec::new().into_iter())
    }
}

impl Part {
    /// Returns the next event, or its error.
    pub(super) fn next(&mut self, decoding: &Decoding) -> Option<Located> {
        match self {
            Self::Ready(located) => located.next(),
            Self::Chunk(lines) => lines.next(decoding),
            Self::Group(elements) => elements.next(decoding),
        }
    }

    /// Whether all events were returned.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Ready(located) => located.len() == 0,
            Self::Chunk(lines) => lines.is_empty(),
            Self::Group(elements) => elements.is_empty(),
        }
    }

    /// The bytes that it counts as.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ready(located) => located.len().saturating_mul(EVENT),
            Self::Chunk(lines) => lines.len(),
            Self::Group(elements) => elements.len(),
        }
    }
}

/// The error for input whose form cannot be detected.
#[cold]
fn cannot_tell(name: &str) -> Failure {
    Failure::new(Status::Usage, format!("cannot detect the format of `{name}`"))
        .help("name it with --from, for example --from protobuf")
}

#[cfg(test)]
mod tests {
    use crate::input::{Reading, detected};
    use std::io::Cursor;

    /// Short lines and elements make many parts, and events in memory count: what is wrong with them is held by parts.
    #[test]
    fn short_events_do_not_come_for_nothing() {
        let count = 10_000;
        let elements = format!("[{}{{}}]{}", "{},".repeat(count - 1), " ".repeat(9 << 20));
        let batch = format!("[{}{{}}]", "{},".repeat(count - 1));
        for (kind, text) in [("lines", "{}\n".repeat(count)), ("elements", elements), ("batch", batch)] {
            let decoding = Reading::default().decoding().unwrap();
            let reader = Box::new(Cursor::new(text));
            let mut parts = detected(kind, reader, None, None, &decoding).unwrap();
            let mut all = 0;
            while let Some(mut part) = parts.next().unwrap() {
                let bytes = part.len();
                let events = std::iter::from_fn(|| part.next(&decoding)).count();
                assert!(events <= 4096 || bytes >= events * 256, "{kind}: {events} events, {bytes} bytes");
                all += events;
            }
            assert_eq!(all, count, "{kind}");
        }
    }
}
