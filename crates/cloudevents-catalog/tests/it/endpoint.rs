//! Endpoints as URLs, and as judges.

use cloudevents_catalog::{Catalog, Judge, LoadOptions, Outcome};
use cloudevents_core::Event;

fn url(protocol: &str, usage: &str, options: &str, more: &[(&str, &str)]) -> Result<String, String> {
    let document = format!(
        r#"{{"endpoints": {{"e": {{"usage": ["{usage}"], "protocol": "{protocol}", "protocoloptions": {options}}}}}}}"#
    );
    let catalog = Catalog::read(document, &LoadOptions::strict()).unwrap().catalog;
    let endpoint = catalog.endpoint("e").unwrap().with("t", "a b");
    let url = if usage == "producer" { endpoint.sender_url(more) } else { endpoint.receiver_url(more) };
    url.map_err(|error| error.to_string().replace("the endpoint `e` cannot be opened: ", ""))
}

#[test]
fn of_mqtt() {
    let at = |options: &str| format!(r#"{{"endpoints": [{{"uri": "mqtt://h:1883"}}]{options}}}"#);
    for (protocol, usage, options, wanted) in [
        // The QoS is 0 unless it is stated.
        ("MQTT/5.0", "producer", r#", "topic": "a/b""#, Ok("mqtt://h:1883/a/b?qos=0")),
        (
            "MQTT/3.1.1",
            "producer",
            r#", "topic": "{t}/b", "qos": 2, "retain": true"#,
            Ok("mqtt://h:1883/a%2520b/b?qos=2&retain=true&version=3.1.1"),
        ),
        (
            "MQTT/5.0",
            "subscriber",
            r##", "topicfilter": "a/+/#", "qos": 1"##,
            Ok("mqtt://h:1883/a/%2B/%23?qos=1"),
        ),
        (
            "MQTT/5.0",
            "subscriber",
            r#", "topicfilter": "a/+", "sharedsubscriptiongroup": "g""#,
            Ok("mqtt://h:1883/$share/g/a/%2B?qos=0"),
        ),
        (
            "MQTT/5.0",
            "subscriber",
            r#", "topicfilter": "a", "nolocal": true"#,
            Err("its option `nolocal` would have no effect"),
        ),
        ("MQTT/5.0", "producer", "", Err("it has no `topic`")),
        ("MQTT/5.0", "producer", r#", "topic": "a/{x}""#, Err("there is no value for the placeholder `x`")),
        ("MQTT/5.0", "producer", r#", "topic": "a", "qos": 3"#, Err("`qos` is 0, 1 or 2")),
        (
            "MQTT/5.0",
            "producer",
            r#", "topic": "a", "qos": "1", "retain": "true""#,
            Ok("mqtt://h:1883/a?qos=1&retain=true"),
        ),
        ("MQTT/5.0", "producer", r#", "topic": "a", "retain": "false""#, Ok("mqtt://h:1883/a?qos=0")),
        ("MQTT/5.0", "producer", r#", "topic": "a", "retain": "yes""#, Err("`retain` is true or false")),
        ("MQTT/5.0", "producer", r#", "topic": "a", "retain": 1"#, Err("`retain` is true or false")),
        ("SMTP", "producer", "", Err("its protocol is `SMTP`")),
    ] {
        let found = url(protocol, usage, &at(options), &[]);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{options}");
    }
    // A topic in the address stays as it is.
    let path = r#"{"endpoints": [{"uri": "ssl://h/a%20b"}]}"#;
    assert_eq!(
        url("MQTT/5.0", "producer", path, &[("client", "c")]).unwrap(),
        "mqtts://h/a%20b?qos=0&client=c"
    );
    let path = r#"{"endpoints": [{"uri": "mqtt://h/a"}], "retain": true}"#;
    assert_eq!(url("MQTT/5.0", "producer", path, &[]).unwrap(), "mqtt://h/a?qos=0&retain=true");
    let path = r#"{"endpoints": [{"uri": "mqtt://h/a"}], "sharedsubscriptiongroup": "g"}"#;
    assert_eq!(url("MQTT/5.0", "subscriber", path, &[]).unwrap_err(), "it has no `topicfilter`");
}

#[test]
fn of_kafka() {
    let servers = r#""endpoints": [{"bootstrap.servers": ["a:9092", "[2001:db8::1]:9093"], "security.protocol": "SSL"}]"#;
    for (usage, options, wanted) in [
        (
            "producer",
            r#""topic": "t", "acks": -1"#,
            Ok("kafka://a:9092,[2001:db8::1]:9093/t?tls=true&request.required.acks=-1"),
        ),
        (
            "consumer",
            r#""topic": "t", "consumergroup": "g", "autooffsetreset": "latest""#,
            Ok("kafka://a:9092,[2001:db8::1]:9093/t?tls=true&group=g&offset=latest&reject=drop"),
        ),
        ("consumer", r#""topic": "t""#, Err("it has no `consumergroup`")),
        ("producer", r#""topic": "t", "key": "k""#, Err("its option `key` would have no effect")),
        ("producer", r#""acks": 1"#, Err("it has no `topic`")),
    ] {
        let more: &[(&str, &str)] = if usage == "consumer" { &[("reject", "drop")] } else { &[] };
        let found = url("KAFKA", usage, &format!("{{{servers}, {options}}}"), more);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{options}");
    }
    // The specification forbids taking a scheme off.
    let listener = r#"{"endpoints": [{"bootstrap.servers": ["SSL://h:9093"]}], "topic": "t"}"#;
    assert_eq!(url("KAFKA", "producer", listener, &[]).unwrap_err(), "`SSL://h:9093` is not `host:port`");
    // Credentials are not shown.
    let with_login = r#"{"endpoints": [{"bootstrap.servers": ["alice:s3cret@h:9093"]}], "topic": "t"}"#;
    assert!(!url("KAFKA", "producer", with_login, &[]).unwrap_err().contains("s3cret"));
}

#[test]
fn of_amqp() {
    let at = |uri: &str, options: &str| format!(r#"{{"endpoints": [{{"uri": "{uri}"}}]{options}}}"#);
    for (usage, uri, options, wanted) in [
        ("producer", "amqp://h:5672/orders", "", Ok("amqp://h:5672/orders")),
        ("consumer", "amqps://h/a%20b", "", Ok("amqps://h/a%20b")),
        // The option goes before the path.
        (
            "consumer",
            "amqp://h/x",
            r#", "node": "/queues/{t}", "durable": true"#,
            Ok("amqp://h//queues/a%2520b"),
        ),
        ("consumer", "amqp://h/x", r#", "distribution-mode": "move""#, Ok("amqp://h/x")),
        (
            "consumer",
            "amqp://h/x",
            r#", "distribution-mode": "copy""#,
            Err("its option `distribution-mode` is \"copy\", and only \"move\" has an effect"),
        ),
        ("producer", "amqp://h", "", Err("it has no `node`")),
        (
            "producer",
            "amqp://h/x",
            r#", "link-properties": {}"#,
            Err("its option `link-properties` would have no effect"),
        ),
        ("producer", "http://h/x", "", Err("no connection is made by `http`")),
        ("producer", "alice:s3cret@h:5672", "", Err("the `uri` of its address has no scheme")),
        ("producer", "alice:s3cret@h://x", "", Err("the `uri` of its address has no scheme")),
        (
            "producer",
            "amqp://u:p@h/x",
            "",
            Err("its address has a host, and no query, fragment or credentials"),
        ),
        (
            "producer",
            "amqp://h/x?sasl=plain",
            "",
            Err("its address has a host, and no query, fragment or credentials"),
        ),
    ] {
        let found = url("AMQP/1.0", usage, &at(uri, options), &[]);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{uri} {options}");
    }
}

#[test]
fn of_nats() {
    let at = |uri: &str, options: &str| format!(r#"{{"endpoints": [{{"uri": "{uri}"}}]{options}}}"#);
    for (usage, uri, options, wanted) in [
        ("producer", "nats://h:4222", r#", "subject": "orders.{t}""#, Ok("nats://h:4222/orders.a%2520b")),
        (
            "subscriber",
            "tls://h:4222",
            r#", "subjectfilter": "orders.>", "queuegroup": "g""#,
            Ok("nats+tls://h:4222/orders.%3E?queue=g"),
        ),
        ("producer", "nats://h:4222", "", Err("it has no `subject`")),
        (
            "subscriber",
            "nats://h:4222",
            r#", "subject": "orders""#,
            Err("its option `subject` would have no effect"),
        ),
        ("producer", "ws://h:80", r#", "subject": "orders""#, Err("no connection is made by `ws`")),
        ("producer", "nats://h:4222/x", r#", "subject": "orders""#, Err("its address has a path")),
    ] {
        let found = url("NATS", usage, &at(uri, options), &[]);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{uri} {options}");
    }
}

#[test]
fn of_http() {
    let at = |options: &str| format!(r#"{{"endpoints": [{{"uri": "https://h/hook"}}]{options}}}"#);
    for (usage, options, more, wanted) in [
        ("producer", "", &[][..], Ok("https://h/hook")),
        (
            "producer",
            r#", "method": "POST", "query": {"code": "{t}"}"#,
            &[],
            Ok("https://h/hook?code=a%2520b"),
        ),
        ("producer", r#", "method": "PUT""#, &[], Err("events are sent by POST, and its method is `PUT`")),
        ("producer", r#", "headers": []"#, &[], Err("its option `headers` would have no effect")),
        ("producer", "", &[("losses", "allow")], Err("URLs of HTTP have no option `losses`")),
        ("consumer", "", &[], Err("receivers of HTTP are servers, and it is none")),
    ] {
        let found = url("HTTP", usage, &at(options), more);
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{options}");
    }
    let structured = r#"{"endpoints": {"e": {"usage": ["producer"], "protocol": "HTTP", "envelopeoptions": {"mode": "structured"},
        "protocoloptions": {"endpoints": [{"uri": "http://h/"}]}}}}"#;
    let format = r#""format": "application/cloudevents+json""#;
    for (document, wanted) in [
        (structured.to_owned(), "URLs of HTTP have no mode, and its mode is `structured`"),
        (
            structured.replace(r#""mode": "structured""#, format),
            "events are sent in binary mode, and its format is `application/cloudevents+json`",
        ),
    ] {
        let catalog = Catalog::parse(document).unwrap();
        let refused = catalog.endpoint("e").unwrap().sender_url(&[]).unwrap_err().to_string();
        assert!(refused.ends_with(wanted), "{refused}");
    }
}

#[test]
fn it_judges_by_its_own_messages() {
    let document = r#"{
        "endpoints": {
            "e": {"usage": ["producer"], "messagegroups": ["/messagegroups/a"], "messages": {"own": {"envelope": "CloudEvents/1.0"}}},
            "f": {"usage": ["producer"]}
        },
        "messagegroups": {
            "a": {"messages": {"t": {"envelope": "CloudEvents/1.0"}}}, "b": {"messages": {"u": {"envelope": "CloudEvents/1.0"}}}
        }
    }"#;
    let catalog = Catalog::parse(document).unwrap();
    for (endpoint, ty, wanted) in [
        ("e", "t", Outcome::Valid),
        ("e", "own", Outcome::Valid),
        ("e", "u", Outcome::Undefined),
        ("f", "t", Outcome::Undefined),
    ] {
        let event = Event::builder().id("1").source("/s").ty(ty).build().unwrap();
        assert_eq!(catalog.endpoint(endpoint).unwrap().judge(&event).outcome(), wanted, "{endpoint} {ty}");
    }
    assert!(catalog.endpoint("g").is_none());
}
