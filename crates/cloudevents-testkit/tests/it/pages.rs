//! The pages of `docs`: the book has each of them, and their links lead to files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn the_book_has_every_page_once() {
    let summary = read("docs/SUMMARY.md");
    let mut named = BTreeSet::new();
    for link in links(&summary) {
        assert!(named.insert(format!("docs/{link}")), "docs/SUMMARY.md names {link} twice");
    }
    let mut pages = pages();
    assert!(pages.remove("docs/SUMMARY.md"));
    let missing: Vec<_> = pages.difference(&named).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not name {missing:?}");
    let unknown: Vec<_> = named.difference(&pages).collect();
    assert!(unknown.is_empty(), "docs/SUMMARY.md names {unknown:?}, which are no pages");
}

#[test]
fn links_of_pages_lead_to_files() {
    let mut count = 0;
    let mut broken = Vec::new();
    for page in pages().into_iter().chain(["README.md".to_owned(), "CONTRIBUTING.md".to_owned()]) {
        let folder = root().join(&page);
        let folder = folder.parent().unwrap();
        for link in links(&read(&page)) {
            let path = link.split('#').next().unwrap();
            if path.is_empty() || path.contains(':') {
                continue;
            }
            count += 1;
            if !folder.join(path).exists() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(count > 1000, "{count} links were read");
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
}

/// Each page below `docs`, by its path from the root.
fn pages() -> BTreeSet<String> {
    let mut pages = BTreeSet::new();
    collect(&root().join("docs"), "docs", &mut pages);
    assert!(pages.len() > 40, "{pages:?}");
    pages
}

fn collect(folder: &Path, name: &str, pages: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &name, pages);
        } else if name.ends_with(".md") {
            pages.insert(name);
        }
    }
}

/// The targets of links outside of code.
fn links(page: &str) -> Vec<&str> {
    let prose = page.split("```").step_by(2).flat_map(|part| part.split("](").skip(1));
    prose.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
