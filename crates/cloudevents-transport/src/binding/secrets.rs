//! Secrets that are not shown when a peer's text repeats them.

mod escapes;

use cloudevents_core::{Error, codec};
use std::fmt;

/// Values with fewer letters and digits are recognized only where they stand alone.
const SHORT: usize = 6;

/// The least that an identifier in a URL has, to count as a secret.
const IDENTIFIER: usize = 8;

/// The same for one beside a password.
const KEY: usize = 20;

/// Credentials of a request, and the parts that make its URL a secret of the people who were given it.
///
/// A peer's text that repeats one of them does not belong in errors, logs and tables.
///
/// **A secret** is a whole value. These are secrets:
///
/// - each credential that the program names;
/// - a part of a URL that looks like an identifier;
/// - the password in a URL or of Basic; also the user, if the password is a placeholder of one letter, or the user looks like a key;
/// - headers and query parameters that sound like credentials. Of such a header, it is the text behind the scheme, and the value of each
///   parameter. Parameters that are known to be public are no secrets, such as `realm` and `nonce`.
///
/// **These values are no secrets**, though they might be:
///
/// - parts of `Authorization` without a name, and values of cookies, if they are words. A word has fewer than six letters and digits, or
///   fewer than sixteen letters in one case and no digit.
/// - values with fewer than six letters and digits that only the name of a header or query parameter makes a credential;
/// - a sign or two.
///
/// All other values count. A value of fewer than six letters and digits counts only where it stands alone, so that a password `a` hides no
/// "Bad Request".
///
/// **A text repeats a value** that it has as it stands, or after the escapes of JSON, URLs, HTML and programming languages are undone. Only
/// letters and digits are compared, in any letter case. If the value has at least six letters and digits of ASCII, only these are compared.
/// If a value has neither letters nor digits, its signs are compared. A text does not repeat a value if it has only a part of it, or
/// escapes it in another way. So values with fewer than six letters and digits of ASCII are not found if their other letters are names of
/// HTML, such as `&auml;`, or are taken for windows-1252.
///
/// ```
/// use cloudevents_transport::binding::Secrets;
///
/// let secrets = Secrets::of_url("https://example.com/hooks/pXc8Zb3nTqWmEXAMPLE0").with("s3cr3t<1>");
/// assert!(secrets.are_in("you sent Authorization: Bearer s3cr3t&lt;1&gt;"));
/// assert_eq!(secrets.shown("cannot POST /hooks/pXc8Zb3nTqWmEXAMPLE0"), Secrets::NOT_SHOWN);
/// assert_eq!(secrets.shown("there are no hooks"), "there are no hooks");
/// ```
#[derive(Clone, Default)]
pub struct Secrets {
    values: Vec<String>,
}

impl Secrets {
    /// The text that is shown in place of a text that repeats a secret.
    pub const NOT_SHOWN: &'static str = "its text is not shown, because it repeats a secret of the request";

    /// The secrets of a URL.
    pub fn of_url(url: &str) -> Self {
        Self::default().with_url(url)
    }

    /// Adds the secrets of another URL.
    pub fn with_url(self, url: &str) -> Self {
        let Some((_, rest)) = url.split_once("://") else { return self };
        let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let secrets = match host.rsplit_once('@') {
            Some((login, _)) => self.with_login(login),
            None => self,
        };
        let query = path.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let named = query.split('&').filter_map(|pair| pair.split_once('='));
        let named = named.filter(|(name, value)| is_credential(name) && compared(value) >= SHORT);
        let secrets = named.fold(secrets, |secrets, (_, value)| secrets.with(value));
        let path = escapes::undone(path);
        let parts = path.split(|character: char| !character.is_ascii_alphanumeric());
        parts.filter(|part| is_identifier(part)).fold(secrets, Self::with)
    }

    /// Adds a credential, such as a token or a password.
    pub fn with(mut self, credential: impl Into<String>) -> Self {
        let credential = credential.into();
        if !credential.is_ascii() {
            // As a peer reads it that takes headers for Latin-1.
            self.values.push(latin1(credential.as_bytes()));
        }
        if !credential.trim().is_empty() {
            self.values.push(credential);
        }
        self
    }

    /// Adds the credentials in a header with this name, in lower case. If the header is known to be sensitive, it may have any name.
    pub fn with_header(self, name: &str, value: &[u8], is_sensitive: bool) -> Self {
        let value = match str::from_utf8(value) {
            Ok(text) => text.to_owned(),
            Err(_) => latin1(value),
        };
        match name {
            "authorization" | "proxy-authorization" => self.with_authorization(&value),
            "cookie" => {
                let values = value.split(';').filter_map(|pair| Some(pair.split_once('=')?.1));
                values.filter(|value| !is_word(value)).fold(self, Self::with)
            }
            "accept" | "content-type" | "user-agent" => self, // even if the program keeps them out of its logs
            _ if is_sensitive || (is_credential(name) && compared(&value) >= SHORT) => {
                self.with_authorization(&value)
            }
            _ => self,
        }
    }

    fn with_authorization(mut self, value: &str) -> Self {
        let value = value.trim();
        let (scheme, credentials) = value.split_once(char::is_whitespace).unwrap_or(("", value));
        if scheme.eq_ignore_ascii_case("basic")
            && let Ok(login) = codec::decode_base64(credentials.trim())
        {
            self =
                self.with_login(&String::from_utf8(login).unwrap_or_else(|login| latin1(login.as_bytes())));
        }
        secrets_of(credentials).fold(self.with(credentials), Self::with)
    }

    /// Some have their key as the user, without a password or with one that everyone knows: `x-oauth-basic`.
    fn with_login(self, login: &str) -> Self {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let is_key = |part: &str| part.len() >= KEY && is_identifier(part);
        let has_key = user.split(|character: char| !character.is_ascii_alphanumeric()).any(is_key);
        let secrets = self.with(password);
        if compared(password) < 2 || has_key { secrets.with(user) } else { secrets }
    }

    /// How many bytes the longest one may have in a text, also escaped.
    ///
    /// If only the beginning of a text is shown, so many more bytes of it are read.
    pub fn longest(&self) -> usize {
        self.values.iter().map(|value| value.len().saturating_mul(12)).max().unwrap_or_default()
    }

    /// Whether a text repeats one of them.
    pub fn are_in(&self, text: &str) -> bool {
        // The text behind an escaped backslash may be a letter of the value, or the rest of an escape.
        let undone = [escapes::undone(text), escapes::undone(&text.replace(r"\\", r"\ "))];
        self.values.iter().any(|value| {
            let plain = escapes::undone(value);
            repeats(text, value) || undone.iter().any(|text| repeats(text, &plain))
        })
    }

    /// The text, or a note in its place if it repeats one of them.
    pub fn shown<'a>(&self, text: &'a str) -> &'a str {
        if self.are_in(text) { Self::NOT_SHOWN } else { text }
    }

    /// The error of a peer, which may repeat a text that it was given: without its detail, if that repeats a secret.
    pub fn hidden_in(&self, error: Error) -> Error {
        match self.are_in(error.detail()) {
            true => Error::new(error.kind()).with_detail(Self::NOT_SHOWN),
            false => error,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

fn repeats(text: &str, value: &str) -> bool {
    let is_kept = match value.chars().filter(char::is_ascii_alphanumeric).count() {
        // A peer that does not know the encoding writes other letters in another way.
        SHORT.. => |character: char| character.is_ascii_alphanumeric(),
        _ if compared(value) > 0 => char::is_alphanumeric,
        _ => |character: char| !(character.is_whitespace() || character == '\\'),
    };
    let kept = |text: &str| {
        let lower = text.chars().flat_map(char::to_lowercase);
        lower.filter(|character| is_kept(*character)).collect::<String>()
    };
    let is_short = (1..SHORT).contains(&compared(value));
    let has_letters = compared(value) > 0;
    let value = kept(value);
    // A sign or two stand where there is no password, and are in most texts.
    if value.is_empty() || (!has_letters && value.chars().count() < 3) {
        return false;
    }
    if !is_short {
        return kept(text).contains(&value);
    }
    let words = text.split(|character: char| !character.is_alphanumeric());
    let words: Vec<String> = words.map(kept).filter(|word| !word.is_empty()).collect();
    // Words have at least a letter each, so that few are looked at.
    let begins = |at: usize| {
        let mut rest = Some(value.as_str());
        words.iter().skip(at).any(|word| {
            rest = rest.and_then(|rest| rest.strip_prefix(word.as_str()));
            rest.is_none_or(str::is_empty)
        }) && rest.is_some()
    };
    (0..words.len()).any(begins)
}

/// The secrets among the parameters of credentials, or of a list.
fn secrets_of(credentials: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_between = move |character: char| {
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = is_quoted && character == '\\' && !is_escaped;
        !is_quoted && (matches!(character, ',' | '&') || character.is_whitespace())
    };
    let is_signed = credentials.to_ascii_lowercase().contains("signature=");
    let secrets = credentials.split(is_between).flat_map(move |part| {
        // Base64 ends in it, and has signs that names have not.
        let part = part.trim_end_matches('=');
        match part.split_once('=').filter(|(name, _)| !name.contains([':', '/', '+'])) {
            Some((name, _)) if is_public(name, is_signed) => Vec::new(),
            Some((_, value)) => vec![value],
            None => part.split(':').filter(|part| !is_word(part)).collect(),
        }
    });
    secrets.filter(|secret| compared(secret) > 0)
}

/// Whether a parameter of credentials is sent with each request, or chosen for it, and opens nothing: RFC 7616; RFC 5849; Hawk; AWS; Azure.
/// `Credential` of AWS and Azure names the key of the signature beside it.
fn is_public(name: &str, is_signed: bool) -> bool {
    const NAMES: &[&str] = &[
        "algorithm",
        "app",
        "client",
        "clientid",
        "cnonce",
        "consumerkey",
        "created",
        "date",
        "device",
        "deviceid",
        "expires",
        "ext",
        "hash",
        "headers",
        "id",
        "keyid",
        "nc",
        "nonce",
        "opaque",
        "qop",
        "realm",
        "scope",
        "se",
        "signaturemethod",
        "signedheaders",
        "skn",
        "sr",
        "timestamp",
        "ts",
        "uri",
        "user",
        "userhash",
        "username",
        "version",
    ];
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    NAMES.contains(&name.strip_prefix("oauth").unwrap_or(&name)) || (name == "credential" && is_signed)
}

/// Whether a header or query parameter has a credential, by its name. Attributes of events have none, and some keys only name a place or a
/// message.
fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_one =
        has(&["assertion", "auth", "credential", "jwt", "passphrase", "passw", "pwd", "secret", "token"]);
    let mut words = name.split(|character: char| !character.is_alphanumeric());
    let is_short = words.any(|word| matches!(word, "pass" | "sig"));
    let is_key = has(&["key"]) && !has(&["partition", "routing", "idempotency"]);
    (is_one || is_short || is_key) && !name.starts_with("ce-")
}

/// Words have no digits, and are not as long.
fn is_identifier(part: &str) -> bool {
    let has_digits = part.bytes().any(|byte| byte.is_ascii_digit());
    part.len() >= IDENTIFIER.saturating_mul(3) || (part.len() >= IDENTIFIER && has_digits)
}

fn is_word(value: &str) -> bool {
    let behind_the_first = || value.chars().filter(|character| character.is_alphabetic()).skip(1);
    let is_in_one_case =
        !(behind_the_first().any(char::is_lowercase) && behind_the_first().any(char::is_uppercase));
    let length = compared(value);
    length < SHORT || (length < 16 && is_in_one_case && !value.contains(char::is_numeric))
}

fn compared(value: &str) -> usize {
    value.chars().filter(|character| character.is_alphanumeric()).count()
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P4s+Wo&rd<9` as writers of JSON in Go and .NET, of HTML and of URLs have it, and `pässwörd` as that of Python has it.
    #[test]
    fn a_secret_is_recognized_however_it_is_escaped() {
        let secrets = Secrets::default().with("P4s+Wo&rd<9").with("pässwörd");
        for text in [
            "P4s+Wo&rd<9",
            "p4s+wo&rd<9",
            r"P4s+Wo\u0026rd\u003c9",
            r"P4s\u002BWo\u0026rd\u003C9",
            "P4s+Wo&amp;rd&lt;9",
            "P4s+Wo&#38;rd&#x3c;9",
            "P4s%2BWo%26rd%3C9",
            "P4s%252BWo%2526rd%253C9",
            "P4s+Wo\n&rd<9",
            r"P4s+Wo\x26rd\x3c9",
            "pässwörd",
            r"p\u00e4ssw\u00f6rd",
            "p%C3%A4ssw%C3%B6rd",
            "p&#228;ssw&#xF6;rd",
            "pÃ¤sswÃ¶rd",
        ] {
            assert_eq!(secrets.shown(text), Secrets::NOT_SHOWN, "{text}");
        }
        // What is behind an escaped backslash looks like an escape.
        let behind = Secrets::default().with("n0Wo&rd<9");
        assert!(behind.are_in(r#"{"detail":"unknown key shop\\n0Wo\u0026rd\u003C9"}"#));
        for text in ["", "the password is wrong", "P4s+Wo", "%", "&#;", "\\u", "\\", "%u", "&amp"] {
            assert_eq!(secrets.shown(text), text);
        }
        let signs = Secrets::default().with("пароль").with("+/=");
        assert!(signs.are_in("Bearer пароль") && signs.are_in("\\u043f\\u0430\\u0440\\u043e\\u043b\\u044c"));
        assert!(signs.are_in("you sent +/=") && !signs.are_in("you sent + and ="));
    }

    /// What is secret of credentials, and not what only names somebody.
    #[test]
    fn parameters_of_credentials_are_secret_unless_they_are_known_to_be_public() {
        let of = |value: &str| Secrets::default().with_header("authorization", value.as_bytes(), false);
        for (value, secret, public) in [
            ("WebPush key=t0pSecretValue99, client=shop", &["t0pSecretValue99"][..], &["shop"][..]),
            (
                "ApiKey apikey=QwErTyUiOpAsDfGh, client=orders-service",
                &["QwErTyUiOpAsDfGh"],
                &["orders-service"],
            ),
            ("X api_key=abcdefgh access_token=ijklmnop", &["abcdefgh", "ijklmnop"], &[]),
            (
                r#"OAuth realm="photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature="kd94hf93%26pfkkdhi9""#,
                &["nnch734d00sl2jdk", "kd94hf93&pfkkdhi9"],
                &["photos", "dpf43f3p2l4k3l03"],
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830, SignedHeaders=host;x-amz-date, Signature=fe5f80f7",
                &["fe5f80f7"],
                &["AKIDEXAMPLE", "x-amz-date"],
            ),
            (
                r#"Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", mac="6R4rV5iE+N=""#,
                &["6R4rV5iE+N="],
                &["dh37fgj492je", "1353832234", "j4h3g2"],
            ),
            ("vapid t=eyJ0eXAi.eyJhdWQi, k=BA1Hxzyi1RUM", &["eyJ0eXAi.eyJhdWQi", "BA1Hxzyi1RUM"], &[]),
            ("Token first0ne,second0ne", &["first0ne", "second0ne"], &[]),
            (
                "SharedAccessSignature sr=https%3a%2f%2fns1.servicebus.windows.net&sig=k3Yl0w&se=1764100000&skn=send",
                &["k3Yl0w"],
                &["1764100000", "send"],
            ),
            (
                "Bearer s3cr3t/T0kenLong+Value==",
                &["s3cr3t/T0kenLong+Value", "s3cr3tT0kenLongValue"],
                &["bearer"],
            ),
            ("Basic bWU6cEBzc3cwcmQ=", &["bWU6cEBzc3cwcmQ=", "p@ssw0rd"], &["me"]),
            // Base64 ends in signs, and is no parameter.
            ("ApiKey shop:c2VjcmV0S2V5Rm9yVGhlU2hvcA==", &["c2VjcmV0S2V5Rm9yVGhlU2hvcA=="], &["shop"]),
            ("SharedKey account:k/Yl0wSh4red+Key=", &["k/Yl0wSh4red+Key="], &["account"]),
            ("Token dG9rZW4x==,dG9rZW4y==", &["dG9rZW4x", "dG9rZW4y=="], &[]),
            // A key that signs, and one that is sent.
            ("HMAC-SHA256 Credential=shop-key-1&Signature=k3Yl0w", &["k3Yl0w"], &["shop-key-1"]),
            ("X Credential=s3cr3tValue99, Version=1", &["s3cr3tValue99"], &["Version"]),
            // The users `ghp_16C7e42F292c6912E7710c83` and `orders-service-of-production-1`.
            (
                "Basic Z2hwXzE2QzdlNDJGMjkyYzY5MTJFNzcxMGM4Mzp4LW9hdXRoLWJhc2lj",
                &["ghp_16C7e42F292c6912E7710c83", "x-oauth-basic"],
                &[],
            ),
            (
                "Basic b3JkZXJzLXNlcnZpY2Utb2YtcHJvZHVjdGlvbi0xOnN3MHJkZmlzaA==",
                &["sw0rdfish"],
                &["orders-service-of-production-1"],
            ),
            // The user `t0ken123` with the password `-`.
            ("Basic dDBrZW4xMjM6LQ==", &["t0ken123"], &["-"]),
            // Of a few letters, where it stands alone.
            (r#"X key="a,b""#, &["a, b", "a a b"], &["Bad Request", "a c b"]),
        ] {
            for text in secret {
                assert!(of(value).are_in(&format!("bad key {text}.")), "{value}: {text}");
            }
            for text in public {
                assert!(!of(value).are_in(&format!("what is {text}")), "{value}: {text}");
            }
        }
        let of = |name: &str| Secrets::default().with_header(name, b"s3cr3tValue", false);
        assert!(of("x-routing-token").are_in("s3cr3tValue") && of("x-api-key").are_in("s3cr3tValue"));
        for name in ["x-passphrase", "x-pass", "db_pwd", "mail-passwd", "cf-access-jwt-assertion", "sig"] {
            assert!(of(name).are_in("s3cr3tValue"), "{name}");
        }
        for name in ["signature-input", "x-passenger", "x-design"] {
            assert!(!of(name).are_in("s3cr3tValue"), "{name}");
        }
        assert!(!of("x-routing-key").are_in("s3cr3tValue") && !of("ce-authid").are_in("s3cr3tValue"));
        let cookie = Secrets::default().with_header("cookie", b"theme=dark; session=5e551onId", false);
        assert!(cookie.are_in("5e551onId") && !cookie.are_in("a dark theme"));
    }

    #[test]
    fn identifiers_and_passwords_of_a_url_are_secret() {
        let secrets = Secrets::of_url(
            "https://me:p%40ssw0rd@example.com/hooks/pXc8Zb3nTqWmEXAMPLE0?code=1&api_key=abcdefgh&pass=swordfishes",
        );
        for text in ["p@ssw0rd", "p%40ssw0rd", "/pXc8Zb3nTqWmEXAMPLE0", "abcdefgh", "swordfishes"] {
            assert!(secrets.are_in(text), "{text}");
        }
        for text in ["example.com has no hooks", "me", "code"] {
            assert!(!secrets.are_in(text), "{text}");
        }
    }
}
