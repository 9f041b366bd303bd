//! The statements of docs/outbox.md, with which programs in other languages fill an outbox.

use crate::tools::sender;
use cloudevents_core::Message;
use cloudevents_outbox::{Outbox, OutboxOptions, Query, State, Store};
use cloudevents_transport::{Content, Receipt};
use std::{collections::HashMap, fs, path::Path};
use tokio::sync::mpsc;

/// Longer than a line of base64. In the transaction of a program, its text is as it was.
pub(crate) const EVENT: &str = r#"{"specversion":"1.0", "id":"42","source":"/shop","type":"com.example.order.placed","datacontenttype":"application/json","data":{"total":1.10,"for":"Zoë"}}"#;

/// The statement of the page for this database.
pub(crate) fn statement(database: &str) -> String {
    sql("outbox.md", &format!("{database}: "))
}

/// The statement that shows how many messages wait in this database, and since when.
pub(crate) fn waiting(database: &str) -> String {
    sql("outbox-tables.md", &format!("{database}:\n"))
}

/// The tables of this database.
pub(crate) fn tables(database: &str) -> String {
    sql("outbox-tables.md", &format!("## Tables of {database}\n"))
}

/// The first statement of a page behind a line that begins like this.
fn sql(page: &str, begins: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("\n{begins}")).unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The worker sends the event that the statement stored for `billing`, unchanged.
pub(crate) async fn is_delivered<S: Store + Clone>(store: S) {
    let found = store.find(Query::default().with_state(State::Pending)).await.unwrap();
    assert_eq!(found.len(), 1);
    let of = |text: &Option<Box<str>>| text.as_deref().unwrap().to_owned();
    let [source, id, ty] = [&found[0].source, &found[0].id, &found[0].ty].map(of);
    assert_eq!([source.as_str(), &id, &ty], ["/shop", "42", "com.example.order.placed"]);
    assert!(found[0].ordered && found[0].enqueued.elapsed().unwrap().as_secs() < 600, "{found:?}");
    let (sent, mut arrived) = mpsc::unbounded_channel();
    let senders = HashMap::from([(
        "billing".to_owned(),
        sender(move |outgoing| {
            let Content::Message(Message::Structured(document)) = outgoing.content() else {
                panic!("{outgoing:?}")
            };
            sent.send(document.body().to_vec()).unwrap();
            async { Ok(Receipt::new()) }
        }),
    )]);
    let outbox = Outbox::new(store.clone());
    let mut body = None;
    let until = async { body = arrived.recv().await };
    outbox.run(senders, OutboxOptions::default()).until(until).await.unwrap();
    assert_eq!(body.unwrap(), EVENT.as_bytes());
    let delivered = store.find(Query::default().with_state(State::Delivered)).await.unwrap();
    assert_eq!(delivered.len(), 1);
}
