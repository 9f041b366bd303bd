//! Looking at queues.

use crate::tools::{Place as Queue, name};
use aws_sdk_sqs::types::QueueAttributeName;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_sqs::awssdk1::BINDING;
use cloudevents_testkit::deliveries::{self, number};
use cloudevents_transport::{Fact, Place, Places};

async fn look(url: &str) -> Result<Places, Error> {
    deliveries::look(&BINDING, url).await
}

fn names(places: &Places) -> Vec<&str> {
    places.list.iter().map(|place| &*place.name).collect()
}

#[tokio::test]
async fn queues_are_shown_and_nothing_changes() {
    let Some(queue) = Queue::new("look").await else { return };
    let (client, own) = (queue.client(), queue.queue_url(&queue.queue));
    for delay in [0, 0, 0, 900] {
        client.send_message().queue_url(&own).message_body("{}").delay_seconds(delay).send().await.unwrap();
    }
    // A message is hidden from others.
    let request = client.receive_message().queue_url(&own).max_number_of_messages(1).visibility_timeout(900);
    assert_eq!(request.send().await.unwrap().messages.unwrap().len(), 1);
    let dead = format!("{}-dead", queue.queue);
    queue.create(&dead).await;
    let policy = format!(
        r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:123456789012:{dead}","maxReceiveCount":5}}"#
    );
    let request = client.set_queue_attributes().queue_url(&own);
    request.attributes(QueueAttributeName::RedrivePolicy, &policy).send().await.unwrap();

    let found = look(&queue.url("lock=1m")).await.unwrap();
    let [place] = &found.list[..] else { panic!("{found:?}") };
    assert_eq!((place.kind, &*place.name), ("queue", queue.queue.as_str()));
    let shown = |place: &Place| ["visible", "in_flight", "delayed"].map(|name| number(place, name));
    assert_eq!(shown(place), [2, 1, 1].map(Some));
    let Some(Fact::Text(shown_policy)) = place.fact("redrive_policy") else { panic!("{place:?}") };
    assert!(shown_policy.contains(&dead), "{shown_policy}");

    let of_account = |path: &str| format!("sqs://eu-central-1/123456789012{path}?endpoint={}", queue.server);
    let found = look(&of_account(&format!("/{}*", queue.queue))).await.unwrap();
    assert_eq!(names(&found), [queue.queue.as_str(), dead.as_str()]);
    assert_eq!(shown(&found.list[0]), [2, 1, 1].map(Some));
    for all in ["", "/", "/*"] {
        let found = look(&of_account(all)).await.unwrap();
        assert!(names(&found).contains(&queue.queue.as_str()), "{all}: {found:?}");
    }
    let none = look(&of_account(&format!("/{}*", name("none")))).await.unwrap();
    assert!(none.list.is_empty());

    let missing = of_account(&format!("/{}", name("missing")));
    assert_eq!(look(&missing).await.unwrap_err().kind(), ErrorKind::Refused);
    for wrong in [of_account("/a/b"), of_account("/a*b"), of_account("/%20*")] {
        assert_eq!(look(&wrong).await.unwrap_err().kind(), ErrorKind::InvalidUrl, "{wrong}");
    }
}
