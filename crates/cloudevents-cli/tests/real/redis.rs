//! `ce send`, `ce listen` and `ce bridge` with Redis Streams. `.ci/brokers/redis` starts a server.

use crate::program::{GOOD, ce, ce_with, variable};

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
