//! `ce send`, `ce listen` and `ce bridge` with Redis Streams. `.ci/brokers/redis` starts a server.

use crate::program::{Bridge, GOOD, ce, ce_with, command, until, variable};
use std::net::TcpListener;

#[test]
fn from_one_to_the_other() {
    let Some(server) = variable("CE_TEST_REDIS_URL") else { return };
    let url = format!("{server}?stream=ce-{}", std::process::id());
    // As Dapr has them unless the mode says otherwise.
    for mode in [&[][..], &["--mode", "binary"], &["--mode", "structured"]] {
        ce_with(&[&["send", &url], mode].concat(), GOOD).ended(0);
    }
    ce(&["listen", &url, "--count", "3", "--idle", "30"])
        .ended(0)
        .prints(&format!("{GOOD}\n").repeat(3))
        .says("as with `reject=drop` in the URL [reject-drop]");
    ce(&["bridge", &format!("{url}&group=another&reject=drop"), "-", "--idle", "3"]).ended(0).prints_lines(3);
}

/// They come again after their lock.
#[test]
fn a_bridge_is_not_idle_while_one_that_was_killed_holds_messages() {
    let Some(server) = variable("CE_TEST_REDIS_URL") else { return };
    let stream = format!("{server}?stream=ce-held-{}", std::process::id());
    ce_with(&["send", &stream], format!("{GOOD}\n").repeat(3)).ended(0);
    let from = format!("{stream}&group=billing&reject=drop&lock=5s");
    let held = || ce(&["look", &from]).out.contains(r#""pending":3"#);
    // It never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/events", silent.local_addr().unwrap());
    let bridge = Bridge::run(command(&["bridge", &from, &to, "--order", "none"]));
    until("the bridge holds the messages", held);
    bridge.signal("-KILL");
    bridge.end();
    ce(&["bridge", &from, "-", "--idle", "1"])
        .ended(0)
        .prints_lines(3)
        .says("waiting for 3 messages at FROM that a receiver holds");
}
