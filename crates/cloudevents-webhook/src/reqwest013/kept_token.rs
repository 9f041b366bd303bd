//! The token that a source keeps.

use cloudevents_core::Error;
use std::time::{Duration, Instant};

/// How long nothing is requested after a response. After a failure, the server may request longer. After a token, its life does not matter,
/// however short it is.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a renewed token is not renewed again although a target refuses it. Then the fault is not in the token.
const SETTLED: Duration = Duration::from_secs(10);

/// A token and its times.
#[derive(Clone)]
pub(super) struct Token {
    token: Box<str>,
    /// `None` if it is good until it is refused.
    times: Option<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    renew: Instant,
    expires: Instant,
}

impl Token {
    /// A token that is good for this long. It is renewed a fifth of that earlier, at most a minute.
    pub(super) fn new(token: &str, lifetime: Option<Duration>, issued: Instant) -> Self {
        let times = lifetime.and_then(|lifetime| {
            let early = lifetime.checked_div(5).unwrap_or_default().min(Duration::from_secs(60));
            let expires = issued.checked_add(lifetime)?; // beyond time itself: never
            Some(Times { renew: expires.checked_sub(early)?, expires })
        });
        Self { token: token.into(), times }
    }

    /// Is not requested again at once, with any lifetime: some servers give 0 as the lifetime of a token that does not expire.
    fn settled(mut self, now: Instant) -> Self {
        if let (Some(times), Some(least)) = (&mut self.times, now.checked_add(PAUSE)) {
            (times.renew, times.expires) = (times.renew.max(least), times.expires.max(least));
        }
        self
    }

    fn is_valid(&self, now: Instant) -> bool {
        self.times.is_none_or(|times| now < times.expires)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.times.is_none_or(|times| now < times.renew)
    }
}

/// The last token, and the last failure to get one.
#[derive(Default)]
pub(super) struct Kept {
    token: Option<Token>,
    failure: Option<(Error, Instant)>,
    /// When a refused token was last given up.
    gave_up: Option<Instant>,
}

impl Kept {
    /// The token to use, or the error that counts for now. `None` if a token is to be requested.
    pub(super) fn token(&self, now: Instant) -> Option<Result<Box<str>, Error>> {
        if let Some(token) = self.token.as_ref().filter(|token| token.is_fresh(now)) {
            return Some(Ok(token.token.clone()));
        }
        let (error, until) = self.failure.as_ref()?;
        (now < *until).then(|| self.unexpired(now).ok_or_else(|| error.clone()))
    }

    /// The token that is to be renewed soon, and is still good.
    pub(super) fn unexpired(&self, now: Instant) -> Option<Box<str>> {
        self.token.as_ref().filter(|token| token.is_valid(now)).map(|token| token.token.clone())
    }

    /// Keeps the result of a request. Returns the token to use now. After a failure, that is the token before it as long as it is good.
    pub(super) fn keep(&mut self, requested: Result<Token, Error>, now: Instant) -> Result<Box<str>, Error> {
        match requested {
            Ok(token) => {
                self.failure = None;
                Ok(self.token.insert(token.settled(now)).token.clone())
            }
            Err(error) => {
                let pause = error.retry_after().unwrap_or_default().max(PAUSE);
                self.failure = Some((error.clone(), now.checked_add(pause).unwrap_or(now)));
                self.unexpired(now).ok_or(error)
            }
        }
    }

    /// Gives up a token that a target refused. Returns whether another attempt may have another token.
    pub(super) fn refused(&mut self, token: &str, now: Instant) -> bool {
        if self.token.as_ref().is_some_and(|kept| *kept.token != *token) {
            return true; // renewed meanwhile
        }
        if self.unexpired(now).is_none() {
            return true; // it expired on its way
        }
        let settled = |gave_up: Instant| now.saturating_duration_since(gave_up) >= SETTLED;
        if !self.gave_up.is_none_or(settled) {
            return false;
        }
        self.token = None;
        self.gave_up = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    const SECOND: Duration = Duration::from_secs(1);

    fn text(known: Option<Result<Box<str>, Error>>) -> Option<String> {
        known.map(|known| known.map_or_else(|error| error.to_string(), String::from))
    }

    fn failed() -> Error {
        Error::new(ErrorKind::Refused).with_detail("no")
    }

    #[test]
    fn a_token_is_renewed_before_it_expires() {
        // A second at least, whatever the server says: a request for each delivery would be a flood.
        for (lifetime, renewed_at) in [(3600, 3540), (100, 80), (1, 1), (0, 1)] {
            let (mut kept, now) = (Kept::default(), Instant::now());
            assert!(kept.token(now).is_none());
            let token = Token::new("a", Some(lifetime * SECOND), now);
            assert_eq!(&*kept.keep(Ok(token), now).unwrap(), "a");
            assert_eq!(text(kept.token(now + (renewed_at - 1) * SECOND)).as_deref(), Some("a"));
            assert!(kept.token(now + renewed_at * SECOND).is_none());
        }
        let (mut kept, now) = (Kept::default(), Instant::now());
        kept.keep(Ok(Token::new("a", None, now)), now).unwrap();
        assert_eq!(text(kept.token(now + 1_000_000 * SECOND)).as_deref(), Some("a"));
        kept.keep(Ok(Token::new("b", Some(Duration::MAX), now)), now).unwrap();
        assert_eq!(text(kept.token(now + 1_000_000 * SECOND)).as_deref(), Some("b"));
    }

    #[test]
    fn a_failure_counts_for_a_while_and_a_valid_token_outlives_it() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        assert!(kept.keep(Err(failed()), now).is_err());
        assert!(kept.token(now).unwrap().is_err());
        assert!(kept.token(now + SECOND).is_none());
        let later = failed().with_retry_after(30 * SECOND);
        assert!(kept.keep(Err(later), now).is_err());
        assert!(kept.token(now + 29 * SECOND).unwrap().is_err());
        assert!(kept.token(now + 30 * SECOND).is_none());
        let century = failed().with_retry_after(3_155_760_000 * SECOND);
        assert!(kept.keep(Err(century), now).is_err());
        // A day, as everywhere.
        assert!(kept.token(now + Error::LONGEST_RETRY_AFTER - SECOND).unwrap().is_err());
        assert!(kept.token(now + Error::LONGEST_RETRY_AFTER).is_none());

        // To be renewed from 80 s on, expires at 100 s.
        kept.keep(Ok(Token::new("a", Some(100 * SECOND), now)), now).unwrap();
        let renewing = now + 99 * SECOND;
        assert_eq!(&*kept.keep(Err(failed()), renewing).unwrap(), "a");
        assert_eq!(text(kept.token(renewing)).as_deref(), Some("a"));
        assert!(kept.keep(Err(failed()), now + 100 * SECOND).is_err());
        assert!(kept.token(now + 100 * SECOND).unwrap().is_err());
    }

    #[test]
    fn a_refused_token_is_given_up_once_in_a_while() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        kept.keep(Ok(Token::new("a", None, now)), now).unwrap();
        assert!(kept.refused("a", now) && kept.token(now).is_none());
        assert!(kept.refused("a", now)); // another delivery that had it
        kept.keep(Ok(Token::new("b", None, now)), now).unwrap();
        assert!(kept.refused("a", now)); // that one is renewed already
        assert!(!kept.refused("b", now + 9 * SECOND));
        assert_eq!(text(kept.token(now)).as_deref(), Some("b"));
        assert!(kept.refused("b", now + 10 * SECOND));
        // It was valid when it was sent.
        kept.keep(Ok(Token::new("c", Some(2 * SECOND), now)), now + 11 * SECOND).unwrap();
        assert!(kept.refused("c", now + 12 * SECOND));
    }
}
