//! Names and texts of the specification's clauses.

use cloudevents_vectors::{Requirement, Role, load_requirements};
use std::{collections::HashMap, sync::OnceLock};

/// Returns the clause with this id.
pub fn find(id: &str) -> Option<&'static Requirement> {
    static ALL: OnceLock<HashMap<String, Requirement>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = load_requirements().unwrap_or_default();
        all.into_iter().map(|requirement| (requirement.id.clone(), requirement)).collect()
    })
    .get(id)
}

/// `CloudEvents 1.0, section "Type System": Timestamp string form is RFC 3339 (CE-Type-System-l)`.
pub(crate) fn sentence(id: &str) -> String {
    match find(id) {
        Some(clause) => format!("{}: {} ({id})", place(clause), clause.requirement),
        None => format!("clause {id}"),
    }
}

/// `CloudEvents 1.0, section "Type System"`.
pub fn place(clause: &Requirement) -> String {
    let section = match clause.section.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("section {} \"{}\"", clause.section, clause.title),
        false => format!("section \"{}\"", clause.title),
    };
    format!("{}, {section}", document(&clause.document))
}

/// Returns the role that the clause binds.
pub(crate) fn whom(clause: &Requirement) -> &'static str {
    match clause.role {
        Role::Producer => "producers",
        Role::Consumer => "consumers",
        Role::Sender => "senders",
        Role::Server => "servers",
        Role::Intermediary => "intermediaries",
        Role::Evaluator => "evaluators",
        _ => "producers and consumers",
    }
}

/// Returns the name of a document of the specification, from its path in the repository.
fn document(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".md");
    match path {
        "cloudevents/spec.md" => "CloudEvents 1.0".to_owned(),
        _ if path.starts_with("cloudevents/extensions/") => format!("{file} extension"),
        _ if path.starts_with("cloudevents/formats/") || path.starts_with("cloudevents/working-drafts/") => {
            match file.strip_suffix("-format") {
                Some("avro-compact") => "Avro compact event format".to_owned(),
                Some("protobuf") => "Protobuf event format".to_owned(),
                Some("avro") => "Avro event format".to_owned(),
                Some(name) => format!("{} event format", name.to_uppercase()),
                None => path.to_owned(),
            }
        }
        _ => match file.strip_suffix("-protocol-binding") {
            Some(name) if name.len() <= 4 => format!("{} protocol binding", name.to_uppercase()),
            Some("kafka") => "Kafka protocol binding".to_owned(),
            Some("websockets") => "WebSockets protocol binding".to_owned(),
            _ => path.to_owned(),
        },
    }
}
