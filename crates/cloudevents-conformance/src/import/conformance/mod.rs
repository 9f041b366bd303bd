//! The material of the CloudEvents project's own conformance repository as cases: its tests of the JSON, Protobuf and XML formats (branch
//! `format-tests`), its Gherkin features, and its events in YAML.
//!
//! Cases are `official/<file>/<test>`.

mod case;
mod feature;
mod golden;
mod json;
mod protobuf;
mod xml;
mod yaml_events;

use std::fs;
use std::path::{Path, PathBuf};

use cloudevents_vectors::Document;
use serde_json::{Value, json};

use case::{case, kebab, presented};

/// The cases of a checkout of the conformance repository. Branches of the repository have different files, and missing files have no cases.
///
/// The error names the file and the problem.
pub(super) fn documents(directory: &Path) -> Result<Vec<Document>, (String, String)> {
    let mut documents = Vec::new();
    for name in ["valid-events", "invalid-events", "valid-batches", "invalid-batches"] {
        let format =
            |format: &str, extension: &str| directory.join(format!("format/{format}/{name}.{extension}"));
        documents.extend(of_file(&format("json", "json"), &format!("json-{name}"), |text| {
            json::format_tests(text, name)
        })?);
        documents.extend(of_file(
            &format("protobuf", "json"),
            &format!("protobuf-{name}"),
            protobuf::format_tests,
        )?);
        documents.extend(of_file(&format("xml", "xml"), &format!("xml-{name}"), xml::format_tests)?);
    }
    for binding in ["http", "kafka"] {
        let path = directory.join("features").join(format!("{binding}-protocol-binding.feature"));
        let topic = format!("{binding}-feature");
        documents.extend(of_file(&path, &topic, |text| feature::feature(text, binding))?);
    }
    for path in yaml_files(&directory.join("yaml")) {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        documents.extend(of_file(&path, &format!("yaml-{}", kebab(stem)), yaml_events::events)?);
    }
    Ok(documents)
}

/// The YAML files in a folder and in the folders directly below, in order of their paths. None if there is no such folder.
fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let (folders, mut files): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| entries(folder)));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn of_file(
    path: &Path,
    topic: &str,
    cases: impl Fn(&str) -> Result<Vec<Value>, String>,
) -> Result<Option<Document>, (String, String)> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err((path.display().to_string(), error.to_string())),
    };
    let made = cases(&text).and_then(|cases| document(topic, cases));
    made.map(Some).map_err(|reason| (path.display().to_string(), reason))
}

fn document(topic: &str, cases: Vec<Value>) -> Result<Document, String> {
    let mut cases = cases;
    for id in cases.iter_mut().filter_map(|case| case.get_mut("id")) {
        *id = json!(format!("official/{topic}/{}", id.as_str().unwrap_or_default()));
    }
    let document = json!({"area": "official", "topic": topic, "title": "From the CloudEvents conformance repository", "cases": cases});
    Document::parse(&document.to_string()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_them_has_no_cases() {
        assert_eq!(documents(Path::new("no-such-directory")).unwrap(), []);
    }
}
