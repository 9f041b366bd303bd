//! `ce conformance`.

use crate::program::{self, ce, command, file, path_of};
use std::{fs, process::Stdio};

#[test]
fn this_toolkit_conforms() {
    let ran =
        ce(&["conformance", "run", "core/**", "http/**", "json/**", "--profile", "may", "--drafts"]).ended(0);
    let lines = ran.lines();
    assert_eq!(lines[0]["type"], "start");
    assert_eq!(lines.last().unwrap()["success"], true);
    assert!(ran.err.contains(" passed, 0 failed"), "{}", ran.err);
}

#[test]
fn this_toolkit_conforms_to_the_release() {
    ce(&["conformance", "run", "amqp/**", "core/**", "--revision", "1.0.2", "--profile", "may", "--drafts"])
        .ended(0)
        .says(" passed, 0 failed");
}

#[test]
fn official_material_is_imported() {
    let kit = file(
        "literals.yaml",
        "name: Literals\ntests:\n  - name: TRUE\n    expression: TRUE\n    result: true\n",
    );
    let folder = kit.parent().unwrap().to_str().unwrap();
    let badge = path_of("official.json", "");
    ce(&["conformance", "run", "official/**", "cesql/**", "--official", folder, "--badge", &badge]).ended(0);
    // They raise the numbers.
    let badge = fs::read_to_string(&badge).unwrap();
    assert!(badge.contains("in part, with other cases") && badge.contains("yellow"), "{badge}");
    ce(&["conformance", "run", "official/**", "--official", folder]).ended(0).says("1 passed, 0 failed");
    ce(&["conformance", "run", "--official", "no/such/folder"]).ended(2);
}

#[test]
fn a_program_is_tested() {
    let testee = format!("'{}' testee", env!("CARGO_BIN_EXE_ce"));
    let [junit, badge] = ["report.xml", "badge.json"].map(|name| path_of(name, ""));
    let reports = ["--junit", &junit, "--badge", &badge, "--output", "pretty"];
    // Where the environment says CI, cases vary.
    let run = ["conformance", "run", "http/batched/*", "--testee", &testee, "--vary", "off"];
    let ran = ce(&[&run[..], &reports].concat()).ended(0);
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
    let [junit, badge, page, ndjson] =
        ["varied.xml", "varied.json", "varied.html", "varied.ndjson"].map(|name| path_of(name, ""));
    let reports = [["--junit", &junit], ["--badge", &badge], ["--html", &page], ["--ndjson", &ndjson]];
    let run = ["conformance", "run", "xml/batch-decode/*", "--drafts", "--vary", "4711"];
    ce(&[&run[..], &reports.concat()].concat()).ended(0);
    let read = |path: &str| fs::read_to_string(path).unwrap();
    assert!(read(&junit).contains(r#"<property name="seed" value="4711"/>"#));
    assert!(read(&badge).contains("with drafts, in part"), "{}", read(&badge));
    assert!(read(&page).contains("<th scope=row>seed<td>4711"));
    assert!(read(&ndjson).contains(r#""seed":4711"#));
    ce(&["conformance", "run", "--vary", "often"]).ended(2);
}

#[test]
fn what_does_not_conform_is_told() {
    // Something that passes and is expected to fail is stale.
    let known = path_of("known.txt", "http/batched/*  # not yet\n");
    ce(&["conformance", "run", "http/batched/*", "--known-failing", &known]).ended(1);
    ce(&["conformance", "run", "no/such/case"]).ended(1);
    let bad = file("bad.txt", "http/**\n");
    ce(&["conformance", "run", "--known-failing", bad.to_str().unwrap()]).ended(2).says("has no reason");
    for testee in ["no-such-program-anywhere", "", "'unclosed"] {
        ce(&["conformance", "run", "--testee", testee]).ended(2).says_first("error: ");
    }
}

#[test]
fn cases_are_listed_and_shown() {
    let ran = ce(&["conformance", "list", "http/batched/*"]).ended(0);
    let lines = ran.lines();
    let id = lines[0]["id"].as_str().unwrap();
    assert!(id.starts_with("http/batched/"));
    let shown = ce(&["conformance", "show", id, "--output", "pretty"]).ended(0);
    for word in [id, "level", "clauses", "request", "must answer", "valid"] {
        assert!(shown.out.contains(word), "{}", shown.out);
    }
    // A body is shown as it is sent, not as a JSON string.
    assert!(shown.out.contains("\n    [{\"time\":"), "{}", shown.out);
    ce(&["conformance", "show", "empty-batch"]).ended(2).says("did you mean `");
    ce(&["conformance", "list", "nothing/**"]).ended(1);
}

#[test]
fn runs_are_compared_and_lists_brought_up_to_date() {
    let refuse = path_of(
        "refuse.sh",
        "while read -r line; do case $line in *start*) echo '{\"version\":1,\"implementation\":{\"name\":\"R\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\",\"encode\",\"transcode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}';; *stop*) exit 0;; *) seq=${line#*\\\"seq\\\":}; echo \"{\\\"seq\\\":${seq%%,*},\\\"error\\\":{\\\"kind\\\":\\\"no\\\"}}\";; esac; done\n",
    );
    let [before, after, page] =
        ["before.ndjson", "after.ndjson", "report.html"].map(|name| path_of(name, ""));
    let run = ["conformance", "run", "http/batched/*", "--ndjson"];
    ce(&[&run[..], &[before.as_str(), "--html", &page]].concat()).ended(0);
    assert!(fs::read_to_string(&page).unwrap().starts_with("<!doctype html>"));
    let list = path_of("refused.txt", "# comment\n");
    let command = [&run[..], &[after.as_str(), "--known-failing", &list]].concat();
    let testee = ["--", "sh", &refuse];
    ce(&[&command[..], &["--update-known-failing"], &testee].concat()).ended(1);
    let listed = fs::read_to_string(&list).unwrap();
    assert!(listed.starts_with("# comment\nhttp/batched/"), "{listed}");
    assert!(listed.contains("  # refused, but must be accepted (no)\n"), "{listed}");
    ce(&[&command[..], &testee].concat()).ended(0);
    let ran = ce(&["conformance", "diff", &before, &after]).ended(1);
    assert!(ran.lines().iter().any(|line| line["before"] == "passed" && line["after"] == "known-failing"));
    ce(&["conformance", "diff", &before, &before]).ended(0);
    // Markdown, also in a file.
    let ran = ce(&["conformance", "report", &before, &after]);
    assert!(
        ran.out.starts_with("| implementation | area |") && ran.out.contains("\n| R 1 | http |"),
        "{}",
        ran.out
    );
    let ran = ce(&["conformance", "report", &before, &after, "--output", "json"]);
    assert!(ran.lines()[0]["markdown"].as_str().unwrap().contains("| cloudevents-kit "), "{}", ran.out);
    ce(&["conformance", "report", &list]).ended(2);
    // A folder stands for the runs in it; the site has the latest of each implementation, and all in its history.
    let runs = before.replace(".ndjson", ".runs");
    fs::create_dir_all(&runs).unwrap();
    ce(&["conformance", "report", &runs]).ended(2);
    fs::copy(&before, format!("{runs}/1.ndjson")).unwrap();
    fs::copy(&after, format!("{runs}/2.ndjson")).unwrap();
    ce(&["conformance", "report", &runs, "--site", &format!("{runs}/site")]).ended(0);
    let page = fs::read_to_string(format!("{runs}/site/index.html")).unwrap();
    assert!(page.contains("<h2>History</h2>") && page.contains("<section id=\""));
    ce(&["conformance", "list", "--shard", "3/2"]).ended(2);
    let part = ce(&["conformance", "list", "core/**", "--shard", "1/2"]).lines().len();
    assert!(part > 100 && part < ce(&["conformance", "list", "core/**"]).lines().len());
}

#[test]
fn a_list_stays_as_it_is_where_the_testee_does_not_start_again() {
    let marker = path_of("started-once", "");
    fs::remove_file(&marker).unwrap();
    let once = path_of(
        "once.sh",
        "[ ! -e \"$1\" ] || exit 5\n: > \"$1\"\nread -r line; echo '{\"version\":1,\"implementation\":{\"name\":\"O\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}'\nread -r line; exit 3\n",
    );
    let list = path_of("once.txt", "# comment\n");
    let command =
        ["conformance", "run", "http/batched/*", "--known-failing", &list, "--update-known-failing"];
    ce(&[&command[..], &["--", "sh", &once, &marker]].concat())
        .ended(2)
        .says("stays as it is: not every case was asked");
    assert_eq!(fs::read_to_string(&list).unwrap(), "# comment\n");
}

#[test]
fn a_run_that_could_not_start_leaves_no_result_of_an_earlier_one() {
    let files = ["stale.json", "stale.xml", "stale.html", "stale.ndjson"].map(|name| path_of(name, ""));
    let [badge, junit, page, ndjson] = &files;
    let reports = [["--badge", badge], ["--junit", junit], ["--html", page], ["--ndjson", ndjson]].concat();
    let command = [&["conformance", "run", "http/batched/*"], &reports[..]].concat();
    let bad = path_of("without-reason.txt", "http/**\n");
    for more in [
        &["--testee", "no-such-program-anywhere"][..],
        &["--testee", "sh -c 'read line; echo no'"],
        &["--known-failing", &bad],
        &["--output", "yaml"],
    ] {
        ce(&command).ended(0);
        let read = || files.each_ref().map(|path| fs::read_to_string(path).unwrap());
        assert!(read()[0].contains("yellow"));
        // A command line that is not understood changes nothing: nothing is known of its files.
        let before = read();
        ce(&[&command[..], &["--no-such-option"]].concat()).ended(2);
        assert_eq!(read(), before);
        ce(&[&command[..], more].concat()).ended(2);
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
    ce(&["conformance", "run", "http/batched/*", "--badge", path, "--junit", none])
        .ended(2)
        .says("junit.xml` cannot be written: ");
    let shown = fs::read_to_string(&badge).unwrap();
    assert!(shown.contains("\"red\"") && shown.contains("no result: the run could not start"), "{shown}");
    // Checking the protocol alone has no result that a badge could show.
    ce(&["conformance", "run", "--smoke", "--badge", path]).ended(2).says("--badge");
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
        run.stdin(Stdio::null()).stdout(fs::File::create(out).unwrap());
        program::run(run).ended(2).says(" cannot be written: ");
        for (kind, path) in files.iter().filter(|(kind, _)| *kind != full) {
            let report = fs::read_to_string(path).unwrap();
            let result = if *kind == "--ndjson" { "\"type\":\"summary\"" } else { " passed, of " };
            assert!(report.contains(result) && !report.contains("no result:"), "{full}, {kind}: {report}");
        }
        // Every case was asked, so the list is right.
        assert_eq!(fs::read_to_string(&list).unwrap(), "", "{full}");
    }
}

#[test]
fn a_verdict_counts_where_the_reader_of_the_output_has_left() {
    let unread = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(arguments);
        command.stdin(Stdio::null()).stdout(writer);
        program::run(command)
    };
    let [badge, before, after] =
        ["unread.json", "unread-before.ndjson", "unread.ndjson"].map(|name| path_of(name, ""));
    let passing = path_of("passing.txt", "http/**  # not yet\n");
    // What is written is less than a pipe holds, or more.
    for pattern in ["http/batched/*", "http/**"] {
        let run = ["conformance", "run", pattern, "--all", "--badge", &badge];
        unread(&[&run[..], &["--ndjson", &before]].concat()).ended(0).says(" passed, 0 failed");
        let known = ["--known-failing", &passing, "--ndjson", &after];
        for output in ["json", "pretty"] {
            unread(&[&run[..], &known, &["--output", output]].concat()).ended(1);
            let shown = fs::read_to_string(&badge).unwrap();
            assert!(shown.contains("\"red\"") && shown.contains(" passed, of "), "{shown}");
        }
    }
    unread(&["conformance", "diff", &before, &after]).ended(1);
    unread(&["conformance", "run", "--smoke", "--testee", "sh -c 'read line; echo no'"]).ended(1);
    unread(&["conformance", "selftest", "http/batched/empty-batch"]).ended(1);
}

#[test]
fn lines_that_are_no_answers_are_not_listed_as_known_failures() {
    let refuse = path_of(
        "debug.sh",
        "while read -r line; do case $line in *start*) echo '{\"version\":1,\"implementation\":{\"name\":\"D\",\"version\":\"1\",\"language\":\"sh\"},\"capabilities\":{\"ops\":[\"decode\"],\"formats\":[\"json\",\"json-batch\"],\"bindings\":[\"http\"]}}';; *) echo debug;; esac; done\n",
    );
    let list = path_of("debug.txt", "http/batched/empty-batch  # it hangs there\n");
    let command = ["conformance", "run", "http/batched/*", "--known-failing", &list];
    let testee = ["--", "sh", &refuse];
    ce(&[&command[..], &["--update-known-failing"], &testee].concat())
        .ended(1)
        .says(" without a valid answer are not listed")
        .says("debug.txt`: 0 added, 0 removed");
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
    let ran = ce(&["conformance", "selftest", "avro-compact/**"]).ended(0);
    let mutants = ran.lines();
    assert!(mutants.len() >= 60);
    let caught = mutants.iter().find(|line| line["mutant"] == "id-and-type-exchanged").unwrap();
    assert!(!caught["cases"].as_array().unwrap().is_empty());
    assert!(mutants.iter().all(|line| line["escaped"] == serde_json::json!([])));
}
