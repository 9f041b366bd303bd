//! Catalogs from files and folders.

use cloudevents_catalog::{Catalog, LoadError, LoadOptions, documents};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of a test, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("catalog-files-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Result<Vec<String>, LoadError> {
    let report = Catalog::open(path, &LoadOptions::strict())?;
    Ok(report.catalog.messages().map(|message| message.id().to_owned()).collect())
}

const JSON: &str = r#"{"messagegroups": {"g": {"messages": {"a": {}}}}}"#;
const YAML: &str = "messagegroups:\n  g:\n    messages:\n      b: {}\n";

#[test]
fn a_folder_is_one_catalog() {
    let folder = Folder::new(
        "one",
        &[
            ("a.xreg.json", JSON),
            ("within/b.YAML", YAML),
            ("README.md", "no catalog"),
            (".hidden/c.json", "{"),
        ],
    );
    assert_eq!(open(&folder.0).unwrap(), ["a", "b"]);
    assert_eq!(documents(&folder.0).unwrap(), [folder.0.join("a.xreg.json"), folder.0.join("within/b.YAML")]);
    assert_eq!(open(&folder.0.join("a.xreg.json")).unwrap(), ["a"]);
    assert_eq!(open(&folder.0.join("within/b.YAML")).unwrap(), ["b"]);
}

/// An error names the file, and its place in the file as it is written.
#[test]
fn what_cannot_be_read_is_named() {
    for (name, text, words, has_place) in [
        ("a.json", "{\"a\": 1, \"a\": 2}", "is there twice", true),
        ("a.json", "[]", "a catalog is an object", false),
        ("a.yaml", "a: 1\nb: [\n", "", true),
        ("a.yaml", "a: 1\n---\nb: 1\n", "more than one YAML document", false),
        ("a.yml", "# nothing\n", "empty", false),
        ("a.md", "", "no files in JSON or YAML", false),
    ] {
        let folder = Folder::new("wrong", &[(name, text)]);
        let error = open(&folder.0).unwrap_err();
        assert!(error.to_string().contains(words), "{text}: {error}");
        assert!(!has_place || error.to_string().contains(name), "{text}: {error}");
        // Where it is in the file as it is written.
        assert_eq!(error.offset().is_some_and(|at| at > 5 && at <= text.len()), has_place, "{text}: {error}");
    }
    assert!(
        open(Path::new("/no/such/file.json")).unwrap_err().to_string().starts_with("/no/such/file.json: ")
    );
}

#[test]
fn all_files_together_are_bounded() {
    let folder = Folder::new("large", &[("a.json", JSON), ("b.yaml", YAML)]);
    let mut options = LoadOptions::strict();
    options.limits.bytes = JSON.len() + YAML.len();
    assert!(Catalog::open(&folder.0, &options).is_ok());
    options.limits.bytes -= 1;
    let error = Catalog::open(&folder.0, &options).unwrap_err();
    assert!(error.to_string().contains("Limits::bytes"), "{error}");
    // Also where the last byte that is read is within a character.
    let folder = Folder::new("characters", &[("a.json", "\"ééé\"")]);
    options.limits.bytes = 3;
    let error = Catalog::open(&folder.0, &options).unwrap_err();
    assert!(error.to_string().contains("Limits::bytes"), "{error}");
    fs::write(folder.0.join("a.json"), b"\"\xff\"").unwrap();
    options.limits.bytes = 100;
    let error = Catalog::open(&folder.0, &options).unwrap_err();
    assert!(error.to_string().contains("a.json: the file is not UTF-8"), "{error}");
}

/// Aliases make more of a text in YAML than it has.
#[test]
fn aliases_are_counted() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1000), vec!["*a"; 100].join(", "));
    let folder = Folder::new("aliases", &[("a.yaml", &text)]);
    let mut options = LoadOptions::strict();
    assert!(Catalog::open(&folder.0, &options).is_ok());
    options.limits.bytes = 50_000;
    let error = Catalog::open(&folder.0, &options).unwrap_err();
    assert!(error.to_string().contains("Limits::bytes"), "{error}");
}
