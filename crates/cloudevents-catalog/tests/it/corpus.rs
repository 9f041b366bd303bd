//! The samples of xregistry/spec and xregistry/codegen, which `CE_XREGISTRY` names a folder of, and the catalogs of real feeds
//! (clemensv/real-time-sources), which `CE_XREGISTRY_FEEDS` does.

use cloudevents_catalog::{Catalog, Finding, Judge, Level, LoadOptions, NotJudged, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Mistakes that the samples have: references to schemas that are not there, an empty `source`, a `time` that is a template, schemas with a
/// brace too many, a topic to publish to with wildcards, a consumer of Kafka with a `consumer-group`, and schemas without
/// `dataschemaformat`, which the specification requires (MUST).
const KNOWN: &[(&str, &str)] = &[
    ("Microsoft.Storage.xreg.json", "format-missing"),
    ("kafka-consumer-endpoint.xreg.json", "dangling"),
    ("kafka-consumer-endpoint.xreg.json", "protocol-option"),
    ("kafka-producer-endpoint.xreg.json", "dangling"),
    ("minimal-amqp-external-xsd.xreg.json", "format-missing"),
    ("minimal-avro.xreg.json", "format-missing"),
    ("minimal-avro2.xreg.json", "attribute-value"),
    ("minimal-avro2.xreg.json", "format-missing"),
    ("minimal-proto.xreg.json", "attribute-value"),
    ("minimal-proto.xreg.json", "format-missing"),
    ("minimal-proto.xreg.json", "schema-invalid"),
    ("minimal.xreg.json", "format-missing"),
    ("mqtt-producer-endpoint.xreg.json", "dangling"),
    ("mqtt-sparkplugB.xreg.json", "dangling"),
    ("mqtt-sparkplugB.xreg.json", "format-missing"),
    ("mqtt-sparkplugB.xreg.json", "protocol-option"),
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
        let document = report.catalog.document();
        let is_elsewhere = |finding: &&Finding| document.pointer(&finding.place).is_none();
        assert_eq!(report.findings.iter().find(is_elsewhere), None, "{}", file.display());
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

/// Every definition of a real feed gives a verdict on an event of its type: an example of it.
#[test]
fn real_feeds_give_verdicts() {
    let Ok(folder) = std::env::var("CE_XREGISTRY_FEEDS") else {
        eprintln!(
            "   SKIPPED: real catalogs: set CE_XREGISTRY_FEEDS to a folder with clemensv/real-time-sources"
        );
        return;
    };
    let (mut files, mut verdicts, mut unusable) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    collect(Path::new(&folder), &mut files);
    assert!(files.len() >= 100, "only {} files below {folder}", files.len());
    for file in &files {
        let catalog = match Catalog::read(std::fs::read(file).unwrap(), &LoadOptions::lenient()) {
            Ok(report) => report.catalog,
            Err(error) => {
                // The only one: it has a member twice.
                assert!(
                    error.to_string().contains("\"basemessageuri\" is there twice"),
                    "{}: {error}",
                    file.display()
                );
                continue;
            }
        };
        for message in catalog.messages().filter(|message| message.is_event()) {
            let event = message.example().unwrap_or_else(|error| panic!("{}: {error:?}", message.xid()));
            let verdict = catalog.judge(&event);
            assert_ne!(verdict.outcome(), Outcome::Undefined, "{}: {}", file.display(), message.xid());
            let (all, words) = match verdict.not_judged() {
                // That is no verdict on a payload.
                Some(NotJudged::Unusable(why)) => {
                    (&mut unusable, format!("{}: {why}", file.file_name().unwrap().display()))
                }
                Some(reason) => (&mut verdicts, reason.to_string()),
                None => (&mut verdicts, format!("{:?}", verdict.outcome())),
            };
            *all.entry(words).or_insert(0) += 1;
        }
    }
    eprintln!("{} files: {verdicts:#?} {unusable:#?}", files.len());
    assert!(verdicts.values().sum::<usize>() >= 1000, "{verdicts:?}");
    assert!(unusable.is_empty(), "{unusable:#?}");
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
