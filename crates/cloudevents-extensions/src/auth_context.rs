//! Auth context: who triggered the occurrence.

use crate::{Extension, Fields, Text, violation};
use cloudevents_core::{Error, Event, EventBuilder, JsonText};
use std::fmt;

/// The principal that triggered the occurrence (`authcontext.md`): `authtype`, `authid` and `authclaims`.
///
/// It is information, not proof: nothing secures it.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_extensions::{AuthContext, AuthType, BuilderExtensions, EventExtensions};
///
/// let mut auth = AuthContext::new(AuthType::ServiceAccount);
/// auth.id = Some("8f14e45f".parse()?);
/// let event = Event::builder().id("1").source("/s").ty("t").write_extension(&auth).build()?;
/// assert_eq!(event.extension("authtype").unwrap(), "service_account");
/// assert_eq!(event.read_extension()?, Some(auth));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AuthContext {
    /// The type of the principal: `authtype`, required.
    pub ty: AuthType,
    /// A unique identifier of the principal: `authid`. Personal data do not belong here.
    pub id: Option<Text>,
    /// Claims of the principal: `authclaims`. Credentials must not be among them.
    pub claims: Option<Claims>,
}

impl AuthContext {
    /// Creates a context without id and claims.
    pub fn new(ty: AuthType) -> Self {
        Self { ty, id: None, claims: None }
    }
}

impl Extension for AuthContext {
    const ATTRIBUTES: &'static [&'static str] = &["authtype", "authid", "authclaims"];

    fn read(event: &Event) -> Result<Option<Self>, Error> {
        let Some(mut fields) = Fields::of::<Self>(event) else { return Ok(None) };
        let ty = fields.required::<Text>("authtype", "AUTHCTX-authtype-a").map(AuthType::from);
        let id = fields.optional("authid", "AUTHCTX-authid-a");
        let claims = fields.optional::<Text>("authclaims", "AUTHCTX-authclaims-a");
        let claims = claims.and_then(|text| fields.accept(Claims::try_from(text)));
        fields.finish(|| Some(Self { ty: ty?, id, claims }))
    }

    fn write(&self, builder: EventBuilder) -> EventBuilder {
        builder
            .extension("authtype", self.ty.as_str())
            .extension("authid", &self.id)
            .extension("authclaims", self.claims.as_ref().map(Claims::as_str))
    }
}

/// The type of a principal: one of the values that the document recommends, or another one.
///
/// ```
/// use cloudevents_extensions::AuthType;
///
/// assert_eq!(AuthType::from("api_key".parse::<cloudevents_extensions::Text>()?), AuthType::ApiKey);
/// assert_eq!(AuthType::AppUser.as_str(), "app_user");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthType {
    /// `app_user`: an end user of an application.
    AppUser,
    /// `user`: a user account of the infrastructure.
    User,
    /// `service_account`: a principal that identifies a service.
    ServiceAccount,
    /// `api_key`: an API key that is no user's.
    ApiKey,
    /// `system`: a platform that does not say on whose behalf it acts.
    System,
    /// `unauthenticated`: no credentials were used.
    Unauthenticated,
    /// `unknown`: the type cannot be determined.
    Unknown,
    /// A value that an implementation defines. One of the values above is read as its own variant.
    Other(Text),
}

impl AuthType {
    /// The value of `authtype`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::AppUser => "app_user",
            Self::User => "user",
            Self::ServiceAccount => "service_account",
            Self::ApiKey => "api_key",
            Self::System => "system",
            Self::Unauthenticated => "unauthenticated",
            Self::Unknown => "unknown",
            Self::Other(text) => text.as_str(),
        }
    }
}

impl From<Text> for AuthType {
    fn from(text: Text) -> Self {
        match text.as_str() {
            "app_user" => Self::AppUser,
            "user" => Self::User,
            "service_account" => Self::ServiceAccount,
            "api_key" => Self::ApiKey,
            "system" => Self::System,
            "unauthenticated" => Self::Unauthenticated,
            "unknown" => Self::Unknown,
            _ => Self::Other(text),
        }
    }
}

impl fmt::Display for AuthType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Claims of a principal: a JSON text, kept as it was written.
///
/// ```
/// use cloudevents_extensions::Claims;
///
/// assert_eq!(Claims::parse(r#"{"role":"editor"}"#)?.as_str(), r#"{"role":"editor"}"#);
/// assert!(Claims::parse("role=editor").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claims(Text);

impl Claims {
    /// Checks the text. Errors are of kind [`InvalidExtension`](cloudevents_core::ErrorKind::InvalidExtension), or of kind
    /// [`InvalidString`](cloudevents_core::ErrorKind::InvalidString): line breaks, which JSON allows, have no place in an attribute.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Text::parse(text)?.try_into()
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<Text> for Claims {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self, Error> {
        match JsonText::parse(text.as_str()) {
            Ok(_) => Ok(Self(text)),
            Err(error) => {
                Err(violation("authclaims", "AUTHCTX-authclaims-a", error.detail().to_owned())
                    .with_source(error))
            }
        }
    }
}
