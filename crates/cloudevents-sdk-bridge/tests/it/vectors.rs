//! The cases of the test vectors, read as plain JSON.

use serde_json::Value;
use std::path::Path;

/// Every case of `spec-tests/vectors/<area>`, in the order of the files' names.
pub(crate) fn cases(area: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/vectors").join(area);
    let cases: Vec<Value> = documents(&folder)
        .into_iter()
        .flat_map(|document| document["cases"].as_array().unwrap().clone())
        .collect();
    assert!(!cases.is_empty(), "no vectors in {}", folder.display());
    cases
}

/// The ids of all clauses.
pub(crate) fn clauses() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/requirements");
    documents(&folder)
        .into_iter()
        .flat_map(|document| document.as_array().unwrap().clone())
        .map(|clause| clause["id"].as_str().unwrap().to_owned())
        .collect()
}

fn documents(folder: &Path) -> Vec<Value> {
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// Bytes as the vectors write them; `None` where there are none.
pub(crate) fn bytes(value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    value["base64"].as_str().map(|text| cloudevents_core::codec::decode_base64(text).unwrap())
}
