//! Looking at queues.

use crate::tools::Place as Queue;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_pgmq::tokio_postgres07::BINDING;
use cloudevents_testkit::deliveries::{self, number};
use cloudevents_transport::{Fact, Place, Places};

async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

#[tokio::test]
async fn queues_are_shown_and_nothing_changes() {
    let Some(queue) = Queue::alone("look").await else { return };
    let other = format!("{}_empty", queue.queue);
    queue.create(&other).await;
    for _ in 0..3 {
        queue.put("{}").await;
    }
    // The first one is an hour older than the others.
    let first = "(SELECT min(msg_id) FROM pgmq.q_";
    let older = format!(
        "UPDATE pgmq.q_{0} SET enqueued_at = enqueued_at - interval '1 hour' WHERE msg_id = {first}{0})",
        queue.queue
    );
    queue.run(&older).await;
    queue.run(&format!("SELECT pgmq.read('{}', 3600, 1)", queue.queue)).await;
    let counts = queue.counts().await;
    assert_eq!(counts, (2, 1));

    let found = look(&queue.url("archive=true")).await.unwrap();
    let [place] = &found.list[..] else { panic!("{found:?}") };
    assert_eq!((place.kind, &*place.name), ("queue", queue.queue.as_str()));
    let shown = |place: &Place| ["messages", "visible", "sent"].map(|name| number(place, name));
    assert_eq!(shown(place), [3, 2, 3].map(Some));
    let [oldest, newest] =
        ["oldest", "newest"].map(|age| number(place, &format!("{age}_age_seconds")).unwrap());
    assert!((3600..7200).contains(&oldest) && newest < 3600, "{place:?}");

    let found = look(&queue.database).await.unwrap();
    let names: Vec<_> = found.list.iter().map(|place| &*place.name).collect();
    assert_eq!(names, [queue.queue.as_str(), other.as_str()]);
    assert_eq!((shown(&found.list[0]), shown(&found.list[1])), ([3, 2, 3].map(Some), [0, 0, 0].map(Some)));
    assert!(found.list[1].fact("oldest_age_seconds").is_none());
    assert_eq!(queue.counts().await, counts);

    let missing = format!("{}?queue=missing", queue.database);
    assert_eq!(look(&missing).await.unwrap_err().kind(), ErrorKind::Refused);
    let (server, _) = queue.database.rsplit_once('/').unwrap();
    let error = look(&format!("{server}/postgres")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(error.help().unwrap().contains("install pgmq"), "{error:?}");
}

/// One queue that is locked hides no other.
#[tokio::test]
async fn a_queue_that_is_locked_is_said_to_be() {
    let Some(queue) = Queue::alone("looklocked").await else { return };
    let other = format!("{}_free", queue.queue);
    queue.create(&other).await;
    let holder = queue.client().await;
    let lock = format!("BEGIN; LOCK TABLE pgmq.q_{} IN ACCESS EXCLUSIVE MODE", queue.queue);
    holder.batch_execute(&lock).await.unwrap();
    let found = look(&queue.database).await.unwrap();
    let [locked, free] = &found.list[..] else { panic!("{found:?}") };
    assert!(
        matches!(locked.fact("error"), Some(Fact::Text(error)) if error.contains("lock timeout")),
        "{locked:?}"
    );
    assert_eq!((&*free.name, number(free, "messages")), (other.as_str(), Some(0)));
}
