//! The limit of a request, and its answers by the numbers of its entries.

use cloudevents_core::Error;
use cloudevents_transport::binding::batches::no_answer;

/// How many entries a request has at most.
pub const MOST: usize = 10;

/// The answers of entries whose ids are their numbers. An entry without an answer has an error.
pub fn by_number<T>(
    count: usize,
    successful: impl Iterator<Item = (String, T)>,
    failed: impl Iterator<Item = (String, Error)>,
) -> Vec<Result<T, Error>> {
    let mut answers: Vec<Option<Result<T, Error>>> = (0..count).map(|_| None).collect();
    let all =
        successful.map(|(id, answer)| (id, Ok(answer))).chain(failed.map(|(id, error)| (id, Err(error))));
    for (id, answer) in all {
        if let Some(place) = id.parse().ok().and_then(|number: usize| answers.get_mut(number)) {
            *place = Some(answer);
        }
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(no_answer()))).collect()
}
