//! `ce webhook serve --remember`: a file that is gone, and a database that several processes share.

use crate::{
    webhook_gate::{STANDARD, Service, WITH_SECRET, in_front_of, post, standard},
    webhook_schemes::{reporting, until},
};
use std::fs;

/// What is written to a deleted file is lost with the process.
#[test]
fn while_the_file_is_another_one_senders_keep_their_deliveries() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let [path, away] = ["hook.db", "away.db"].map(|name| folder.path().join(name));
    let store = format!("sqlite:{}", path.display());
    let arguments = [WITH_SECRET, &["--remember", &store]].concat();
    let (gate, reports) = reporting(&service, STANDARD, &arguments);
    let send = |id: &str| post(&gate.url, &standard(id, b"{}"), b"{}").status;
    assert_eq!(send("msg_1"), 204);
    fs::rename(&path, &away).unwrap();
    let words = "hook.db` was deleted or replaced while it was in use";
    assert!(!fs::read_to_string(&reports).unwrap().contains(words));
    assert_eq!(["msg_1", "msg_2"].map(send), [503; 2]);
    fs::write(&path, "").unwrap();
    assert_eq!(["msg_1", "msg_2"].map(send), [503; 2]);
    assert_eq!(service.seen().len(), 1);
    until(&reports, words);
    fs::rename(&away, &path).unwrap();
    assert_eq!(["msg_1", "msg_2"].map(send), [204; 2]);
    assert_eq!(service.seen().len(), 2);
}

#[test]
fn processes_share_a_database_of_postgres() {
    let Ok(url) = std::env::var("CE_TEST_POSTGRES_URL") else {
        println!(
            "SKIPPED: CE_TEST_POSTGRES_URL is not set; .ci/brokers/postgres starts a server and sets it"
        );
        return;
    };
    let schema = format!("ce_remember_{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    });
    let separator = if url.contains('?') { '&' } else { '?' };
    let store = format!("{url}{separator}options=-csearch_path%3D{schema}");
    let service = Service::start();
    let arguments = [WITH_SECRET, &["--remember", &store]].concat();
    let started = || in_front_of(&service.url(), STANDARD, &arguments);
    let gates = [started(), started()];
    let send = |gate: usize, id: &str| post(&gates[gate].url, &standard(id, b"{}"), b"{}").status;
    service.responds("500 Internal Server Error");
    assert_eq!(send(0, "msg_1"), 503);
    service.responds("204 No Content");
    assert_eq!([send(1, "msg_1"), send(0, "msg_1"), send(0, "msg_2")], [204; 3]);
    assert_eq!(service.seen().len(), 3);
    drop(gates);
    let gate = started();
    let again = ["msg_1", "msg_2"].map(|id| post(&gate.url, &standard(id, b"{}"), b"{}").status);
    assert_eq!((again, service.seen().len()), ([204; 2], 3));
    // Without the database, senders keep their deliveries.
    let away = ["--remember", "postgres://ci@127.0.0.1:1/none"];
    let mut command = crate::program::command(&["webhook", "serve", "http://127.0.0.1:0/hook", "--to"]);
    command.arg(service.url()).args(WITH_SECRET).args(away).env("HOOK_SECRET", STANDARD);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
