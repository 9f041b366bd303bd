//! Takes messages from senders.

use super::{
    queue::{Answer, Queue},
    shared::Shared,
};
use fe2o3_amqp::{
    Receiver,
    link::{
        RecvError,
        delivery::{Delivery, DeliveryInfo},
        receiver::CreditMode,
    },
};
use fe2o3_amqp_types::{
    definitions::{AmqpError, Error, ErrorCondition, LinkError},
    messaging::{Body, Message, Modified},
    primitives::{LazyValue, Symbol},
};
use std::collections::VecDeque;

/// Serves a link until it ends. Returns the error with which to end it.
pub(super) async fn serve(shared: &Shared, address: &str, link: &mut Receiver) -> Option<Error> {
    let queue = shared.queue(address);
    let credit = shared.options.credit.max(1);
    link.set_credit_mode(CreditMode::Auto(credit));
    link.set_credit(credit).await.ok()?;
    let mut waiting = VecDeque::new();
    loop {
        let changed = queue.changed();
        let answer = queue.current_answer();
        if answer != Answer::Withhold
            && let Some((info, message)) = waiting.pop_front()
        {
            reply(&queue, link, info, message, answer).await.ok()?;
            continue;
        }
        tokio::select! {
            delivery = link.recv::<Body<LazyValue>>() => match delivery {
                Ok(delivery) if shared.options.detaches_above.is_some_and(|most| data(delivery.body()) > most) => {
                    return Some(Error::new(LinkError::MessageSizeExceeded, None, None));
                }
                Ok(delivery) => waiting.push_back(apart(delivery)),
                Err(RecvError::MessageDecode(error)) => {
                    let says = error.source.to_string();
                    link.reject(error.info, Error::new(AmqpError::DecodeError, says, None)).await.ok()?;
                }
                Err(_) => return None,
            },
            () = changed => {}
        }
    }
}

/// The bytes of the data sections.
fn data(body: &Body<LazyValue>) -> usize {
    match body {
        Body::Data(sections) => sections.iter().map(|data| data.0.len()).fold(0, usize::saturating_add),
        _ => 0,
    }
}

fn apart(delivery: Delivery<Body<LazyValue>>) -> (DeliveryInfo, Message<Body<LazyValue>>) {
    delivery.into_parts()
}

async fn reply(
    queue: &Queue,
    link: &Receiver,
    info: DeliveryInfo,
    message: Message<Body<LazyValue>>,
    answer: Answer,
) -> Result<(), fe2o3_amqp::link::DispositionError> {
    match answer {
        Answer::Accept | Answer::Withhold => {
            queue.push(message);
            link.accept(info).await
        }
        Answer::Reject { condition, description } => {
            let error = Error::new(ErrorCondition::Custom(Symbol::from(condition)), description, None);
            link.reject(info, error).await
        }
        Answer::Release => link.release(info).await,
        Answer::Modify => {
            let modified =
                Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None };
            link.modify(info, modified).await
        }
    }
}
