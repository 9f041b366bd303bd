//! Official test material of the specification, as cases.

mod cesql;
mod conformance;
mod yaml;

use cloudevents_vectors::{Document, InvalidData};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// The cases of the official test material in a folder.
///
/// The folder has the test kit of CESQL, in `cesql_tck` or in the folder itself, or it is a checkout of the CloudEvents project's
/// conformance repository. That repository has tests of the JSON, Protobuf and XML formats (branch `format-tests`; the tests of XML are
/// cases of a draft), features of HTTP and Kafka, and events in YAML.
///
/// Ids begin with `official/`. Where a case of the kit contradicts the specification, the outcome that follows the specification is
/// allowed beside it, with a note.
///
/// ```no_run
/// use cloudevents_conformance::{Suite, import};
///
/// let documents = import::folder("spec/cesql".as_ref())?;
/// let suite = Suite::new(documents, []);
/// assert_eq!(suite.cases().len(), 275);
/// # Ok::<(), import::ImportError>(())
/// ```
pub fn folder(folder: &Path) -> Result<Vec<Document>, ImportError> {
    let official = conformance::documents(folder)
        .map_err(|(path, reason)| ImportError { path, reason: Reason::NotACase(reason) })?;
    if !official.is_empty() {
        return Ok(official);
    }
    let below = folder.join("cesql_tck");
    let folder = if below.is_dir() { below.as_path() } else { folder };
    let failed = |path: &Path, reason: Reason| ImportError { path: path.display().to_string(), reason };
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, Reason::Unreadable(error)))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| failed(folder, Reason::Unreadable(error)))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut documents = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, Reason::Unreadable(error)))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        documents.push(cesql::document(name, &text).map_err(|reason| failed(&path, reason))?);
    }
    if documents.is_empty() {
        return Err(failed(folder, Reason::NoCases));
    }
    Ok(documents)
}

/// Why official test material cannot be imported.
#[derive(Debug)]
pub struct ImportError {
    path: String,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unreadable(io::Error),
    NotYaml(String),
    NotACase(String),
    Invalid(InvalidData),
    NoCases,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        match &self.reason {
            Reason::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Reason::NotYaml(error) => write!(f, "is not YAML: {error}"),
            Reason::NotACase(problem) => f.write_str(problem),
            Reason::Invalid(error) => error.fmt(f),
            Reason::NoCases => f.write_str("has no file of the test kit"),
        }
    }
}

impl std::error::Error for ImportError {}
