//! prost, with the messages of the published schema.

#[allow(clippy::unwrap_used)] // It is shared with tests.
#[path = "schema.rs"]
mod schema;

use super::{Input, Side, Sides};
use crate::row::{Failure, run};
use prost::Message;
use schema::{CloudEvent, CloudEventBatch};
use std::hint::black_box;

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    let (document, batch) = (input.document.clone(), input.batch);
    Ok(if batch {
        let message = CloudEventBatch::decode(&*document)?;
        Sides {
            decode: run(move || CloudEventBatch::decode(&**black_box(&document))),
            encode: Side { run: run(move || black_box(&message).encode_to_vec()), extra: None },
        }
    } else {
        let message = CloudEvent::decode(&*document)?;
        if message.encode_to_vec().len() != schema::message(input.event()?).encode_to_vec().len() {
            return Err("prost reads another event than the one that was written".into());
        }
        Sides {
            decode: run(move || CloudEvent::decode(&**black_box(&document))),
            encode: Side { run: run(move || black_box(&message).encode_to_vec()), extra: None },
        }
    })
}
