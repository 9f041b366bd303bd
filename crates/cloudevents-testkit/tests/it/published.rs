//! What is published is complete: every crate's metadata, and everything through the facade.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Features that build more C from source, which documentation is built without.
const SLOW: [&str; 5] = ["kafka-gzip", "kafka-tls", "kafka-zstd", "gzip", "zstd"];

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = metadata["packages"].as_array().unwrap().iter();
    let published: Vec<_> = all.filter(|package| package["publish"].is_null()).cloned().collect();
    assert!(published.len() > 10);
    published
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn folder(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap()
}

fn features(package: &Value) -> BTreeSet<&str> {
    let all = package["features"].as_object().unwrap().keys().map(String::as_str);
    all.filter(|feature| *feature != "default").collect()
}

#[test]
fn every_crate_has_its_metadata() {
    for package in packages() {
        let (name, folder) = (name(&package), folder(&package));
        for list in ["keywords", "categories"] {
            let length = package[list].as_array().unwrap().len();
            assert!((1..=5).contains(&length), "{name}: {length} {list}");
        }
        assert!(folder.join("README.md").is_file(), "{name} has no README.md");
        // A copy: links do not survive every way that a checkout is made.
        let license = fs::read_to_string(folder.join("LICENSE")).unwrap_or_default();
        assert!(license == include_str!("../../../../LICENSE"), "{name} does not have the project's LICENSE");
        assert!(package["metadata"]["docs"]["rs"].is_object(), "{name} says nothing about docs.rs");
        if let Ok(library) = fs::read_to_string(folder.join("src/lib.rs")) {
            let line = "#![cfg_attr(docsrs, feature(doc_cfg))]";
            assert!(library.contains(line), "{name}: no {line}");
        }
    }
}

#[test]
fn the_facade_forwards_and_lists_every_feature() {
    let packages = packages();
    let kit = packages.iter().find(|package| name(package) == "cloudevents-kit").unwrap();
    let forwarded: BTreeSet<&str> = kit["features"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|enables| enables.as_array().unwrap())
        .map(|enabled| enabled.as_str().unwrap())
        .collect();
    let dependencies =
        kit["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null());
    for dependency in dependencies {
        let Some(package) = packages.iter().find(|package| package["name"] == dependency["name"]) else {
            continue;
        };
        for feature in features(package).into_iter().filter(|feature| *feature != "std") {
            let wanted = format!("{}/{feature}", name(package));
            assert!(forwarded.contains(&*wanted), "no feature of the facade turns on {wanted}");
        }
    }
    // What three bindings share, tools, what is for those who move from another crate, and catalogs, whose specification is a release
    // candidate.
    let apart =
        ["aws", "catalog", "cli", "cli-core", "conformance", "kit", "sdk-bridge", "testkit", "vectors"];
    for package in &packages {
        let short = name(package).strip_prefix("cloudevents-").unwrap();
        let listed =
            kit["dependencies"].as_array().unwrap().iter().any(|known| known["name"] == package["name"]);
        assert!(listed || apart.contains(&short), "{short} is not in the facade");
    }
    let readme = fs::read_to_string(folder(kit).join("README.md")).unwrap();
    for feature in features(kit) {
        assert!(readme.contains(&format!("`{feature}`")), "the README of the facade does not list {feature}");
    }
}

#[test]
fn documentation_is_built_with_every_feature() {
    for package in packages() {
        let metadata = &package["metadata"]["docs"]["rs"];
        let Some(listed) = metadata["features"].as_array() else { continue };
        let listed: BTreeSet<_> = listed.iter().map(|feature| feature.as_str().unwrap()).collect();
        let enabled = |feature: &str| {
            let mut reached = BTreeSet::new();
            let mut next: Vec<_> = listed.iter().copied().chain(["default"]).collect();
            while let Some(feature) = next.pop() {
                if reached.insert(feature.to_owned()) {
                    let enables = package["features"][feature].as_array().into_iter().flatten();
                    next.extend(
                        enables
                            .filter_map(|enabled| enabled.as_str())
                            .filter(|enabled| !enabled.contains([':', '/'])),
                    );
                }
            }
            reached.contains(feature)
        };
        for feature in features(&package) {
            let slow = SLOW.contains(&feature) || feature == "tls";
            assert!(slow || enabled(feature), "{}: {feature}", name(&package));
        }
    }
}

/// Everything at the root of core has a place in the facade besides `model`.
#[test]
fn the_facade_lists_the_model() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let core = fs::read_to_string(crates.join("cloudevents-core/src/lib.rs")).unwrap();
    let kit = crates.join("cloudevents-kit/src");
    let facade: String = ["lib", "attributes", "decode", "messages", "payloads"]
        .iter()
        .map(|file| fs::read_to_string(kit.join(format!("{file}.rs"))).unwrap())
        .collect();
    let listed: BTreeSet<&str> = words(&facade).collect();
    let exports = core.split("pub use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let names: Vec<&str> =
        exports.flat_map(words).filter(|word| word.starts_with(char::is_uppercase)).collect();
    assert!(names.len() > 30);
    for name in names {
        assert!(listed.contains(name), "no module of the facade lists {name}");
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}
