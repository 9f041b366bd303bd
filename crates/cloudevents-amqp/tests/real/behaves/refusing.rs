//! Parts of AMQP that the embedded broker lacks: it refuses them.

use super::client::{Behaviour, message, name};
use cloudevents_testkit::patience;
use fe2o3_amqp::Sender;
use fe2o3_amqp_types::{
    messaging::{DistributionMode, FilterSet, Source, Target, TerminusDurability, TerminusExpiryPolicy},
    primitives::{Symbol, Value},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

pub(super) const ALL: &[Behaviour] = &[
    ("selectors and other filters", |place| {
        place.run(async {
            let mut client = place.client().await;
            let mut source = Source::from(name());
            let mut filters = FilterSet::new();
            filters.insert("selector".into(), Value::String("kind = 'a'".into()));
            source.filter = Some(filters);
            let attached = client.try_receiver(source).await;
            refused(attached).await;
        });
    }),
    ("browsing", |place| {
        place.run(async {
            let mut client = place.client().await;
            let mut source = Source::from(name());
            source.distribution_mode = Some(DistributionMode::Copy);
            let attached = client.try_receiver(source).await;
            refused(attached).await;
        });
    }),
    ("topics, of which each receiver gets all", |place| {
        place.run(async {
            for capability in ["topic", "temporary-topic", "shared", "global"] {
                let capabilities = vec![Symbol::from("queue"), Symbol::from(capability)];
                let mut client = place.client().await;
                let mut source = Source::from(name());
                source.capabilities = Some(capabilities.clone().into());
                let attached = client.try_receiver(source).await;
                refused(attached).await;
                let target = Target::builder().address(name()).capabilities(capabilities).build();
                let attached =
                    Sender::builder().name(name()).target(target).attach(&mut client.session).await;
                let says = match attached {
                    Err(error) => format!("{error:?}"),
                    Ok(mut sender) => format!("{:?}", sender.send(message("x")).await.unwrap_err()),
                };
                assert!(says.contains("NotImplemented"), "{capability}: {says}");
            }
        });
    }),
    // Artemis answers what it was sent.
    ("no end of a link is durable, and a receiver hears so", |place| {
        place.run(async {
            let mut client = place.client().await;
            let mut source = Source::from(name());
            source.durable = TerminusDurability::UnsettledState;
            source.expiry_policy = TerminusExpiryPolicy::Never;
            source.timeout = 60;
            let receiver = client.try_receiver(source).await.unwrap();
            let source = receiver.source().as_ref().unwrap();
            assert_eq!(
                (&source.durable, &source.expiry_policy, source.timeout),
                (&TerminusDurability::None, &TerminusExpiryPolicy::SessionEnd, 0)
            );
        });
    }),
    (
        "transactions, by closing the socket: the library behind the broker does not read coordinators",
        |place| {
            // The same frames with an address are answered.
            assert!(is_attached(place.address(), b"\x00\x53\x29\xc0\x04\x01\xa1\x01q"));
            assert!(!is_attached(place.address(), COORDINATOR));
        },
    ),
];

/// The coordinator of transactions, as a target without capabilities (part 4, section 4.5.1).
const COORDINATOR: &[u8] = b"\x00\x53\x30\x45";

/// Attaches a link with a target, which is encoded, and returns whether the broker attaches it, too. Otherwise it ends the connection.
fn is_attached(address: &str, target: &[u8]) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience())).unwrap();
    let frame = |kind: u8, body: &[u8]| {
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&size[..], &[2, kind, 0, 0], body].concat()
    };
    let init = frame(1, b"\x00\x53\x41\xc0\x0c\x01\xa3\x09ANONYMOUS");
    let open = frame(0, b"\x00\x53\x10\xc0\x04\x01\xa1\x01c");
    let begin = frame(0, b"\x00\x53\x11\xc0\x07\x04\x40\x43\x52\x64\x52\x64");
    let size = u8::try_from(15 + target.len()).unwrap();
    let attach = [
        b"\x00\x53\x12\xc0",
        &[size][..],
        b"\x0a\xa1\x01t\x43\x42\x40\x40\x00\x53\x28\x45",
        target,
        b"\x40\x40\x43",
    ];
    let attach = frame(0, &attach.concat());
    for bytes in [b"AMQP\x03\x01\x00\x00", &init[..], b"AMQP\x00\x01\x00\x00", &open, &begin, &attach] {
        stream.write_all(bytes).unwrap();
    }
    let (mut all, mut buffer) = (Vec::new(), [0; 1024]);
    while !all.windows(3).any(|part| part == [0, 0x53, 0x12]) {
        match stream.read(&mut buffer).unwrap() {
            0 => return false,
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
    true
}

/// The link is refused: at once, by a detach that follows, or by an answer that lacks the filter, which ends the link at the client.
async fn refused<E: std::fmt::Debug>(attached: Result<fe2o3_amqp::Receiver, E>) {
    let says = match attached {
        Err(error) => format!("{error:?}"),
        Ok(mut link) => {
            link.set_credit(1).await.unwrap();
            format!("{:?}", link.recv::<Value>().await.unwrap_err())
        }
    };
    let refusals = ["NotImplemented", "DesiredFilterNotSupported"];
    assert!(refusals.iter().any(|refusal| says.contains(refusal)), "{says}");
}
