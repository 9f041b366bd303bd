//! Connections, sessions and links.

use super::{
    cbs::{self, CBS},
    give,
    management::{self, MANAGEMENT},
    sasl,
    shared::Shared,
    take,
    tokens::Tokens,
};
use fe2o3_amqp::acceptor::{
    ConnectionAcceptor, LinkAcceptor, LinkEndpoint, ListenerSessionHandle, SessionAcceptor,
};
use fe2o3_amqp_types::{
    definitions::{AmqpError, Error, Fields, LinkError, Role},
    messaging::{Address, DistributionMode, Source, Target, TargetArchetype},
    performatives::Attach,
    primitives::{Symbol, Value},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpStream, sync::broadcast};

/// The kind of every node of the broker, as clients of JMS name it.
const QUEUE: &str = "queue";
/// The capabilities that no node has.
const TOPICS: [&str; 4] = ["topic", "temporary-topic", "shared", "global"];

/// The property of a link with the time for which its receiver may hold a message, in milliseconds.
const HOLD: &str = "rabbitmq:consumer-timeout";

pub(super) async fn listen(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(Arc::clone(&shared), stream));
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let acceptor = ConnectionAcceptor::builder()
        .container_id("testkit")
        .sasl_acceptor(sasl::Door::new(shared.options.clone()))
        .build();
    let Ok(mut connection) = acceptor.accept(stream).await else { return };
    let tokens = Tokens::default();
    let sessions = SessionAcceptor::new();
    while let Ok(session) = sessions.accept(&mut connection).await {
        tokio::spawn(serve_session(Arc::clone(&shared), tokens.clone(), session));
    }
}

async fn serve_session(shared: Arc<Shared>, tokens: Tokens, mut session: ListenerSessionHandle) {
    let links = LinkAcceptor::builder().max_message_size(shared.options.max_message_size.unwrap_or(0));
    let dynamic = shared.options.dynamic;
    let links =
        links.source_capabilities(vec![Symbol::from(QUEUE)]).target_capabilities(vec![Symbol::from(QUEUE)]);
    let links = links.on_dynamic_source(move |source| dynamic.then(|| named(source))).build();
    while let Some(mut attach) = session.next_incoming_attach().await {
        let lacking = lacking(&attach);
        let hold = shared.options.hold.filter(|_| !names_hold(&attach));
        // No end of a link outlives it: the client hears so.
        if let Some(source) = &mut attach.source {
            (source.durable, source.expiry_policy, source.timeout) = Default::default();
            source.filter = None; // there are none
        }
        if let Some(TargetArchetype::Target(target)) = attach.target.as_deref_mut() {
            (target.durable, target.expiry_policy, target.timeout) = Default::default();
        }
        // Clients may omit their own end of a link: go-amqp sends no source as a sender, and no target as a receiver.
        attach.source.get_or_insert_default();
        attach.target.get_or_insert_with(|| Box::new(Target::default().into()));
        // From before the client knows of the link.
        let detached = shared.detached.subscribe();
        let Ok(link) = links.accept_incoming_attach(attach, &mut session).await else { return };
        tokio::spawn(serve_link(Arc::clone(&shared), tokens.clone(), link, lacking, hold, detached));
    }
}

/// Gives a dynamic node its address.
fn named(mut source: Source) -> Source {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    source.address = Some(format!("dynamic-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    source
}

async fn serve_link(
    shared: Arc<Shared>,
    tokens: Tokens,
    link: LinkEndpoint,
    lacking: Option<&'static str>,
    hold: Option<Duration>,
    mut detached: broadcast::Receiver<String>,
) {
    let address = match &link {
        LinkEndpoint::Sender(link) => link.source().as_ref().and_then(|source| source.address.clone()),
        LinkEndpoint::Receiver(link) => link.target().as_ref().and_then(|target| target.address.clone()),
    };
    let address: Address = address.unwrap_or_default();
    if address.is_empty() {
        return close(link, Error::new(AmqpError::NotFound, "there is no address".to_owned(), None)).await;
    }
    if let Some(lacking) = lacking {
        return close(link, Error::new(AmqpError::NotImplemented, lacking.to_owned(), None)).await;
    }
    if shared.is_deleted(&address) {
        return close(link, Error::new(AmqpError::NotFound, "there is no such queue".to_owned(), None)).await;
    }
    let open = !shared.options.tokens || address == CBS;
    if !open && !tokens.allow(&address) {
        return close(link, unauthorized()).await;
    }
    // Why the broker ends the link.
    let over = async {
        let expired =
            async { if open { std::future::pending().await } else { tokens.expired(&address).await } };
        let detached = async { while detached.recv().await.is_ok_and(|detached| detached != address) {} };
        tokio::select! {
            () = expired => unauthorized(),
            () = detached => match shared.is_deleted(&address) {
                true => Error::new(AmqpError::ResourceDeleted, None, None),
                false => Error::new(LinkError::DetachForced, None, None),
            },
        }
    };
    match link {
        LinkEndpoint::Receiver(mut link) => {
            let served = async {
                match address.as_str() {
                    CBS => cbs::serve(&shared, &tokens, &mut link).await,
                    node if node.ends_with(MANAGEMENT) => management::serve(&shared, &mut link).await,
                    _ => return take::serve(&shared, &address, &mut link).await,
                }
                None
            };
            let error = tokio::select! {
                error = served => error,
                error = over => Some(error),
            };
            if let Some(error) = error {
                let _ = link.close_with_error(error).await;
            }
        }
        LinkEndpoint::Sender(mut link) => {
            let address = match link.target().as_ref().and_then(|target| target.address.clone()) {
                Some(reply_to) if address == CBS || address.ends_with(MANAGEMENT) => cbs::replies(&reply_to),
                _ => address.clone(),
            };
            let (queue, name) = (shared.queue(&address), link.name().to_owned());
            let error = tokio::select! {
                () = give::serve(&shared, &queue, hold, &mut link) => None,
                error = over => Some(error),
                () = shared.idle.over(&name) => Some(Error::new(LinkError::DetachForced, None, None)),
            };
            if link.source().as_ref().is_some_and(|source| source.dynamic) {
                shared.remove(&address);
            }
            if let Some(error) = error {
                let _ = link.close_with_error(error).await;
            }
        }
    }
}

/// Whether a receiver's link says for how long it may hold a message.
fn names_hold(attach: &Attach) -> bool {
    let time = |properties: &Fields| properties.get(&Symbol::from(HOLD)).cloned();
    matches!(attach.properties.as_ref().and_then(time), Some(Value::Uint(_)))
}

/// The feature that a client requests for an end of a link and the broker does not have.
fn lacking(attach: &Attach) -> Option<&'static str> {
    let capabilities = match (&attach.role, &attach.source, attach.target.as_deref()) {
        (Role::Receiver, Some(source), _) => {
            if source.filter.as_ref().is_some_and(|filters| !filters.is_empty()) {
                return Some("the embedded broker has no filters");
            }
            if source.distribution_mode == Some(DistributionMode::Copy) {
                return Some("the embedded broker has no browsing");
            }
            &source.capabilities
        }
        (Role::Sender, _, Some(TargetArchetype::Target(target))) => &target.capabilities,
        _ => return None,
    };
    let is_topic = |capability: &Symbol| TOPICS.contains(&capability.as_str());
    let is_topic = capabilities.as_ref().is_some_and(|capabilities| capabilities.0.iter().any(is_topic));
    is_topic.then_some("the embedded broker has no topics")
}

fn unauthorized() -> Error {
    let says = "a token for this address has to be put on $cbs";
    Error::new(AmqpError::UnauthorizedAccess, says.to_owned(), None)
}

async fn close(link: LinkEndpoint, error: Error) {
    let _ = match link {
        LinkEndpoint::Sender(link) => link.close_with_error(error).await,
        LinkEndpoint::Receiver(link) => link.close_with_error(error).await,
    };
}
