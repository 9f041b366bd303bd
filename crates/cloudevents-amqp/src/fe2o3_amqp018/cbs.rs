//! Claims-based security: puts tokens on the node `$cbs` (AMQP Claims-based Security, version 1.0, working
//! draft).

use super::{
    failure,
    node::Node,
    options::Target,
    token::{Token, Tokens},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host,
    binding::{
        Secrets,
        connect::{renew_after, retry_renewal_after},
    },
};
use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp_types::{
    messaging::ApplicationProperties,
    primitives::{SimpleValue, Value},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

const NODE: &str = "$cbs";

/// The tokens of one connection. Each is renewed before it expires, until its [`Claim`] is dropped.
pub(super) struct Claims {
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

enum Command {
    Claim(String, oneshot::Sender<Result<Claim, Error>>),
    Release(String),
}

impl Claims {
    /// Opens the links to `$cbs`.
    pub(super) async fn open(
        connection: &mut ConnectionHandle<()>,
        target: &Target,
        host: &Host,
        tokens: &Arc<dyn Tokens>,
    ) -> Result<Self, Error> {
        let host = target.options.hostname.as_deref().unwrap_or(host.name()).to_owned();
        let node = Node::open(connection, NODE).await?;
        let (commands, asked) = mpsc::unbounded_channel();
        let keeper = Keeper {
            node,
            tokens: Arc::clone(tokens),
            host,
            limit: target.options.connect_timeout,
            held: HashMap::new(),
            commands: commands.clone(),
        };
        Ok(Self { commands, task: tokio::spawn(keeper.run(asked)) })
    }

    /// Puts a token for this address, and keeps renewing it.
    pub(super) async fn claim(&self, address: &str) -> Result<Claim, Error> {
        let (answer, answered) = oneshot::channel();
        let gone = || failure::disconnected("the links to `$cbs` have ended");
        self.commands.send(Command::Claim(address.to_owned(), answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The right to use an address. Dropping it ends the renewal of its token.
pub(super) struct Claim {
    commands: mpsc::UnboundedSender<Command>,
    address: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Release(std::mem::take(&mut self.address)));
    }
}

/// The task that owns the links.
struct Keeper {
    node: Node,
    tokens: Arc<dyn Tokens>,
    host: String,
    /// How long putting a token may take.
    limit: Duration,
    /// By address.
    held: HashMap<String, Held>,
    /// For the claims.
    commands: mpsc::UnboundedSender<Command>,
}

struct Held {
    /// How many claims there are.
    claims: usize,
    expires: SystemTime,
    renew: SystemTime,
}

impl Keeper {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Command>) {
        loop {
            let next = self.held.values().map(|held| held.renew).min();
            let left = next.map(|next| next.duration_since(SystemTime::now()).unwrap_or_default());
            tokio::select! {
                command = asked.recv() => match command {
                    // A claim that is not awaited any more is dropped here, and so released.
                    Some(Command::Claim(address, answer)) => drop(answer.send(self.claim(address).await)),
                    Some(Command::Release(address)) => self.release(&address),
                    None => return,
                },
                () = sleep(left.unwrap_or_default()), if left.is_some() => self.renew().await,
            }
        }
    }

    async fn claim(&mut self, address: String) -> Result<Claim, Error> {
        if !self.held.contains_key(&address) {
            let token = self.put(&address).await?;
            let held = Held { claims: 0, expires: token.expires, renew: renewal(&token) };
            self.held.insert(address.clone(), held);
        }
        if let Some(held) = self.held.get_mut(&address) {
            held.claims = held.claims.saturating_add(1);
        }
        Ok(Claim { commands: self.commands.clone(), address })
    }

    fn release(&mut self, address: &str) {
        if let Some(held) = self.held.get_mut(address) {
            held.claims = held.claims.saturating_sub(1);
            if held.claims == 0 {
                self.held.remove(address);
            }
        }
    }

    /// Renews the tokens that are due. If a token could not be renewed, this is tried again until it expires.
    ///
    /// Then the broker detaches the link, and reconnecting starts with a new token.
    async fn renew(&mut self) {
        let now = SystemTime::now();
        let due = self.held.iter().filter(|(_, held)| held.renew <= now);
        let due: Vec<String> = due.map(|(address, _)| address.clone()).collect();
        for address in due {
            let put = self.put(&address).await;
            let Some(held) = self.held.get_mut(&address) else { continue };
            match put {
                Ok(token) => (held.expires, held.renew) = (token.expires, renewal(&token)),
                Err(error) => {
                    tracing::warn!(%error, address, "the token was not renewed");
                    let now = SystemTime::now();
                    held.renew = later(now, retry_renewal_after(held.expires, now));
                    if held.expires <= now {
                        self.held.remove(&address);
                    }
                }
            }
        }
    }

    async fn put(&mut self, address: &str) -> Result<Token, Error> {
        let audience = format!("amqp://{}/{address}", self.host);
        let token = within(self.limit, self.tokens.token(audience.clone(), SystemTime::now())).await?;
        let text = |text: &str| SimpleValue::String(text.to_owned());
        let properties = ApplicationProperties::builder()
            .insert("operation", text("put-token"))
            .insert("type", text(token.kind))
            .insert("name", text(&audience))
            .build();
        let body = Value::String(token.text.expose().to_owned());
        let put = within(self.limit, self.node.ask("the token", properties, body)).await;
        put.map_err(|error| {
            let secrets =
                Secrets::default().with_header("authorization", token.text.expose().as_bytes(), true);
            let detail = secrets.shown(error.detail()).to_owned();
            error.with_detail(detail).with_help("check the policy and its key, the address, and the clock")
        })?;
        tracing::debug!(audience, expires = ?token.expires, "token put");
        Ok(token)
    }
}

async fn within<T>(limit: Duration, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(limit, future).await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout)))
}

/// When to renew a token that was put now.
fn renewal(token: &Token) -> SystemTime {
    let now = SystemTime::now();
    later(now, renew_after(token.expires, now))
}

fn later(now: SystemTime, by: Duration) -> SystemTime {
    now.checked_add(by).unwrap_or(now)
}
