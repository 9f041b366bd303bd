//! Login with SASL, before AMQP itself (AMQP 1.0, section 5.3).
//!
//! The client library has SASL too. But it refuses EXTERNAL over TLS that it has not set up itself, with a
//! cryptographic provider of its choice.

use super::{
    failure::{disconnected, refused, transport},
    options::Sasl,
};
use cloudevents_core::Error;
use fe2o3_amqp_types::{
    primitives::{Binary, Symbol},
    sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome},
};
use serde_amqp::serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
/// Size, offset of the body in words, type, and two unused bytes.
const FRAME_HEADER: usize = 8;
/// Section 5.3.1 allows 512 bytes. Some brokers send longer explanations of a refusal.
const MAX_FRAME: usize = 4096;
const TYPE: u8 = 1;

/// Logs in and waits for the broker's result.
pub(super) async fn log_in<S>(stream: &mut S, sasl: &Sasl, hostname: &str) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mechanism, response) = match sasl {
        Sasl::Anonymous => ("ANONYMOUS", None),
        // Empty, not absent: the user is that of the certificate. For an absent response, a broker must
        // send a challenge.
        Sasl::External => ("EXTERNAL", Some(Vec::new())),
        Sasl::Plain { user, password } => {
            ("PLAIN", Some(["", user.expose(), password.expose()].join("\0").into_bytes()))
        }
    };
    stream.write_all(&HEADER).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut theirs = [0; HEADER.len()];
    stream.read_exact(&mut theirs).await.map_err(broken)?;
    if theirs != HEADER {
        return Err(disconnected("the peer does not speak AMQP 1.0 with SASL, or wants another port or TLS"));
    }
    let SaslMechanisms { sasl_server_mechanisms: offered } = read(stream).await?;
    if !offered.0.iter().any(|offer| offer.as_str() == mechanism) {
        let offered: Vec<&str> = offered.0.iter().map(Symbol::as_str).collect();
        return Err(refused(format!(
            "the broker does not offer SASL {mechanism}, but {}",
            offered.join(", ")
        ))
        .with_help("check user and password, and the option `sasl`"));
    }
    let initial_response = response.map(Binary::from);
    let hostname = Some(hostname.to_owned());
    write(stream, &SaslInit { mechanism: mechanism.into(), initial_response, hostname }).await?;
    match read::<SaslOutcome, _>(stream).await?.code {
        SaslCode::Ok => Ok(()),
        SaslCode::Auth => Err(refused("the broker did not let this user in")
            .with_help("check user and password, and the option `sasl`")),
        SaslCode::Sys | SaslCode::SysPerm => Err(transport("the broker could not authenticate the user")),
        SaslCode::SysTemp => Err(disconnected("the broker cannot authenticate the user for now")),
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, performative: &impl Serialize) -> Result<(), Error> {
    let body = serde_amqp::to_vec(performative).map_err(transport)?;
    let size = u32::try_from(body.len().saturating_add(FRAME_HEADER)).map_err(transport)?;
    let mut frame = Vec::with_capacity(body.len().saturating_add(FRAME_HEADER));
    frame.extend_from_slice(&size.to_be_bytes());
    frame.extend_from_slice(&[2, TYPE, 0, 0]);
    frame.extend_from_slice(&body);
    stream.write_all(&frame).await.map_err(broken)?;
    stream.flush().await.map_err(broken)
}

async fn read<T: DeserializeOwned, S: AsyncRead + Unpin>(stream: &mut S) -> Result<T, Error> {
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await.map_err(broken)?;
    let [a, b, c, d, offset, kind, _, _] = header;
    let size = u32::from_be_bytes([a, b, c, d]) as usize;
    let left = size.checked_sub(FRAME_HEADER).filter(|_| size <= MAX_FRAME);
    let extended = usize::from(offset).saturating_mul(4).checked_sub(FRAME_HEADER);
    let (Some(left), Some(extended), TYPE) = (left, extended, kind) else {
        return Err(disconnected("the peer sent something else than a SASL frame"));
    };
    let mut rest = vec![0; left];
    stream.read_exact(&mut rest).await.map_err(broken)?;
    let body = rest.get(extended..).unwrap_or_default();
    serde_amqp::from_slice(body).map_err(|error| {
        disconnected(format!("the peer's SASL frame cannot be read: {error}")).with_source(error)
    })
}

fn broken(error: std::io::Error) -> Error {
    disconnected(format!("the connection broke while logging in: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use fe2o3_amqp_types::primitives::Array;

    fn frame(performative: &impl Serialize) -> Vec<u8> {
        let body = serde_amqp::to_vec(performative).unwrap();
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), &[2, 1, 0, 0][..], &body].concat()
    }

    fn mechanisms(names: &[&str]) -> Vec<u8> {
        let names = names.iter().map(|name| Symbol::from(*name)).collect::<Vec<_>>();
        frame(&SaslMechanisms { sasl_server_mechanisms: Array::from(names) })
    }

    fn outcome(code: SaslCode) -> Vec<u8> {
        frame(&SaslOutcome { code, additional_data: None })
    }

    /// Returns the client's result of logging in to a peer that sends these bytes, and the bytes that the
    /// client sent.
    async fn against(sasl: Sasl, says: &[u8]) -> (Result<(), Error>, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(says).await.unwrap();
        let talk = async {
            let result = log_in(&mut near, &sasl, "broker.example").await;
            drop(near);
            result
        };
        let result = tokio::time::timeout(std::time::Duration::from_secs(10), talk)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout)));
        let mut said = Vec::new();
        far.read_to_end(&mut said).await.unwrap();
        (result, said)
    }

    #[tokio::test]
    async fn what_is_said_is_what_the_specification_says() {
        let all = mechanisms(&["PLAIN", "ANONYMOUS", "EXTERNAL"]);
        let says = [&HEADER[..], &all, &outcome(SaslCode::Ok)].concat();
        // Descriptor 0x41, a list of three: a symbol, binary or null, a string.
        let hostname = b"\xa1\x0ebroker.example";
        for (sasl, init) in [
            (Sasl::plain("al", "s\u{e9}"), &b"\xa3\x05PLAIN\xa0\x07\0al\0s\xc3\xa9"[..]),
            (Sasl::Anonymous, b"\xa3\x09ANONYMOUS\x40"),
            (Sasl::External, b"\xa3\x08EXTERNAL\xa0\x00"),
        ] {
            let (result, said) = against(sasl, &says).await;
            result.unwrap();
            let list = [init, hostname].concat();
            let body = [&[0, 0x53, 0x41, 0xc0, list.len() as u8 + 1, 3][..], &list].concat();
            let frame = [&[0, 0, 0, body.len() as u8 + 8, 2, 1, 0, 0][..], &body].concat();
            assert_eq!(said, [&HEADER[..], &frame].concat());
        }
    }

    #[tokio::test]
    async fn peers_that_do_not_let_anybody_in() {
        let plain = || Sasl::plain("alice", "hunter2");
        let all = [&HEADER[..], &mechanisms(&["PLAIN"])].concat();
        let oversize = [&HEADER[..], &[0x7f, 0xff, 0xff, 0xff, 2, 1, 0, 0]].concat();
        let undersize = [&HEADER[..], &[0, 0, 0, 7, 2, 1, 0, 0]].concat();
        let headless = [&HEADER[..], &[0, 0, 0, 8, 1, 1, 0, 0]].concat();
        let beyond = [&HEADER[..], &[0, 0, 0, 8, 255, 1, 0, 0]].concat();
        let amqp = [&HEADER[..], &[0, 0, 0, 8, 2, 0, 0, 0]].concat();
        for (says, kind) in [
            (b"AMQP\x00\x01\x00\x00".to_vec(), ErrorKind::Disconnected),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ErrorKind::Disconnected),
            ([&HEADER[..], &mechanisms(&["ANONYMOUS", "GSSAPI"])].concat(), ErrorKind::Refused),
            ([&all[..], &outcome(SaslCode::Auth)].concat(), ErrorKind::Refused),
            ([&all[..], &outcome(SaslCode::SysPerm)].concat(), ErrorKind::Transport),
            ([&all[..], &outcome(SaslCode::SysTemp)].concat(), ErrorKind::Disconnected),
            ([&all[..], &mechanisms(&["PLAIN"])].concat(), ErrorKind::Disconnected),
            (oversize, ErrorKind::Disconnected),
            (undersize, ErrorKind::Disconnected),
            (headless, ErrorKind::Disconnected),
            (beyond, ErrorKind::Disconnected),
            (amqp, ErrorKind::Disconnected),
        ] {
            let (result, _) = against(plain(), &says).await;
            let error = result.unwrap_err();
            assert_eq!(error.kind(), kind, "{says:?}: {error}");
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_password_is_not_told_to_a_peer_that_has_not_asked_for_it() {
        let says = [&HEADER[..], &mechanisms(&["ANONYMOUS"])].concat();
        let (result, said) = against(Sasl::plain("alice", "hunter2"), &says).await;
        let error = result.unwrap_err();
        assert!(error.to_string().contains("does not offer SASL PLAIN, but ANONYMOUS"), "{error}");
        assert_eq!(said, HEADER);
    }

    #[tokio::test]
    async fn what_ends_early_is_told() {
        let says = [&HEADER[..], &mechanisms(&["PLAIN"]), &outcome(SaslCode::Ok)].concat();
        for end in 0..says.len() {
            let (mut near, mut far) = tokio::io::duplex(1 << 16);
            far.write_all(says.get(..end).unwrap()).await.unwrap();
            far.shutdown().await.unwrap();
            let error = log_in(&mut near, &Sasl::plain("alice", "hunter2"), "b").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{end}: {error}");
        }
    }
}
