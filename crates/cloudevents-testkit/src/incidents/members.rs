//! Members that share a queue, and join and leave under load.

use super::{again, scene::ensure};
use cloudevents_core::Event;
use cloudevents_transport::{
    Delivery, Receiver, ReceiverOptions,
    contract::{Failure, Venue},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How many messages are sent.
const SENT: usize = 900;

/// How long a member may take until another one has its turn.
const TURN: Duration = Duration::from_millis(20);

/// Checks that members may come and go while messages are sent.
///
/// Three receivers share the messages. While the messages are sent, one receiver leaves at once with a message that it holds, one is
/// drained, and two others come. Each message has to arrive. Messages that the member that stays has accepted have to arrive once. The
/// venue's receivers have to share one queue.
///
/// An error says which of these does not hold.
pub async fn check_members(venue: &impl Venue) -> Result<(), Failure> {
    let mut options = ReceiverOptions::default();
    options.in_flight.messages = 10;
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(venue.receiver(options.clone()).await?);
    }
    let sender = venue.sender().await?;
    let events =
        (0..SENT).map(|number| Event::builder().id(number.to_string()).source("/members").ty("t").build());
    let events = events.collect::<Result<Vec<_>, _>>().map_err(|error| Failure::new(error.to_string()))?;
    let sending = tokio::spawn(async move { sender.send_all(events).await });

    let mut came = BTreeMap::<usize, u64>::new();
    let mut kept = BTreeSet::new();
    let (mut leaves, mut last) = (vec![SENT / 3, SENT * 2 / 3], Instant::now());
    while came.len() < SENT {
        for (index, member) in members.iter_mut().enumerate() {
            let Some((number, delivery)) = taken(member).await? else { continue };
            last = Instant::now();
            *came.entry(number).or_default() += 1;
            delivery.accept().await?;
            if index == 0 {
                kept.insert(number);
            }
        }
        ensure(last.elapsed() < again(), || format!("only {} of {SENT} came", came.len()))?;
        if leaves.first().is_some_and(|leave| came.len() >= *leave) {
            leaves.remove(0);
            let (mut drained, mut left) = (members.remove(2), members.remove(1));
            let held = taken(&mut left).await?;
            drop((held, left));
            drained.drain(again()).await?;
            for _ in 0..2 {
                members.push(venue.receiver(options.clone()).await?);
            }
        }
    }
    let sent = sending.await.map_err(|error| Failure::new(error.to_string()))?;
    sent.map_err(|error| Failure::new(format!("{error:?}")))?;
    let twice: Vec<_> = came.iter().filter(|(number, times)| **times > 1 && kept.contains(number)).collect();
    ensure(twice.is_empty(), || {
        format!("accepted by the member that stays, and came more than once: {twice:?}")
    })
}

/// The next message of a member, if it has one now, and its number.
async fn taken(member: &mut Receiver) -> Result<Option<(usize, Delivery)>, Failure> {
    let Ok(next) = timeout(TURN, member.next()).await else { return Ok(None) };
    let delivery = next?.ok_or_else(|| Failure::new("a receiver has ended"))?;
    let id = delivery.event()?.id().to_owned();
    let number = id.parse().map_err(|_| Failure::new(format!("another message came: {id}")))?;
    Ok(Some((number, delivery)))
}
