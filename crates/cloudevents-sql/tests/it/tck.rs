//! The test kit of the specification.

use cloudevents_conformance::import;
use std::path::PathBuf;

#[test]
fn every_case_passes() {
    let Some(folder) = std::env::var_os("CE_SPEC_VECTORS").map(PathBuf::from) else {
        eprintln!("SKIPPED: CE_SPEC_VECTORS names no folder with cesql_tck");
        return;
    };
    let documents = import::folder(&folder).unwrap();
    let disputed = documents.iter().flat_map(|document| &document.cases).filter(|case| case.policy);
    assert_eq!(
        disputed.map(|case| case.id.as_str()).collect::<Vec<_>>(),
        ["official/not-operator/invalid-int-cast"]
    );
    assert_eq!(cloudevents_testkit::vectors::check_documents(documents), 275);
}
