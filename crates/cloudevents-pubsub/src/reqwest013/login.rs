//! Where access tokens come from.

use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Secret, binding::refused};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use serde::Deserialize;
use std::{env, fmt, fs, io::ErrorKind as IoError, path::PathBuf, sync::Arc};

/// The server of a machine of Google Cloud that has tokens of its service account.
const METADATA: &str = "metadata.google.internal";

/// Who the program is for Google Cloud: the source of its access tokens, which are renewed as they expire.
///
/// ```
/// use cloudevents_pubsub::reqwest013::Login;
///
/// let login = Login::token("ya29.s3cret");
/// assert!(!format!("{login:?}").contains("s3cret"));
/// ```
#[derive(Clone)]
pub struct Login(pub(super) Source);

#[derive(Clone)]
pub(super) enum Source {
    Token(Secret),
    ServiceAccount(Arc<ServiceAccount>),
    User(Arc<User>),
    Metadata(Arc<str>),
}

/// A service account, which signs its tokens itself.
pub(super) struct ServiceAccount {
    pub(super) email: String,
    pub(super) key_id: String,
    pub(super) key: Arc<dyn SigningKey>,
}

/// A user, after a login with gcloud.
pub(super) struct User {
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) refresh_token: Secret,
    /// The URL that gives access tokens for the refresh token.
    pub(super) token_url: String,
    /// The project whose quota pays for the requests.
    pub(super) quota_project: Option<String>,
}

impl Login {
    /// An access token, such as `gcloud auth print-access-token` prints. It is not renewed, and Google lets most tokens end after an hour.
    pub fn token(token: &str) -> Self {
        Self(Source::Token(Secret::new(token)))
    }

    /// The contents of a file of credentials: the key of a service account (`service_account`), or the login of a user, as
    /// `gcloud auth application-default login` writes it (`authorized_user`).
    ///
    /// A key of a service account signs tokens itself ([AIP-4111](https://google.aip.dev/auth/4111)). For a user, tokens are requested from
    /// `https://oauth2.googleapis.com/token`, or from the `token_uri` of the file.
    ///
    /// Errors: [`Unsupported`](ErrorKind::Unsupported) for credentials of another kind, such as those of workload identity federation
    /// (`external_account`), and [`Refused`](ErrorKind::Refused) for a file that is damaged. No error shows a part of the file.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        // The errors of the parser may quote the document.
        let file: File =
            serde_json::from_str(json).map_err(|_| refused("it is not a JSON document of credentials"))?;
        match file.kind.as_deref() {
            Some("service_account") => file.into_service_account(),
            Some("authorized_user") => file.into_user(),
            kind => {
                let known = [
                    "external_account",
                    "external_account_authorized_user",
                    "impersonated_service_account",
                    "gdch_service_account",
                ];
                let kind = known.into_iter().find(|known| kind == Some(known)).unwrap_or("unknown");
                Err(Error::new(ErrorKind::Unsupported)
                    .with_detail(format!("credentials of the type `{kind}` are not read"))
                    .with_help("take the key of a service account, or set `CLOUDSDK_AUTH_ACCESS_TOKEN` to a token of `gcloud auth print-access-token`"))
            }
        }
    }

    /// The service account of the machine, of which a metadata server has tokens. The host may have a port.
    pub fn of_metadata(host: &str) -> Self {
        Self(Source::Metadata(host.into()))
    }

    /// The first of these: the token in the variable `CLOUDSDK_AUTH_ACCESS_TOKEN`; the file that `GOOGLE_APPLICATION_CREDENTIALS` names;
    /// the login of a user in the folder of gcloud (`CLOUDSDK_CONFIG`, or `~/.config/gcloud`); the metadata server of the machine
    /// (`GCE_METADATA_HOST`, or `metadata.google.internal`).
    ///
    /// All but the first are Google's [application default
    /// credentials](https://cloud.google.com/docs/authentication/application-default-credentials).
    ///
    /// Errors are those of [`from_json`](Self::from_json), and of a file that cannot be read.
    pub fn of_environment() -> Result<Self, Error> {
        Self::found(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn found(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        if let Some(token) = variable("CLOUDSDK_AUTH_ACCESS_TOKEN") {
            return Ok(Self::token(&token));
        }
        if let Some(path) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
            let json = fs::read_to_string(&path).map_err(|error| {
                refused(format!("`GOOGLE_APPLICATION_CREDENTIALS` names `{path}`: {error}"))
            })?;
            return of_file(&json, &path);
        }
        let folder = variable("CLOUDSDK_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config/gcloud")));
        if let Some(path) = folder.map(|folder| folder.join("application_default_credentials.json")) {
            let shown = path.display().to_string();
            match fs::read_to_string(path) {
                Ok(json) => return of_file(&json, &shown),
                Err(error) if matches!(error.kind(), IoError::NotFound | IoError::NotADirectory) => {}
                Err(error) => return Err(refused(format!("`{shown}`: {error}"))),
            }
        }
        Ok(Self::of_metadata(variable("GCE_METADATA_HOST").as_deref().unwrap_or(METADATA)))
    }

    /// Whether tokens come from a server near this machine, to which no proxy leads.
    pub(super) fn is_of_machine(&self) -> bool {
        matches!(self.0, Source::Metadata(_))
    }

    /// The project whose quota pays for the requests, if the credentials name one.
    pub(super) fn quota_project(&self) -> Option<&str> {
        match &self.0 {
            Source::User(user) => user.quota_project.as_deref(),
            _ => None,
        }
    }
}

/// Shows where tokens come from, never a token or a key.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Token(_) => f.write_str("Login(a token)"),
            Source::ServiceAccount(account) => write!(f, "Login(the service account {})", account.email),
            Source::User(_) => f.write_str("Login(a user)"),
            Source::Metadata(host) => write!(f, "Login(the metadata server {host})"),
        }
    }
}

/// The members of both kinds of files.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
    quota_project_id: Option<String>,
}

impl File {
    fn into_service_account(self) -> Result<Login, Error> {
        let (Some(email), Some(key)) = (self.client_email, self.private_key) else {
            return Err(refused("the file has no `client_email` or no `private_key`"));
        };
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .ok()
            .and_then(|key| any_supported_type(&key).ok())
            .ok_or_else(|| refused("the `private_key` of the file is not a private key in PEM"))?;
        let key_id = self.private_key_id.unwrap_or_default();
        Ok(Login(Source::ServiceAccount(Arc::new(ServiceAccount { email, key_id, key }))))
    }

    fn into_user(self) -> Result<Login, Error> {
        let (Some(client_id), Some(client_secret), Some(refresh_token)) =
            (self.client_id, self.client_secret, self.refresh_token)
        else {
            return Err(refused("the file has no `client_id`, no `client_secret` or no `refresh_token`"));
        };
        let token_url = self.token_uri.unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned());
        if !token_url.starts_with("https://") {
            return Err(refused("the `token_uri` of the file is not an `https` URL"));
        }
        Ok(Login(Source::User(Arc::new(User {
            client_id,
            client_secret: Secret::new(client_secret),
            refresh_token: Secret::new(refresh_token),
            token_url,
            quota_project: self.quota_project_id,
        }))))
    }
}

fn of_file(json: &str, path: &str) -> Result<Login, Error> {
    Login::from_json(json).map_err(|error| {
        let detail = format!("`{path}`: {}", error.detail());
        error.with_detail(detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = r#"{"type":"authorized_user","client_id":"c","client_secret":"s3cret","refresh_token":"1//s3cret","quota_project_id":"payer"}"#;

    #[test]
    fn a_token_of_the_environment_comes_first_and_the_machine_last() {
        let found = |set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|(known, _)| *known == name);
            Login::found(|name| value(name).map(|(_, value)| (*value).to_owned()))
        };
        let shown = |set: &[(&str, &str)]| format!("{:?}", found(set).unwrap());
        let token = ("CLOUDSDK_AUTH_ACCESS_TOKEN", "s3cret");
        let away = ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json");
        assert_eq!(shown(&[away, token]), "Login(a token)");
        assert_eq!(shown(&[]), "Login(the metadata server metadata.google.internal)");
        let nowhere = ("CLOUDSDK_CONFIG", "/nowhere");
        assert_eq!(
            shown(&[nowhere, ("GCE_METADATA_HOST", "127.0.0.1:80")]),
            "Login(the metadata server 127.0.0.1:80)"
        );
        let error = found(&[away]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.detail().contains("/nowhere/key.json"), "{error}");
    }

    #[test]
    fn files_are_read_and_never_shown() {
        let user = Login::from_json(USER).unwrap();
        assert_eq!((format!("{user:?}").as_str(), user.quota_project()), ("Login(a user)", Some("payer")));
        for (json, kind) in [
            ("s3cret", ErrorKind::Refused),
            (r#"{"type":"s3cret"}"#, ErrorKind::Unsupported),
            (r#"{"type":"external_account","token_url":"s3cret"}"#, ErrorKind::Unsupported),
            (r#"{"type":"service_account","client_email":"a@b","private_key":"s3cret"}"#, ErrorKind::Refused),
            (r#"{"type":"service_account","client_email":{"s3cret":1}}"#, ErrorKind::Refused),
            (r#"{"type":"authorized_user","client_id":"c","client_secret":"s3cret"}"#, ErrorKind::Refused),
            (
                r#"{"type":"authorized_user","client_id":"c","client_secret":"s3cret","refresh_token":"r","token_uri":"http://x"}"#,
                ErrorKind::Refused,
            ),
        ] {
            let error = Login::from_json(json).unwrap_err();
            assert_eq!(error.kind(), kind, "{json}: {error}");
            assert!(!format!("{error:?}{error:#}").contains("s3cret"), "{error:#}");
        }
    }
}
