//! Every verdict, through a real process.

use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use cloudevents_conformance::vectors::Document;
use cloudevents_conformance::{
    BreakdownKind, CaseReport, ChildTestee, Finding, KnownFailing, Problem, Reporter, RunError, Selection,
    Suite, Summary, Testee, Verdict, run, smoke,
};
use cloudevents_testkit::patience;
use serde_json::{Value, json};

use crate::harness::Test;
use crate::testee::command;

pub(crate) const TESTS: &[Test] = &[
    ("every_verdict", every_verdict),
    ("a_testee_is_restarted_after_each_breakdown", a_testee_is_restarted_after_each_breakdown),
    ("diagnostics_are_the_last_of_them", diagnostics_are_the_last_of_them),
    ("a_testee_that_does_not_answer_hangs", a_testee_that_does_not_answer_hangs),
    ("a_testee_that_does_not_read_hangs", a_testee_that_does_not_read_hangs),
    (
        "a_testee_that_answers_without_reading_does_not_stop_the_harness",
        a_testee_that_answers_without_reading_does_not_stop_the_harness,
    ),
    ("an_answer_has_a_limit", an_answer_has_a_limit),
    ("a_testee_that_does_not_start_again_is_given_up", a_testee_that_does_not_start_again_is_given_up),
    ("a_run_needs_a_testee_that_starts", a_run_needs_a_testee_that_starts),
    ("a_testee_ends_with_status_0", a_testee_ends_with_status_0),
    ("a_testee_that_does_not_stop_hangs", a_testee_that_does_not_stop_hangs),
    (
        "a_testee_that_says_more_than_its_answers_is_noticed_when_it_stops",
        a_testee_that_says_more_than_its_answers_is_noticed_when_it_stops,
    ),
    (
        "a_testee_that_closes_its_output_and_lives_on_is_not_said_to_be_killed",
        a_testee_that_closes_its_output_and_lives_on_is_not_said_to_be_killed,
    ),
    ("a_testee_can_be_checked_first", a_testee_can_be_checked_first),
    ("a_testee_can_be_used_again_after_a_stop", a_testee_can_be_used_again_after_a_stop),
];

fn every_verdict() {
    let known =
        "test/child/fail-known # reason\ntest/child/hang-known # reason\ntest/child/pass-known # reason";
    let (found, summary) = run_all(
        ChildTestee::new(command(&[])).time_limit(patience()),
        &[
            ("pass", "MUST"),
            ("fail", "MUST"),
            ("skip", "MUST"),
            ("exit", "MUST"),
            ("garbage", "MUST"),
            ("fail", "SHOULD"),
            ("exit", "MAY"),
            ("fail-known", "MUST"),
            ("pass-known", "MUST"),
        ],
        known,
    );
    let verdicts: Vec<_> = found.iter().map(|found| found.verdict.as_str()).collect();
    assert_eq!(
        verdicts,
        [
            "passed",
            "failed",
            "declined",
            "crashed",
            "crashed",
            "warning",
            "crashed",
            "known-failing",
            "stale"
        ]
    );
    assert_eq!(found[1].diagnostics, "about to fail\n");
    assert_eq!(found[2].finding, Finding::Declined("no pigeons".to_owned()));
    assert_eq!(found[3].diagnostics, "about to exit\n");
    assert_eq!(summary.number(Verdict::Crashed), 3);
    assert!(!summary.is_success());
}

fn a_testee_is_restarted_after_each_breakdown() {
    let (found, summary) = run_all(
        ChildTestee::new(command(&[])).time_limit(patience()),
        &[
            ("exit", "MUST"),
            ("pass", "MUST"),
            ("abort", "MUST"),
            ("garbage", "MUST"),
            ("pass", "MUST"),
            ("not-text", "MUST"),
            ("half", "MUST"),
            ("wrong-seq", "MUST"),
            ("pass", "MUST"),
        ],
        "",
    );
    let (kind, detail) = found[0].breakdown();
    assert_eq!(kind, BreakdownKind::Crashed);
    assert!(detail.contains("ended with exit") && detail.ends_with('3'), "{detail}");
    assert_eq!(found[2].breakdown().0, BreakdownKind::Crashed);
    let (kind, detail) = found[3].breakdown();
    assert_eq!(kind, BreakdownKind::Garbage);
    assert!(detail.starts_with("not one line of JSON"), "{detail}");
    assert_eq!(found[3].received.as_deref(), Some("Hello!"));
    assert_eq!(found[5].breakdown(), (BreakdownKind::Garbage, "it is not UTF-8"));
    assert_eq!(found[6].breakdown().0, BreakdownKind::Garbage);
    assert_eq!(found[6].received.as_deref(), Some("{\"seq\":"));
    let (kind, detail) = found[7].breakdown();
    assert_eq!(kind, BreakdownKind::Garbage);
    assert!(detail.starts_with("the answer to request 0 instead of request 8"), "{detail}");
    for passed in [1, 4, 8] {
        assert_eq!(found[passed].verdict, Verdict::Passed);
    }
    assert_eq!(summary.problems, []);
}

fn diagnostics_are_the_last_of_them() {
    let testee = ChildTestee::new(command(&[])).time_limit(2 * patience()).diagnostics_limit(24);
    let (found, _) = run_all(testee, &[("noise", "MUST")], "");
    assert_eq!(found[0].breakdown().0, BreakdownKind::Crashed);
    assert_eq!(found[0].diagnostics, "...noise 99998\nnoise 99999\n");
}

fn a_testee_that_does_not_answer_hangs() {
    // Nothing but the hanging request is held to the limit: starting has another one. The words come before it is over.
    let testee = ChildTestee::new(command(&[])).time_limit(Duration::from_secs(5));
    let (found, summary) = run_all(testee, &[("hang", "MUST")], "");
    assert_eq!(found[0].breakdown(), (BreakdownKind::Hung, "no answer within 5s"));
    assert_eq!(found[0].diagnostics, "about to hang\n");
    assert_eq!(found[0].verdict, Verdict::Crashed);
    assert_eq!(summary.problems, []);
}

fn a_testee_that_does_not_read_hangs() {
    let mut testee = ChildTestee::new(command(&["deaf"])).time_limit(Duration::from_millis(300));
    testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
    // More than any pipe holds, so that writing it never ends.
    let request = json!({"cmd": "run", "seq": 1, "op": "decode", "padding": "x".repeat(8 << 20)}).to_string();
    let begin = Instant::now();
    let breakdown = testee.call(&request).unwrap_err();
    assert_eq!(breakdown.kind, BreakdownKind::Hung);
    assert!(begin.elapsed() < patience(), "{:?}", begin.elapsed());
    // It is gone, and the next request finds another.
    assert!(testee.call(r#"{"cmd":"start","version":1}"#).is_ok());
}

fn a_testee_that_answers_without_reading_does_not_stop_the_harness() {
    let (done, ended) = channel();
    thread::spawn(move || {
        // More than any pipe holds.
        let padding = "x".repeat(1 << 20);
        let request = |seq: u32| json!({"cmd": "run", "seq": seq, "padding": padding}).to_string();
        let started = || {
            let mut testee = ChildTestee::new(command(&["canned"])).time_limit(patience());
            testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
            testee
        };
        let mut testee = started();
        let found = (1..=1000).find_map(|seq| testee.call(&request(seq)).err());
        done.send(found).unwrap();
        // One request is being written and one waits, unless the first was not yet taken when the second came.
        let mut testee = started();
        while (1..=2).any(|seq| testee.call(&request(seq)).is_err()) {
            testee = started();
        }
        done.send(testee.stop().err()).unwrap();
    });
    for _ in ["call", "stop"] {
        let breakdown =
            ended.recv_timeout(patience()).expect("the harness hangs").expect("it was taken for read");
        assert_eq!(
            (breakdown.kind, breakdown.detail.as_str()),
            (BreakdownKind::Garbage, "it answered a request that it has not read")
        );
    }
}

fn an_answer_has_a_limit() {
    let testee = ChildTestee::new(command(&[])).time_limit(2 * patience()).line_limit(100_000);
    let (found, _) = run_all(testee, &[("flood", "MUST"), ("pass", "MUST")], "");
    assert_eq!(found[0].breakdown(), (BreakdownKind::Garbage, "it is longer than 100000 bytes"));
    assert_eq!(found[1].verdict, Verdict::Passed);
}

fn a_testee_that_does_not_start_again_is_given_up() {
    // That all of it is listed as known makes no difference.
    let known = "test/child/exit # reason\ntest/child/fail # reason\ntest/child/fail-known # reason";
    let [(found, summary), (_, listed)] = ["", known].map(|known| {
        let marker = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("only-once-{}", std::process::id()));
        let script = format!("only-once={}", marker.display());
        let testee = ChildTestee::new(command(&[&script])).time_limit(patience());
        let scripts = [("pass", "MUST"), ("exit", "MUST"), ("fail", "MUST"), ("fail-known", "MUST")];
        let ran = run_all(testee, &scripts, known);
        std::fs::remove_file(marker).unwrap();
        ran
    });
    assert_eq!(found[0].verdict, Verdict::Passed);
    for found in &found[2..] {
        let Finding::Unasked(detail) = &found.finding else { panic!("{:?}", found.finding) };
        assert!(
            detail.starts_with("after an earlier breakdown it did not start again: no answer"),
            "{detail}"
        );
    }
    assert_eq!(found[2].diagnostics, "not again\n");
    assert_eq!((summary.number(Verdict::Crashed), summary.number(Verdict::Unasked)), (1, 2));
    assert_eq!((listed.number(Verdict::Passed), listed.number(Verdict::KnownFailing)), (1, 1));
    for summary in [summary, listed] {
        assert!(
            matches!(summary.problems.as_slice(), [Problem::GaveUp { unasked: 2, .. }]),
            "{:?}",
            summary.problems
        );
        assert!(
            !summary.is_success() && summary.result().contains("did not start again"),
            "{}",
            summary.result()
        );
    }
}

fn a_run_needs_a_testee_that_starts() {
    let start = |mut testee: ChildTestee| match run(
        &suite(&[("pass", "MUST")]),
        &Selection::default(),
        &KnownFailing::default(),
        &mut testee,
        &mut (),
    ) {
        Err(RunError::NotStarted { breakdown, .. }) => breakdown,
        other => panic!("{other:?}"),
    };
    let breakdown = start(ChildTestee::new(std::process::Command::new("no-such-program-anywhere")));
    assert_eq!(breakdown.kind, BreakdownKind::NotStarted);
    assert!(breakdown.detail.starts_with("no-such-program-anywhere: "), "{breakdown}");
    let breakdown = start(ChildTestee::new(command(&["bad-start"])));
    assert_eq!(breakdown.kind, BreakdownKind::Garbage);
    assert!(breakdown.detail.starts_with("version 2 of the protocol instead of version 1"), "{breakdown}");
}

fn a_testee_ends_with_status_0() {
    let stopped = |script: &[&str]| {
        let (_, summary) =
            run_all(ChildTestee::new(command(script)).time_limit(patience()), &[("pass", "MUST")], "");
        assert_eq!(summary.number(Verdict::Passed), 1);
        summary.problems
    };
    assert_eq!(stopped(&[]), []);
    match stopped(&["bad-stop"]).as_slice() {
        [Problem::NotStopped(breakdown)] => {
            assert!(breakdown.detail.starts_with("after `stop` it ended with exit"), "{breakdown}");
        }
        other => panic!("{other:?}"),
    }
}

fn a_testee_that_does_not_stop_hangs() {
    let mut testee = ChildTestee::new(command(&["no-stop"])).time_limit(Duration::from_millis(300));
    testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
    let breakdown = testee.stop().unwrap_err();
    assert_eq!(
        (breakdown.kind, breakdown.detail.as_str()),
        (BreakdownKind::Hung, "still there 300ms after `stop`")
    );
}

fn a_testee_that_says_more_than_its_answers_is_noticed_when_it_stops() {
    for script in ["twice", "bye"] {
        let mut testee = ChildTestee::new(command(&[script])).time_limit(patience());
        testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
        testee.call(r#"{"cmd":"run","seq":1,"do":"pass"}"#).unwrap();
        let breakdown = testee.stop().unwrap_err();
        assert_eq!(breakdown.kind, BreakdownKind::Garbage);
        assert!(breakdown.detail.starts_with("a line beyond its answers, before it ended: "), "{breakdown}");
    }
}

fn a_testee_that_closes_its_output_and_lives_on_is_not_said_to_be_killed() {
    if cfg!(not(unix)) {
        return;
    }
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "read -r line; echo '{}'; read -r line; exec sleep 1000 >&-"]);
    let mut testee = ChildTestee::new(shell).time_limit(patience());
    testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
    let breakdown = testee.call(r#"{"cmd":"run","seq":1}"#).unwrap_err();
    assert_eq!(
        breakdown.to_string(),
        "the testee crashed: no answer: it closed its standard output and did not end in 2s, so the harness ended it"
    );
}

fn a_testee_can_be_checked_first() {
    let mut testee = ChildTestee::new(command(&[])).time_limit(patience());
    let faults: Vec<_> = smoke(&mut testee).into_iter().filter(|check| check.fault.is_some()).collect();
    // The scripted testee knows no such thing as an unknown operation: it panics.
    let names: Vec<_> = faults.iter().map(|check| check.name).collect();
    assert_eq!(names, ["unknown-op", "seq", "unknown-member"]);
    let mut testee = ChildTestee::new(command(&["bad-stop"])).time_limit(patience());
    assert!(
        smoke(&mut testee).iter().any(|check| check.name == "start-unknown-member" && check.fault.is_some())
    );
}

fn a_testee_can_be_used_again_after_a_stop() {
    let mut testee = ChildTestee::new(command(&[])).time_limit(patience());
    for _ in 0..2 {
        testee.call(r#"{"cmd":"start","version":1}"#).unwrap();
        assert!(testee.call(r#"{"cmd":"run","seq":1,"do":"pass"}"#).unwrap().contains("right"));
        testee.stop().unwrap();
    }
}

struct Found {
    verdict: Verdict,
    finding: Finding,
    diagnostics: String,
    received: Option<String>,
}

impl Found {
    fn breakdown(&self) -> (BreakdownKind, &str) {
        match &self.finding {
            Finding::Crashed(breakdown) => (breakdown.kind, &breakdown.detail),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Default)]
struct Collected(Vec<Found>);

impl Reporter for Collected {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        self.0.push(Found {
            verdict: report.verdict,
            finding: report.finding.clone(),
            diagnostics: report.diagnostics.clone(),
            received: report.received.clone(),
        });
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

fn run_all(mut testee: ChildTestee, scripts: &[(&str, &str)], known: &str) -> (Vec<Found>, Summary) {
    let mut found = Collected::default();
    let summary =
        run(&suite(scripts), &Selection::default(), &known.parse().unwrap(), &mut testee, &mut found)
            .unwrap();
    (found.0, summary)
}

/// Cases that tell the testee what to do, each with its level. What follows a hyphen names the case only.
fn suite(scripts: &[(&str, &str)]) -> Suite {
    let cases: Vec<Value> = scripts
        .iter()
        .map(|(script, level)| {
            let order = script.strip_suffix("-known").unwrap_or(script);
            json!({
                "id": format!("test/child/{script}"), "title": "A rule", "clauses": ["HTTP-3.1.3.2-f"], "level": level,
                "revisions": ["1.0.2"], "request": {"op": "script", "do": order},
                "expect": [{"result": {"name": "right"}}]
            })
        })
        .collect();
    let document = json!({"area": "test", "topic": "child", "title": "Orders", "cases": cases});
    Suite::new([Document::parse(&document.to_string()).unwrap()], [])
}
