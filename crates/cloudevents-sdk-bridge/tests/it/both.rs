//! One document, read by both.

use crate::{
    seen::{Seen, SeenData, SeenValue},
    tree::Tree,
};
use cloudevents_core::{Error, Event};

pub(crate) struct Both {
    pub(crate) document: Vec<u8>,
    pub(crate) ours: Result<Event, Error>,
    pub(crate) theirs: Result<cloudevents::Event, String>,
}

#[derive(Debug)]
pub(crate) enum Difference {
    WeRefuse(Error),
    TheyRefuse,
    Attribute { name: String, ours: Option<SeenValue>, theirs: Option<SeenValue> },
    Data { ours: Option<SeenData>, theirs: Option<SeenData> },
}

impl Both {
    pub(crate) fn read(document: &[u8]) -> Self {
        let ours = cloudevents_json::decode(document.to_vec());
        let theirs = serde_json::from_slice(document).map_err(|error| error.to_string());
        Self { document: document.into(), ours, theirs }
    }

    pub(crate) fn differences(&self) -> Vec<Difference> {
        match (&self.ours, &self.theirs) {
            (Ok(ours), Ok(theirs)) => differences(&Seen::ours(ours), &Seen::theirs(theirs)),
            (Err(error), Ok(_)) => vec![Difference::WeRefuse(error.clone())],
            (Ok(_), Err(_)) => vec![Difference::TheyRefuse],
            (Err(_), Err(_)) => Vec::new(),
        }
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::parse(&String::from_utf8_lossy(&self.document))
    }

    /// The member of this name, when it is there once.
    pub(crate) fn member(&self, name: &str) -> Option<Tree> {
        self.tree().members().iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    /// `datacontenttype` as it stands in the document.
    pub(crate) fn content_type(&self) -> Option<String> {
        match self.member("datacontenttype") {
            Some(Tree::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    pub(crate) fn is_03(&self) -> bool {
        self.member("specversion") == Some(Tree::String("0.3".into()))
    }
}

pub(crate) fn differences(ours: &Seen, theirs: &Seen) -> Vec<Difference> {
    let mut names: Vec<_> = ours.attributes.keys().chain(theirs.attributes.keys()).collect();
    names.sort();
    names.dedup();
    let mut found = Vec::new();
    for name in names {
        let (ours, theirs) = (ours.attributes.get(name), theirs.attributes.get(name));
        if ours != theirs {
            let (ours, theirs) = (ours.cloned(), theirs.cloned());
            found.push(Difference::Attribute { name: name.clone(), ours, theirs });
        }
    }
    if ours.data != theirs.data {
        found.push(Difference::Data { ours: ours.data.clone(), theirs: theirs.data.clone() });
    }
    found
}
