//! Which messages of JetStream a command takes: filters, and where a consumer begins.

use crate::{
    program::{GOOD, ce, ce_with},
    unread::{event, server_with},
};

/// The retention of a stream, and the option `consumer`, decide whether others lose messages. A refused command leaves no consumer.
#[test]
fn a_filter_of_jetstream_is_refused_where_others_lose_messages() {
    let messages: Vec<_> = (0..5).map(|id| event(id, "")).collect();
    let Some((process, _)) = server_with("filtered", "none.at.all", &messages) else { return };
    let server = format!("nats+jetstream://127.0.0.1:{}/", process.port());
    let (url, work) = (format!("{server}S.x"), format!("{server}work.x"));
    let (stream, set) =
        (format!("{work}?stream=W"), ["--set", "retention=workqueue", "--set", "storage=memory"]);
    ce(&[&["create", stream.as_str()][..], &set].concat()).ended(0);
    ce_with(&["send", &work], GOOD).ended(0);
    let consumers = |url: &str| {
        let shown: serde_json::Value = serde_json::from_str(&ce(&["look", url]).out).unwrap();
        shown["consumers"].as_u64().unwrap()
    };
    let named = format!("{url}?consumer=c&reject=drop");
    for arguments in [
        vec!["listen", &named, "--filter", "id=3", "--idle", "1"],
        vec!["listen", &work, "--filter", "id=3", "--idle", "1"],
        vec!["bridge", &named, "file:/dev/null", "--filter", "id = '3'", "--losses", "log"],
    ] {
        ce(&arguments).ended(2).says("--drop-unmatched");
        assert_eq!((consumers(&url), consumers(&work)), (0, 0), "{arguments:?}");
    }
    // A work queue is read from its beginning.
    for begin in [["--since", "1h"], ["--last", "3"]] {
        let ran = ce(&[&["listen", &work, "--idle", "1"][..], &begin].concat());
        assert!(
            ran.status != 0 && ran.err.contains("leave out `since`, `last` and `deliver`"),
            "{}",
            ran.err
        );
    }
    for (arguments, lines) in [
        (vec!["listen", &url, "--filter", "id=3", "--idle", "1"], 1),
        (vec!["listen", &url, "--filter", "id=3", "--peek"], 1),
        (vec!["listen", &work, "--filter", "id=none", "--peek"], 0),
    ] {
        ce(&arguments).ended(0).prints_lines(lines);
    }
}

#[test]
fn a_begin_without_effect_has_a_warning() {
    let messages: Vec<_> = (0..2).map(|id| event(id, "")).collect();
    let Some((process, _)) = server_with("begun", "none.at.all", &messages) else { return };
    let port = process.port();
    let url =
        format!("nats+jetstream://127.0.0.1:{port}/S.x?consumer=c&reject=drop&since=2000-01-01T00:00:00Z");
    for exists in [false, true] {
        let ran = ce(&["listen", &url, "--count", "1"]).ended(0).prints_lines(1);
        assert_eq!(ran.err.contains("the begin that is set has no effect"), exists, "{}", ran.err);
    }
}
