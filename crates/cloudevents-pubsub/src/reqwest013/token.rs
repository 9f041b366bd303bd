//! Access tokens, which expire.

use super::{
    connection::read,
    failure::of_client,
    login::{Login, ServiceAccount, Source, User},
};
use base64_simd::URL_SAFE_NO_PAD;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Secret,
    binding::{disconnected, in_time, refused},
};
use reqwest::{Client, RequestBuilder, Url, header::CONTENT_TYPE};
use rustls::SignatureScheme;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    time::{Duration, SystemTime},
};
use tokio::{sync::Mutex, time::Instant};

/// The audience of tokens that a service account signs itself, also for servers of regions.
const AUDIENCE: &str = "https://pubsub.googleapis.com/";

/// How long a token that is signed here is valid. Google allows an hour.
const VALID: Duration = Duration::from_secs(3600);

/// How long before its end a token is renewed. A metadata server has a new one four minutes before.
const EARLY: Duration = Duration::from_secs(225);

/// How long the source of tokens may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// The bytes of an answer.
const MOST_ANSWER: usize = 64 << 10;

/// The access tokens of a login. Only one request for a token is under way at once.
pub(super) struct Tokens {
    login: Login,
    /// For requests of tokens: through no proxy to a metadata server.
    client: Client,
    current: Mutex<Option<Token>>,
}

struct Token {
    value: Secret,
    renewal: Instant,
}

impl Tokens {
    pub(super) fn new(login: Login, client: Client) -> Self {
        Self { login, client, current: Mutex::new(None) }
    }

    /// The current token, or a new one shortly before it ends.
    ///
    /// Errors: [`Refused`](ErrorKind::Refused) if the source of tokens refuses, or if there is no source.
    /// [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) if it does not answer.
    pub(super) async fn get(&self) -> Result<Secret, Error> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| Instant::now() < token.renewal) {
            return Ok(token.value.clone());
        }
        let token = in_time("the source of access tokens", ANSWER, self.request()).await?;
        Ok(current.insert(token).value.clone())
    }

    /// Drops a token that Pub/Sub has refused, so that the next request has a new one.
    pub(super) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    async fn request(&self) -> Result<Token, Error> {
        match &self.login.0 {
            Source::Token(token) => Ok(Token::until(token.clone(), Duration::MAX)),
            Source::ServiceAccount(account) => {
                Ok(Token::until(Secret::new(signed(account, SystemTime::now())?), VALID))
            }
            Source::User(user) => {
                let request = self.client.post(&user.token_url);
                let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                answered(request.body(form(user)), "the token server").await
            }
            Source::Metadata(host) => {
                let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
                let request = self.client.get(url).header("Metadata-Flavor", "Google");
                answered(request, "the metadata server").await.map_err(|error| match error.kind() {
                    ErrorKind::Disconnected | ErrorKind::Timeout => no_credentials(&error),
                    _ => error,
                })
            }
        }
    }
}

impl Token {
    /// A token that ends after this time.
    fn until(value: Secret, end: Duration) -> Self {
        let now = Instant::now();
        let longest = Duration::from_secs(365 * 24 * 3600);
        let renewal = now.checked_add(end.min(longest).saturating_sub(EARLY)).unwrap_or(now);
        Self { value, renewal }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("login", &self.login).finish_non_exhaustive()
    }
}

/// An answer with a token.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// In seconds.
    expires_in: u64,
}

async fn answered(request: RequestBuilder, server: &str) -> Result<Token, Error> {
    let response = request.send().await.map_err(of_client)?;
    let status = response.status();
    let body = read(response, MOST_ANSWER).await?;
    if !status.is_success() {
        // The body may repeat parts of the request.
        let error = refused(format!("{server} answers with the status {status}"))
            .with_temporary(status.is_server_error() || status.as_u16() == 429);
        return Err(error.with_help("log in again with `gcloud auth application-default login`, or give the machine a service account"));
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| disconnected(format!("{server} answers with something that is no access token")))?;
    Ok(Token::until(Secret::new(answer.access_token), Duration::from_secs(answer.expires_in)))
}

/// The body of a request for a token: RFC 6749, section 6.
fn form(user: &User) -> String {
    // The host has no meaning: only the query is written by it.
    let Ok(mut url) = Url::parse("https://localhost/") else { return String::new() };
    url.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &user.client_id)
        .append_pair("client_secret", user.client_secret.expose())
        .append_pair("refresh_token", user.refresh_token.expose());
    url.query().unwrap_or_default().to_owned()
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: u64,
    iat: u64,
    iss: &'a str,
    sub: &'a str,
}

/// A token that the service account signs itself: <https://google.aip.dev/auth/4111>.
fn signed(account: &ServiceAccount, now: SystemTime) -> Result<String, Error> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = serde_json::to_vec(&Header { alg: "RS256", kid: &account.key_id, typ: "JWT" });
    let claims = serde_json::to_vec(&Claims {
        aud: AUDIENCE,
        exp: now.saturating_add(VALID.as_secs()),
        iat: now,
        iss: &account.email,
        sub: &account.email,
    });
    let encoded = |part: serde_json::Result<Vec<u8>>| -> Result<String, Error> {
        Ok(URL_SAFE_NO_PAD.encode_to_string(part.map_err(refused)?))
    };
    let (header, claims) = (encoded(header)?, encoded(claims)?);
    let message = format!("{header}.{claims}");
    let signer = account.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
    let signature = signer.and_then(|signer| signer.sign(message.as_bytes()).ok());
    let signature = signature.ok_or_else(|| refused("the key of the service account is not an RSA key"))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode_to_string(signature)))
}

#[cold]
fn no_credentials(error: &Error) -> Error {
    refused(format!("there are no credentials of Google Cloud, and no metadata server: {}", error.detail()))
        .with_help("set `GOOGLE_APPLICATION_CREDENTIALS` to the file of a service account, or run `gcloud auth application-default login`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// An RSA key that was made for this test. It is used nowhere else.
    const KEY: &str = include_str!("../../tests/real/service-account.key");

    /// The signature is that of OpenSSL for the same bytes and key: `openssl dgst -sha256 -sign`.
    #[test]
    fn a_service_account_signs_its_tokens() {
        let kind = "PRIVATE KEY";
        let json = serde_json::json!({
            "type": "service_account",
            "client_email": "tester@my-project.iam.gserviceaccount.com",
            "private_key_id": "0123456789abcdef",
            "private_key": format!("-----BEGIN {kind}-----\n{KEY}-----END {kind}-----\n"),
        });
        let login = Login::from_json(&json.to_string()).unwrap();
        let Source::ServiceAccount(account) = &login.0 else { panic!("{login:?}") };
        let token = signed(account, UNIX_EPOCH + Duration::from_secs(1_767_225_600)).unwrap();
        assert_eq!(token, include_str!("../../tests/real/service-account.jwt").trim());
        assert_eq!(
            format!("{login:?}"),
            "Login(the service account tester@my-project.iam.gserviceaccount.com)"
        );
    }

    #[test]
    fn a_form_has_escapes() {
        let login = Login::from_json(
            r#"{"type":"authorized_user","client_id":"a.b","client_secret":"c&d=","refresh_token":"1//e f"}"#,
        );
        let Source::User(user) = login.unwrap().0 else { panic!("a user") };
        let wanted = "grant_type=refresh_token&client_id=a.b&client_secret=c%26d%3D&refresh_token=1%2F%2Fe+f";
        assert_eq!(form(&user), wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_ends() {
        let token = Token::until(Secret::new("t"), Duration::from_secs(3600));
        assert_eq!(token.renewal.duration_since(Instant::now()), Duration::from_secs(3600 - 225));
        assert!(Token::until(Secret::new("t"), Duration::from_secs(60)).renewal <= Instant::now());
        assert!(Token::until(Secret::new("t"), Duration::MAX).renewal > Instant::now());
    }
}
