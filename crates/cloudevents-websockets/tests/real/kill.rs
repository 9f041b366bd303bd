//! Processes that are killed. WebSockets confirm nothing, so events that a killed process had not handled are lost; nothing hangs, nothing
//! arrives in part or twice, and the other side goes on.

use crate::{
    client::{bind_again, pairs, sender_url},
    tools::event,
};
use cloudevents_core::ErrorKind;
use cloudevents_testkit::patience;
use cloudevents_testkit::ports;
use cloudevents_transport::Receiver;
use cloudevents_websockets::{WsServerOptions, tungstenite029::sender};
use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};
use tokio::{sync::mpsc, time::timeout};

/// The environment variable with the URL for the other process.
const URL: &str = "CE_KILL_URL";

/// Another process, and its reports.
struct Other {
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Other {
    /// Starts this test as the process.
    fn start(test: &str, url: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(URL, url).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = process.stdout.take().unwrap();
        let (reported, lines) = mpsc::unbounded_channel();
        // Ends with the process.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix("report ") {
                    let _ = reported.send(line.to_owned());
                }
            }
        });
        Self { process, lines }
    }

    async fn line(&mut self) -> String {
        timeout(patience(), self.lines.recv()).await.unwrap().unwrap()
    }

    /// SIGKILL.
    fn kill(mut self) -> mpsc::UnboundedReceiver<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.lines
    }
}

async fn next(deliveries: &mut Receiver) -> usize {
    let delivery = timeout(patience(), deliveries.next()).await.unwrap().unwrap().unwrap();
    let id = delivery.event().unwrap().id().parse().unwrap();
    delivery.accept().await.unwrap();
    id
}

/// The sender reports the events that it could not write, and goes on when there is a server again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_outlives_servers_that_are_killed() {
    // A port that the system does not hand out, also while no server has it.
    let url = format!("ws://127.0.0.1:{}/", ports::free());
    let serving = format!("{url}?reject=drop");
    let mut server = Other::start("kill::serving", &serving);
    assert_eq!(server.line().await, url);
    let sender = sender(&url, Default::default()).await.unwrap();
    let (mut number, mut handled) = (0, Vec::new());
    for _ in 0..3 {
        // What a server reports with its end counts for it alone: each one handles that many of what is sent to it.
        let enough = handled.len() + 20;
        while handled.len() < enough {
            match timeout(patience(), sender.send(&event(&number.to_string()))).await.unwrap() {
                Ok(_) => number += 1,
                Err(error) => assert!(error.is_temporary(), "{error}"), // it was lost with the server: sent again
            }
            while let Ok(id) = server.lines.try_recv() {
                handled.push(id.parse::<usize>().unwrap());
            }
        }
        let mut rest = server.kill();
        while let Some(id) = rest.recv().await {
            handled.push(id.parse().unwrap());
        }
        server = Other::start("kill::serving", &serving);
        assert_eq!(server.line().await, url);
    }
    assert!(handled.is_sorted_by(|one, other| one <= other), "{handled:?}");
    assert!(sender.connectivity().losses() >= 2);
    // What is sent after a restart arrives.
    let first = number;
    let arrives = async {
        loop {
            // One more may be written to the connection that was lost.
            number += usize::from(sender.send(&event(&number.to_string())).await.is_ok());
            while let Ok(id) = server.lines.try_recv() {
                if id.parse::<usize>().unwrap() >= first {
                    return;
                }
            }
        }
    };
    timeout(patience(), arrives).await.unwrap();
    server.kill();
}

/// The server gets every event that arrived complete, in order, and then the end of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outlives_clients_that_are_killed() {
    let (url, mut connections) = pairs(WsServerOptions::default()).await;
    for round in 0..3 {
        let client = Other::start("kill::sending", sender_url(&url));
        let (to_client, mut from_client) = timeout(patience(), connections.recv()).await.unwrap().unwrap();
        let mut number = 0;
        let mut killed = Some(client);
        while let Some(delivery) = timeout(patience(), from_client.next()).await.unwrap().unwrap() {
            assert_eq!(delivery.event().unwrap().id(), number.to_string());
            delivery.accept().await.unwrap();
            number += 1;
            if number == 50 * (round + 1) {
                killed.take().map(Other::kill);
            }
        }
        assert!(killed.is_none(), "the connection ended before the client");
        assert!(timeout(patience(), to_client.send(&event("1"))).await.unwrap().is_err());
    }
}

/// Not a test: the server that is killed.
#[tokio::test]
async fn serving() {
    let Ok(url) = env::var(URL) else { return };
    let server = timeout(patience(), bind_again(&url)).await.unwrap();
    println!("report {}", server.url());
    let mut deliveries = server.into_receiver();
    loop {
        println!("report {}", next(&mut deliveries).await);
    }
}

/// Not a test: the client that is killed.
#[tokio::test]
async fn sending() {
    let Ok(url) = env::var(URL) else { return };
    let sender = sender(&url, Default::default()).await.unwrap();
    for number in 0.. {
        match sender.send(&event(&number.to_string())).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}"),
        }
    }
}
