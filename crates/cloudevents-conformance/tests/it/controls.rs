//! Testees that must not pass, or whose badge must say how little was judged: they answer without any CloudEvents implementation.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use cloudevents_conformance::vectors::{Case, Expected, Pack, Validity, carriers};
use cloudevents_conformance::{
    Breakdown, BreakdownKind, CaseReport, InProcess, KnownFailing, Problem, Reporter, Selection, Suite,
    Summary, Testee, Verdict, badge, run,
};
use serde_json::{Value, json};

#[test]
fn a_testee_that_refuses_everything_fails_and_shows() {
    // The refusal of a delivery is a response.
    let suite = suite().clone().filter(|case| case.op() != Some("deliver"));
    let summary = judge(&suite, |request| json!({"seq": request["seq"], "error": {"kind": "no"}}));
    assert!(!summary.is_success());
    let total = summary.total();
    // Every refusal is right, and none of what has to be accepted.
    assert_eq!((total.invalid.wrong, total.valid.right), (0, 0));
    assert!(total.valid.wrong > 500 && total.invalid.right > 250, "{total:?}");
    assert!(summary.causes.contains_key("refused, but must be accepted (no)"));
}

#[test]
fn a_testee_that_refuses_everything_and_claims_nothing_that_must_be_accepted_fails() {
    // No case with an event is asked, and what must be refused has none; no MUST asks for that in what is written. What another operation
    // accepts says nothing of this one.
    let suite = suite();
    let names = answers(suite, |case| case.op() == Some("name"));
    let capabilities = json!({
        "spec": ["1.0.2"], "specversions": [], "ops": ["decode", "encode", "name"],
        "formats": ["json", "protobuf", "avro", "xml", "cbor"], "bindings": ["http", "kafka", "amqp", "nats"],
    });
    let mut batches = capabilities.clone();
    batches["formats"] = json!(["json", "json-batch", "protobuf", "protobuf-batch"]);
    batches["specversions"] = json!(["0.3"]);
    let empty = answers(suite, |case| case.op() == Some("name") || case.id.contains("/empty"));
    let summary = judge_with(suite, batches, |request| {
        look_up(&empty, request).unwrap_or_else(|| json!({"error": {"kind": "no"}}))
    });
    assert!(!summary.is_success(), "an empty batch is not enough: {summary}");
    let nothing_accepted = Problem::NothingAccepted { ops: vec!["decode".to_owned()] };
    for (versions, problems) in [
        (json!([]), vec![Problem::NotStated { omitted: vec!["specversions"] }, nothing_accepted.clone()]),
        (
            json!(["2.0"]),
            vec![Problem::NotStated { omitted: vec!["specversions"] }, nothing_accepted.clone()],
        ),
        (
            json!(["0.3"]),
            vec![Problem::NotStated { omitted: vec!["specversions"] }, nothing_accepted.clone()],
        ),
    ] {
        let mut capabilities = capabilities.clone();
        capabilities["specversions"] = versions.clone();
        let summary = judge_with(suite, capabilities, |request| {
            look_up(&names, request).unwrap_or_else(|| json!({"error": {"kind": "no"}}))
        });
        assert!(summary.total().invalid.right > 100, "{summary}");
        assert_eq!(summary.problems, problems, "{versions}");
        assert!(!summary.is_success(), "{summary}");
        let badge = badge(&summary);
        assert!(badge.contains("\"color\":\"red\"") && badge.contains("no result"), "{badge}");
    }
}

#[test]
fn a_testee_that_accepts_everything_and_declines_what_it_has_to_refuse_fails() {
    let suite = suite();
    let accepted = answers(suite, |case| {
        matches!(case.expect[0].expected, Expected::Result(_)) || case.op() == Some("name")
    });
    let mut claims = everything();
    claims["ops"] = json!(["decode", "transcode", "name"]);
    for decline in
        [json!({"unsupported": "not covered"}), json!({"unsupported": "no way", "input": "message"})]
    {
        let answer = |request: &Value| look_up(&accepted, request).unwrap_or_else(|| decline.clone());
        let summary = judge_with(suite, claims.clone(), answer);
        assert!(summary.number(Verdict::Declined) > 200, "{summary}");
        assert_eq!((summary.number(Verdict::Failed), summary.total().invalid.wrong), (0, 0), "{summary}");
        let ops = vec!["decode".to_owned(), "transcode".to_owned()];
        assert_eq!(summary.problems, [Problem::NothingRefused { ops }], "{decline}");
        assert!(!summary.is_success(), "{summary}");
        // That all of it is listed as known makes no difference.
        let summary = judge_by(suite, &"**  # declined".parse().unwrap(), claims.clone(), answer);
        assert_eq!(summary.number(Verdict::Declined), 0, "{summary}");
        assert!(
            !summary.is_success() && badge(&summary).contains("no input that must be refused"),
            "{summary}"
        );
    }
}

#[test]
fn an_api_for_one_event_declines_batches() {
    // All that it has to refuse when it writes over HTTP is another number of events.
    let suite = suite().clone().filter(|case| case.id.starts_with("http/"));
    let known = answers(&suite, |_| true);
    let claims = json!({"ops": ["encode"], "formats": ["json"], "bindings": ["http"]});
    let answer = |request: &Value| match request["events"].as_array().map(Vec::len) {
        Some(1) => look_up(&known, request).unwrap(),
        _ => json!({"unsupported": "one event at a time", "input": "events"}),
    };
    let declined = judge_with(&suite, claims.clone(), answer);
    assert_eq!((declined.problems.len(), declined.number(Verdict::Failed)), (0, 0), "{declined}");
    assert!(declined.number(Verdict::Declined) > 1, "{declined}");
    let listed: Vec<_> = suite
        .cases()
        .iter()
        .filter(|case| {
            case.request.get("events").and_then(Value::as_array).is_some_and(|events| events.len() != 1)
        })
        .map(|case| format!("{}  # one event at a time\n", case.id))
        .collect();
    let listed = judge_by(&suite, &listed.concat().parse().unwrap(), claims.clone(), answer);
    assert!(listed.is_success(), "{listed} {:?}", listed.problems);
    assert!(
        listed.score.passed == listed.score.judged && listed.score.inexpressible > 1,
        "{:?}",
        listed.score
    );
    assert!(badge(&listed).contains("yellow"), "{}", badge(&listed));
    // One event is not another number of them.
    let lies =
        judge_with(&suite, claims, |_| json!({"unsupported": "one event at a time", "input": "events"}));
    assert!(lies.score.judged > 50, "{:?}", lies.score);
}

#[test]
fn a_testee_that_is_another_one_after_a_crash_has_crashed() {
    /// States another version at each start, and answers nothing else.
    struct Other(u32);
    impl Testee for Other {
        fn call(&mut self, request: &str) -> Result<String, Breakdown> {
            if !request.contains("\"start\"") {
                return Err(Breakdown::new(BreakdownKind::Crashed, "it ended"));
            }
            self.0 += 1;
            let mut said = start(everything());
            said["implementation"]["version"] = json!(self.0.to_string());
            Ok(said.to_string())
        }
    }
    let mut testee = Other(0);
    let summary = run(suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert_eq!(testee.0, 2);
    // What was not asked has not crashed.
    assert_eq!(summary.number(Verdict::Crashed), 1);
    assert_eq!(
        summary.number(Verdict::Unasked) + summary.number(Verdict::Skipped) + 1,
        suite().cases().len()
    );
    let problem = summary.problems.iter().find(|problem| matches!(problem, Problem::GaveUp { .. }));
    assert!(problem.unwrap().to_string().contains("not what it said first"), "{:?}", summary.problems);
}

#[test]
fn an_echo_fails() {
    let summary = judge(suite(), |request| json!({"seq": request["seq"], "result": request}));
    assert!(!summary.is_success());
    assert_eq!(summary.total().invalid.right, 0);
    // An echo writes what it was given: a few names and expressions are their own result.
    assert!(summary.total().valid.right < summary.total().valid.wrong / 10, "{:?}", summary.total());
}

#[test]
fn a_testee_that_declines_what_it_claims_fails() {
    let summary = judge(suite(), |request| json!({"seq": request["seq"], "unsupported": "not today"}));
    assert!(!summary.is_success());
    let (declined, abstained) = (summary.number(Verdict::Declined), summary.number(Verdict::Abstained));
    assert_eq!(summary.number(Verdict::Skipped) + declined + abstained, suite().cases().len());
    assert_eq!(summary.problems, [Problem::NothingJudged]);
    assert_eq!(summary.declined.keys().collect::<Vec<_>>(), ["not today"]);
}

#[test]
fn a_testee_that_claims_nothing_is_no_success() {
    let mut testee = InProcess::new(|request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        match request["cmd"].as_str() {
            Some("start") => start(json!({"ops": [], "formats": [], "bindings": []})).to_string(),
            _ => json!({"seq": request["seq"], "unsupported": "nothing"}).to_string(),
        }
    });
    let summary = run(suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert_eq!(summary.problems, [Problem::NothingJudged]);
    assert!(!summary.is_success());
}

#[test]
fn leaving_out_a_statement_of_capabilities_is_no_success() {
    // It answers what it knows, and `unsupported` to the rest, as if that were not among its capabilities.
    let suite = suite();
    let known = answers(suite, |case| case.id.starts_with("http/") && case.validity() != Validity::Valid);
    for left_out in ["ops", "formats", "bindings"] {
        let mut capabilities = everything();
        capabilities.as_object_mut().unwrap().remove(left_out);
        let summary = judge_with(suite, capabilities, |request| {
            look_up(&known, request).unwrap_or_else(|| json!({"unsupported": "not this"}))
        });
        assert!(summary.number(Verdict::Passed) > 100 && summary.number(Verdict::Failed) == 0);
        assert!(!summary.is_success(), "{left_out}: {summary}");
        let badge: Value = serde_json::from_str(&badge(&summary)).unwrap();
        assert_eq!(badge["color"], "red", "{badge}");
        assert!(badge["message"].as_str().unwrap().contains(left_out), "{badge}");
    }
}

#[test]
fn capabilities_that_state_nothing_are_no_success() {
    let suite = suite();
    let known = answers(suite, |case| case.id == "core/attribute-names/one-letter");
    let summary = judge_with(suite, json!({}), |request| {
        look_up(&known, request).unwrap_or_else(|| json!({"unsupported": "nothing else"}))
    });
    assert_eq!(summary.number(Verdict::Passed), 1);
    assert!(!summary.is_success(), "{summary}");
    let badge: Value = serde_json::from_str(&badge(&summary)).unwrap();
    assert_eq!(badge["color"], "red", "{badge}");
}

#[test]
fn claiming_less_shows_on_the_badge() {
    let suite = suite();
    let all = answers(suite, |_| true);
    let claims = json!({"ops": ["name"], "formats": [], "bindings": []});
    let summary = judge_with(suite, claims, |request| look_up(&all, request).unwrap());
    assert!(summary.is_success(), "{summary}");
    let badge: Value = serde_json::from_str(&badge(&summary)).unwrap();
    let message = badge["message"].as_str().unwrap();
    assert!(summary.score.judged < 30 && summary.score.all > 1900, "{:?}", summary.score);
    let (judged, all) = (summary.score.judged, summary.score.all);
    // It is no bright green.
    assert_eq!(badge["color"], "yellowgreen", "{badge}");
    assert!(message.starts_with(&format!("{judged} of {judged} passed, of {all} (")), "{message}");
}

#[test]
fn a_testee_that_declines_whatever_it_would_fail_is_not_green() {
    // It refuses what must be refused, and says of everything else that its API cannot be given the input.
    let suite = suite();
    let known = answers(suite, |case| case.validity() == Validity::Invalid);
    let plain = judge(suite, |request| {
        look_up(&known, request).unwrap_or_else(|| json!({"unsupported": "not this"}))
    });
    assert!(!plain.is_success() && plain.number(Verdict::Declined) > 500, "{plain}");
    let mut claims = everything();
    claims["ops"] = json!(["decode", "encode", "transcode"]);
    let named = judge_with(suite, claims.clone(), |request| {
        look_up(&known, request).unwrap_or_else(|| {
            let input = if request.get("events").is_some() { "events" } else { "message" };
            json!({"unsupported": "the API takes no such thing", "input": input})
        })
    });
    let ops = vec!["decode".to_owned(), "encode".to_owned(), "transcode".to_owned()];
    assert_eq!(named.problems, [Problem::NothingAccepted { ops }]);
    assert!(!named.is_success() && badge(&named).contains("no result: no input that must be accepted"));
    // With something accepted, and the rest listed as known, the badge says how little was judged.
    let suite = suite.clone().filter(|case| ["http/", "json/"].iter().any(|area| case.id.starts_with(area)));
    let few = ["json/attributes-decode/member-order", "http/binary-encode/required-attributes"];
    let few = [&few[..], &["http/transcode/binary-to-structured"]].concat();
    let some =
        answers(&suite, |case| case.validity() == Validity::Invalid || few.contains(&case.id.as_str()));
    let some = |listed: &KnownFailing| {
        judge_by(&suite, listed, claims.clone(), |request| {
            look_up(&some, request).unwrap_or_else(|| {
                let input = if request.get("events").is_some() { "data" } else { "message" };
                json!({"unsupported": "the API takes no such thing", "input": input})
            })
        })
    };
    let unlisted = some(&KnownFailing::default());
    assert!(!unlisted.is_success() && unlisted.number(Verdict::Declined) > 200, "{unlisted}");
    let declined = suite.cases().iter().filter(|case| case.validity() != Validity::Invalid);
    let declined = declined.filter(|case| !few.contains(&case.id.as_str()));
    let listed: String = declined.map(|case| format!("{}  # no such API\n", case.id)).collect();
    let some = some(&listed.parse().unwrap());
    let badge: Value = serde_json::from_str(&badge(&some)).unwrap();
    assert_eq!((some.is_success(), badge["color"].as_str()), (true, Some("yellow")), "{badge}\n{some}");
    // Few of what there is passed, and what a client cannot carry shows, too.
    assert!(some.score.passed < some.score.all / 4 && some.score.inexpressible > 100, "{badge}");
    assert!(badge.to_string().contains(" its API cannot be given"), "{badge}");
    // What is not in the request is no reason.
    let suite = self::suite();
    let lies = judge(suite, |_| json!({"unsupported": "the API takes no such thing", "input": "pigeons"}));
    assert!(!lies.is_success() && lies.number(Verdict::Declined) > 500, "{lies}");
}

#[test]
fn a_document_of_a_format_can_be_handed_over() {
    // A client cannot send each message of a binding; whoever reads a format gets bytes.
    let score = |topic: &str| {
        let suite = suite().clone().filter(|case| case.id.starts_with(topic));
        judge_by(
            &suite,
            &"**  # declined".parse().unwrap(),
            everything(),
            |_| json!({"unsupported": "the client refuses it", "input": "message"}),
        )
        .score
    };
    let (json, http) = (score("json/attributes-decode/"), score("http/binary-decode/"));
    assert!(json.inexpressible == 0 && json.judged > 10, "{json:?}");
    assert!(http.inexpressible > 10 && http.judged == 0, "{http:?}");
}

#[test]
fn shares_count_what_the_profile_judges() {
    let suite = suite();
    let known = answers(suite, |_| true);
    let summary = judge(suite, |request| look_up(&known, request).unwrap());
    let total = summary.total();
    let shares = [total.valid, total.invalid, total.acceptable].map(|tally| tally.judged());
    assert!(shares.iter().all(|share| *share > 100), "{shares:?}");
    assert_eq!(shares.iter().sum::<usize>(), summary.score.judged, "{shares:?}");
}

#[test]
fn a_constant_answer_fails() {
    let suite = suite();
    let Expected::Result(result) =
        &suite.case("json/attributes-decode/spec-example-core").unwrap().expect[0].expected
    else {
        panic!("the case is refused");
    };
    let summary = judge(suite, |request| json!({"seq": request["seq"], "result": result}));
    assert!(!summary.is_success());
    assert!(summary.score.passed < 20, "{:?}", summary.score);
}

#[test]
fn a_testee_that_accepts_everything_fails() {
    // It gives the right answer to everything that must or may be accepted, and the same event for the rest.
    let suite = suite().clone().filter(|case| case.op() != Some("deliver"));
    let accepted = answers(&suite, |case| matches!(case.expect[0].expected, Expected::Result(_)));
    let summary = judge(&suite, |request| {
        look_up(&accepted, request).unwrap_or_else(|| json!({"result": {"events": []}}))
    });
    assert!(!summary.is_success());
    assert_eq!(summary.total().invalid.right, 0);
}

#[test]
fn a_testee_that_looks_cases_up_fails_when_they_vary() {
    // No other text of these types has the same value.
    let suite = suite().clone().filter(|case| case.op() != Some("parse") || case.request["type"] == "String");
    let known = answers(&suite, |_| true);
    let answer =
        |request: &Value| look_up(&known, request).unwrap_or_else(|| json!({"error": {"kind": "not-found"}}));
    assert_eq!(judge(&suite, answer).number(Verdict::Failed), 0);
    let summary = judge(&suite.varied(7), answer);
    assert!(summary.total().valid.wrong > 500, "{:?}", summary.total());
    // In every area, those of drafts too.
    for (area, tally) in &summary.areas {
        assert!(tally.valid.wrong > tally.valid.right, "{area}: {tally:?}");
    }
}

#[test]
fn a_testee_that_knows_the_names_and_answers_by_number_or_by_place_fails_when_cases_vary() {
    let suite = suite().clone().filter(|case| case.id.starts_with("http/") || case.id.starts_with("json/"));
    let varied = suite.varied(7);
    let known: Vec<Value> = varied.cases().iter().map(first).collect();
    let answer = |number: usize| known.get(number).cloned().unwrap_or_else(|| json!({"error": {}}));
    let by_number = |request: &Value| answer(request["seq"].as_u64().unwrap() as usize - 1);
    let count = Cell::new(0);
    let by_place = |_: &Value| answer(count.replace(count.get() + 1));
    // As published, both know everything.
    let published: Vec<Value> = suite.cases().iter().map(first).collect();
    let all = judge(&suite, |request| published[request["seq"].as_u64().unwrap() as usize - 1].clone());
    assert_eq!(all.number(Verdict::Failed), 0, "{all}");
    for summary in [judge(&varied, by_number), judge(&varied, by_place)] {
        assert!(summary.total().valid.wrong > 300, "{summary}");
    }
}

#[test]
fn cases_that_vary_are_reported_in_the_published_order() {
    #[derive(Default)]
    struct Order {
        asked: usize,
        reported: Vec<(String, Option<u64>)>,
    }
    impl Reporter for Order {
        fn asked(&mut self) -> std::io::Result<()> {
            self.asked += 1;
            Ok(())
        }
        fn case(&mut self, report: &CaseReport<'_>) -> std::io::Result<()> {
            let sent: Option<Value> = report.sent.as_deref().map(|sent| serde_json::from_str(sent).unwrap());
            self.reported.push((report.case.id.clone(), sent.map(|sent| sent["seq"].as_u64().unwrap())));
            Ok(())
        }
        fn finished(&mut self, _: &Summary) -> std::io::Result<()> {
            Ok(())
        }
    }
    let suite = suite();
    let ordered = |suite: &Suite, selection: &Selection| {
        let mut order = Order::default();
        let mut testee = answering(everything(), |_| json!({"error": {}}));
        run(suite, selection, &KnownFailing::default(), &mut testee, &mut order).unwrap();
        assert_eq!(order.asked, order.reported.len());
        order.reported
    };
    let ids = |order: &[(String, Option<u64>)]| order.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let seventh = suite.varied(7);
    let (published, varied) = (ordered(suite, &all()), ordered(&seventh, &all()));
    assert_eq!(ids(&published), ids(&varied));
    let numbers: HashSet<u64> = varied.iter().filter_map(|(_, number)| *number).collect();
    assert_eq!(numbers.len(), varied.iter().filter(|(_, number)| number.is_some()).count());
    assert!(numbers.iter().all(|number| *number < 1 << 53));
    assert_eq!(varied, ordered(&suite.varied(7), &all()), "a seed repeats a run");
    assert_ne!(varied, ordered(&suite.varied(8), &all()));
    // A part has the same cases, whatever the order.
    let part = all().shard(2, 3);
    assert_eq!(ids(&ordered(suite, &part)), ids(&ordered(&seventh, &part)));
}

#[test]
fn a_constant_refusal_is_no_success_where_claims_leave_what_may_be_refused() {
    for binding in ["mqtt3", "websockets"] {
        let claims = json!({"ops": ["encode"], "formats": [], "bindings": [binding]});
        let mut testee = answering(claims, |_| json!({"error": {"kind": "no"}}));
        let core = Selection::default().pack(Pack::Core);
        let summary = run(suite(), &core, &KnownFailing::default(), &mut testee, &mut ()).unwrap();
        assert_eq!(summary.problems, [Problem::NothingAccepted { ops: vec!["encode".to_owned()] }]);
        assert!(!summary.is_success() && summary.score.passed == summary.score.judged, "{summary}");
    }
}

#[test]
fn a_run_of_which_the_profile_judges_nothing_has_no_result() {
    let mut testee = answering(everything(), |_| json!({"result": {}}));
    let recommended = Selection::default().pack(Pack::Recommended);
    let summary = run(suite(), &recommended, &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert!(!summary.is_success(), "{summary}");
    let wanted = "no result: no case was judged: the profile base judges none of those that were answered; \
                  --profile should,may,strict,verbatim judges some";
    assert_eq!(summary.result(), wanted);
}

#[test]
fn a_run_in_which_nothing_passes_is_no_success_whatever_is_listed() {
    let suite =
        suite().clone().filter(|case| case.id.starts_with("json/") && case.validity() == Validity::Valid);
    let known = "json/**  # all of it".parse().unwrap();
    let summary = judge_by(&suite, &known, everything(), |_| json!({"error": {"kind": "no"}}));
    assert_eq!(summary.problems, [Problem::NothingPassed { judged: summary.score.judged }]);
    assert!(!summary.is_success() && badge(&summary).contains("\"red\""), "{}", badge(&summary));
}

#[test]
fn specversions_without_the_present_one_are_named_as_such() {
    let mut claims = everything();
    claims["specversions"] = json!(["0.3"]);
    let summary = judge_with(suite(), claims, |_| json!({"error": {}}));
    assert!(
        summary.result().ends_with("the testee's `specversions` do not have 1.0"),
        "{}",
        summary.result()
    );
}

#[test]
fn a_testee_that_hangs_again_and_again_is_given_up() {
    /// Answers `start`, and then nothing more in time.
    struct Hanging(usize);
    impl Testee for Hanging {
        fn call(&mut self, request: &str) -> Result<String, Breakdown> {
            if request.contains("\"start\"") {
                return Ok(start(everything()).to_string());
            }
            self.0 += 1;
            Err(Breakdown::new(BreakdownKind::Hung, "no answer within 10s"))
        }
    }
    let mut testee = Hanging(0);
    let summary = run(suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    // Five minutes of ten seconds each, instead of eleven hours.
    assert_eq!(testee.0, 30);
    let unasked = suite().cases().len() - 30;
    let why = "given up after 30 requests without an answer in time. Is it the adapter? `ce conformance run --smoke` checks it".to_owned();
    assert_eq!(summary.problems, [Problem::GaveUp { unasked, why }]);
    assert_eq!((summary.number(Verdict::Crashed), summary.number(Verdict::Unasked)), (30, unasked));
    assert!(!summary.is_success());
    assert!(badge(&summary).contains("no result: "), "{}", badge(&summary));
}

#[test]
fn an_adapter_that_is_broken_is_named_as_that() {
    // Whatever it does in place of answering, and also if it answers some.
    let crash = || Err(Breakdown::new(BreakdownKind::Crashed, "it ended"));
    type Answer<'a> = &'a dyn Fn(usize, &Value) -> Result<String, Breakdown>;
    let answers: [Answer<'_>; 4] = [
        &|_, _| crash(),
        &|_, _| Ok("Traceback (most recent call last):".to_owned()),
        &|_, _| Ok(json!({"seq": -1, "result": {}}).to_string()),
        &|number, request| match number % 3 {
            0 => Ok(json!({"seq": request["seq"], "error": {"kind": "no"}}).to_string()),
            _ => crash(),
        },
    ];
    for (answer, asked) in answers.into_iter().zip([30, 30, 30, 44]) {
        let mut testee = Broken { answer, asked: 0 };
        let summary = run(suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
        assert_eq!((testee.asked, summary.number(Verdict::Crashed)), (asked, 30));
        assert_eq!(summary.number(Verdict::Unasked), suite().cases().len() - asked);
        let why = format!(
            "given up after 30 of {asked} requests without a valid answer. Is it the adapter? `ce conformance run --smoke` checks it"
        );
        assert!(summary.result().ends_with(&why), "{}", summary.result());
    }
    // One that breaks down now and then is asked to the end.
    let now_and_then = |number: usize, request: &Value| match number % 3 {
        0 => crash(),
        _ => Ok(json!({"seq": request["seq"], "error": {"kind": "no"}}).to_string()),
    };
    let mut testee = Broken { answer: &now_and_then, asked: 0 };
    let summary = run(suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert_eq!((testee.asked, summary.number(Verdict::Unasked)), (suite().cases().len(), 0));
}

/// Starts, and then does this to the request of this number, counted from 1.
struct Broken<'a> {
    answer: &'a dyn Fn(usize, &Value) -> Result<String, Breakdown>,
    asked: usize,
}

impl Testee for Broken<'_> {
    fn call(&mut self, request: &str) -> Result<String, Breakdown> {
        if request.starts_with("{\"cmd\":\"start\"") {
            return Ok(start(everything()).to_string());
        }
        self.asked += 1;
        (self.answer)(self.asked, &serde_json::from_str(request).unwrap())
    }
}

/// The answers that the first outcomes of some cases want, by request.
fn answers(suite: &Suite, keep: impl Fn(&Case) -> bool) -> HashMap<String, Value> {
    let kept = suite.cases().iter().filter(|case| keep(case));
    kept.map(|case| (serde_json::to_string(&case.request).unwrap(), first(case))).collect()
}

/// The answer that the first outcome of a case wants.
fn first(case: &Case) -> Value {
    match &case.expect[0].expected {
        Expected::Result(result) => json!({"result": result}),
        Expected::Error(error) => json!({"error": error}),
    }
}

fn look_up(answers: &HashMap<String, Value>, request: &Value) -> Option<Value> {
    let mut members = request.as_object().unwrap().clone();
    members.remove("seq");
    members.remove("cmd");
    answers.get(&serde_json::to_string(&members).unwrap()).cloned()
}

fn judge(suite: &Suite, answer: impl Fn(&Value) -> Value) -> Summary {
    judge_with(suite, everything(), answer)
}

fn judge_with(suite: &Suite, capabilities: Value, answer: impl Fn(&Value) -> Value) -> Summary {
    judge_by(suite, &KnownFailing::default(), capabilities, answer)
}

fn judge_by(
    suite: &Suite,
    known: &KnownFailing,
    capabilities: Value,
    answer: impl Fn(&Value) -> Value,
) -> Summary {
    run(suite, &all(), known, &mut answering(capabilities, answer), &mut ()).unwrap()
}

fn answering(capabilities: Value, answer: impl Fn(&Value) -> Value) -> InProcess<impl FnMut(&str) -> String> {
    InProcess::new(move |request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        if request["cmd"] == "start" {
            return start(capabilities.clone()).to_string();
        }
        let mut answer = answer(&request);
        answer["seq"] = request["seq"].clone();
        answer.to_string()
    })
}

/// Every capability.
fn everything() -> Value {
    let bindings = carriers().iter().filter(|carrier| !carrier.is_format());
    let bindings: Vec<_> = bindings.map(|carrier| carrier.name.as_str()).collect();
    json!({
        "spec": ["1.0.2", "main"], "specversions": ["1.0", "0.3"],
        "ops": ["decode", "encode", "transcode", "upgrade", "parse", "name", "sql", "filter", "handshake", "deliver", "send"],
        "formats": ["json", "json-batch", "protobuf", "protobuf-batch", "avro", "avro-compact", "xml", "xml-batch", "cbor"],
        "bindings": bindings,
        "strictness": ["strict", "lenient"], "reports": ["losses", "repairs", "notes"],
        "payloads": ["json", "text", "binary", "xml", "cbor", "proto"],
        "options": ["key", "separator", "subprotocol", "topic", "subject"],
    })
}

fn start(capabilities: Value) -> Value {
    json!({
        "version": 1, "implementation": {"name": "Control", "version": "1", "language": "Rust"},
        "capabilities": capabilities,
    })
}

fn all() -> Selection {
    Selection::default().drafts(true)
}

fn suite() -> &'static Suite {
    static SUITE: LazyLock<Suite> = LazyLock::new(|| Suite::published().unwrap());
    &SUITE
}
