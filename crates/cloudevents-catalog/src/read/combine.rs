//! Several documents as one.

use super::entities::Members;
use crate::LoadError;
use cloudevents_json::codec::below;
use serde_json::Value;

/// The levels at which documents share objects: collection, group, collection of the group, entity.
const SHARED: usize = 3;

/// Objects that describe a document as a whole, and are no collections.
const DESCRIBING: [&str; 4] = ["capabilities", "labels", "model", "modelsource"];

/// Adds the members of a document. Groups may be in several documents. An entity is in one document.
pub(crate) fn combine(document: Members, all: &mut Members) -> Result<(), LoadError> {
    for (name, value) in document {
        match (all.get_mut(&name), value) {
            (None, value) => {
                all.insert(name, value);
            }
            (Some(Value::Object(all)), Value::Object(more)) if !DESCRIBING.contains(&name.as_str()) => {
                add(more, all, &below("", &name), 1)?;
            }
            // These members describe a document as a whole. The member of the first document stands for all.
            (Some(_), _) => {}
        }
    }
    Ok(())
}

fn add(more: Members, all: &mut Members, place: &str, level: usize) -> Result<(), LoadError> {
    for (name, value) in more {
        match (all.get_mut(&name), value) {
            (None, value) => {
                all.insert(name, value);
            }
            (Some(Value::Object(all)), Value::Object(more)) if level < SHARED => {
                add(more, all, &below(place, &name), level.saturating_add(1))?;
            }
            (Some(known), value) if *known == value => {}
            (Some(_), _) => {
                return Err(LoadError::new(format!(
                    "{}: two documents have it, and differ",
                    below(place, &name)
                )));
            }
        }
    }
    Ok(())
}
