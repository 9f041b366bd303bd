//! `ce conformance`.

use crate::program::{ce, command, file};
use std::{fs, process::Stdio};

#[test]
fn this_toolkit_conforms() {
    let ran = ce(&["conformance", "run", "core/**", "http/**", "json/**", "--profile", "may", "--drafts"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines[0]["type"], "start");
    assert_eq!(lines.last().unwrap()["success"], true);
    assert!(ran.err.contains(" passed, 0 failed"), "{}", ran.err);
}

#[test]
fn this_toolkit_conforms_to_the_release() {
    let ran = ce(&[
        "conformance",
        "run",
        "amqp/**",
        "core/**",
        "--revision",
        "1.0.2",
        "--profile",
        "may",
        "--drafts",
    ]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.contains(" passed, 0 failed"), "{}", ran.err);
}

#[test]
fn official_material_is_imported() {
    let kit = file(
        "literals.yaml",
        "name: Literals\ntests:\n  - name: TRUE\n    expression: TRUE\n    result: true\n",
    );
    let folder = kit.parent().unwrap().to_str().unwrap();
    let badge = file("official.json", "");
    let command = ["conformance", "run", "official/**", "cesql/**", "--official", folder, "--badge"];
    let ran = ce(&[&command[..], &[badge.to_str().unwrap()]].concat());
    assert_eq!(ran.status, 0, "{}", ran.err);
    // They raise the numbers.
    let badge = fs::read_to_string(&badge).unwrap();
    assert!(badge.contains("in part, with other cases") && badge.contains("yellow"), "{badge}");
    let ran = ce(&["conformance", "run", "official/**", "--official", folder]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.contains("1 passed, 0 failed"), "{}", ran.err);
    let ran = ce(&["conformance", "run", "--official", "no/such/folder"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
}

#[test]
fn a_program_is_tested() {
    let testee = format!("'{}' testee", env!("CARGO_BIN_EXE_ce"));
    let (junit, badge) = (file("report.xml", ""), file("badge.json", ""));
    let ran = ce(&[
        "conformance",
        "run",
        "http/batched/*",
        "--testee",
        &testee,
        // Where the environment says CI, cases vary.
        "--vary",
        "off",
        "--junit",
        junit.to_str().unwrap(),
        "--badge",
        badge.to_str().unwrap(),
        "--output",
        "pretty",
    ]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("cloudevents-kit "), "{}", ran.out);
    assert!(fs::read_to_string(&junit).unwrap().starts_with("<?xml"));
    let badge = fs::read_to_string(&badge).unwrap();
    // A pattern can leave out what fails, as a list of known failures can.
    assert!(
        badge.contains(r#""color":"yellow""#)
            && badge.contains(" passed, of ")
            && badge.contains(", in part)"),
        "{badge}"
    );
    let ran = ce(&["conformance", "run", "--smoke", "--testee", &testee]);
    let sound = ran.lines().iter().all(|check| check["fault"].is_null());
    assert_eq!(ran.status, i32::from(!sound), "{}", ran.out);
    assert_eq!(
        (&ran.lines()[0]["name"], &ran.lines()[0]["fault"]),
        (&"start".into(), &serde_json::Value::Null)
    );
}

#[test]
fn cases_vary_and_every_report_names_the_seed() {
    let seen = |name: &str| file(name, "");
    let (junit, badge, page, ndjson) =
        (seen("varied.xml"), seen("varied.json"), seen("varied.html"), seen("varied.ndjson"));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let ran = ce(&[
        "conformance",
        "run",
        "xml/batch-decode/*",
        "--drafts",
        "--vary",
        "4711",
        "--junit",
        &text(&junit),
        "--badge",
        &text(&badge),
        "--html",
        &text(&page),
        "--ndjson",
        &text(&ndjson),
    ]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap();
    assert!(read(&junit).contains(r#"<property name="seed" value="4711"/>"#));
    assert!(read(&badge).contains("with drafts, in part"), "{}", read(&badge));
    assert!(read(&page).contains("<th scope=row>seed<td>4711"));
    assert!(read(&ndjson).contains(r#""seed":4711"#));
    let ran = ce(&["conformance", "run", "--vary", "often"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
}

#[test]
fn what_does_not_conform_is_told() {
    // Something that passes and is expected to fail is stale.
    let known = file("known.txt", "http/batched/*  # not yet\n");
    let ran = ce(&["conformance", "run", "http/batched/*", "--known-failing", known.to_str().unwrap()]);
    assert_eq!(ran.status, 1);
    let ran = ce(&["conformance", "run", "no/such/case"]);
    assert_eq!(ran.status, 1);
    let bad = file("bad.txt", "http/**\n");
    let ran = ce(&["conformance", "run", "--known-failing", bad.to_str().unwrap()]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("has no reason"), "{}", ran.err);
    for testee in ["no-such-program-anywhere", "", "'unclosed"] {
        let ran = ce(&["conformance", "run", "--testee", testee]);
        assert_eq!(ran.status, 2, "{}", ran.err);
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn cases_are_listed_and_shown() {
    let ran = ce(&["conformance", "list", "http/batched/*"]);
    assert_eq!(ran.status, 0);
    let lines = ran.lines();
    let id = lines[0]["id"].as_str().unwrap();
    assert!(id.starts_with("http/batched/"));
    let shown = ce(&["conformance", "show", id, "--output", "pretty"]);
    assert_eq!(shown.status, 0);
    for word in [id, "level", "clauses", "request", "must answer", "valid"] {
        assert!(shown.out.contains(word), "{}", shown.out);
    }
    // A body is shown as it is sent, not as a JSON string.
    assert!(shown.out.contains("\n    [{\"time\":"), "{}", shown.out);
    let ran = ce(&["conformance", "show", "empty-batch"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("did you mean `"), "{}", ran.err);
    assert_eq!(ce(&["conformance", "list", "nothing/**"]).status, 1);
}

#[test]
fn runs_are_compared_and_lists_brought_up_to_date() {
    let refuse = file(
        "refuse.sh",
        "while read -r line; do case $line in *start*) echo '{\"version\":1,\"implementation\":{\"name\":\"R\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\",\"encode\",\"transcode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}';; *stop*) exit 0;; *) seq=${line#*\\\"seq\\\":}; echo \"{\\\"seq\\\":${seq%%,*},\\\"error\\\":{\\\"kind\\\":\\\"no\\\"}}\";; esac; done\n",
    );
    let (before, after) = (file("before.ndjson", ""), file("after.ndjson", ""));
    let page = file("report.html", "");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let ran =
        ce(&["conformance", "run", "http/batched/*", "--ndjson", &text(&before), "--html", &text(&page)]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(fs::read_to_string(&page).unwrap().starts_with("<!doctype html>"));
    let list = file("refused.txt", "# comment\n");
    let command =
        ["conformance", "run", "http/batched/*", "--ndjson", &text(&after), "--known-failing", &text(&list)];
    let testee = ["--", "sh", &text(&refuse)];
    let ran = ce(&[&command[..], &["--update-known-failing"], &testee].concat());
    assert_eq!(ran.status, 1, "{}", ran.err);
    let listed = fs::read_to_string(&list).unwrap();
    assert!(listed.starts_with("# comment\nhttp/batched/"), "{listed}");
    assert!(listed.contains("  # refused, but must be accepted (no)\n"), "{listed}");
    assert_eq!(ce(&[&command[..], &testee].concat()).status, 0);
    let ran = ce(&["conformance", "diff", &text(&before), &text(&after)]);
    assert_eq!(ran.status, 1);
    assert!(ran.lines().iter().any(|line| line["before"] == "passed" && line["after"] == "known-failing"));
    assert_eq!(ce(&["conformance", "diff", &text(&before), &text(&before)]).status, 0);
    // Markdown, also in a file.
    let ran = ce(&["conformance", "report", &text(&before), &text(&after)]);
    assert!(
        ran.out.starts_with("| implementation | area |") && ran.out.contains("\n| R 1 | http |"),
        "{}",
        ran.out
    );
    let ran = ce(&["conformance", "report", &text(&before), &text(&after), "--output", "json"]);
    assert!(ran.lines()[0]["markdown"].as_str().unwrap().contains("| cloudevents-kit "), "{}", ran.out);
    assert_eq!(ce(&["conformance", "report", &text(&list)]).status, 2);
    // A folder stands for the runs in it; the site has the latest of each implementation, and all in its history.
    let runs = before.with_extension("runs");
    fs::create_dir_all(&runs).unwrap();
    assert_eq!(ce(&["conformance", "report", &text(&runs)]).status, 2);
    fs::copy(&before, runs.join("1.ndjson")).unwrap();
    fs::copy(&after, runs.join("2.ndjson")).unwrap();
    let site = runs.join("site");
    assert_eq!(ce(&["conformance", "report", &text(&runs), "--site", &text(&site)]).status, 0);
    let page = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(page.contains("<h2>History</h2>") && page.contains("<section id=\""));
    let ran = ce(&["conformance", "list", "--shard", "3/2"]);
    assert_eq!(ran.status, 2);
    let part = ce(&["conformance", "list", "core/**", "--shard", "1/2"]).lines().len();
    assert!(part > 100 && part < ce(&["conformance", "list", "core/**"]).lines().len());
}

#[cfg(unix)]
#[test]
fn a_list_stays_as_it_is_where_the_testee_does_not_start_again() {
    let marker = file("started-once", "");
    fs::remove_file(&marker).unwrap();
    let once = file(
        "once.sh",
        "[ ! -e \"$1\" ] || exit 5\n: > \"$1\"\nread -r line; echo '{\"version\":1,\"implementation\":{\"name\":\"O\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}'\nread -r line; exit 3\n",
    );
    let list = file("once.txt", "# comment\n");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (once, marker, listed) = (text(&once), text(&marker), text(&list));
    let command =
        ["conformance", "run", "http/batched/*", "--known-failing", &listed, "--update-known-failing"];
    let ran = ce(&[&command[..], &["--", "sh", &once, &marker]].concat());
    assert_eq!(ran.status, 2, "{}", ran.err);
    assert!(ran.err.contains("stays as it is: not every case was asked"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&list).unwrap(), "# comment\n");
}

#[test]
fn a_run_that_could_not_start_leaves_no_result_of_an_earlier_one() {
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let files =
        [file("stale.json", ""), file("stale.xml", ""), file("stale.html", ""), file("stale.ndjson", "")];
    let [badge, junit, page, ndjson] = [0, 1, 2, 3].map(|index: usize| text(&files[index]));
    let command = [
        "conformance",
        "run",
        "http/batched/*",
        "--badge",
        &badge,
        "--junit",
        &junit,
        "--html",
        &page,
        "--ndjson",
        &ndjson,
    ];
    let bad = text(&file("without-reason.txt", "http/**\n"));
    for more in [
        &["--testee", "no-such-program-anywhere"][..],
        &["--testee", "sh -c 'read line; echo no'"],
        &["--known-failing", &bad],
        &["--output", "yaml"],
    ] {
        assert_eq!(ce(&command).status, 0);
        let read = || files.each_ref().map(|path| fs::read_to_string(path).unwrap());
        assert!(read()[0].contains("yellow"));
        // A command line that is not understood changes nothing: nothing is known of its files.
        let before = read();
        assert_eq!(ce(&[&command[..], &["--no-such-option"]].concat()).status, 2);
        assert_eq!(read(), before);
        assert_eq!(ce(&[&command[..], more].concat()).status, 2);
        let [badge, junit, page, ndjson] = read();
        assert!(
            badge.contains("\"red\"") && badge.contains("no result: the run could not start: "),
            "{badge}"
        );
        assert!(
            junit.contains("<testsuites name=\"CloudEvents\" tests=\"1\" failures=\"0\" errors=\"1\""),
            "{junit}"
        );
        assert_eq!(junit.matches("<error ").count(), 1, "{junit}");
        assert!(page.contains("no result: the run could not start"), "{page}");
        assert!(ndjson.contains("\"no-result\":\"the run could not start"), "{ndjson}");
    }
}

#[test]
fn a_report_that_cannot_be_written_leaves_no_badge_of_an_earlier_run() {
    let badge = file("kept.json", "{\"color\":\"brightgreen\"}");
    let none = badge.with_extension("none").join("junit.xml");
    let (path, none) = (badge.to_str().unwrap(), none.to_str().unwrap());
    let ran = ce(&["conformance", "run", "http/batched/*", "--badge", path, "--junit", none]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("junit.xml` cannot be written: "), "{}", ran.err);
    let shown = fs::read_to_string(&badge).unwrap();
    assert!(shown.contains("\"red\"") && shown.contains("no result: the run could not start"), "{shown}");
    // Checking the protocol alone has no result that a badge could show.
    let ran = ce(&["conformance", "run", "--smoke", "--badge", path]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("--badge"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&badge).unwrap(), shown);
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_leaves_the_others_of_its_run() {
    let kinds = ["--badge", "--html", "--junit", "--ndjson"];
    // What is written there is more than the program holds back, so it fails in the middle of the run.
    for full in kinds.into_iter().chain(["standard output"]) {
        let list = file("others.txt", "http/**  # not yet\n");
        let files = kinds.map(|kind| (kind, file(&format!("others{kind}"), "")));
        let mut run = command(&["conformance", "run", "http/**", "--update-known-failing"]);
        run.arg("--known-failing").arg(&list);
        for (kind, path) in &files {
            run.arg(kind).arg(if *kind == full { std::path::Path::new("/dev/full") } else { path });
        }
        let out = if full == "standard output" { "/dev/full" } else { "/dev/null" };
        let ran = run.stdin(Stdio::null()).stdout(fs::File::create(out).unwrap()).output().unwrap();
        let err = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{full}: {err}");
        assert!(err.contains(" cannot be written: "), "{full}: {err}");
        for (kind, path) in files.iter().filter(|(kind, _)| *kind != full) {
            let report = fs::read_to_string(path).unwrap();
            let result = if *kind == "--ndjson" { "\"type\":\"summary\"" } else { " passed, of " };
            assert!(report.contains(result) && !report.contains("no result:"), "{full}, {kind}: {report}");
        }
        // Every case was asked, so the list is right.
        assert_eq!(fs::read_to_string(&list).unwrap(), "", "{full}: {err}");
    }
}

#[cfg(unix)]
#[test]
fn a_verdict_counts_where_the_reader_of_the_output_has_left() {
    let unread = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = command(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (badge, before) = (text(&file("unread.json", "")), text(&file("unread-before.ndjson", "")));
    let (passing, after) =
        (text(&file("passing.txt", "http/**  # not yet\n")), text(&file("unread.ndjson", "")));
    // What is written is less than a pipe holds, or more.
    for pattern in ["http/batched/*", "http/**"] {
        let run = ["conformance", "run", pattern, "--all", "--badge", &badge];
        let (status, err) = unread(&[&run[..], &["--ndjson", &before]].concat());
        assert_eq!(status, Some(0), "{err}");
        assert!(err.contains(" passed, 0 failed"), "{err}");
        let known = ["--known-failing", &passing, "--ndjson", &after];
        for output in ["json", "pretty"] {
            let (status, err) = unread(&[&run[..], &known, &["--output", output]].concat());
            assert_eq!(status, Some(1), "{pattern} {output}: {err}");
            let shown = fs::read_to_string(&badge).unwrap();
            assert!(shown.contains("\"red\"") && shown.contains(" passed, of "), "{shown}");
        }
    }
    assert_eq!(unread(&["conformance", "diff", &before, &after]).0, Some(1));
    assert_eq!(
        unread(&["conformance", "run", "--smoke", "--testee", "sh -c 'read line; echo no'"]).0,
        Some(1)
    );
    assert_eq!(unread(&["conformance", "selftest", "http/batched/empty-batch"]).0, Some(1));
}

#[cfg(unix)]
#[test]
fn lines_that_are_no_answers_are_not_listed_as_known_failures() {
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let refuse = text(&file(
        "debug.sh",
        "while read -r line; do case $line in *start*) echo '{\"version\":1,\"implementation\":{\"name\":\"D\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}';; *) echo debug;; esac; done\n",
    ));
    let list = file("debug.txt", "http/batched/empty-batch  # it hangs there\n");
    let listed = text(&list);
    let command = ["conformance", "run", "http/batched/*", "--known-failing", &listed];
    let testee = ["--", "sh", &refuse];
    let ran = ce(&[&command[..], &["--update-known-failing"], &testee].concat());
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains(" without a valid answer are not listed"), "{}", ran.err);
    assert!(ran.err.contains("debug.txt`: 0 added, 0 removed"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&list).unwrap(), "http/batched/empty-batch  # it hangs there\n");
}

#[test]
fn coverage() {
    let ran = ce(&["conformance", "coverage"]);
    // 1 when a clause of any document has neither a case nor a waiver.
    let missing = ran.lines().iter().any(|row| row["missing"].as_array().is_some_and(|ids| !ids.is_empty()));
    assert_eq!(ran.status, i32::from(missing));
    assert!(ran.lines().iter().any(|row| row["document"] == "cloudevents/spec.md" && row["must"]["clauses"].as_u64() > Some(10)));
    let ran = ce(&["conformance", "coverage", "--output", "pretty"]);
    assert!(ran.out.lines().all(|line| line.len() <= 80), "{}", ran.out);
}

#[test]
fn the_suite_catches_faults() {
    let ran = ce(&["conformance", "selftest", "avro-compact/**"]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    let mutants = ran.lines();
    assert!(mutants.len() >= 60);
    let caught = mutants.iter().find(|line| line["mutant"] == "id-and-type-exchanged").unwrap();
    assert!(!caught["cases"].as_array().unwrap().is_empty());
    assert!(mutants.iter().all(|line| line["escaped"] == serde_json::json!([])));
}
