//! The pages of `docs`: the book has each of them, and their links lead to files. Of every page of the repository, the programs are
//! compiled, the JSON is JSON, and the options of URLs exist.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// A crate that has a page as its documentation compiles the programs of the page, and runs those without `no_run`.
#[test]
fn every_program_of_a_page_is_compiled() {
    let included = included();
    let (mut programs, mut wrong) = (0, Vec::new());
    for page in every_page() {
        let is_included = included.contains(&root().join(&page).canonicalize().unwrap());
        for Block { place, words, text } in blocks(&page) {
            let is_rust = words.first().is_some_and(|word| word == "rust");
            programs += usize::from(is_rust);
            if is_rust && !is_included {
                wrong.push(format!("{place}: no crate includes the page; see examples/tasks/src/lib.rs"));
            }
            if words.iter().any(|word| word.starts_with("ignore")) {
                wrong.push(format!("{place}: an ignored program is not compiled; `no_run` compiles it"));
            }
            let has_rust =
                |line: &str| line.starts_with("use cloudevents") || line.trim_end().ends_with(".await?;");
            if !is_rust && text.lines().any(has_rust) {
                wrong.push(format!("{place}: this is Rust, and is marked as {words:?}"));
            }
        }
    }
    assert!(programs > 100, "{programs}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A block may have the members of an object alone.
#[test]
fn json_of_pages_is_json() {
    let parses = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    let (mut count, mut wrong) = (0, Vec::new());
    for block in every_page().iter().flat_map(|page| blocks(page)) {
        match block.words.first().map(String::as_str) {
            Some("json") => {
                count += 1;
                if !parses(&block.text) && !parses(&format!("{{{}}}", block.text)) {
                    wrong.push(block.place);
                }
            }
            // tests/real/pages.rs of cloudevents-cli has commands and YAML, .ci/vectors the program in Python that is whole, and the tests
            // of the outbox the statements in SQL.
            None
            | Some(
                "console" | "java" | "js" | "nginx" | "php" | "python" | "rust" | "sh" | "sql" | "text"
                | "yaml",
            ) => {}
            Some(other) => wrong.push(format!("{}: no test knows {other}", block.place)),
        }
    }
    assert!(count > 50, "{count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `docs/urls.md` has the options of each protocol; a test of `ce` compares them with the code.
#[test]
fn options_of_urls_exist() {
    let table = read("docs/urls.md");
    let (head, rows) = table.split_once("\n| option |").unwrap().1.split_once('\n').unwrap();
    let head = cells(head);
    let rows = rows.lines().filter(|line| line.starts_with("| `")).map(cells);
    let options: BTreeMap<&str, Vec<&str>> = rows.map(|row| (row[0], row[1..].to_vec())).collect();
    assert!(options.len() > 60, "{options:?}");
    let (mut count, mut wrong) = (0, Vec::new());
    for page in every_page() {
        let text = read(&page);
        for (at, _) in text.match_indices("://") {
            let begin = text[..at].rfind(|byte: char| !byte.is_ascii_lowercase() && byte != '+');
            let begin = begin.map_or(0, |before| before + text[before..].chars().next().unwrap().len_utf8());
            let end = text[at..].find(['`', '\'', '"', ' ', '\n', ')', '|', '<', '>']);
            let end = end.map_or(text.len(), |end| at + end);
            let url = &text[begin..end];
            let scheme = url.split("://").next().unwrap();
            let Some(column) = column(&head, scheme) else { continue };
            let line = &text[text[..begin].rfind('\n').map_or(0, |newline| newline + 1)..begin];
            let rest = text[end..].split(['\n', '`', '|']).next().unwrap();
            let query = url.split_once('?').map_or("", |(_, query)| query);
            let pairs = query.split('&').filter(|pair| !pair.is_empty()).chain(rest.split(" -o ").skip(1));
            for option in pairs.map(|pair| pair.split('=').next().unwrap()) {
                count += 1;
                let who = options.get(option).map_or("", |cells| cells[column]);
                // Settings of clients have a dot. READMEs write the form of a URL with this name.
                let is_free = option.contains('.') || option == "option";
                if !is_free && (who.is_empty() || !allows(who, line)) {
                    wrong.push(format!("{page}: {url}: `{option}` is for {who:?}"));
                }
            }
        }
    }
    assert!(count > 50, "{count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
}

/// The column of a scheme: that of the longest scheme in the head of the table that it begins with. `amqps` has the options of `amqp`.
fn column(head: &[&str], scheme: &str) -> Option<usize> {
    let begins = head.iter().enumerate().filter(|(_, known)| scheme.starts_with(*known));
    begins.max_by_key(|(_, known)| known.len()).map(|(at, _)| at)
}

/// Whether senders or receivers have an option, where the line before the URL shows which of them opens it.
fn allows(who: &str, before: &str) -> bool {
    let before = before.trim_end_matches(['\'', '"', '&']);
    let sends = before.ends_with("sender(") || before.contains("ce send ") || is_second_of_bridge(before);
    let receives = before.ends_with("receiver(")
        || before.contains("ce listen ")
        || before.contains("ce look ")
        || before.ends_with("ce bridge ");
    match who {
        "senders" => !receives,
        "receivers" => !sends,
        _ => true,
    }
}

fn is_second_of_bridge(before: &str) -> bool {
    before.split_once("ce bridge ").is_some_and(|(_, rest)| rest.contains("://"))
}

/// The pages that the documentation of some crate includes.
fn included() -> BTreeSet<PathBuf> {
    let mut pages = BTreeSet::new();
    for folder in ["crates", "examples"] {
        for member in fs::read_dir(root().join(folder)).unwrap() {
            include(&member.unwrap().path().join("src"), &mut pages);
        }
    }
    include(&root().join("spec-tests/src"), &mut pages);
    pages
}

fn include(folder: &Path, pages: &mut BTreeSet<PathBuf>) {
    // The folder of examples also has a page.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            include(&path, pages);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("doc = include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
            pages.extend(names.map(|name| folder.join(name).canonicalize().unwrap()));
        }
    }
}

/// A block of code.
struct Block {
    /// The page and the line.
    place: String,
    /// The words behind the fence, such as `rust` and `no_run`.
    words: Vec<String>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in read(page).lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(words), None) => {
                let words = words.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned);
                let place = format!("{page}:{}", number + 1);
                open = Some(Block { place, words: words.collect(), text: String::new() });
            }
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is open at the end");
    blocks
}

/// Each page of the repository, by its path from the root.
pub(crate) fn every_page() -> BTreeSet<String> {
    let mut pages = pages();
    for folder in ["crates", "examples", "packaging", "spec-tests"] {
        collect(&root().join(folder), folder, &mut pages);
    }
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned));
    assert!(pages.len() > 150, "{pages:?}");
    pages
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
            // Programs that tests build and install are not of the repository.
            if !["/target", "/node_modules", "/.", "/venv"].iter().any(|other| name.contains(other)) {
                collect(&path, &name, pages);
            }
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

pub(crate) fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
