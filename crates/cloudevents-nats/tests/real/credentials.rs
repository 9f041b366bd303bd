//! Logins with keys: the server asks for a signature, and never sees a secret.

use crate::{
    process::Process,
    tools::{event, id, next, stream_config, strict, within},
};
use async_nats::jetstream;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_nats::async_nats051::{Login, NatsSenderOptions, receiver, sender};
use cloudevents_transport::{ConnectionState, Logins};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::{
    fs,
    future::ready,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
};

/// A server that knows one key, and the file with its seed.
fn with_nkey() -> Option<(Process, KeyPair, PathBuf)> {
    let user = KeyPair::new_user();
    let mut seed = PathBuf::new();
    let server = Process::start_with(|folder| {
        let config = folder.join("nkey.conf");
        fs::write(&config, format!("authorization {{ users = [ {{ nkey: {} }} ] }}", user.public_key()))
            .unwrap();
        seed = folder.join("user.nk");
        fs::write(&seed, user.seed().unwrap()).unwrap();
        vec!["--config".into(), config.to_str().unwrap().into()]
    })?;
    Some((server, user, seed))
}

/// A JWT of NATS: claims with an id that is their digest are not asked for, only a signature of the issuer.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value) -> String {
    let head = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = json!({
        "jti": BASE32_NOPAD.encode(name.as_bytes()), "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(),
        "name": name, "nats": nats,
    });
    let signed = [head, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes())).join(".");
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// A server whose operator signed an account, which signed a user; and the credentials file of the user.
fn with_operator() -> Option<(Process, PathBuf)> {
    let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let system = KeyPair::new_account(); // JetStream asks for one
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1});
    let operator_jwt = jwt(&operator, &operator, "operator", &json!({"type": "operator", "version": 2}));
    let claims = json!({"type": "account", "version": 2, "limits": limits});
    let account_jwt = jwt(&operator, &account, "account", &claims);
    let system_jwt = jwt(&operator, &system, "system", &claims);
    let user_jwt = jwt(
        &account,
        &user,
        "user",
        &json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}),
    );
    let mut file = PathBuf::new();
    let server = Process::start_with(|folder| {
        let config = folder.join("operator.conf");
        let text = format!(
            "operator: {operator_jwt}\nsystem_account: {1}\nresolver: MEMORY\nresolver_preload: {{ {0}: {account_jwt}, {1}: {system_jwt} }}\n",
            account.public_key(),
            system.public_key()
        );
        fs::write(&config, text).unwrap();
        file = folder.join("user.creds");
        // As `nsc generate creds` writes it.
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\
             NKEYs are sensitive and should be treated as secrets.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n\n\
             *************************************************************\n"
        );
        fs::write(&file, text).unwrap();
        vec!["--config".into(), config.to_str().unwrap().into()]
    })?;
    Some((server, file))
}

#[tokio::test]
async fn a_key_logs_in_to_a_real_server_from_the_program_and_from_a_file() {
    let Some((server, user, file)) = with_nkey() else { return };
    let url = format!("{}/orders?reject=drop", server.url());
    let (mut to, mut from) = (NatsSenderOptions::default(), strict());
    let login = Login::nkey(user.seed().unwrap()).unwrap();
    (to.connection.login, from.connection.login) = (login.clone(), login);
    let plain = format!("{}/orders", server.url());
    sender(&plain, to.clone()).await.unwrap().send(&event("0")).await.unwrap();
    let mut receiving = receiver(&url, from).await.unwrap();
    sender(&plain, to).await.unwrap().send(&event("1")).await.unwrap();
    assert_eq!(id(&within(next(&mut receiving)).await), "1");

    let file = file.display();
    let (url, plain) = (format!("{url}&credentials={file}"), format!("{plain}?credentials={file}"));
    let mut receiving = receiver(&url, strict()).await.unwrap();
    sender(&plain, NatsSenderOptions::default()).await.unwrap().send(&event("2")).await.unwrap();
    assert_eq!(id(&within(next(&mut receiving)).await), "2");

    // Another key is refused, and so is no key.
    let mut wrong = NatsSenderOptions::default();
    wrong.connection.login = Login::nkey(KeyPair::new_user().seed().unwrap()).unwrap();
    let base = format!("{}/orders", server.url());
    for options in [wrong, NatsSenderOptions::default()] {
        assert_eq!(sender(&base, options).await.unwrap_err().kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn a_credentials_file_logs_in_to_a_real_server_and_is_read_again_before_each_connection() {
    let Some((mut server, file)) = with_operator() else { return };
    let url = format!("{}/orders?credentials={}", server.url(), file.display());
    let sending = sender(&url, NatsSenderOptions::default()).await.unwrap();
    sending.send(&event("1")).await.unwrap();
    let login = Login::credentials(&fs::read_to_string(&file).unwrap()).unwrap();
    let (mut to, mut from) = (NatsSenderOptions::default(), strict());
    (to.connection.login, from.connection.login) = (login.clone(), login);
    let base = format!("{}/orders", server.url());
    let mut receiving = receiver(&format!("{base}?reject=drop"), from).await.unwrap();
    sender(&base, to).await.unwrap().send(&event("2")).await.unwrap();
    assert_eq!(id(&within(next(&mut receiving)).await), "2");

    // While the file is not there, the server is not reached; then it is.
    let moved = file.with_extension("away");
    fs::rename(&file, &moved).unwrap();
    server.kill();
    server.restart();
    within(async {
        while sending.connectivity().state().is_connected() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await; // between two tries
        }
    })
    .await;
    fs::rename(&moved, &file).unwrap();
    within(async { sending.send(&event("3")).await.unwrap() }).await;
}

#[tokio::test]
async fn what_is_no_credentials_file_says_so_and_shows_no_secret() {
    let folder = std::env::temp_dir().join(crate::tools::name("cloudevents-credentials"));
    fs::create_dir_all(&folder).unwrap();
    let seed = KeyPair::new_account().seed().unwrap();
    for (name, text, kind) in [
        ("absent", None, ErrorKind::Disconnected),
        ("empty", Some(String::new()), ErrorKind::Refused),
        ("account", Some(seed.clone()), ErrorKind::Refused),
        (
            "half",
            Some("-----BEGIN NATS USER JWT-----\ne30.e30.x\n------END NATS USER JWT------\n".into()),
            ErrorKind::Refused,
        ),
        ("large", Some("x".repeat(2 << 20)), ErrorKind::Refused),
    ] {
        let file = folder.join(name);
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let url = format!(
            "nats://127.0.0.1:{}/a?credentials={}",
            cloudevents_testkit::ports::free(),
            file.display()
        );
        let error = sender(&url, NatsSenderOptions::default()).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(name), "{name}: {error}");
        assert!(!format!("{error:?}").contains(&seed), "{error:?}");
    }
    fs::remove_dir_all(&folder).unwrap();
    let seed = KeyPair::new_user().seed().unwrap();
    let login = Login::nkey(&seed).unwrap();
    assert!(!format!("{login:?}").contains(&seed), "{login:?}");
    assert_eq!(Login::nkey("SUNOSEED").unwrap_err().kind(), ErrorKind::Refused);
}

/// The password that a program has now.
#[derive(Debug)]
struct Current(Mutex<&'static str>);

impl Logins<Login> for Current {
    fn login(&self) -> Pin<Box<dyn Future<Output = Result<Login, Error>> + Send + '_>> {
        Box::pin(ready(Ok(Login::password("alice", *self.0.lock().unwrap()))))
    }
}

/// The server ends connections whose password is no longer right. Both log in again as soon as they have the new one, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_of_a_real_server_that_changes_while_connected_costs_nothing() {
    // With the rest, as servers before 2.11 end JetStream when they read a file again that does not have it.
    let text = |folder: &Path, password: &str| {
        let users = format!("authorization {{ users = [ {{ user: alice, password: {password} }} ] }}");
        format!("{users}\njetstream {{ store_dir: \"{}\" }}\n", folder.display())
    };
    let mut config = PathBuf::new();
    let server = Process::start_bare(|folder| {
        config = folder.join("users.conf");
        fs::write(&config, text(folder, "first")).unwrap();
        vec!["--config".into(), config.to_str().unwrap().into()]
    });
    let Some(server) = server else { return };
    let operator = async_nats::ConnectOptions::with_user_and_password("alice".into(), "first".into());
    let operator = jetstream::new(operator.connect(server.url()).await.unwrap());
    operator.create_stream(stream_config("ROTATED")).await.unwrap();
    let current = Arc::new(Current(Mutex::new("first")));
    let url = format!("{}/ROTATED.x", server.url().replace("nats:", "nats+jetstream:"));
    let (mut to, mut from) = (NatsSenderOptions::default(), strict());
    to.connection.logins = Some(Arc::clone(&current) as _);
    from.connection.logins = Some(Arc::clone(&current) as _);
    let sending = sender(&url, to).await.unwrap();
    let mut receiving = receiver(&format!("{url}?consumer=c"), from).await.unwrap();
    sending.send(&event("1")).await.unwrap();
    let held = within(next(&mut receiving)).await;

    fs::write(&config, text(config.parent().unwrap(), "second")).unwrap();
    server.reload();
    for mut connectivity in [sending.connectivity(), receiving.connectivity()] {
        within(async {
            // The old password is refused.
            while !matches!(connectivity.state(), ConnectionState::Connecting { failed: 1.., .. }) {
                connectivity.changed().await;
            }
        })
        .await;
    }
    *current.0.lock().unwrap() = "second";
    within(sending.send(&event("2"))).await.unwrap();
    assert_eq!(id(&within(next(&mut receiving)).await), "2");
    held.accept().await.unwrap();
}
