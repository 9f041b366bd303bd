//! Resolves the references of a schema.

use super::{Reference, Schema, SchemaRegistry};
use cloudevents_core::{Error, ErrorKind};
use std::collections::HashSet;

/// The most schemas that one schema may refer to, directly or indirectly.
const MOST: usize = 256;

enum Step {
    Fetch(Reference),
    Done(Reference, Schema),
}

/// Returns the schemas that this one refers to, directly or indirectly, each once. A schema comes after the schemas that it refers to.
///
/// Errors are those of the registry, and [`TooMany`](ErrorKind::TooMany) for more than 256.
pub async fn referenced_schemas<R: SchemaRegistry>(
    registry: &R,
    schema: &Schema,
) -> Result<Vec<(Reference, Schema)>, Error> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut steps: Vec<Step> = schema.references().iter().rev().cloned().map(Step::Fetch).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::Done(reference, schema) => found.push((reference, schema)),
            Step::Fetch(reference) => {
                if !seen.insert((reference.subject.clone(), reference.version)) {
                    continue;
                }
                if seen.len() > MOST {
                    return Err(Error::new(ErrorKind::TooMany)
                        .with_detail(format!("the schema refers to more than {MOST} others")));
                }
                let schema = registry.referenced(&reference).await?;
                let further: Vec<Step> = schema.references().iter().rev().cloned().map(Step::Fetch).collect();
                steps.push(Step::Done(reference, schema));
                steps.extend(further);
            }
        }
    }
    Ok(found)
}
