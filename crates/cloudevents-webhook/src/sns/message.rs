//! Messages of SNS, and the text that their signatures are of.

use super::certificate::Certificate;
use crate::signature::SignatureError;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::codec::parse;
use data_encoding::BASE64;
use std::time::SystemTime;
use url::Url;

/// The longest URL.
const LONGEST: usize = 2048;

/// A message, with the members that are signed.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) ty: String,
    pub(super) topic: String,
    pub(super) id: String,
    pub(super) certificate_url: String,
    pub(super) subscribe_url: Option<String>,
    /// The text that is signed.
    signed: String,
    signature: String,
    version: String,
}

/// A topic, and the host of SNS in its region.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    arn: Box<str>,
    host: Box<str>,
}

/// The signed members of a notification, in the order of
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.
const NOTIFICATION: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];

/// The signed members of confirmations.
const CONFIRMATION: [&str; 7] =
    ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

impl Message {
    /// Reads a message. A member that is there twice is an error: another reader could see the other one.
    pub(super) fn parse(body: &[u8]) -> Result<Self, SignatureError> {
        let lacking = |name: &str| SignatureError::Component(name.into());
        let document = parse(body).map_err(|_| lacking("the body"))?;
        let text = |name: &str| document.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let required = |name: &str| text(name).ok_or_else(|| lacking(name));
        let ty = required("Type")?;
        let members: &[&str] = match ty.as_str() {
            "Notification" => &NOTIFICATION,
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => &CONFIRMATION,
            _ => return Err(lacking("Type")),
        };
        let mut signed = String::new();
        for name in members {
            let value = match document.get(*name) {
                // Of a message without a subject, SNS writes none or null.
                None if *name == "Subject" => continue,
                Some(value) if *name == "Subject" && value.is_null() => continue,
                _ => required(name)?,
            };
            signed.extend([*name, "\n", &value, "\n"]);
        }
        Ok(Self {
            topic: required("TopicArn")?,
            id: required("MessageId")?,
            certificate_url: required("SigningCertURL")?,
            subscribe_url: text("SubscribeURL"),
            signature: required("Signature")?,
            version: required("SignatureVersion")?,
            signed,
            ty,
        })
    }

    /// Checks the signature.
    pub(super) fn check(&self, certificate: &Certificate, now: SystemTime) -> Result<(), SignatureError> {
        let signature = BASE64.decode(self.signature.as_bytes());
        let signature = signature.map_err(|_| SignatureError::Component("Signature".into()))?;
        let fits = match self.version.as_str() {
            "1" => certificate.fits_sha1(self.signed.as_bytes(), &signature, now),
            "2" => certificate.fits_sha256(self.signed.as_bytes(), &signature, now),
            _ => return Err(SignatureError::Component("SignatureVersion".into())),
        };
        if fits { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

impl Topic {
    /// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
    pub(super) fn parse(arn: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::new(ErrorKind::InvalidUri)
                .with_detail(format!("`{arn}` is no ARN of a topic of SNS"))
                .with_help("it has the form arn:aws:sns:eu-central-1:123456789012:orders")
        };
        let mut parts = arn.splitn(6, ':');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or_else(wrong);
        let (scheme, partition, service, region) = (part()?, part()?, part()?, part()?);
        let (_account, name) = (part()?, part()?);
        let is_region =
            region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let domain = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(wrong()),
        };
        if scheme != "arn" || service != "sns" || !is_region || name.contains(':') {
            return Err(wrong());
        }
        Ok(Self { arn: arn.into(), host: format!("sns.{region}.{domain}").into() })
    }

    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether this is a URL at the host of SNS in the region of the topic. The guard checks the port.
    pub(super) fn is_host_of(&self, url: &str) -> bool {
        self.at_host(url).is_some()
    }

    /// Whether this is the URL of a certificate there.
    pub(super) fn is_certificate(&self, url: &str) -> bool {
        let url = self.at_host(url);
        url.is_some_and(|url| {
            url.path().ends_with(".pem") && url.query().is_none() && url.fragment().is_none()
        })
    }

    fn at_host(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url.get(..LONGEST).map_or(url, |_| "")).ok()?;
        let is_host = url.scheme() == "https" && url.host_str() == Some(&*self.host);
        (is_host && url.username().is_empty() && url.password().is_none()).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_the_developer_guide() {
        let notification = r#"{"Type": "Notification", "MessageId": "4d4dc071-ddbf-465d-bba8-08f81c89da64",
            "TopicArn": "arn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P", "Subject": "My subject",
            "Message": "My Test Message", "Timestamp": "2019-01-31T04:37:04.321Z", "SignatureVersion": "1", "Signature": "",
            "SigningCertURL": "https://sns.us-east-2.amazonaws.com/x.pem", "UnsubscribeURL": "https://x"}"#;
        assert_eq!(
            Message::parse(notification.as_bytes()).unwrap().signed,
            "Message\nMy Test Message\nMessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\nSubject\nMy subject\nTimestamp\n\
             2019-01-31T04:37:04.321Z\nTopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\nType\nNotification\n"
        );
        let confirmation = r#"{"Type": "SubscriptionConfirmation", "MessageId": "3d891288-136d-417f-bc05-901c108273ee",
            "Token": "233...", "TopicArn": "arn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P",
            "Message": "My Test Message", "SubscribeURL": "https://sns.us-east-2.amazonaws.com/?Action=ConfirmSubscription",
            "Timestamp": "2019-01-31T19:25:13.719Z", "SignatureVersion": "1", "Signature": "",
            "SigningCertURL": "https://sns.us-east-2.amazonaws.com/x.pem"}"#;
        assert_eq!(
            Message::parse(confirmation.as_bytes()).unwrap().signed,
            "Message\nMy Test Message\nMessageId\n3d891288-136d-417f-bc05-901c108273ee\nSubscribeURL\n\
             https://sns.us-east-2.amazonaws.com/?Action=ConfirmSubscription\nTimestamp\n2019-01-31T19:25:13.719Z\nToken\n233...\n\
             TopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\nType\nSubscriptionConfirmation\n"
        );
        for (from, to) in [
            ("My Test Message\"", "a\", \"Message\": \"b\""),
            ("Notification", "Other"),
            ("\"MessageId\"", "\"Id\""),
        ] {
            assert!(Message::parse(notification.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        let without = notification.replace(r#""Subject": "My subject","#, r#""Subject": null,"#);
        assert!(!Message::parse(without.as_bytes()).unwrap().signed.contains("Subject"));
    }

    #[test]
    fn only_the_host_of_the_region_is_one_of_sns() {
        let topic = Topic::parse("arn:aws:sns:eu-central-1:123456789012:orders").unwrap();
        assert!(
            topic.is_certificate("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem")
        );
        assert!(topic.is_host_of("https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"));
        for url in [
            "http://sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-west-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
            "https://user@sns.eu-central-1.amazonaws.com/a.pem",
            "https://bucket.s3.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com./a.pem",
            "",
        ] {
            assert!(!topic.is_host_of(url), "{url}");
        }
        for url in ["/a.txt", "/a.pem?x", "/?a.pem", "/a.pem#b"] {
            assert!(!topic.is_certificate(&format!("https://sns.eu-central-1.amazonaws.com{url}")), "{url}");
        }
        let long = format!("https://sns.eu-central-1.amazonaws.com/{}.pem", "a".repeat(LONGEST));
        assert!(!topic.is_certificate(&long));
        let china = Topic::parse("arn:aws-cn:sns:cn-north-1:123456789012:orders").unwrap();
        assert!(china.is_certificate("https://sns.cn-north-1.amazonaws.com.cn/a.pem"));
        for arn in [
            "",
            "orders",
            "arn:aws:sqs:eu-central-1:1:q",
            "arn:aws:sns:eu/..:1:t",
            "arn:aws:sns:e:1:t:s",
            "arn:x:sns:e:1:t",
        ] {
            assert!(Topic::parse(arn).is_err(), "{arn}");
        }
    }
}
