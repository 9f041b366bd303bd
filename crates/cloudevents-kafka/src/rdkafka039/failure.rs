//! Converts errors of the client, with a detail and a help text.

use super::at_fault::{OfBatch, refuses_batch};
use cloudevents_core::{Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

const DAMAGED: &str = "a batch is damaged: seek behind it, or reset the offset of the group";

/// Converts an error of rdkafka. Omits the values of settings, some of which are secret.
#[cold]
pub(super) fn failed(error: KafkaError) -> Error {
    use RDKafkaErrorCode as Code;
    if let KafkaError::ClientConfig(_, _, name, _) = &error {
        return Error::new(ErrorKind::Unsupported)
            .with_detail(format!("librdkafka does not accept this setting, or not with this value: {name}"));
    }
    let (kind, help) = match error.rdkafka_error_code() {
        Some(Code::NotImplemented) => (
            ErrorKind::Unsupported,
            "for batches that are compressed with gzip or zstd, turn on the feature `gzip` or `zstd` of cloudevents-kafka (`kafka-gzip` or \
             `kafka-zstd` of cloudevents-kit); snappy and lz4 are built in",
        ),
        Some(Code::BadCompression | Code::BadMessage) => (ErrorKind::Unsupported, DAMAGED),
        // Of a record that is sent, it says something else.
        Some(Code::InvalidMessage) if matches!(error, KafkaError::MessageConsumption(_)) => {
            (ErrorKind::Unsupported, DAMAGED)
        }
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge) => (
            ErrorKind::TooLarge,
            "send less, or raise `message.max.bytes` here and `max.message.bytes` of the topic",
        ),
        Some(
            Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator,
        ) => (ErrorKind::Timeout, ""),
        Some(
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::NetworkException
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::CoordinatorNotAvailable
            | Code::NodeUpdate
            | Code::Resolve,
        ) => (ErrorKind::Disconnected, ""),
        Some(Code::Fatal | Code::Fenced | Code::ProducerFenced) => {
            (ErrorKind::Closed, "open another one: librdkafka has stopped this one after a fatal error")
        }
        Some(Code::PurgeQueue | Code::PurgeInflight | Code::BrokerDestroy) => (ErrorKind::Closed, ""),
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
            (ErrorKind::Refused, "create the topic, or check its name")
        }
        Some(Code::Authentication | Code::SaslAuthenticationFailed) => (
            ErrorKind::Refused,
            "check the user, the password and the option `sasl`, or the source of tokens",
        ),
        Some(Code::SSL) => (
            ErrorKind::Refused,
            "check that the broker speaks TLS there, and name a file with the authority of its certificate in the option `ca`; those of the \
             system are trusted otherwise, or of SSL_CERT_FILE",
        ),
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::PolicyViolation
            | Code::InvalidTopic
            | Code::InvalidRecord
            | Code::InvalidDifferentRecord
            | Code::InvalidMessage
            | Code::UnknownPartition
            | Code::UnsupportedForMessageFormat,
        ) => (ErrorKind::Refused, ""),
        _ => (ErrorKind::Transport, ""),
    };
    let mut detail = error.to_string();
    if let Some(code) = error.rdkafka_error_code() {
        detail = format!("{code}");
    }
    let failed = Error::new(kind).with_detail(detail);
    let failed = if help.is_empty() { failed } else { failed.with_help(help) };
    failed.with_source(error)
}

/// Whether this very record was refused, so that no later attempt can succeed and other records may.
///
/// Then librdkafka found it too large, or a broker refused it while it was alone. Other errors are about the topic, the rights or the state
/// of the broker. `None` if the error is not of librdkafka.
pub(super) fn refuses_message(error: &Error) -> Option<bool> {
    let source = std::error::Error::source(error)?;
    if source.is::<OfBatch>() {
        return Some(false);
    }
    source.downcast_ref::<KafkaError>().map(refuses_batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;

    #[test]
    fn a_setting_that_is_refused_is_named_and_its_value_is_not() {
        let error = ClientConfig::new()
            .set("sasl.mechanism", "s3cret")
            .set("linger.ms", "s3cret")
            .create_native_config();
        let error = failed(error.err().unwrap());
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let text = format!("{error} {error:?}");
        assert!(text.contains("linger.ms") && !text.contains("s3cret"), "{text}");
    }
}
