//! An error that a client reports over and over is logged as a warning once in a while.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// An error that lasts is logged again after this long.
const QUIET: Duration = Duration::from_secs(30);

/// The errors of which is known when they were logged.
const MOST: usize = 64;

/// When an error was logged last, by its code and by the broker that it names.
#[derive(Default)]
pub(super) struct RepeatedErrors(Vec<(Option<RDKafkaErrorCode>, String, Instant)>);

impl RepeatedErrors {
    /// Whether an error is logged as a warning: if [`QUIET`] has passed since an error of the same kind and broker was. The reason is
    /// librdkafka's, and begins with the broker if there is one.
    ///
    /// rdkafka reports each error of a producer twice, and librdkafka reports it again with each attempt.
    pub(super) fn is_news(&mut self, error: &KafkaError, reason: &str, now: Instant) -> bool {
        self.0.retain(|(.., told)| now.duration_since(*told) < QUIET);
        let (code, place) =
            (error.rdkafka_error_code(), reason.split_once(": ").map_or(reason, |(place, _)| place));
        let is_new =
            self.0.len() < MOST && !self.0.iter().any(|(known, at, _)| *known == code && at == place);
        if is_new {
            self.0.push((code, place.to_owned(), now));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_comes_again_is_logged_once_in_a_while() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let down = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        let refused = KafkaError::Global(RDKafkaErrorCode::Authentication);
        let mut errors = RepeatedErrors::default();
        assert!(errors.is_news(&down, "a:9092/1: Connect failed", at(0)));
        assert!(!errors.is_news(&down, "a:9092/1: Connect failed (2 identical errors suppressed)", at(1)));
        assert!(errors.is_news(&down, "b:9092/2: Connect failed", at(2)));
        assert!(errors.is_news(&refused, "a:9092/1: token expired", at(3)));
        assert!(!errors.is_news(&down, "a:9092/1: Connect failed", at(29)));
        assert!(errors.is_news(&down, "a:9092/1: Connect failed", at(31)));
        for broker in 0..2 * MOST {
            errors.is_news(&down, &format!("c:9092/{broker}: Connect failed"), at(32));
        }
        assert_eq!(errors.0.len(), MOST);
    }
}
