//! Fields that hold one event, none, or several.

use cloudevents_core::Event;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::marker::PhantomData;

/// A field that can have `#[serde(with = "...")]` of this module: an [`Event`], and an `Option`, a `Vec` or a `Box` of such a field.
///
/// For another container, such as a map, use [`AsJson`](super::AsJson) or [`AsTyped`](super::AsTyped) in it.
pub trait Field: Stored {}

impl<T: Stored> Field for T {}

/// Not public, so that nothing else implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no field that events can be stored in",
    note = "`with` is for `Event`, and for `Option`, `Vec` and `Box` of it; elsewhere, use `AsJson` or `AsTyped` in place of `Event`"
)]
pub trait Stored: Sized {
    fn write<F: Form, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// How one event is stored.
pub trait Form {
    fn write<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error>;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error>;
}

impl Stored for Event {
    fn write<F: Form, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        F::write(self, serializer)
    }

    fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::read(deserializer)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write<F: Form, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(inner) => serializer.serialize_some(&Writing::<T, F>(inner, PhantomData)),
            None => serializer.serialize_none(),
        }
    }

    fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: Option<Reading<T, F>> = Option::deserialize(deserializer)?;
        Ok(read.map(|read| read.0))
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write<F: Form, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|inner| Writing::<T, F>(inner, PhantomData)))
    }

    fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: Vec<Reading<T, F>> = Vec::deserialize(deserializer)?;
        Ok(read.into_iter().map(|read| read.0).collect())
    }
}

impl<T: Stored> Stored for Box<T> {
    fn write<F: Form, S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write::<F, S>(self, serializer)
    }

    fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read::<F, D>(deserializer).map(Self::new)
    }
}

struct Writing<'a, T, F>(&'a T, PhantomData<F>);

impl<T: Stored, F: Form> Serialize for Writing<'_, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write::<F, S>(serializer)
    }
}

struct Reading<T, F>(T, PhantomData<F>);

impl<'de, T: Stored, F: Form> Deserialize<'de> for Reading<T, F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read::<F, D>(deserializer).map(|read| Self(read, PhantomData))
    }
}
