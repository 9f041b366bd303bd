//! Messages on their way from senders to the task of a connection.

use cloudevents_core::Error;
use cloudevents_transport::{
    Outcome, Receipt,
    binding::{Permit, Resolver},
};
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

/// Returns the end of senders and the end of the task.
pub(super) fn unsent() -> (Commands, Unsent) {
    let (send, receive) = mpsc::unbounded_channel();
    (Commands(send), Unsent(receive))
}

/// The end of senders. Dropping it closes the connection, after everything sent before.
pub(super) struct Commands(mpsc::UnboundedSender<Command>);

/// The end of the task. Dropping it fails the commands that were not taken.
pub(super) struct Unsent(mpsc::UnboundedReceiver<Command>);

/// A command that the task takes.
pub(super) enum Command {
    Send(Message, Sent),
    /// Closes the connection with this code. Everything sent before was taken.
    Close(CloseCode),
}

/// The permit and the outcome of a message. Dropping it fails the message.
pub(super) struct Sent {
    permit: Permit,
    resolver: Resolver<Receipt>,
}

impl Sent {
    /// Frees the permit first, because the task that gets the result may send the next message.
    pub(super) fn resolve(self, result: Result<Receipt, Error>) {
        drop(self.permit);
        self.resolver.resolve(result);
    }
}

impl Commands {
    /// Hands a message over. It comes back if the connection has ended.
    pub(super) fn send(
        &self,
        message: Message,
        permit: Permit,
    ) -> Result<Outcome<Receipt>, (Message, Permit)> {
        let (resolver, outcome) = Outcome::channel();
        match self.0.send(Command::Send(message, Sent { permit, resolver })) {
            Err(mpsc::error::SendError(Command::Send(message, sent))) => Err((message, sent.permit)),
            _ => Ok(outcome),
        }
    }

    /// Closes the connection after everything sent before.
    pub(super) fn close(&self, code: CloseCode) {
        let _ = self.0.send(Command::Close(code));
    }
}

impl Unsent {
    /// Takes the command that was sent first. Without senders, the connection is closed.
    pub(super) fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Command> {
        self.0.poll_recv(context).map(|command| command.unwrap_or(Command::Close(CloseCode::Normal)))
    }

    /// Takes nothing more, and fails the messages that were not taken.
    pub(super) fn end(mut self, error: &Error) {
        self.0.close();
        while let Ok(command) = self.0.try_recv() {
            if let Command::Send(_, sent) = command {
                sent.resolve(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::InFlight;
    use futures_util::FutureExt;
    use std::task::Waker;

    fn send(commands: &Commands) -> Outcome<Receipt> {
        commands.send(Message::text("x"), InFlight::default().take(1)).unwrap()
    }

    #[test]
    fn what_is_not_taken_fails_and_what_comes_later_is_returned() {
        let context = &mut Context::from_waker(Waker::noop());
        for ends in [true, false] {
            let (commands, mut unsent) = unsent();
            let (taken, left) = (send(&commands), send(&commands));
            let Poll::Ready(Command::Send(message, sent)) = unsent.poll_take(context) else {
                panic!("nothing")
            };
            assert_eq!(message, Message::text("x"));
            sent.resolve(Ok(Receipt::new()));
            assert!(taken.now_or_never().unwrap().is_ok());
            match ends {
                true => unsent.end(&Error::new(ErrorKind::Disconnected)),
                false => drop(unsent),
            }
            assert_eq!(left.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
            assert!(commands.send(Message::text("x"), InFlight::default().take(1)).is_err());
        }
    }

    #[test]
    fn the_connection_is_closed_behind_what_was_sent() {
        let context = &mut Context::from_waker(Waker::noop());
        for asks in [true, false] {
            let (commands, mut unsent) = unsent();
            let _outcome = send(&commands);
            let code = if asks { CloseCode::Away } else { CloseCode::Normal };
            if asks {
                commands.close(CloseCode::Away);
            }
            drop(commands);
            assert!(matches!(unsent.poll_take(context), Poll::Ready(Command::Send(..))));
            assert!(
                matches!(unsent.poll_take(context), Poll::Ready(Command::Close(closed)) if closed == code)
            );
        }
    }
}
