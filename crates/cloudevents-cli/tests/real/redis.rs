//! `ce send`, `ce listen` and `ce bridge` with Redis Streams. `.ci/brokers/redis` starts a server.

use crate::program::{GOOD, ce, ce_with, file};
use std::{env, fs};

#[test]
fn from_one_to_the_other() {
    let Ok(server) = env::var("CE_TEST_REDIS_URL") else {
        println!("skipped: CE_TEST_REDIS_URL is not set");
        return;
    };
    let url = format!("{server}?stream=ce-{}", std::process::id());
    let sent = |arguments: &[&str]| {
        let ran = ce_with(&[&["send", &url], arguments].concat(), GOOD);
        assert_eq!(ran.status, 0, "{}", ran.err);
    };
    // As Dapr has them unless the mode says otherwise.
    sent(&[]);
    sent(&["--mode", "binary"]);
    sent(&["--mode", "structured"]);
    let listened = ce(&["listen", &url, "--count", "3", "--idle", "30"]);
    assert_eq!(listened.status, 0, "{}", listened.err);
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD, GOOD]);
    assert!(listened.err.contains("as with `reject=drop` in the URL [reject-drop]"), "{}", listened.err);
    let out = file("moved.jsonl", "");
    let to = format!("file:{}", out.display());
    let bridged = ce(&["bridge", &format!("{url}&group=another&reject=drop"), &to, "--idle", "3"]);
    assert_eq!(bridged.status, 0, "{}", bridged.err);
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 3);
    let shown = ce_with(&["send", "--dry-run", &url], GOOD);
    assert_eq!(shown.status, 2, "{}", shown.err);
    assert!(shown.err.contains("messages of `redis` URLs cannot be shown"), "{}", shown.err);
}
