//! Servers of every protocol with certificates of an authority that no system knows: who trusts it, by which variable and which option.

use crate::program::{Bridge, GOOD, Listener, Ran, command, path_of, ran};
use cloudevents_testkit::{amqp, mqtt, nats, ports, rabbitmq, tls::Authority};
use std::any::Any;
use tokio::runtime::Runtime;

/// A server behind a proxy with TLS, and the files that belong to it.
struct Server {
    /// Of what is sent to, without options of certificates; the last character is `?` or `&`.
    url: String,
    /// The certificate of its authority.
    authority: String,
    /// A certificate that it takes from a client, its key, and both.
    client: [String; 3],
    /// What has to live as long.
    _lives: (Runtime, Box<dyn Any>),
}

const SCHEMES: [&str; 5] = ["amqps", "rabbitmqs", "mqtts", "nats+tls", "wss"];

impl Server {
    fn start(scheme: &str, client_certificates: bool) -> Self {
        let (runtime, authority) = (Runtime::new().unwrap(), Authority::new().unwrap());
        let (port, place, server): (u16, &str, Box<dyn Any>) = match scheme {
            "amqps" => {
                let broker = amqp::Broker::start().unwrap();
                (broker.port(), "orders?separator=colon&", Box::new(broker))
            }
            "rabbitmqs" => {
                let broker = rabbitmq::Broker::start().unwrap();
                broker.queue("orders");
                (broker.port(), "?queue=orders&", Box::new(broker))
            }
            "mqtts" => {
                let broker = mqtt::Broker::start().unwrap();
                (broker.port(), "orders?", Box::new(broker))
            }
            "nats+tls" => {
                let server = nats::Server::start().unwrap();
                (server.port(), "orders?", Box::new(server))
            }
            "wss" => {
                let port = ports::free();
                (port, "orders?", Box::new(Listener::at(&format!("ws://127.0.0.1:{port}/orders"), &[])))
            }
            other => unreachable!("{other}"),
        };
        let greets = scheme == "nats+tls";
        let proxy = async {
            match greets {
                true => authority.terminate_greeting("127.0.0.1", port, client_certificates).await,
                false => authority.terminate(port, client_certificates).await,
            }
        };
        let port = runtime.block_on(proxy).unwrap();
        let (certificate, key) = authority.issue("client").unwrap();
        Self {
            url: format!("{scheme}://127.0.0.1:{port}/{place}"),
            authority: path_of("authority.pem", &authority.pem()),
            client: [
                path_of("client.pem", &certificate),
                path_of("client.key", &key),
                path_of("both.pem", &format!("{certificate}{key}")),
            ],
            _lives: (runtime, server),
        }
    }

    /// Sends one event, with these options of the URL and these variables.
    fn send(&self, options: &[(&str, &str)], variables: &[(&str, &str)]) -> Ran {
        let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        run(&["send", &format!("{}{}", self.url, options.join("&"))], variables)
    }
}

/// Runs it with an event on standard input.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = command(arguments);
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").envs(variables.iter().copied());
    ran(command, GOOD)
}

fn failed(ran: Ran, status: i32, words: &[&str]) {
    let ran = ran.ended(status).never_says("PRIVATE KEY-");
    words.iter().fold(ran, |ran, words| ran.says(words));
}

const HELP: &str = "help: name a file with the certificate of the server's authority with --cacert, in the option `ca` of the URL, or in \
                    the variable SSL_CERT_FILE";

#[test]
fn servers_are_trusted_by_the_variable_and_by_the_option() {
    let stranger = path_of("stranger.pem", &Authority::new().unwrap().pem());
    for scheme in SCHEMES {
        let server = Server::start(scheme, false);
        let own = server.authority.as_str();
        let folder = own.rsplit_once('/').unwrap().0;
        failed(server.send(&[], &[]), 3, &["invalid peer certificate: UnknownIssuer", HELP]);
        server.send(&[], &[("SSL_CERT_FILE", own)]).ended(0);
        server.send(&[], &[("SSL_CERT_DIR", folder)]).ended(0);
        server.send(&[("ca", own)], &[]).ended(0);
        // What the URL names goes before what the variable names, and is all that is trusted.
        server.send(&[("ca", own)], &[("SSL_CERT_FILE", &stranger)]).ended(0);
        let other = server.send(&[("ca", &stranger)], &[("SSL_CERT_FILE", own)]);
        failed(other, 3, &["invalid peer certificate: ", HELP]);
        // A flag is for what the URL does not name.
        run(&["send", &server.url, "--cacert", own], &[("SSL_CERT_FILE", &stranger)]).ended(0);
        let url = format!("{}ca={stranger}", server.url);
        failed(run(&["send", &url, "--cacert", own], &[]), 3, &["invalid peer certificate: "]);
    }
}

#[test]
fn clients_show_the_certificate_that_the_url_names() {
    for scheme in SCHEMES {
        let server = Server::start(scheme, true);
        let ca = ("ca", server.authority.as_str());
        let [certificate, key, both] = &server.client;
        let words = ["CertificateRequired", "help: the server requires a client certificate", "`cert`"];
        failed(server.send(&[ca], &[]), 3, &words);
        server.send(&[ca, ("cert", certificate), ("cert-key", key)], &[]).ended(0);
        server.send(&[ca, ("cert", both)], &[]).ended(0);
        let (stranger, its_key) = Authority::new().unwrap().issue("client").unwrap();
        let stranger = path_of("strange.pem", &(stranger + &its_key));
        let ran = server.send(&[ca, ("cert", &stranger)], &[]);
        failed(ran, 3, &["received fatal alert", "help: the server does not ", "`cert`"]);
        // The authority may be the variable's.
        server.send(&[("cert", both)], &[("SSL_CERT_FILE", ca.1)]).ended(0);
    }
}

#[test]
fn events_are_received_over_them_as_well() {
    for scheme in ["amqps", "rabbitmqs"] {
        let server = Server::start(scheme, true);
        let options = format!("ca={}&cert={}", server.authority, server.client[2]);
        let url = format!("{}{options}", server.url);
        run(&["send", &url], &[]).ended(0);
        run(&["listen", &url.replace("separator=colon&", ""), "--count", "1", "--idle", "30"], &[])
            .ended(0)
            .prints(&format!("{GOOD}\n"));
    }
}

/// The server is never asked.
#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.issue("client").unwrap();
    let other = authority.issue("other").unwrap().1;
    let ca = path_of("authority.pem", &authority.pem());
    let (certificate, key) = (path_of("client.pem", &certificate), path_of("client.key", &key));
    let other = path_of("other.key", &other);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = path_of("encrypted.key", encrypted);
    let damaged = path_of("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for scheme in SCHEMES {
        let send = |options: &str, variables: &[(&str, &str)]| {
            run(&["send", &format!("{scheme}://127.0.0.1:9/orders?{options}")], variables)
        };
        for (options, words) in [
            ("ca=absent.pem".to_owned(), &["the option `ca` names `absent.pem`, which cannot be read"][..]),
            (format!("ca={key}"), &["`ca`", "client.key`", "has no certificate in PEM"]),
            (format!("ca={damaged}"), &["`ca`", "damaged.pem`", "cannot be used"]),
            ("ca=".into(), &["the option `ca` names no file"]),
            (format!("cert={key}"), &["`cert`", "has no certificate in PEM"]),
            (
                format!("cert={certificate}"),
                &["`cert`", "has no private key", "help: name the file of the key in the option `cert-key`"],
            ),
            (format!("cert={certificate}&cert-key={certificate}"), &["`cert-key`", "has no private key"]),
            (format!("cert={certificate}&cert-key={encrypted}"), &["`cert-key`", "encrypted", "help: "]),
            (
                format!("cert={certificate}&cert-key={other}"),
                &["other.key`", "is not of the certificate", "client.pem`"],
            ),
            (format!("cert-key={key}"), &["the option `cert-key` is without the option `cert`"]),
        ] {
            failed(send(&options, &[]), 2, words);
        }
        for (variable, value, words) in [
            (
                "SSL_CERT_FILE",
                "absent.pem",
                "the variable SSL_CERT_FILE names `absent.pem`, which cannot be read",
            ),
            ("SSL_CERT_FILE", key.as_str(), "has no certificate in PEM"),
            ("SSL_CERT_DIR", "absent", "the variable SSL_CERT_DIR names `absent`, where no certificate is"),
        ] {
            failed(send("", &[(variable, value)]), 2, &[words]);
        }
        let plain = match scheme {
            "nats+tls" => "nats",
            tls => tls.strip_suffix('s').unwrap(),
        };
        let ran = run(&["send", &format!("{plain}://127.0.0.1:9/orders?ca={ca}")], &[]);
        let help = format!("help: the scheme with TLS is `{scheme}`");
        failed(ran, 2, &["the option `ca` is for connections with TLS", &help]);
    }
}

/// Over HTTP and Kafka, too: their clients take it for none, or trust those of the system.
#[test]
fn a_variable_that_names_no_authorities_is_an_error_over_every_protocol() {
    let [key, empty] = [("some.key", "-----BEGIN PRIVATE KEY-----\n"), ("empty.pem", "")]
        .map(|(name, text)| path_of(name, text));
    let folder = env!("CARGO_MANIFEST_DIR");
    let https = "https://127.0.0.1:9/".to_owned();
    let kafka = "kafka://127.0.0.1:9/orders?tls".to_owned();
    let others = SCHEMES.map(|scheme| format!("{scheme}://127.0.0.1:9/orders?"));
    for url in [https, kafka].iter().chain(&others) {
        for (value, words) in [
            ("absent.pem", "the variable SSL_CERT_FILE names `absent.pem`, which cannot be read"),
            (folder, "which cannot be read"),
            (&key, "which has no certificate in PEM"),
            (&empty, "which has no certificate in PEM"),
        ] {
            // The system has some beside it.
            let ran = run(&["send", url], &[("SSL_CERT_FILE", value), ("SSL_CERT_DIR", "/etc/ssl/certs")]);
            // Most builds have none for Kafka.
            if !ran.err.contains("no TLS, for `kafka` URLs") {
                failed(ran, 2, &[words]);
            }
        }
        let ran = run(&["send", url], &[("SSL_CERT_DIR", "absent")]);
        if !ran.err.contains("no TLS, for `kafka` URLs") {
            failed(ran, 2, &["the variable SSL_CERT_DIR names `absent`, where no certificate is"]);
        }
    }
}

/// The client of `http` is made for `https`, too.
#[test]
fn a_variable_that_names_no_authorities_has_the_same_status_without_tls() {
    let ran = run(&["send", "http://127.0.0.1:9/"], &[("SSL_CERT_FILE", "absent.pem")]);
    failed(ran, 2, &["the variable SSL_CERT_FILE names `absent.pem`"]);
}

/// Of a bridge: FROM, TO and the dead-letter place.
#[test]
fn flags_are_for_every_connection_of_a_command() {
    let (from, place) = (Server::start("amqps", true), Server::start("rabbitmqs", false));
    let (runtime, authority) = (Runtime::new().unwrap(), Authority::new().unwrap());
    let target = Listener::start(&[]);
    let port = runtime.block_on(authority.terminate(target.port(), false)).unwrap();
    let to = format!("https://127.0.0.1:{port}/events");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let all = path_of("all.pem", &(authority.pem() + &read(&from.authority) + &read(&place.authority)));
    let [certificate, key, _] = from.client.each_ref().map(String::as_str);
    let flags = ["--cacert", &all, "--cert", certificate, "--key", key];
    run(&[&["send", &from.url], &flags[..]].concat(), &[]).ended(0);
    let read_from = from.url.replace("separator=colon&", "");
    let ends = ["bridge", &read_from, &to, "--dead-letter", &place.url];
    let bridge = Bridge::run(command(&[&ends[..], &flags].concat()));
    bridge.until(&["cloudevents_bridge_confirmed_total"], 1);
    bridge.stop();
    target.stop();
    run(&[&["send", &from.url], &flags[..]].concat(), &[]).ended(0);
    run(&[&["listen", &read_from, "--count", "1", "--idle", "30"], &flags[..]].concat(), &[])
        .ended(0)
        .prints(&format!("{GOOD}\n"));
    // An option of one URL goes before them.
    let stranger = path_of("stranger.pem", &Authority::new().unwrap().pem());
    let strange = format!("{}ca={stranger}", place.url);
    let ran = run(&[&["bridge", &read_from, &to, "--dead-letter", &strange], &flags[..]].concat(), &[]);
    failed(ran, 3, &["the dead-letter place rabbitmqs://", "invalid peer certificate: ", HELP]);
}

#[test]
fn flags_that_cannot_be_used_are_named() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.issue("client").unwrap();
    let ca = path_of("authority.pem", &authority.pem());
    let (certificate, key) = (path_of("client.pem", &certificate), path_of("client.key", &key));
    let (amqps, https) = ("amqps://127.0.0.1:9/orders", "https://127.0.0.1:9/");
    let drops = "amqps://127.0.0.1:9/orders?reject=drop";
    for command in [&["send", amqps][..], &["send", https], &["listen", amqps], &["bridge", drops, https]] {
        for (flags, words) in [
            (&["--cacert", "absent.pem"][..], &["--cacert names `absent.pem`, which cannot be read"][..]),
            (&["--cacert", &key], &["--cacert names `", "client.key`, which has no certificate in PEM"]),
            (&["--cert", "absent.pem"], &["--cert names `absent.pem`, which cannot be read"]),
            (&["--cert", &certificate], &["--cert names `", "has no private key", "help: ", "with --key"]),
            (&["--cert", &certificate, "--key", "absent.key"], &["--key names `absent.key`, which cannot"]),
        ] {
            failed(run(&[command, flags].concat(), &[]), 2, words);
        }
    }
    let many = run(&["send", amqps, "--cacert", &ca, "--cacert", &ca], &[]);
    failed(many, 2, &["more than one --cacert", "help: "]);
    let no_tls = ["bridge", "amqp://127.0.0.1:9/orders?reject=drop", "http://127.0.0.1:9/", "--cacert", &ca];
    for command in [&no_tls[..], &["listen", "mqtt://127.0.0.1:9/orders", "--cacert", &ca]] {
        failed(run(command, &[]), 2, &["--cacert is only for connections with TLS", "help: "]);
    }
}
