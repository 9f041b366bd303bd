//! Requests that wait for their replies.

use cloudevents_core::{Error, ErrorKind};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// The requests of one connection that wait for replies. Clones share them.
///
/// A binding begins a request, sends its number as correlation data, and passes each reply on with
/// [`resolve`](Self::resolve).
///
/// ```
/// use cloudevents_transport::binding::confirms::Requests;
///
/// # futures_util::FutureExt::now_or_never(async {
/// let requests = Requests::new();
/// let request = requests.begin()?;
/// assert!(requests.resolve(request.number(), "pong"));
/// assert_eq!(request.reply().await?, "pong");
/// # Ok::<(), cloudevents_core::Error>(()) }).unwrap().unwrap();
/// ```
pub struct Requests<T>(Arc<Mutex<Waiting<T>>>);

struct Waiting<T> {
    replies: HashMap<u64, oneshot::Sender<T>>,
    last: u64,
    /// Why no reply comes any more.
    ended: Option<Error>,
}

impl<T> Requests<T> {
    /// Creates it without requests.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Waiting { replies: HashMap::new(), last: 0, ended: None })))
    }

    /// Begins a request. After [`end`](Self::end), returns its error.
    pub fn begin(&self) -> Result<Request<T>, Error> {
        let (sender, reply) = oneshot::channel();
        let mut waiting = self.waiting();
        if let Some(error) = &waiting.ended {
            return Err(error.clone());
        }
        waiting.last = waiting.last.wrapping_add(1);
        let number = waiting.last;
        waiting.replies.insert(number, sender);
        drop(waiting);
        Ok(Request { requests: self.clone(), number, reply })
    }

    /// Resolves the request with this number. Returns whether it was waiting; otherwise the reply is dropped.
    pub fn resolve(&self, number: u64, reply: T) -> bool {
        let waiting = self.waiting().replies.remove(&number);
        waiting.is_some_and(|waiting| waiting.send(reply).is_ok())
    }

    /// Reports that no more replies come: every waiting request fails with this error.
    pub fn end(&self, error: &Error) {
        let mut waiting = self.waiting();
        waiting.ended.get_or_insert_with(|| error.clone());
        let dropped = std::mem::take(&mut waiting.replies);
        drop(waiting);
        drop(dropped); // outside the lock: a woken task may run immediately
    }

    /// Whether [`end`](Self::end) was called.
    pub fn has_ended(&self) -> bool {
        self.waiting().ended.is_some()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Requests<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Requests<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Requests<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("waiting", &self.waiting().replies.len()).finish_non_exhaustive()
    }
}

/// A request that was begun. Dropping it ignores the reply.
pub struct Request<T> {
    requests: Requests<T>,
    number: u64,
    reply: oneshot::Receiver<T>,
}

impl<T> Request<T> {
    /// The number, which differs between all requests of the connection.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits for the reply. An error is that of [`Requests::end`].
    pub async fn reply(mut self) -> Result<T, Error> {
        (&mut self.reply).await.map_err(|_| {
            let ended = self.requests.waiting().ended.clone();
            ended.unwrap_or_else(|| Error::new(ErrorKind::Disconnected))
        })
    }
}

impl<T> Drop for Request<T> {
    fn drop(&mut self) {
        self.requests.waiting().replies.remove(&self.number);
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn replies_find_their_requests() {
        let requests = Requests::new();
        let (first, second) = (requests.begin().unwrap(), requests.begin().unwrap());
        assert_ne!(first.number(), second.number());
        assert!(requests.resolve(second.number(), 2) && !requests.resolve(second.number(), 3));
        assert!(!requests.resolve(99, 9));
        assert_eq!(second.reply().await.unwrap(), 2);
        let number = first.number();
        drop(first);
        assert!(!requests.resolve(number, 1));
        assert!(requests.waiting().replies.is_empty());
    }

    #[tokio::test]
    async fn a_lost_connection_ends_all_requests() {
        let requests = Requests::<()>::new();
        let waiting = requests.begin().unwrap();
        requests.end(&Error::new(ErrorKind::Timeout));
        assert_eq!(waiting.reply().await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(requests.begin().unwrap_err().kind(), ErrorKind::Timeout);
    }
}
