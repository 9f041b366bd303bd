//! `spec-tests/adapters/matrix.sh --check`, with adapters whose toolchain is a shell script.

use crate::program::{executable, file};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A folder with the scripts, and a `ruby` that has every SDK but the one of the adapter `absent`.
struct Adapters(PathBuf);

impl Adapters {
    fn new() -> Self {
        let ruby = file(
            "ruby",
            "#!/bin/sh\ncase $1,$GEM_HOME in -e,*absent*) exit 1;; -e,*) exit 0;; *) exec sh \"$1\";; esac\n",
        );
        let folder = ruby.parent().unwrap().to_owned();
        fs::write(folder.join("gem"), "#!/bin/sh\necho 'no network' >&2; exit 1\n").unwrap();
        for tool in ["ruby", "gem"] {
            executable(&folder.join(tool));
        }
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/adapters");
        fs::create_dir(folder.join("adapters")).unwrap();
        for script in ["matrix.sh", "run.sh"] {
            let copy = folder.join("adapters").join(script);
            fs::copy(scripts.join(script), &copy).unwrap();
            executable(&copy);
        }
        Self(folder)
    }

    fn with(self, name: &str, adapter: &str) -> Self {
        let folder = self.0.join("adapters").join(name);
        fs::create_dir(&folder).unwrap();
        for (name, text) in [("Gemfile", ""), ("adapter.rb", adapter), ("known-failing.txt", "")] {
            fs::write(folder.join(name), text).unwrap();
        }
        self
    }

    /// Whether the check succeeds, and its tally.
    fn check(&self, no_skip: bool) -> (bool, String) {
        let mut command = Command::new("bash");
        command.arg(self.0.join("adapters/matrix.sh")).arg("--check");
        let path = format!("{}:{}", self.0.display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("CE", env!("CARGO_BIN_EXE_ce")).env("WORK", self.0.join("work"));
        command.env_remove("CE_NO_SKIP").env("CE_CONFIG", "");
        if no_skip {
            command.env("CE_NO_SKIP", "1");
        }
        let output = command.output().unwrap();
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let tally = text.split_once("skipped: ").expect(&text).1.to_owned();
        (output.status.success(), tally)
    }
}

#[test]
fn an_sdk_that_cannot_be_fetched_is_skipped() {
    let adapters = Adapters::new().with("absent", "").with("sound", "exec \"$CE\" testee\n");
    let tally = "1\n   SKIPPED: absent: the SDK is not installed and cannot be fetched\n";
    assert_eq!(adapters.check(false), (true, tally.to_owned()));
    assert_eq!(adapters.check(true), (false, tally.to_owned()));
}

#[test]
fn an_sdk_that_is_installed_and_does_not_start_fails() {
    let adapters = Adapters::new().with("broken", "exit 1\n");
    assert_eq!(
        adapters.check(false),
        (false, "0\n   FAILED: broken: it does not build or start\n".to_owned())
    );
}
