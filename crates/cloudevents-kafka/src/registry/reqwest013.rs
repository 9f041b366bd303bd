//! A registry over HTTP, with reqwest 0.13.

use super::{Reference, RegistryRefusal, Schema, SchemaKind, SchemaRegistry};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::Secrets;
use reqwest::{
    Client, Method, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The media type of the API.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Options of an [`HttpRegistry`].
///
/// ```
/// use cloudevents_kafka::registry::reqwest013::{Authorization, HttpRegistryOptions};
///
/// let mut options = HttpRegistryOptions::default();
/// options.authorization = Authorization::Basic { user: "key".into(), password: "secret".into() };
/// options.register = true;
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRegistryOptions {
    /// The credentials. Default: [`None`](Authorization::None), or the user and password of the URL.
    pub authorization: Authorization,
    /// Extra headers of every request, such as headers that name a cluster or an identity pool.
    pub headers: HeaderMap,
    /// How long one request may take, including connecting and reading the body. Default: 10 seconds.
    pub timeout: Duration,
    /// How long connecting may take. Default: 5 seconds. Has no effect with your own client.
    pub connect_timeout: Duration,
    /// The largest response body in bytes. Default: 1 MiB.
    pub max_bytes: usize,
    /// Whether to register schemas that are missing under their subject. Default: no, so that they are
    /// refused.
    pub register: bool,
    /// Whether the registry normalizes schemas before it compares them. Default: no.
    pub normalize: bool,
    /// Your own client, with its proxies and certificates. It should not follow redirects. Credentials belong in these options: if a
    /// registry repeats headers that the client adds, errors show them.
    pub client: Option<Client>,
}

impl Default for HttpRegistryOptions {
    fn default() -> Self {
        Self {
            authorization: Authorization::None,
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            max_bytes: 1 << 20,
            register: false,
            normalize: false,
            client: None,
        }
    }
}

/// Shows the names of the headers, not their values.
impl fmt::Debug for HttpRegistryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRegistryOptions")
            .field("authorization", &self.authorization)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_bytes", &self.max_bytes)
            .field("register", &self.register)
            .field("normalize", &self.normalize)
            .finish_non_exhaustive()
    }
}

/// Credentials for the registry.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Authorization {
    /// No credentials.
    #[default]
    None,
    /// A user with a password, or a key with a secret.
    Basic {
        /// The user or key.
        user: String,
        /// The password or secret.
        password: String,
    },
    /// A bearer token that does not expire. For tokens that do, implement [`SchemaRegistry`] around this
    /// one.
    Bearer(String),
}

/// Shows no secrets.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// A registry with [Confluent's
/// API](https://docs.confluent.io/platform/current/schema-registry/develop/api.html). Karapace and Redpanda
/// offer it too, and Apicurio under `/apis/ccompat/v7`.
///
/// | error | when |
/// |---|---|
/// | [`Disconnected`](ErrorKind::Disconnected), [`Timeout`](ErrorKind::Timeout) | the registry could not be reached or did not respond: try again later |
/// | [`Transport`](ErrorKind::Transport) | the status is 429, 5xx or similar: try again later |
/// | [`InvalidData`](ErrorKind::InvalidData) | the registry has no schema with this id, or no such version of this subject |
/// | [`Refused`](ErrorKind::Refused) | the registry does not know the schema whose id was requested, or declined (401, 403, 409, 422) |
/// | [`InvalidUrl`](ErrorKind::InvalidUrl) | the URL is not that of a registry |
/// | [`TooLarge`](ErrorKind::TooLarge), [`InvalidDocument`](ErrorKind::InvalidDocument) | the response is too large or malformed |
///
/// Errors with a status have a [`RegistryRefusal`] as their source. [`is_temporary`](super::is_temporary)
/// returns true for the first two rows. The client does not retry by itself and does not follow redirects.
/// For `https`, the program turns on one of reqwest's TLS features.
///
/// It caches nothing: wrap it in a [`Cached`](super::Cached).
pub struct HttpRegistry {
    client: Client,
    /// Without a trailing slash.
    base: Url,
    options: HttpRegistryOptions,
}

impl HttpRegistry {
    /// Creates a client for the registry at this `http` or `https` URL, below which are `schemas` and
    /// `subjects`.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), or [`Transport`](ErrorKind::Transport)
    /// when no HTTP client can be created.
    pub fn new(url: &str, options: HttpRegistryOptions) -> Result<Self, Error> {
        let base = Url::parse(url)
            .map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(Error::new(ErrorKind::InvalidUrl)
                .with_detail("schema registries have `http` and `https` URLs"));
        }
        let client = match options.client.clone() {
            Some(client) => client,
            None => Client::builder()
                .redirect(Policy::none())
                .connect_timeout(options.connect_timeout)
                .build()
                .map_err(|error| failed(ErrorKind::Transport, error))?,
        };
        Ok(Self { client, base, options })
    }

    /// Sends a request and reads the response.
    async fn ask<A: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        query: Option<&str>,
        question: Option<&Document<'_>>,
    ) -> Result<A, Error> {
        let mut url = self.base.clone();
        let root = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{root}{path}"));
        url.set_query(query);
        let method = if question.is_some() { Method::POST } else { Method::GET };
        let mut request = self
            .client
            .request(method, url)
            .timeout(self.options.timeout)
            .header(ACCEPT, MEDIA_TYPE)
            .headers(self.options.headers.clone());
        request = match &self.options.authorization {
            Authorization::None => request,
            Authorization::Basic { user, password } => request.basic_auth(user, Some(password)),
            Authorization::Bearer(token) => request.bearer_auth(token),
        };
        if let Some(question) = question {
            let body = serde_json::to_vec(question)
                .map_err(|error| Error::new(ErrorKind::InvalidDocument).with_detail(error.to_string()))?;
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body);
        }
        let request = request.build().map_err(|error| failed(ErrorKind::InvalidUrl, error))?;
        let secrets =
            request.headers().iter().fold(Secrets::of_url(self.base.as_str()), |secrets, (name, value)| {
                secrets.with_header(name.as_str(), value.as_bytes(), value.is_sensitive())
            });
        let response =
            self.client.execute(request).await.map_err(|error| failed(ErrorKind::Disconnected, error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(status.as_u16(), response, self.options.max_bytes, &secrets).await);
        }
        let body = read(response, self.options.max_bytes).await?;
        serde_json::from_slice(&body).map_err(|error| {
            Error::new(ErrorKind::InvalidDocument)
                .with_detail(format!(
                    "the registry sent an unexpected response: {}",
                    secrets.shown(&error.to_string())
                ))
                .with_help("check that the URL is that of a schema registry's API")
        })
    }
}

impl SchemaRegistry for HttpRegistry {
    async fn schema(&self, id: u32) -> Result<Schema, Error> {
        let answer: Answer = self.ask(&format!("/schemas/ids/{id}"), None, None).await?;
        Ok(answer.into_schema())
    }

    async fn referenced(&self, reference: &Reference) -> Result<Schema, Error> {
        let path = format!("/subjects/{}/versions/{}", segment(&reference.subject)?, reference.version);
        let answer: Answer = self.ask(&path, None, None).await?;
        Ok(answer.into_schema())
    }

    async fn id_of(&self, subject: &str, schema: &Schema) -> Result<u32, Error> {
        let versions = if self.options.register { "/versions" } else { "" };
        let path = format!("/subjects/{}{versions}", segment(subject)?);
        let query = self.options.normalize.then_some("normalize=true");
        let answer: Result<Numbered, Error> = self.ask(&path, query, Some(&Document::of(schema))).await;
        match answer {
            Ok(numbered) => Ok(numbered.id),
            // The payload is not at fault: the value exists, and the registry lacks its schema.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let detail = format!("the schema is not registered under `{subject}`: {}", error.detail());
                let refusal = std::error::Error::source(&error)
                    .and_then(|source| source.downcast_ref::<RegistryRefusal>())
                    .cloned();
                let refused = Error::new(ErrorKind::Refused)
                    .with_detail(detail)
                    .with_help("register it, or set `HttpRegistryOptions::register`");
                Err(match refusal {
                    Some(refusal) => refused.with_source(refusal),
                    None => refused,
                })
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for HttpRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may contain a password.
        f.debug_struct("HttpRegistry").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A schema in a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: &'a str,
    /// Omitted for Avro: registries that support only Avro do not know the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<ReferenceDocument>,
}

impl<'a> Document<'a> {
    fn of(schema: &'a Schema) -> Self {
        let references = schema.references().iter().cloned().map(|reference| ReferenceDocument {
            name: reference.name,
            subject: reference.subject,
            version: reference.version,
        });
        Self {
            schema: schema.text(),
            schema_type: Some(schema.kind())
                .filter(|kind| **kind != SchemaKind::Avro)
                .map(SchemaKind::as_str),
            references: references.collect(),
        }
    }
}

/// A schema in a response.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    schema_type: Option<String>,
    references: Option<Vec<ReferenceDocument>>,
}

impl Answer {
    fn into_schema(self) -> Schema {
        let kind = self.schema_type.map_or(SchemaKind::Avro, |name| SchemaKind::from_name(&name));
        let references = self.references.unwrap_or_default().into_iter().map(|document| Reference {
            name: document.name,
            subject: document.subject,
            version: document.version,
        });
        Schema::new(kind, self.schema).with_references(references.collect::<Vec<_>>())
    }
}

#[derive(Serialize, Deserialize)]
struct ReferenceDocument {
    name: String,
    subject: String,
    version: u32,
}

#[derive(Deserialize)]
struct Numbered {
    id: u32,
}

#[derive(Deserialize)]
struct Refused {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// A subject as a path segment.
fn segment(subject: &str) -> Result<String, Error> {
    if matches!(subject, "" | "." | "..") {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("`{subject}` cannot be the name of a subject in a URL")));
    }
    let mut segment = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => segment.push(byte.into()),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(segment)
}

/// Reads the body, up to the limit. The deadline is that of the request.
async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    let declared = response.content_length().unwrap_or_default();
    if usize::try_from(declared).map_or(true, |declared| declared > limit) {
        return Err(too_large(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(ErrorKind::Disconnected, error))? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cold]
fn too_large(limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail(format!("the registry's response has more than {limit} bytes"))
        .with_help("raise `HttpRegistryOptions::max_bytes`")
}

/// Converts a status to an error. Reads the registry's message from the body, and leaves out a message that repeats credentials of the
/// request.
async fn refused(status: u16, response: Response, limit: usize, secrets: &Secrets) -> Error {
    let document = match read(response, limit).await {
        Ok(body) => serde_json::from_slice::<Refused>(&body).ok(),
        Err(_) => None,
    };
    let refusal = match &document {
        Some(document) => {
            RegistryRefusal::new(status, Some(document.error_code), secrets.shown(&document.message))
        }
        None => RegistryRefusal::new(status, None, ""),
    };
    let (kind, help) = match (status, refusal.code()) {
        _ if refusal.is_temporary() => (ErrorKind::Transport, "try again later"),
        (404, Some(_)) => (
            ErrorKind::InvalidData,
            "check that this is the registry that the producer registers schemas with",
        ),
        (300..=399 | 404 | 405, _) => {
            (ErrorKind::InvalidUrl, "check the URL: this is not what a schema registry answers")
        }
        (401 | 403, _) => (ErrorKind::Refused, "check the authorization"),
        (409, _) => {
            (ErrorKind::Refused, "change the schema so that it is compatible with those of its subject")
        }
        (422, _) => (ErrorKind::Refused, "check the schema and its references"),
        _ => (ErrorKind::Refused, "ask who runs the registry"),
    };
    Error::new(kind)
        .with_detail(format!("the registry answered {refusal}"))
        .with_help(help)
        .with_source(refusal)
}

/// Converts an error of reqwest, without the URL, which may contain secrets.
#[cold]
fn failed(otherwise: ErrorKind, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let kind = match () {
        () if error.is_timeout() => ErrorKind::Timeout,
        () if error.is_builder() => ErrorKind::InvalidUrl,
        () => otherwise,
    };
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Error::new(kind).with_detail(detail).with_source(error)
}
