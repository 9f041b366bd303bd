//! Parts of AMQP that the embedded broker lacks: it refuses them.

use super::client::{Behaviour, name};
use fe2o3_amqp_types::{
    messaging::{DistributionMode, FilterSet, Source},
    primitives::Value,
};

pub(super) const ALL: &[Behaviour] = &[
    ("selectors and other filters", |place| {
        place.run(async {
            let mut client = place.client().await;
            let mut source = Source::from(name());
            let mut filters = FilterSet::new();
            filters.insert("selector".into(), Value::String("kind = 'a'".into()).into());
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
];

/// The link is refused: at once, or by a detach that follows.
async fn refused<E: std::fmt::Debug>(attached: Result<fe2o3_amqp::Receiver, E>) {
    let says = match attached {
        Err(error) => format!("{error:?}"),
        Ok(mut link) => {
            link.set_credit(1).await.unwrap();
            format!("{:?}", link.recv::<Value>().await.unwrap_err())
        }
    };
    assert!(says.contains("NotImplemented"), "{says}");
}
