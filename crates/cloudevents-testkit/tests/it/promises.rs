//! The tests that `docs/evidence.md` names show the promises of the pages.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// The lists whose items are promises: page and heading.
const LISTS: &[(&str, &str)] = &[
    ("delivery-guarantees.md", "Guarantees of `run`"),
    ("outbox.md", "The outbox"),
    ("outbox-attempts.md", "Attempts of an outbox"),
    ("outbox-operating.md", "Operating an outbox"),
    ("inbox.md", "The inbox"),
    ("bridge.md", "The bridge"),
    ("bridge-messages.md", "Messages of a bridge"),
    ("bridge-ending.md", "How a bridge ends"),
    ("bridge-redrive.md", "Redrives"),
    ("bridge-tests.md", "How a bridge is tested"),
    ("webhooks-promises.md", "Promises of webhooks"),
];

#[test]
fn every_row_of_a_protocol_has_evidence() {
    let evidence = Evidence::read();
    let protocols = protocols();
    assert!(protocols.len() > 12, "{protocols:?}");
    for protocol in protocols {
        let page = format!("promises/{protocol}.md");
        let name = crate_of(&protocol);
        let receives = has_receiver(&name);
        for (heading, least) in [("Sending", 12), ("Receiving", 12), ("Incidents", 10)] {
            if heading == "Receiving" && !receives {
                continue;
            }
            let rows = rows(section(&read(&page), heading));
            assert!(rows.len() >= least, "{page}, {heading}: {} rows were read", rows.len());
            for row in rows {
                let shown = evidence.of(&page, heading, &row).expect(&row);
                let is_said = ["not tested", "does not apply"].contains(&shown);
                assert!(is_said || !tests(shown).is_empty(), "{page}, {heading}: no test shows: {row}");
                for (path, test) in tests(shown) {
                    let (file, _) = test.split_once("::").unwrap();
                    let lanes = root().join("crates").join(&name).join("tests");
                    let runs = |lane: &str| lanes.join(lane).join(file).with_extension("rs").exists();
                    let is_own = path.starts_with(&format!("../crates/{name}/"));
                    assert!(is_own || runs("it") || runs("real"), "{name} does not run {test}");
                }
            }
        }
    }
}

#[test]
fn every_item_of_a_list_has_evidence() {
    let evidence = Evidence::read();
    for (page, heading) in LISTS {
        let text = read(page);
        let items: Vec<&str> = section(&text, heading).split("\n- ").skip(1).collect();
        assert!(items.len() > 5, "{page}, {heading}: {} items were read", items.len());
        for item in items {
            let item = words(item);
            let keys = evidence.keys(page, heading);
            let shown = keys.iter().find(|(key, _)| item.starts_with(key.as_str()));
            let (_, shown) = shown.unwrap_or_else(|| panic!("{page}: no test shows: {item}"));
            assert!(!tests(shown).is_empty(), "{page}: no test shows: {item}");
        }
    }
}

#[test]
fn all_evidence_is_of_a_promise_and_names_tests_that_exist() {
    let mut count = 0;
    for ((page, heading), keys) in Evidence::read().0 {
        let text = read(&page);
        let text = words(section(&text, &heading));
        for (key, shown) in keys {
            assert!(text.contains(&key), "{page}, {heading} does not promise: {key}");
            for (path, test) in tests(&shown) {
                exists(path, test);
                count += 1;
            }
        }
    }
    assert!(count > 1000, "{count} tests were read");
}

/// The names of the pages of promises.
fn protocols() -> Vec<String> {
    let pages = fs::read_dir(root().join("docs/promises")).unwrap();
    let mut names: Vec<String> =
        pages.map(|page| page.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// The crate that runs the tests of a page of promises.
fn crate_of(protocol: &str) -> String {
    // The crate of NATS has two pages.
    let name = if protocol == "jetstream" { "nats" } else { protocol };
    format!("cloudevents-{name}")
}

/// Whether a client of the crate has a receiver.
fn has_receiver(name: &str) -> bool {
    let entries = fs::read_dir(root().join("crates").join(name).join("src")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.any(|path| path.join("receiver.rs").exists())
}

/// The lines of the page, by the page and the heading of the promise.
struct Evidence(BTreeMap<(String, String), Vec<(String, String)>>);

impl Evidence {
    fn read() -> Self {
        let text = read("evidence.md");
        let sections = text.split("\n## ").skip(1).map(|section| {
            let (head, lines) = section.split_once('\n').unwrap();
            let (page, heading) = head.split_once("](").unwrap().1.split_once("): ").unwrap();
            let rows = lines.lines().filter(|line| line.starts_with("| ")).skip(1);
            let rows = rows.map(|line| {
                let (key, shown) =
                    line.trim_start_matches("| ").trim_end_matches(" |").rsplit_once(" | ").unwrap();
                (key.to_owned(), shown.to_owned())
            });
            ((page.to_owned(), heading.to_owned()), rows.collect())
        });
        Self(sections.collect())
    }

    fn keys(&self, page: &str, heading: &str) -> &[(String, String)] {
        self.0.get(&(page.to_owned(), heading.to_owned())).map_or(&[], Vec::as_slice)
    }

    fn of(&self, page: &str, heading: &str, key: &str) -> Option<&str> {
        let found = self.keys(page, heading).iter().find(|(known, _)| known == key);
        found.map(|(_, shown)| shown.as_str())
    }
}

/// The first cells of the rows of the first table, without its head.
fn rows(section: &str) -> Vec<String> {
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).skip(2);
    let rows = lines.take_while(|line| line.starts_with("| "));
    rows.map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap().to_owned()).collect()
}

/// The part of a page below this heading, which may be that of the page.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let of = |marks: &str| {
        let (_, rest) = page.split_once(&format!("\n{marks} {heading}\n"))?;
        Some(rest.split(&format!("\n{marks} ")).next().unwrap_or(rest))
    };
    let whole = || page.strip_prefix(&format!("# {heading}\n"));
    of("##").or_else(|| of("###")).or_else(whole).unwrap_or_else(|| panic!("no page has {heading}"))
}

/// The links of a cell: path and name of a test.
fn tests(shown: &str) -> Vec<(&str, &str)> {
    let links = shown.split("](").zip(shown.split("](").skip(1));
    links.map(|(name, path)| (path.split(')').next().unwrap(), name.rsplit('[').next().unwrap())).collect()
}

/// A test is a function; a check of incidents has its name in a list.
fn exists(path: &str, test: &str) {
    let (_, name) = test.split_once("::").unwrap();
    let text = fs::read_to_string(root().join("docs").join(path)).unwrap_or_default();
    let names = [format!("fn {name}("), format!("fn {name}<"), format!("\"{name}\"")];
    assert!(names.iter().any(|name| text.contains(name)), "there is no {test} in {path}");
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join("docs").join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
