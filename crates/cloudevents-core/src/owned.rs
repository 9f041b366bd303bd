//! Leaf values that own their text, and the traits that views and owned values share.

use crate::{Error, FromValue, MediaType, Name, Timestamp, ToTimestamp, ToValue, Uri, UriReference, Value};
use alloc::{boxed::Box, string::String};
use core::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

/// The traits of a view of a text.
macro_rules! view {
    ($($view:ident)*) => { $(
        impl AsRef<str> for $view<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<'a> TryFrom<&'a str> for $view<'a> {
            type Error = Error;

            fn try_from(text: &'a str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl<'a> From<$view<'a>> for &'a str {
            fn from(view: $view<'a>) -> Self {
                view.as_str()
            }
        }

        impl PartialEq<&str> for $view<'_> {
            fn eq(&self, other: &&str) -> bool {
                *self == **other
            }
        }
    )* };
}

view! { MediaType Name Timestamp Uri UriReference }

macro_rules! equals_text {
    ($($view:ident)*) => { $(
        impl PartialEq<str> for $view<'_> {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }
    )* };
}

equals_text! { Name Timestamp Uri UriReference }

/// A text equals a media type if it parses as an equal one: `"TEXT/Plain"` equals `text/plain`.
impl PartialEq<str> for MediaType<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other || MediaType::parse(other).is_ok_and(|other| *self == other)
    }
}

/// An owned text that was checked to be valid for a view.
macro_rules! owned {
    ($($(#[$doc:meta])* $owned:ident of $view:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $owned(Box<str>);

        impl $owned {
            #[doc = concat!("Checks the text. Errors are those of [`", stringify!($view), "::parse`].")]
            pub fn parse(text: impl Into<Box<str>>) -> Result<Self, Error> {
                let text = text.into();
                $view::parse(&text)?;
                Ok(Self(text))
            }

            /// The text exactly as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[doc = concat!("The [`", stringify!($view), "`], borrowed from here.")]
            pub fn view(&self) -> $view<'_> {
                $view::known(&self.0)
            }
        }

        impl From<$view<'_>> for $owned {
            fn from(view: $view<'_>) -> Self {
                Self(view.as_str().into())
            }
        }

        impl FromStr for $owned {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $owned {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $owned {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl From<$owned> for String {
            fn from(owned: $owned) -> Self {
                owned.0.into()
            }
        }

        impl AsRef<str> for $owned {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $owned {
            fn eq(&self, other: &Self) -> bool {
                self.view() == other.view()
            }
        }

        impl Eq for $owned {}

        impl Hash for $owned {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.view().hash(state);
            }
        }

        impl PartialEq<str> for $owned {
            fn eq(&self, other: &str) -> bool {
                self.view() == *other
            }
        }

        impl PartialEq<&str> for $owned {
            fn eq(&self, other: &&str) -> bool {
                self.view() == **other
            }
        }

        impl fmt::Debug for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.view(), f)
            }
        }

        impl fmt::Display for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $owned {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $owned {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(text).map_err(serde::de::Error::custom)
            }
        }
    )* };
}

owned! {
    /// A [`Name`] that owns its text, for configuration and for tables of names.
    ///
    /// ```
    /// use cloudevents_core::NameBuf;
    ///
    /// let name: NameBuf = "partitionkey".parse()?;
    /// assert_eq!(name, "partitionkey");
    /// let columns = std::collections::HashMap::from([(name, "key")]);
    /// assert_eq!(columns.get("partitionkey"), Some(&"key"));
    /// assert!("partition-key".parse::<NameBuf>().is_err());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    NameBuf of Name;

    /// A [`Uri`] that owns its text, for configuration.
    ///
    /// ```
    /// use cloudevents_core::{Event, UriBuf};
    ///
    /// let schema: UriBuf = "https://example.com/schemas/order".parse()?;
    /// let event = Event::builder().id("1").source("/s").ty("t").dataschema(&schema).build()?;
    /// assert_eq!(event.dataschema(), Some(schema.view()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    UriBuf of Uri;

    /// A [`UriReference`] that owns its text, for configuration: the `source` of a program, for example.
    ///
    /// ```
    /// use cloudevents_core::{Event, UriReferenceBuf};
    ///
    /// struct Config {
    ///     source: UriReferenceBuf,
    /// }
    /// let config = Config { source: "/orders/eu-1".parse()? };
    /// let event = Event::builder().id("1").source(&config.source).ty("t").build()?;
    /// assert_eq!(event.source(), "/orders/eu-1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    UriReferenceBuf of UriReference;

    /// A [`Timestamp`] that owns its text.
    ///
    /// ```
    /// use cloudevents_core::{Event, TimestampBuf};
    ///
    /// let time: TimestampBuf = "2018-04-05T17:31:00Z".parse()?;
    /// let event = Event::builder().id("1").source("/s").ty("t").time(&time).build()?;
    /// assert_eq!(TimestampBuf::from(event.time().unwrap()), time);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    TimestampBuf of Timestamp;

    /// A [`MediaType`] that owns its text, for configuration. Two are equal under the rules of [`MediaType`].
    ///
    /// ```
    /// use cloudevents_core::MediaTypeBuf;
    ///
    /// let media_type: MediaTypeBuf = "Application/JSON".parse()?;
    /// assert_eq!(media_type, "application/json");
    /// assert!(media_type.view().is_json());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    MediaTypeBuf of MediaType;
}

/// Ordered by text.
macro_rules! in_order {
    ($($owned:ident)*) => { $(
        impl Ord for $owned {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.cmp(&other.0)
            }
        }

        impl PartialOrd for $owned {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    )* };
}

in_order! { NameBuf UriBuf UriReferenceBuf }

/// Maps with names as their keys are searched with text.
impl Borrow<str> for NameBuf {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Owned values as attribute values, by way of their views.
macro_rules! as_value {
    ($($owned:ident of $view:ident: $variant:ident;)*) => { $(
        impl ToValue for $owned {
            fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
                use_it(Ok(Some(Value::$variant(self.view()))))
            }
        }

        impl FromValue<'_> for $owned {
            fn from_value(value: Value<'_>) -> Result<Self, Error> {
                $view::from_value(value).map(Self::from)
            }
        }

        impl TryFrom<Value<'_>> for $owned {
            type Error = Error;

            fn try_from(value: Value<'_>) -> Result<Self, Error> {
                Self::from_value(value)
            }
        }
    )* };
}

as_value! {
    UriBuf of Uri: Uri;
    UriReferenceBuf of UriReference: UriReference;
    TimestampBuf of Timestamp: Timestamp;
}

impl ToTimestamp for TimestampBuf {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        use_it(Ok(Some(self.view())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};
    use std::collections::HashSet;

    fn check<T>(good: &str, bad: &str)
    where
        T: FromStr<Err = Error> + fmt::Display + fmt::Debug + Eq + Hash + AsRef<str> + PartialEq<str> + Clone,
        T: for<'a> TryFrom<&'a str, Error = Error>
            + TryFrom<String, Error = Error>
            + for<'a> PartialEq<&'a str>,
        String: From<T>,
    {
        let one: T = good.parse().unwrap();
        let other = T::try_from(good.to_string()).unwrap();
        assert_eq!((one.to_string().as_str(), one.as_ref()), (good, good));
        assert!(one == other && one == good && one == *good && one != bad);
        assert_eq!(HashSet::from([one.clone(), other]).len(), 1);
        assert_eq!(String::from(one), good);
        for refused in [bad.parse::<T>(), T::try_from(bad), T::try_from(bad.to_string())] {
            assert!(refused.is_err(), "{bad}");
        }
        assert!(format!("{:?}", T::try_from(good).unwrap()).contains(good));
    }

    #[test]
    fn they_are_what_they_own() {
        check::<NameBuf>("partitionkey", "partition-key");
        check::<UriBuf>("urn:x:y", "/relative");
        check::<UriReferenceBuf>("/relative", "not a reference");
        check::<TimestampBuf>("2018-04-05T17:31:00Z", "yesterday");
        check::<MediaTypeBuf>("text/plain", "text/plain ");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_checks_them() {
        use serde::{Deserialize, de::IntoDeserializer};
        type Problem = serde::de::value::Error;
        let read =
            |text: &'static str| UriBuf::deserialize(IntoDeserializer::<Problem>::into_deserializer(text));
        assert_eq!(read("urn:x:y").unwrap(), "urn:x:y");
        assert!(read("/relative").unwrap_err().to_string().contains("not an absolute URI"));
    }
}
