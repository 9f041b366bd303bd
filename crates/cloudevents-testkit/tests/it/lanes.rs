//! `cargo test` runs what has neither a socket nor a process nor real time. What has is in `tests/real`, a program of its own that
//! `.ci/tests` runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a test of the other lane names.
const MARKERS: &[&str] = &[
    "TcpListener::bind",
    "TcpStream::connect",
    "UdpSocket::bind",
    "axum::serve",
    "HttpReceiver::bind",
    "Broker::start",
    "Server::start",
    "FaultProxy::start",
    "TestTarget::start",
    "Command::new",
    "current_exe()",
    "CARGO_BIN_EXE",
    "thread::sleep",
    "std::time::Instant::now",
    "CE_TEST_KAFKA",
    "CE_TEST_AMQP",
    "CE_TEST_RABBITMQ",
    "CE_TEST_NATS",
    "CE_TEST_MQTT",
    "CE_TEST_POSTGRES",
    "CE_TEST_REDIS",
];

/// The marker that a file may name, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "cloudevents-conformance/tests/it/echo.rs",
        "thread::sleep",
        "a millisecond between the messages of a place that never ends",
    ),
    ("cloudevents-testkit/tests/it/lanes.rs", "", "it lists them"),
    ("cloudevents-testkit/tests/it/published.rs", "Command::new", "what Cargo knows of the workspace"),
    ("cloudevents-testkit/tests/it/workflows.rs", "Command::new", "a script that prints its usage"),
    (
        "cloudevents-transport/tests/it/simulation/mod.rs",
        "std::time::Instant",
        "it says which seeds take long, and nothing more",
    ),
];

#[test]
fn no_test_of_the_pure_lane_has_a_socket_a_process_or_real_time() {
    let (mut files, mut wrong) = (0, Vec::new());
    for tests in folders() {
        for file in below(&tests.join("it")).into_iter().chain(below(&tests.join("shared"))) {
            files += 1;
            let text = fs::read_to_string(&file).unwrap();
            for marker in MARKERS.iter().filter(|marker| text.contains(**marker)) {
                let is_allowed =
                    |(path, named, _): &(&str, &str, &str)| file.ends_with(path) && marker.contains(named);
                if !ALLOWED.iter().any(is_allowed) {
                    wrong.push(format!("{}: {marker}", file.display()));
                }
            }
        }
    }
    assert!(files > 150, "{files} files were read");
    assert!(wrong.is_empty(), "these belong below tests/real: {wrong:#?}");
}

#[test]
fn what_is_allowed_is_there() {
    let crates = crates();
    for (path, marker, reason) in ALLOWED {
        let text = fs::read_to_string(crates.join(path)).unwrap_or_default();
        assert!(!text.is_empty() && text.contains(marker), "{path} has no {marker:?} any more ({reason})");
    }
}

/// Without `test = false`, `cargo test` would run them, too.
#[test]
fn the_real_lane_is_run_by_its_name_alone() {
    let mut programs = 0;
    for tests in folders() {
        let manifest = fs::read_to_string(tests.join("../Cargo.toml")).unwrap();
        let is_listed =
            manifest.contains("[[test]]\nname = \"real\"\npath = \"tests/real/main.rs\"\ntest = false\n");
        let is_there = tests.join("real/main.rs").exists();
        assert_eq!(is_listed, is_there, "{}", tests.display());
        programs += usize::from(is_there);
        let others = fs::read_dir(&tests).unwrap().map(|entry| entry.unwrap().path());
        for other in others.filter(|path| path.join("main.rs").exists()) {
            assert!(other.ends_with("it") || other.ends_with("real"), "{} is in no lane", other.display());
        }
    }
    assert!(programs > 10, "{programs}");
}

/// Cargo compiles a library once more for the tests in `src`, also if there are none. With `test = false`, it runs no test there.
#[test]
fn a_library_without_tests_in_src_is_not_compiled_for_them() {
    let is_test =
        |line: &str| ["#[test]", "#[tokio::test", "proptest!"].iter().any(|start| line.starts_with(start));
    let has_tests =
        |file: &PathBuf| fs::read_to_string(file).unwrap().lines().any(|line| is_test(line.trim_start()));
    let (mut with_tests, mut without) = (0, 0);
    for library in libraries() {
        let manifest = fs::read_to_string(library.join("Cargo.toml")).unwrap();
        let is_compiled = !manifest.contains("[lib]\ntest = false\n");
        assert_eq!(is_compiled, below(&library.join("src")).iter().any(has_tests), "{}", library.display());
        let count = if is_compiled { &mut with_tests } else { &mut without };
        *count += 1;
    }
    assert!(with_tests > 20 && without > 0, "{with_tests} and {without}");
}

/// Files of the real lane that compare a time with a constant, and why. All others wait for `patience()` or `slowed(..)`, which
/// `CE_SLOWNESS` makes longer.
const UNSCALED: &[(&str, &str)] = &[
    ("cloudevents-cli/tests/real/bridge.rs", "how long nothing may happen"),
    ("cloudevents-cli/tests/real/pipes.rs", "some kernels never show what is waited for"),
    ("cloudevents-pubsub/tests/real/client.rs", "not yet scaled"),
    ("cloudevents-pubsub/tests/real/taking_over.rs", "not yet scaled"),
    ("cloudevents-rabbitmq/tests/real/behaves/tuning.rs", "longer than a silent client stays"),
    ("cloudevents-webhook/tests/real/target_delivery.rs", "not yet scaled"),
];

#[test]
fn limits_of_the_real_lane_are_longer_where_all_is_slow() {
    let compares = |text: &str| {
        let text = text.split_whitespace().collect::<String>().replace("std::time::", "");
        ["elapsed()<Duration::from_secs(", "took<Duration::from_secs(", "elapsed().as_secs()<"]
            .iter()
            .any(|marker| text.contains(marker))
    };
    let (mut files, mut wrong) = (0, Vec::new());
    for file in folders().iter().flat_map(|tests| below(&tests.join("real"))) {
        files += 1;
        let is_unscaled = UNSCALED.iter().any(|(path, _)| file.ends_with(path));
        if compares(&fs::read_to_string(&file).unwrap()) && !is_unscaled {
            wrong.push(file);
        }
    }
    assert!(files > 150, "{files} files were read");
    assert!(wrong.is_empty(), "limits without `patience()` or `slowed(..)`: {wrong:#?}");
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of each library of the workspace.
fn libraries() -> Vec<PathBuf> {
    let root = crates().join("..");
    let members = ["crates", "examples"].iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let all = members.map(|entry| entry.unwrap().path()).chain([root.join("spec-tests")]);
    all.filter(|folder| folder.join("src/lib.rs").is_file()).collect()
}

/// The folder `tests` of each crate that has one.
fn folders() -> Vec<PathBuf> {
    let all = fs::read_dir(crates()).unwrap().map(|entry| entry.unwrap().path().join("tests"));
    all.filter(|tests| tests.is_dir()).collect()
}

/// The sources in a folder, however deep.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
