//! A server in a process of its own, which tests kill and start again.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Dropping it kills the process and removes its files.
pub(crate) struct Process {
    program: String,
    pub(crate) port: u16,
    store: PathBuf,
    more: Vec<String>,
    child: Option<Child>,
}

impl Process {
    /// Starts the program that `CE_TEST_REDIS_BIN` names, on a free port. The entries that it has confirmed are in a file.
    pub(crate) fn start() -> Option<Self> {
        let mut process = Self::prepare(|_, _| Vec::new())?;
        process.restart();
        Some(process)
    }

    /// With more arguments; the folder is empty, and there for files that they name. It was not started.
    pub(crate) fn prepare(arguments: impl FnOnce(u16, &Path) -> Vec<String>) -> Option<Self> {
        let Ok(program) = std::env::var("CE_TEST_REDIS_BIN") else {
            println!("skipped: CE_TEST_REDIS_BIN is not set");
            return None;
        };
        let port = cloudevents_testkit::ports::free();
        let store = std::env::temp_dir().join(crate::tools::name("cloudevents-redis"));
        fs::create_dir_all(&store).unwrap();
        let more = arguments(port, &store);
        Some(Self { program, port, store, more, child: None })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns when it is ready.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        for _ in 0..3000 {
            if self.answers() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10)); // between two tries
        }
        panic!("the server does not start");
    }

    pub(crate) fn spawn(&mut self) {
        let child = Command::new(&self.program)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--dir"])
            .arg(&self.store)
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(&self.more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"+PONG\r\n"
    }

    /// SIGKILL: entries that the server has confirmed are in the file system.
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
