//! `ce webhook serve --to` over a restart: a socket that a supervisor holds, and deliveries at the end. A new password needs no restart.

use crate::{
    program::{Served, command, file},
    webhook_gate::{STANDARD, Service, WITH_SECRET, post, standard},
    webhook_operating::{hang_up, is, state_of, until_times},
    webhook_schemes::{reporting, reporting_of, until},
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

/// The command of a gate that gets its standard input as the socket of a supervisor: descriptor 3, with the variables of systemd.
fn supervised(url: &str, service: &Service, sockets: &str) -> Command {
    let to = service.url();
    let arguments = [&["webhook", "serve", url, "--to", &to], WITH_SECRET].concat();
    let gate = command(&arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"LISTEN_PID=$$ exec "$@" 3<&0 0</dev/null"#, "sh"]);
    shell.arg(gate.get_program()).args(gate.get_args());
    shell.env("CE_CONFIG", "").env("HOOK_SECRET", STANDARD).env("LISTEN_FDS", sockets);
    shell
}

fn input(socket: &TcpListener) -> Stdio {
    OwnedFd::from(socket.try_clone().unwrap()).into()
}

fn terminate(gate: &mut Served) {
    let id = gate.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

/// GitHub sends no delivery again: each sender gets 204, and no connection is refused.
#[test]
fn a_gate_starts_again_on_the_socket_of_its_supervisor_and_no_delivery_is_lost() {
    let service = Service::start();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    let start = || Served::with(&mut supervised(&url, &service, "1"), input(&socket));
    let mut gate = start();
    assert_eq!(gate.url, url);
    let (number, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let sent = thread::scope(|scope| {
        let senders = [(); 4].map(|()| {
            scope.spawn(|| {
                let mut sent = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let id = format!("msg_{}", number.fetch_add(1, Ordering::Relaxed));
                    assert_eq!(post(&url, &standard(&id, b"{}"), b"{}").status, 204, "{id}");
                    sent += 1;
                }
                sent
            })
        });
        for _ in 0..3 {
            service.wait_for(service.seen().len() + 20);
            terminate(&mut gate);
            assert_eq!(gate.child.wait().unwrap().code(), Some(0));
            gate = start();
        }
        service.wait_for(service.seen().len() + 20);
        is_over.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum::<usize>()
    });
    assert_eq!((service.seen().len(), number.load(Ordering::Relaxed)), (sent, sent));
}

/// The connection was accepted, so that the next process does not find it in the socket.
#[test]
fn a_delivery_that_arrives_after_the_signal_is_handed_on() {
    let service = Service::start();
    let (mut gate, reports) =
        reporting(&service, STANDARD, &[WITH_SECRET, &["--metrics", "127.0.0.1:0"]].concat());
    let state = state_of(&reports);
    let address = gate.url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let signed: String =
        standard("msg_1", b"{}").iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(
        stream,
        "POST /hook HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n{signed}\r\n"
    )
    .unwrap();
    let mut continues = [0; 25];
    stream.read_exact(&mut continues).unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100 Continue\r\n\r\n");
    terminate(&mut gate);
    while !is(&state, "/ready", "503") {
        thread::yield_now();
    }
    stream.write_all(b"{}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
    assert_eq!((gate.child.wait().unwrap().code(), service.seen().len()), (Some(0), 1));
}

/// The connection was accepted before the signal, and its first byte comes after it.
#[test]
fn a_connection_that_has_said_nothing_before_the_signal_has_a_second() {
    let service = Service::start();
    let (mut gate, reports) =
        reporting(&service, STANDARD, &[WITH_SECRET, &["--metrics", "127.0.0.1:0"]].concat());
    let state = state_of(&reports);
    let address = gate.url.strip_prefix("http://").unwrap().strip_suffix("/hook").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    // Connections are accepted in their order.
    assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
    terminate(&mut gate);
    while !is(&state, "/ready", "503") {
        thread::yield_now();
    }
    let signed: String =
        standard("msg_2", b"{}").iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "POST /hook HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n{signed}\r\n{{}}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
    assert_eq!((gate.child.wait().unwrap().code(), service.seen().len()), (Some(0), 2));
}

/// A connection is passed in place of the socket, as by `Accept=yes`.
#[test]
fn a_connection_is_no_socket_of_a_supervisor() {
    let service = Service::start();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let (connection, _) = socket.accept().unwrap();
    let output = supervised(&url, &service, "1").stdin(OwnedFd::from(connection)).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("it does not listen"), "{errors}");
    // More descriptors than a process can have are counted and not looked for.
    let output = supervised(&url, &service, "2147483647").stdin(input(&socket)).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("holds 2147483647 sockets"), "{errors}");
}

#[test]
fn a_socket_of_a_supervisor_that_does_not_fit_is_an_error() {
    let service = Service::start();
    let [socket, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/hook", other.local_addr().unwrap());
    for (sockets, words) in
        [("1", "the socket of the supervisor listens at 127.0.0.1:"), ("2", "the supervisor holds 2 sockets")]
    {
        let output = supervised(&url, &service, sockets).stdin(input(&socket)).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(words), "{errors}");
    }
    let output = supervised(&url, &service, "1").stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("is not a socket"), "{errors}");
}

/// `gate:PASSWORD`, in base64, by `printf | base64`.
const OLD: &str = "Basic Z2F0ZTpvbGQ=";
const NEW: &str = "Basic Z2F0ZTpuZXc=";

#[test]
fn a_new_password_of_the_service_is_read_again() {
    let service = Service::start();
    let url = |user: &str| service.url().replacen("http://", &format!("http://{user}@"), 1);
    let (place, password) = (file("service.url", url("gate:old")), file("password", "old\n"));
    let config = format!(
        "connections:\n  shop: {{url: '{}', user: gate, password-file: '{}'}}\n",
        service.url(),
        password.display()
    );
    let config = file("config.yaml", config);
    let at_place = format!("@{}", place.display());
    for (options, file, next) in [
        (["--to-env", &at_place], &place, url("gate:new")),
        (["--to", "@shop"], &password, "new\n".to_owned()),
    ] {
        let arguments =
            [&["webhook", "serve", "http://127.0.0.1:0/hook"], &options[..], WITH_SECRET].concat();
        let mut gate = command(&arguments);
        let (gate, reports) = reporting_of(gate.env("HOOK_SECRET", STANDARD).env("CE_CONFIG", &config));
        let deliver = |id: &str| {
            assert_eq!(post(&gate.url, &standard(id, b"{}"), b"{}").status, 204);
            service.seen().last().unwrap().all("authorization")[0].to_owned()
        };
        assert_eq!(deliver("msg_1"), OLD);
        fs::write(file, next).unwrap();
        assert_eq!(deliver("msg_2"), OLD);
        hang_up(&gate);
        until(&reports, "the secrets were read again");
        assert_eq!(deliver("msg_3"), NEW);
        // The gate remembers what it has handed on.
        let before = service.seen().len();
        assert_eq!(post(&gate.url, &standard("msg_1", b"{}"), b"{}").status, 204);
        assert_eq!(service.seen().len(), before);
    }
}

#[test]
fn a_wrong_url_of_the_service_leaves_the_old_one_in_use() {
    let service = Service::start();
    let url = |user: &str| service.url().replacen("http://", &format!("http://{user}@"), 1);
    let place = file("service.url", url("gate:old"));
    let at_place = format!("@{}", place.display());
    let arguments = ["webhook", "serve", "http://127.0.0.1:0/hook", "--to-env", &at_place];
    let mut gate = command(&[&arguments[..], WITH_SECRET].concat());
    let (gate, reports) = reporting_of(gate.env("HOOK_SECRET", STANDARD));
    let mut times = 0;
    let mut tried = |text: String, why: &str| {
        fs::write(&place, text).unwrap();
        hang_up(&gate);
        times += 1;
        let words = "warning: the secrets were not read again: the old ones stay: ";
        let reported = until_times(&reports, words, times);
        assert!(reported.contains(why) && !reported.contains("n0t"), "{reported}");
        let id = format!("msg_{times}");
        assert_eq!(post(&gate.url, &standard(&id, b"{}"), b"{}").status, 204);
        assert_eq!(service.seen().last().unwrap().all("authorization"), [OLD]);
    };
    tried(String::new(), "is empty");
    tried(url("gate:n0t/shown"), "the password of the service has `/`");
    let another = "the URL of the service has more than another password";
    tried(url("audit:old"), another);
    tried(format!("{}?key=1", url("gate:old")), another);
}
