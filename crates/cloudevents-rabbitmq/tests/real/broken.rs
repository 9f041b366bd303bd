//! A broker that does not keep to what the receiver relies on: how it numbers deliveries, and how many it sends.

use crate::tools::{events, id, lost, next, patience, sender_to, strict, until, within};
use cloudevents_rabbitmq::lapin4::receiver;
use cloudevents_testkit::rabbitmq::Broker;
use cloudevents_transport::Receiver;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

const QOS: [u8; 4] = [0, 60, 0, 10];
const DELIVER: [u8; 4] = [0, 60, 0, 60];
const ACK: [u8; 4] = [0, 60, 0, 80];
const NACK: [u8; 4] = [0, 60, 0, 120];

/// Opens a receiver that speaks to the broker through a peer, which changes the methods of both.
async fn receiver_through(broker: &Broker, options: &str, change: fn(&mut [u8])) -> Receiver {
    let (server, listener) = (broker.port(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
            let mut client = client.unwrap();
            let mut greeting = [0; 8];
            client.read_exact(&mut greeting).unwrap();
            (&server).write_all(&greeting).unwrap();
            let other = (server.try_clone().unwrap(), client.try_clone().unwrap());
            for (from, to) in [(client, server), other] {
                thread::spawn(move || {
                    let _ = pass(&from, &to, change);
                    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                });
            }
        }
    });
    let url = format!("rabbitmq://127.0.0.1:{port}/?queue=q&{options}");
    within(receiver(&url, strict())).await.unwrap()
}

/// Passes frames on.
fn pass(mut from: &TcpStream, mut to: &TcpStream, change: fn(&mut [u8])) -> io::Result<()> {
    loop {
        let mut frame = vec![0; 7];
        from.read_exact(&mut frame)?;
        let length = u32::from_be_bytes(frame[3..].try_into().unwrap()) as usize;
        frame.resize(7 + length + 1, 0);
        from.read_exact(&mut frame[7..])?;
        if frame[0] == 1 {
            change(&mut frame[7..]);
        }
        to.write_all(&frame)?;
    }
}

/// The number of a delivery in a method that has one.
fn number(method: &mut [u8]) -> Option<&mut [u8]> {
    let (kind, rest) = method.split_at_mut(4);
    match <[u8; 4]>::try_from(&*kind).unwrap() {
        DELIVER => {
            let consumer = usize::from(rest[0]);
            rest[1 + consumer..].get_mut(..8)
        }
        ACK | NACK => rest.get_mut(..8),
        _ => None,
    }
}

/// Nothing of this size is taken from the heap, which would end the program.
#[tokio::test]
async fn the_number_of_a_delivery_is_not_the_size_of_anything() {
    let broker = Broker::start().unwrap();
    within(sender_to(&broker, "q").await.send_all(events(10))).await.unwrap();
    // The numbers that the receiver sees have this bit.
    let mut receiver = receiver_through(&broker, "", |method| {
        number(method).into_iter().for_each(|number| number[1] ^= 0x40)
    })
    .await;
    let mut held = Vec::new();
    for wanted in 0..10 {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), wanted.to_string());
        held.push(delivery);
    }
    for at in [7, 0, 1, 0] {
        within(held.remove(at).accept()).await.unwrap();
    }
    drop(held.pop());
    for delivery in held {
        within(delivery.accept()).await.unwrap();
    }
    within(next(&mut receiver).await.accept()).await.unwrap();
    assert_eq!(receiver.connectivity().losses(), 0);
    within(receiver.drain(patience())).await.unwrap();
    assert!(broker.queue("q").is_empty());
}

/// What is settled would be another message.
#[tokio::test]
async fn a_number_that_comes_again_ends_the_connection() {
    let broker = Broker::start().unwrap();
    within(sender_to(&broker, "q").await.send_all(events(2))).await.unwrap();
    let receiver = receiver_through(&broker, "", |method| {
        if method.starts_with(&DELIVER) {
            number(method).unwrap().copy_from_slice(&1_u64.to_be_bytes());
        }
    })
    .await;
    lost(&receiver).await;
}

#[tokio::test]
async fn a_broker_that_knows_no_prefetch_ends_the_connection() {
    let broker = Broker::start().unwrap();
    let (queue, sender) = (broker.queue("q"), sender_to(&broker, "q").await);
    let mut receiver = receiver_through(&broker, "prefetch=4", |method| {
        if method.starts_with(&QOS) {
            method[8..10].fill(0); // no limit
        }
    })
    .await;
    // A cluster sends more than the prefetch where its nodes have lost each other.
    within(sender.send_all(events(32))).await.unwrap();
    until(&queue, |queue| queue.unsettled() == 32).await;
    let held = next(&mut receiver).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.connectivity().losses(), 0);
    within(sender.send_all(events(1))).await.unwrap();
    lost(&receiver).await;
    drop(held);
}
