//! The samples of xregistry/spec and xregistry/codegen, which `CE_XREGISTRY` names a folder of.

use cloudevents_catalog::{Catalog, Level, LoadOptions};
use std::path::{Path, PathBuf};

/// Mistakes that the samples have: references to schemas that are not there, an empty `source`, a `time` that is a template, and schemas without
/// `dataschemaformat`, which the specification requires (MUST).
const KNOWN: &[(&str, &str)] = &[
    ("Microsoft.Storage.xreg.json", "format-missing"),
    ("kafka-consumer-endpoint.xreg.json", "dangling"),
    ("kafka-producer-endpoint.xreg.json", "dangling"),
    ("minimal-amqp-external-xsd.xreg.json", "format-missing"),
    ("minimal-avro.xreg.json", "format-missing"),
    ("minimal-avro2.xreg.json", "attribute-value"),
    ("minimal-avro2.xreg.json", "format-missing"),
    ("minimal-proto.xreg.json", "attribute-value"),
    ("minimal-proto.xreg.json", "format-missing"),
    ("minimal.xreg.json", "format-missing"),
    ("mqtt-producer-endpoint.xreg.json", "dangling"),
    ("mqtt-sparkplugB.xreg.json", "dangling"),
    ("mqtt-sparkplugB.xreg.json", "format-missing"),
    ("nats-consumer-endpoint.xreg.json", "dangling"),
    ("nats-consumer-endpoint.xreg.json", "format-missing"),
    ("nats-producer-endpoint.xreg.json", "dangling"),
];

#[test]
fn samples_load() {
    let Ok(folder) = std::env::var("CE_XREGISTRY") else {
        eprintln!(
            "   SKIPPED: the samples of xRegistry: set CE_XREGISTRY to a folder with xregistry/spec and xregistry/codegen"
        );
        return;
    };
    let (mut files, mut unknown) = (Vec::new(), Vec::new());
    collect(Path::new(&folder), &mut files);
    assert!(files.len() >= 30, "only {} files below {folder}", files.len());
    for file in files {
        let report = match Catalog::read(std::fs::read(&file).unwrap(), &LoadOptions::lenient()) {
            Ok(report) => report,
            Err(error) => {
                // The only one: two of its schemas have the same id.
                assert!(error.to_string().contains("project-1.0.0-rc2"), "{}: {error}", file.display());
                continue;
            }
        };
        for finding in report.findings.iter().filter(|finding| finding.level == Level::Mistake) {
            let name = file.file_name().unwrap().to_string_lossy();
            let is_known = KNOWN.contains(&(&*name, finding.rule.code()));
            if !is_known {
                unknown.push(format!("{}: {finding}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.to_string_lossy().ends_with(".xreg.json") {
            files.push(path);
        }
    }
}
