//! YAML as a tree that keeps how scalars are written: `TRUE` and `'TRUE'` are two things.

use saphyr_parser::{Event, Parser, ScalarStyle};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    /// The text, and whether it is written without quotation marks.
    Scalar(String, bool),
    Sequence(Vec<Yaml>),
    Mapping(Vec<(Yaml, Yaml)>),
}

/// Nesting that no test kit has.
const DEPTH: usize = 16;

impl Yaml {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut events = Parser::new_from_str(text).filter_map(|event| match event {
            Ok((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _)) => None,
            Ok((event, _)) => Some(Ok(event)),
            Err(error) => Some(Err(error.to_string())),
        });
        match node(&mut events, 0)? {
            Some(node) => Ok(node),
            None => Err("there is nothing in it".into()),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().find_map(|(name, value)| (name.text() == Some(key)).then_some(value))
    }

    pub(super) fn members(&self) -> &[(Self, Self)] {
        if let Self::Mapping(members) = self { members } else { &[] }
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Self::Sequence(items) = self { items } else { &[] }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Scalar(text, _) = self { Some(text) } else { None }
    }
}

/// The next node. `None` where a collection, or the document, ends.
fn node<'t>(
    events: &mut impl Iterator<Item = Result<Event<'t>, String>>,
    depth: usize,
) -> Result<Option<Yaml>, String> {
    if depth > DEPTH {
        return Err(format!("it is nested deeper than {DEPTH} levels"));
    }
    match events.next().transpose()? {
        Some(Event::Scalar(text, style, _, _)) => {
            Ok(Some(Yaml::Scalar(text.into_owned(), style == ScalarStyle::Plain)))
        }
        Some(Event::SequenceStart(..)) => {
            let mut items = Vec::new();
            while let Some(item) = node(events, depth + 1)? {
                items.push(item);
            }
            Ok(Some(Yaml::Sequence(items)))
        }
        Some(Event::MappingStart(..)) => {
            let mut members = Vec::new();
            while let Some(name) = node(events, depth + 1)? {
                let value = node(events, depth + 1)?.ok_or("a member without a value")?;
                members.push((name, value));
            }
            Ok(Some(Yaml::Mapping(members)))
        }
        Some(Event::Alias(_)) => Err("aliases are not read".into()),
        _ => Ok(None),
    }
}
