//! Lists of all protocols on pages. `<!-- protocols PATH --><!-- end -->` has links to pages, and `<!-- crates PATH --><!-- end -->` links
//! to crates. In `PATH`, `NAME` stands for the name of the page or the crate. `docs/SUMMARY.md` has the order and the titles of the pages.
//!
//! `CE_WRITE_DOCS=1 cargo test -p cloudevents-testkit --test it listed` writes the lists anew.

use crate::pages::{every_page, read, root};
use cloudevents_kit::SCHEMES;
use std::fs;

const END: &str = "<!-- end -->";

#[test]
fn lists_of_pages_have_every_protocol() {
    let (protocols, crates) = (protocols(), crates());
    assert!(protocols.len() > 12 && crates.len() > 12, "{protocols:?} {crates:?}");
    let mut count = 0;
    for page in every_page() {
        let text = read(&page);
        let written = with_lists(&text, "protocols", &protocols, &mut count);
        let written = with_lists(&written, "crates", &crates, &mut count);
        if std::env::var_os("CE_WRITE_DOCS").is_some() && written != text {
            fs::write(root().join(&page), &written).unwrap();
        } else {
            assert!(
                text == written,
                "{page} does not list each protocol: CE_WRITE_DOCS=1 writes the list anew"
            );
        }
    }
    assert!(count > 2, "{count} lists were read");
}

/// The protocols with a page of promises, in the order of the book: the names of the pages, and the titles.
fn protocols() -> Vec<(String, String)> {
    let summary = read("docs/SUMMARY.md");
    let titles: Vec<(&str, &str)> = summary
        .lines()
        .filter_map(|line| {
            let (title, page) = line.split_once("- [")?.1.split_once("](protocols/")?;
            Some((page.strip_suffix(".md)")?, title))
        })
        .collect();
    let has_promises = |name: &str| root().join(format!("docs/promises/{name}.md")).exists();
    let of_pages = titles.into_iter().filter(|(name, _)| has_promises(name));
    of_pages.map(|(name, title)| (name.to_owned(), title.to_owned())).collect()
}

/// The crates of bindings, by the names of the bindings.
fn crates() -> Vec<(String, String)> {
    let mut crates: Vec<(String, String)> = Vec::new();
    for known in SCHEMES {
        if !crates.iter().any(|(name, _)| name == known.binding) {
            crates.push((known.binding.to_owned(), format!("`{}`", known.binding)));
        }
    }
    crates
}

/// The page with its lists of this kind.
fn with_lists(page: &str, kind: &str, items: &[(String, String)], count: &mut usize) -> String {
    let begin = format!("<!-- {kind} ");
    let mut parts = page.split(begin.as_str());
    let mut written = parts.next().unwrap().to_owned();
    for part in parts {
        let (path, rest) = part.split_once(" -->").unwrap();
        let (_, rest) = rest.split_once(END).unwrap();
        let links = items.iter().map(|(name, title)| format!("[{title}]({})", path.replace("NAME", name)));
        written += &format!("{begin}{path} -->{}{END}{rest}", links.collect::<Vec<_>>().join(", "));
        *count += 1;
    }
    written
}
