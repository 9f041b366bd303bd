//! Settings of librdkafka, and its log.

use super::urls::URLS;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, ReceiverOptions, Scheme, Side, binding::CertificateFiles};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};
use std::time::Duration;

/// Reads the brokers, user, name and TLS of a URL into settings.
///
/// A user logs in with SASL. The option `sasl` selects the mechanism: `plain` (the default), `scram-sha-256` or `scram-sha-512`. The option
/// `tls` encrypts the connection. The broker is checked against the system's authorities, or against the authorities of the file that
/// `SSL_CERT_FILE` or the option `ca` names. `cert` and `cert-key` name a client certificate and its key. An option with a dot in its name
/// is a setting of librdkafka.
pub(super) fn from_endpoint(endpoint: &Endpoint, config: &mut ClientConfig) -> Result<(), Error> {
    let Scheme { port, .. } = *URLS.check(endpoint, Side::Both)?;
    let hosts: Vec<_> = endpoint.hosts_with(port)?.iter().map(ToString::to_string).collect();
    config.set("bootstrap.servers", hosts.join(","));
    // The subscriber of `tracing` filters the log.
    if !matches!(config.log_level, RDKafkaLogLevel::Debug) {
        config.set_log_level(RDKafkaLogLevel::Info);
    }
    if let Some(name) = endpoint.option("name") {
        config.set("client.id", name);
    }
    let tls = endpoint.flag("tls")?.unwrap_or(false);
    let files = CertificateFiles::from_url(endpoint, tls, "add the option `tls`")?;
    let identity = files.identity.as_ref();
    for (name, file) in [
        ("ssl.ca.location", files.authorities.as_ref()),
        ("ssl.certificate.location", identity.map(|(certificate, _)| certificate)),
        ("ssl.key.location", identity.map(|(_, key)| key)),
    ] {
        // A URL is text.
        if let Some(file) = file.and_then(|file| file.to_str()) {
            config.set(name, file);
        }
    }
    let sasl = endpoint.user().is_some();
    if let Some(mechanism) = endpoint.option("sasl").filter(|name| name.starts_with("scram"))
        && !cfg!(feature = "tls")
    {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("this build has no `sasl={mechanism}`"))
            .with_help("turn on the feature `tls` of cloudevents-kafka"));
    }
    match (sasl, tls) {
        (false, false) => {}
        (false, true) => _ = config.set("security.protocol", "ssl"),
        (true, false) => _ = config.set("security.protocol", "sasl_plaintext"),
        (true, true) => _ = config.set("security.protocol", "sasl_ssl"),
    }
    if let Some(user) = endpoint.user() {
        let mechanism = match endpoint.option("sasl").unwrap_or("plain") {
            "plain" => "PLAIN",
            "scram-sha-256" => "SCRAM-SHA-256",
            "scram-sha-512" => "SCRAM-SHA-512",
            _ => {
                return Err(endpoint
                    .invalid("the option `sasl` names no mechanism")
                    .with_help("the mechanisms are `plain`, `scram-sha-256`, `scram-sha-512`"));
            }
        };
        config.set("sasl.mechanism", mechanism).set("sasl.username", user.expose());
        if let Some(password) = endpoint.password() {
            config.set("sasl.password", password.expose());
        }
    } else if endpoint.option("sasl").is_some() {
        return Err(endpoint.invalid("the option `sasl` needs a user"));
    }
    for (name, value) in endpoint.options().filter(|(name, _)| name.contains('.')) {
        config.set(name, value);
    }
    // A mechanism that is a setting of librdkafka may need none.
    let needs_password =
        sasl && endpoint.option("sasl.mechanism").or(endpoint.option("sasl.mechanisms")).is_none();
    if needs_password && config.get("sasl.password").is_none() {
        let error = endpoint.invalid("the user has no password");
        return Err(error.with_help("write `user:password@`, percent-encoded"));
    }
    #[cfg(feature = "tls")]
    if tls && config.get("ssl.ca.pem").is_none() {
        if config.get("ssl.ca.location").is_none() {
            cloudevents_transport::binding::check_authorities()?;
        }
        // Files are better known than folders, whose names are hashes that each OpenSSL makes in its own way.
        let system = openssl_probe::probe();
        let places = system.cert_file.iter().chain(&system.cert_dir);
        if let Some(place) = places.filter_map(|path| path.to_str()).next() {
            default(config, "ssl.ca.location", place);
        }
    }
    // librdkafka does not say which file it cannot read.
    if let Some(place) = config.get("ssl.ca.location").filter(|place| *place != "probe")
        && let Err(error) = std::fs::metadata(place)
    {
        let detail = format!(
            "the authorities (`ca`, `ssl.ca.location` or SSL_CERT_FILE) are to be in `{place}`: {error}"
        );
        return Err(endpoint.invalid(&detail));
    }
    Ok(())
}

/// Adds JSON to the formats that a receiver decodes.
pub(super) fn understand_json(options: &mut ReceiverOptions) {
    let formats = &mut options.decoding.formats;
    *formats = cloudevents_json::with_json(std::mem::take(formats));
}

/// Sets a value unless the user has set it.
pub(super) fn default(config: &mut ClientConfig, name: &str, value: impl Into<String>) {
    if config.get(name).is_none() {
        config.set(name, value);
    }
}

/// A duration in milliseconds, as settings expect.
pub(super) fn millis(duration: Duration) -> String {
    duration.as_millis().min(i32::MAX as u128).max(1).to_string()
}

/// Forwards the log of librdkafka to `tracing`.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::error!(target: "cloudevents_kafka::librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "cloudevents_kafka::librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "cloudevents_kafka::librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "cloudevents_kafka::librdkafka", facility, "{message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::new();
        from_endpoint(&Endpoint::parse(url)?, &mut config)?;
        Ok(config)
    }

    #[test]
    fn urls() {
        let plain = config("kafka://one,two:1/t?linger.ms=7&name=billing").unwrap();
        assert_eq!(plain.get("client.id"), Some("billing"));
        assert_eq!(plain.get("bootstrap.servers"), Some("one:9092,two:1"));
        assert_eq!((plain.get("linger.ms"), plain.get("security.protocol")), (Some("7"), None));
        let user = config("kafka://me:p%40w@one/t?sasl=plain").unwrap();
        let get = |name| user.get(name);
        assert_eq!((get("sasl.username"), get("sasl.password")), (Some("me"), Some("p@w")));
        let setting = config("kafka://me@one/t?sasl.password=p").unwrap();
        assert_eq!(setting.get("sasl.password"), Some("p"));
        assert!(config("kafka://me@one/t?sasl.mechanism=GSSAPI").is_ok());
        assert_eq!(
            (get("security.protocol"), get("sasl.mechanism")),
            (Some("sasl_plaintext"), Some("PLAIN"))
        );
        for url in [
            "kafka:///t",
            "nats://one/t",
            "kafka://one/t?tls=maybe",
            "kafka://a:b@one/t?sasl=x",
            "kafka://one/t?sasl=plain",
            "kafka://me@one/t",
            "kafka://one/t?ssl.ca.location=no-such.pem",
            "kafka://one/t?ca=Cargo.toml",
        ] {
            assert_eq!(config(url).unwrap_err().kind(), ErrorKind::InvalidUrl, "{url}");
        }
        if !cfg!(feature = "tls") {
            for url in ["kafka://one/t?tls", "kafka://me:p@one/t?sasl=scram-sha-256"] {
                assert_eq!(config(url).unwrap_err().kind(), ErrorKind::Unsupported, "{url}");
            }
        }
    }

    /// OpenSSL that is built from source looks into a folder of the machine that built it.
    #[cfg(all(feature = "tls", unix))]
    #[test]
    fn authorities_are_those_of_the_system_unless_they_are_named() {
        let system = config("kafka://one/t?tls").unwrap();
        let place = system.get("ssl.ca.location").unwrap();
        assert!(std::path::Path::new(place).exists(), "{place}");
        let named = config("kafka://one/t?tls&ssl.ca.location=Cargo.toml").unwrap();
        assert_eq!(named.get("ssl.ca.location"), Some("Cargo.toml"));
        let error = config("kafka://one/t?tls&ca=Cargo.toml").unwrap_err();
        assert!(error.detail().contains("`Cargo.toml`, which has no certificate in PEM"), "{error}");
        assert_eq!(config("kafka://one/t").unwrap().get("ssl.ca.location"), None);
    }
}
