//! `ce send` to a server with TLS: which certificates are trusted and shown, and what is reported without them.

use crate::program::{Listener, Ran, ce, path_of};
use cloudevents_testkit::tls::Authority;

/// A proxy with TLS before `ce listen`, and the files that belong to it.
struct Server {
    /// Runs the proxy.
    _runtime: tokio::runtime::Runtime,
    listener: Listener,
    port: u16,
    authority: Authority,
    /// Its certificate.
    cacert: String,
}

impl Server {
    /// The certificate of the server is for this name. `count` events are received.
    fn start(name: &str, count: usize, client_certificates: bool) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let authority = Authority::new().unwrap();
        let listener = Listener::start(&["--count", &count.to_string()]);
        let port = authority.terminate_as(name, listener.port(), client_certificates);
        let port = runtime.block_on(port).unwrap();
        let cacert = path_of("authority.pem", &authority.pem());
        Self { _runtime: runtime, listener, port, authority, cacert }
    }

    fn send(&self, host: &str, options: &[&str]) -> Ran {
        let url = format!("https://{host}:{}/events", self.port);
        let mut all = vec!["send", &url, "--id", "1", "--source", "/s", "--type", "t", "--no-time"];
        all.extend(options);
        ce(&all)
    }

    /// Waits until all events were received.
    fn end(self) {
        self.listener.end().ended(0);
    }
}

/// Nothing was sent, with these words.
fn refused(ran: &Ran, words: &str) {
    assert_eq!(ran.status, 3, "{}", ran.err);
    assert!(ran.err.contains(words), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn only_trusted_servers_are_sent_to() {
    let server = Server::start("127.0.0.1", 2, false);
    let stranger = path_of("stranger.pem", &Authority::new().unwrap().pem());
    for (options, problem) in [(&[][..], "UnknownIssuer"), (&["--cacert", &stranger], "BadSignature")] {
        let ran = server.send("127.0.0.1", options);
        refused(&ran, &format!("invalid peer certificate: {problem}"));
        refused(
            &ran,
            "help: name a file with the certificate of the server's authority with --cacert, in the option `ca` of the URL, or in the \
                       variable SSL_CERT_FILE",
        );
    }
    server.send("127.0.0.1", &["--cacert", &stranger, "--cacert", &server.cacert]).ended(0);
    // The certificate has another name.
    let other = server.send("localhost", &["--cacert", &server.cacert]);
    refused(&other, "certificate not valid for name \"localhost\"");
    server.send("localhost", &["-k"]).ended(0);
    server.end();
}

#[test]
fn certificates_of_clients() {
    let server = Server::start("127.0.0.1", 2, true);
    let (certificate, key) = server.authority.issue("client").unwrap();
    let both = path_of("both.pem", &format!("{certificate}{key}"));
    let (certificate, key) = (path_of("client.pem", &certificate), path_of("client.key", &key));
    let stranger = Authority::new().unwrap().issue("client").unwrap();
    let stranger = path_of("stranger.pem", &format!("{}{}", stranger.0, stranger.1));
    // The handshake is over before the server has seen who the client is. Where its alert comes before the first request of the
    // connection, which it seldom does, the client's library says that the connection ended and not why.
    let send = |options: &[&str]| {
        let options = [&["--cacert", &server.cacert], options].concat();
        let unexplained = |ran: &Ran| ran.err.contains("connection was not ready");
        let mut tries = (0..20).map(|_| server.send("127.0.0.1", &options));
        tries.find(|ran| !unexplained(ran)).expect("the reason is never said")
    };
    let ran = send(&[]);
    refused(&ran, "CertificateRequired");
    refused(&ran, "help: the server requires a client certificate: name its file with --cert");
    refused(&send(&["--cert", &stranger]), "alert");
    send(&["--cert", &both]).ended(0);
    send(&["--cert", &certificate, "--key", &key]).ended(0);
    for (options, words) in [
        (&["--cert", &certificate][..], "help: name the file of the key with --key"),
        (&["--cert", &key], "client.key`, which has no certificate in PEM"),
        (&["--cert", "absent.pem"], "`absent.pem`, which cannot be read"),
    ] {
        send(options).ended(2).says(words);
    }
    server.end();
}

#[test]
fn the_certificate_is_for_the_host_of_the_url_and_not_for_its_address() {
    let server = Server::start("shop.example", 1, false);
    let resolve = format!("shop.example:{}:127.0.0.1", server.port);
    server.send("shop.example", &["--cacert", &server.cacert, "--resolve", &resolve]).ended(0);
    let ran = server.send("127.0.0.1", &["--cacert", &server.cacert]);
    refused(&ran, "certificate is only valid for DnsName(\"shop.example\")");
    server.end();
}
