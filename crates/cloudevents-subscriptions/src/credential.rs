//! Credentials for a sink.

use crate::Invalid;
use cloudevents_core::Timestamp;
use cloudevents_json::codec::{kind, token};
use serde_json::{Map, Value};
use std::fmt;

/// A text that is never printed: not by `Debug`, and not when a subscription is written for a reader.
///
/// ```
/// use cloudevents_subscriptions::Secret;
///
/// let secret = Secret::new("swordfish");
/// assert_eq!(format!("{secret:?}"), "***");
/// assert_eq!(secret.reveal(), "swordfish");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The credential that authorises the delivery of events to a sink (Subscriptions API 3.2.3). All of it but its type is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// `PLAIN`: an account and its password.
    Plain {
        /// The account.
        identifier: Secret,
        /// The password, passphrase or key.
        secret: Secret,
    },
    /// `ACCESSTOKEN`: a token that was acquired before.
    AccessToken(AccessToken),
    /// `REFRESHTOKEN`: a token, and a secret to acquire new tokens with.
    RefreshToken {
        /// The token.
        token: AccessToken,
        /// The secret to acquire new tokens with.
        refreshtoken: Secret,
        /// Where they are.
        refreshtokenendpoint: Option<Secret>,
    },
}

/// A token, its type and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token.
    pub accesstoken: Secret,
    /// When it expires: an RFC 3339 timestamp.
    pub accesstokenexpiresutc: Box<str>,
    /// Its type by RFC 6749, such as `bearer`.
    pub accesstokentype: Box<str>,
}

impl Credential {
    /// The value of `credentialtype`.
    pub fn credentialtype(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::AccessToken(_) => "ACCESSTOKEN",
            Self::RefreshToken { .. } => "REFRESHTOKEN",
        }
    }

    pub(crate) fn read(value: &Value) -> Result<Self, Invalid> {
        let Value::Object(members) = value else {
            return Err(Invalid::new("", format!("a credential is an object, and this is {}", kind(value))));
        };
        let ty = text(members, "credentialtype", "SUBS-3.2.3-a")?;
        let secret = |name, clause| text(members, name, clause).map(Secret::new);
        let access_token = || {
            let expires = text(members, "accesstokenexpiresutc", "SUBS-3.2.3-e")?;
            if Timestamp::parse(expires).is_err() {
                return Err(Invalid::new("/accesstokenexpiresutc", "not an RFC 3339 timestamp"));
            }
            Ok(AccessToken {
                accesstoken: secret("accesstoken", "SUBS-3.2.3-e")?,
                accesstokenexpiresutc: expires.into(),
                accesstokentype: text(members, "accesstokentype", "SUBS-3.2.3-e")?.into(),
            })
        };
        let known: &[&str] = match ty {
            "PLAIN" => &["identifier", "secret"],
            "ACCESSTOKEN" => &["accesstoken", "accesstokenexpiresutc", "accesstokentype"],
            "REFRESHTOKEN" => &[
                "accesstoken",
                "accesstokenexpiresutc",
                "accesstokentype",
                "refreshtoken",
                "refreshtokenendpoint",
            ],
            _ => {
                let message = "the types of credentials are PLAIN, ACCESSTOKEN and REFRESHTOKEN";
                return Err(Invalid::new("/credentialtype", message));
            }
        };
        // An unknown member would be lost, and the delivery with it.
        if let Some(name) =
            members.keys().find(|name| *name != "credentialtype" && !known.contains(&name.as_str()))
        {
            return Err(Invalid::new(token(name), format!("a credential of type {ty} has no such member")));
        }
        Ok(match ty {
            "PLAIN" => Self::Plain {
                identifier: secret("identifier", "SUBS-3.2.3-c")?,
                secret: secret("secret", "SUBS-3.2.3-c")?,
            },
            "ACCESSTOKEN" => Self::AccessToken(access_token()?),
            _ => Self::RefreshToken {
                token: access_token()?,
                refreshtoken: secret("refreshtoken", "SUBS-3.2.3-h")?,
                refreshtokenendpoint: match members.contains_key("refreshtokenendpoint") {
                    true => Some(secret("refreshtokenendpoint", "SUBS-3.2.3-h")?),
                    false => None,
                },
            },
        })
    }

    /// With secrets for the manager that keeps them. Without secrets for every other reader.
    pub(crate) fn write(&self, secrets: bool) -> Value {
        let mut members = Map::new();
        members.insert("credentialtype".into(), self.credentialtype().into());
        if !secrets {
            return members.into();
        }
        let mut put = |name: &str, text: &str| members.insert(name.into(), text.into());
        match self {
            Self::Plain { identifier, secret } => {
                put("identifier", identifier.reveal());
                put("secret", secret.reveal());
            }
            Self::AccessToken(token) | Self::RefreshToken { token, .. } => {
                put("accesstoken", token.accesstoken.reveal());
                put("accesstokenexpiresutc", &token.accesstokenexpiresutc);
                put("accesstokentype", &token.accesstokentype);
            }
        }
        if let Self::RefreshToken { refreshtoken, refreshtokenendpoint, .. } = self {
            put("refreshtoken", refreshtoken.reveal());
            if let Some(endpoint) = refreshtokenendpoint {
                put("refreshtokenendpoint", endpoint.reveal());
            }
        }
        members.into()
    }
}

fn text<'v>(members: &'v Map<String, Value>, name: &str, clause: &'static str) -> Result<&'v str, Invalid> {
    match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(Invalid::new(token(name), "the value is empty")),
        Some(other) => Err(Invalid::new(token(name), format!("this is a string, and here is {}", kind(other)))),
        None => Err(Invalid::new("", format!("the credential has no `{name}`; secrets are never given out, so an update has to state them again")).with_clause(clause)),
    }
}
