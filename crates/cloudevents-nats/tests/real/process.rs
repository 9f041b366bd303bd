//! A server with JetStream in a process of its own, which tests stop, kill and start again.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Dropping it kills the process and removes its files.
pub(crate) struct Process {
    program: String,
    port: u16,
    store: PathBuf,
    more: Vec<String>,
    child: Option<Child>,
}

impl Process {
    /// Starts the program that `CE_TEST_NATS_BIN` names, on a free port.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new())
    }

    /// As [`start`](Self::start), with more arguments; the folder is empty, and there for files that they name.
    pub(crate) fn start_with(arguments: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        Self::start_bare(|folder| {
            let mut all = vec!["--jetstream".into(), "--store_dir".into(), folder.display().to_string()];
            all.extend(arguments(folder));
            all
        })
    }

    /// As [`start_with`](Self::start_with), without JetStream, unless the arguments have it.
    pub(crate) fn start_bare(arguments: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let Ok(program) = std::env::var("CE_TEST_NATS_BIN") else {
            println!("skipped: CE_TEST_NATS_BIN is not set");
            return None;
        };
        let port = cloudevents_testkit::ports::free();
        let store = std::env::temp_dir().join(crate::tools::name("cloudevents-nats"));
        fs::create_dir_all(&store).unwrap();
        let more = arguments(&store);
        let mut process = Self { program, port, store, more, child: None };
        process.restart();
        Some(process)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns when it accepts connections.
    pub(crate) fn restart(&mut self) {
        let child = Command::new(&self.program)
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string()])
            .args(&self.more)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        for _ in 0..3000 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10)); // between two tries
        }
        panic!("the server does not start");
    }

    /// SIGHUP: the server reads its configuration again.
    pub(crate) fn reload(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    /// SIGTERM: the server writes what it knows of its consumers before it ends.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
            child.wait().unwrap();
        }
    }

    /// SIGKILL: messages that the server has confirmed are in the file system. What it knows of its consumers is written up
    /// to 100 ms later: a server that is killed may have forgotten what it delivered last.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.store);
    }
}
