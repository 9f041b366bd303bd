//! Functions that programs define.

use crate::{Type, Value};
use std::borrow::Cow;
use std::fmt;

/// A function that expressions may call, with its declared signature.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_sql::{Expression, Function, Functions, Options, Signature, Type, Value};
///
/// let signature = Signature::new([Type::String, Type::String], Type::Boolean);
/// let has_prefix = Function::new("HAS_PREFIX", signature, |arguments| {
///     let [Value::String(text), Value::String(prefix)] = arguments else { unreachable!("cast to the signature") };
///     Ok(text.starts_with(&**prefix).into())
/// });
/// let mut functions = Functions::default();
/// functions.define(has_prefix)?;
///
/// let options = Options::default().with_functions(functions);
/// let expression = Expression::parse_with("has_prefix(subject, 'orders/')", &options)?;
/// let event = Event::builder().id("1").source("/s").ty("t").subject("orders/42").build()?;
/// assert!(expression.matches(&event));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Function {
    pub(crate) name: Box<str>,
    pub(crate) signature: Signature,
    body: Body,
}

type Body = Box<dyn Fn(&[Value<'_>]) -> Result<Value<'static>, FunctionError> + Send + Sync>;

impl Function {
    /// Creates a function with this name, which is not case-sensitive.
    ///
    /// The body gets as many arguments as the signature allows, cast to the types of its parameters. If it returns a value of another type
    /// than the signature declares, the call has the zero value and an error (CESQL 3.5.3).
    pub fn new(
        name: &str,
        signature: Signature,
        body: impl Fn(&[Value<'_>]) -> Result<Value<'static>, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_ascii_uppercase().into(), signature, body: Box::new(body) }
    }

    /// The name in upper case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its parameters and its return type.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(crate) fn call(&self, arguments: &[Value<'_>]) -> Result<Value<'static>, FunctionError> {
        let returns = self.signature.returns;
        match (self.body)(arguments) {
            Ok(value) if value.ty() == returns => Ok(value),
            Ok(value) => {
                Err(FunctionError::new(format!("returned a value of type {}, not {returns}", value.ty())))
            }
            Err(error) => {
                Err(FunctionError { value: error.value.filter(|value| value.ty() == returns), ..error })
            }
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.signature)
    }
}

/// The types of a function's parameters and of its result.
///
/// ```
/// use cloudevents_sql::{Signature, Type};
///
/// let signature = Signature::new([Type::String], Type::Integer).variadic(Type::Integer);
/// assert_eq!(signature.to_string(), "(String, Integer...) -> Integer");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(crate) parameters: Box<[Type]>,
    pub(crate) variadic: Option<Type>,
    pub(crate) returns: Type,
}

impl Signature {
    /// So many parameters of these types.
    pub fn new(parameters: impl IntoIterator<Item = Type>, returns: Type) -> Self {
        Self { parameters: parameters.into_iter().collect(), variadic: None, returns }
    }

    /// Also allows any number of arguments of this type after the parameters.
    pub fn variadic(mut self, ty: Type) -> Self {
        self.variadic = Some(ty);
        self
    }

    /// The type of the argument at this index, from 0; `None` when there is none.
    pub fn parameter(&self, index: usize) -> Option<Type> {
        self.parameters.get(index).copied().or(self.variadic)
    }

    /// The type of its values.
    pub fn returns(&self) -> Type {
        self.returns
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, ty) in self.parameters.iter().enumerate() {
            write!(f, "{}{ty}", if index == 0 { "" } else { ", " })?;
        }
        if let Some(ty) = self.variadic {
            write!(f, "{}{ty}...", if self.parameters.is_empty() { "" } else { ", " })?;
        }
        write!(f, ") -> {}", self.returns)
    }
}

/// Why a function failed, and the value of the call, if the function sets one.
///
/// ```
/// use cloudevents_sql::FunctionError;
///
/// let error = FunctionError::new("no such region").with_value("unknown");
/// assert_eq!(error.to_string(), "no such region");
/// ```
#[derive(Clone, Debug)]
pub struct FunctionError {
    pub(crate) message: Cow<'static, str>,
    pub(crate) value: Option<Value<'static>>,
}

impl FunctionError {
    /// Creates an error with this reason. It is shown after the function's name and a colon.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), value: None }
    }

    /// Sets the value of the failed call. Default: the zero value of the return type.
    pub fn with_value(mut self, value: impl Into<Value<'static>>) -> Self {
        self.value = Some(value.into());
        self
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FunctionError {}
