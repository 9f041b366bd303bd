//! The list of URLs and options, beside what each protocol refuses.

use crate::program::{GOOD, ce, ce_with};
use cloudevents_kit::transport::{Side, UrlFamily};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

/// The options that the program lists for a scheme and a command.
fn listed(scheme: &str, command: &str) -> BTreeSet<String> {
    let text = ce(&["urls"]).out;
    let of = |begins: &str| {
        let block = text.split("\n\n").find(|block| block.starts_with(begins)).unwrap().to_owned();
        let lines = block.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        lines.into_iter().filter_map(|line| {
            let (who, rest) = line.trim_start().split_at(if line.starts_with("    ") { 0 } else { 6 });
            (who.is_empty() || who.trim() == command)
                .then(|| rest.split_whitespace().next().unwrap().to_owned())
        })
    };
    of(&format!("{scheme}://")).chain(of("All but HTTP")).collect()
}

/// Every family of URLs that has options of its own, by its first scheme.
fn families() -> impl Iterator<Item = (&'static str, &'static UrlFamily)> {
    let families = cloudevents_kit::bindings().iter().flat_map(|binding| binding.urls.families);
    let with_options = families.filter(|family| !family.options.is_empty());
    with_options.map(|family| (family.schemes[0].name, family))
}

/// Whether something is received from these URLs.
fn receives(family: &UrlFamily) -> bool {
    family.options.iter().any(|option| option.side == Side::Receive)
}

/// The options that the code of a scheme knows, which it names when it refuses another one.
fn known(scheme: &str, command: &str, others: &str) -> BTreeSet<String> {
    let mut url = format!("{scheme}://127.0.0.1:9/t?nope=1{others}");
    if command == "listen" && scheme != "ws" {
        url += "&reject=drop";
    }
    if scheme == "rabbitmq" {
        url += "&queue=q";
    }
    let refused = ce_with(&[command, &url], GOOD).ended(2);
    let known = refused.err.split("the options are ").nth(1).expect(&refused.err).lines().next().unwrap();
    let names = known.split(';').next().unwrap().split(", ");
    names.map(|name| name.trim_matches('`').to_owned()).collect()
}

/// One name means one thing, and options that several protocols have stand in one row. `CE_WRITE_DOCS=1` writes the table anew.
#[test]
fn the_page_of_options_is_that_of_the_code() {
    let schemes: Vec<&str> = families().map(|(scheme, _)| scheme).collect();
    let mut rows = BTreeMap::<String, Vec<&str>>::new();
    for (column, (scheme, family)) in families().enumerate() {
        let sent = known(scheme, "send", "");
        let mut received = if receives(family) { known(scheme, "listen", "") } else { BTreeSet::new() };
        if scheme == "ws" {
            received.extend(known(scheme, "listen", "&role=client"));
        }
        for name in sent.union(&received) {
            let cells = rows.entry(name.clone()).or_insert_with(|| vec![""; schemes.len()]);
            cells[column] = match (sent.contains(name), received.contains(name)) {
                (true, true) => "both",
                (true, false) => "senders",
                _ => "receivers",
            };
        }
    }
    let head: String = schemes.iter().map(|scheme| format!(" `{scheme}` |")).collect();
    let mut table = format!("\n| option |{head}\n|{}\n", "---|".repeat(schemes.len() + 1));
    for (name, cells) in rows {
        table += &format!("| `{name}` | {} |\n", cells.join(" | "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/urls.md");
    let page = fs::read_to_string(&path).unwrap();
    let at = page.find("\n| option |").unwrap();
    let end = page[at + 1..].find("\n\n").map_or(page.len(), |end| at + end + 2);
    let written = format!("{}{table}{}", &page[..at], &page[end..]);
    if env::var_os("CE_WRITE_DOCS").is_some() {
        fs::write(path, written).unwrap();
    } else {
        assert_eq!(page, written, "CE_WRITE_DOCS=1 writes the table of docs/urls.md anew");
    }
}

#[test]
fn the_list_of_options_is_that_of_the_code() {
    for (scheme, family) in families() {
        for command in ["send", "listen"].into_iter().filter(|command| *command == "send" || receives(family))
        {
            let mut known = known(scheme, command, "");
            if scheme != "ws" {
                // These are flags.
                known.remove("mode");
                known.remove("format");
            }
            known.retain(|name| command == "send" || !OF_HANDLERS.contains(&name.as_str()));
            let mut listed = listed(scheme, command);
            // Those of the peer and of the client library have a dot.
            listed.retain(|name| !name.contains('.'));
            assert_eq!(listed, known, "{command} {scheme}");
        }
    }
    assert!(ce(&["help", "urls"]).out.contains("routing-key"));
    assert!(ce(&["man", "urls"]).out.contains("routing"));
}

const OF_HANDLERS: [&str; 4] = ["attempts", "drain", "give-up-after", "time-limit"];

/// `ce` has no handlers: these would have no effect.
#[test]
fn options_of_handlers_are_refused() {
    for (scheme, _) in families() {
        for option in OF_HANDLERS {
            let url = format!("{scheme}://127.0.0.1:9/t?{option}=1s");
            for arguments in [&["listen", &url][..], &["bridge", &url, "http://127.0.0.1:9/", "--check"]] {
                let wanted = format!("error: the URL option `{option}` is for handlers of a program");
                ce(arguments).ended(2).says_first(&wanted);
            }
        }
    }
}

#[test]
fn lines_fit_a_narrow_terminal() {
    for arguments in [&["urls"][..], &["urls", "--help"], &["send", "--help"], &["--help"]] {
        let output = crate::program::command(arguments).env("COLUMNS", "60").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 60).collect();
        assert!(long.is_empty(), "{arguments:?}: {long:#?}");
    }
}

/// Every feature and every scheme stands in the README.
#[test]
fn the_readme_has_every_feature_and_scheme() {
    let readme = include_str!("../../README.md");
    let manifest = include_str!("../../Cargo.toml");
    let features = manifest.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = features.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let names: Vec<_> =
        names.filter_map(|line| line.split(" = ").next()).filter(|name| *name != "default").collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("\n| `{name}` |")), "{name}");
    }
    let urls = ce(&["urls"]).out;
    let schemes: BTreeSet<_> = urls
        .split(&[' ', ',', '\n'][..])
        .filter_map(|word| word.split_once("://"))
        .map(|(scheme, _)| scheme)
        .collect();
    assert!(schemes.len() > 10, "{schemes:?}");
    let table = readme.split("\n## URLs\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for scheme in schemes {
        assert!(
            table.contains(&format!("`{scheme}://")) || table.contains(&format!("`{scheme}`")),
            "{scheme}"
        );
    }
}

/// It is a place of events that `ce webhook` knows, so people try it.
#[test]
fn an_outbox_in_sqlite_is_known_to_have_no_url() {
    for url in ["sqlite:shop.db?outbox=billing", "sqlite:///shop.db?outbox=billing", "SQLite:shop.db"] {
        let refused = [
            ce(&["bridge", url, "http://127.0.0.1:9/events"]),
            ce(&["bridge", "file:events.jsonl", url]),
            ce(&["look", url]),
            ce(&["create", url]),
            ce(&["listen", url]),
            ce_with(&["send", url], GOOD),
        ];
        for ran in refused {
            ran.ended(2)
                .says_first(
                    "error: an outbox in SQLite has no URL: a program with the library moves its messages",
                )
                .says("docs/outbox.md");
        }
    }
}

/// The last line of a manual page names the program.
#[test]
fn manual_pages_name_the_program_and_its_version() {
    let version = ce(&["--version"]).out.trim().to_owned();
    for (page, arguments) in [
        ("ce", &["man"][..]),
        ("ce-send", &["man", "send"]),
        ("ce-webhook-serve", &["man", "webhook", "serve"]),
    ] {
        let out = ce(arguments).out;
        let head = out.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert_eq!(head, format!(".TH {page} 1  \"{version}\" "));
    }
    let folder = crate::program::file("page", "").parent().unwrap().join("man1");
    ce(&["man", "--folder", folder.to_str().unwrap()]).ended(0);
    let page = std::fs::read_to_string(folder.join("ce-webhook-serve.1")).unwrap();
    assert!(page.contains(&format!(".TH ce-webhook-serve 1  \"{version}\"")), "{page}");
}
