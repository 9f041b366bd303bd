//! Which functions there are.

use crate::parse::is_function_name;
use crate::{Function, Type};
use std::fmt;
use std::sync::Arc;

/// The functions that expressions may call: the built-in functions and the functions of the program.
///
/// It is a value and not a global, so each expression can have other functions.
///
/// See [`Function`] for an example.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    defined: Vec<Arc<Function>>,
}

impl Functions {
    /// Adds a function.
    ///
    /// Functions with the same name are distinguished by the number of their arguments (CESQL 3.5). Errors: the name is not valid, or a
    /// function with this name and number of arguments exists, built-in functions included.
    pub fn define(&mut self, function: Function) -> Result<(), InvalidFunction> {
        let refuse = |reason: &str| InvalidFunction { name: function.name.clone(), reason: reason.into() };
        if !is_function_name(&function.name) {
            return Err(refuse(
                "a name has ASCII letters and underscores, begins with a letter, and is no keyword",
            ));
        }
        let new = Arity {
            fixed: function.signature.parameters.len(),
            variadic: function.signature.variadic.is_some(),
        };
        let clash = self.arities(&function.name).find_map(|old| new.clash(old));
        if let Some(reason) = clash {
            return Err(refuse(reason));
        }
        self.defined.push(Arc::new(function));
        Ok(())
    }

    pub(crate) fn resolve(&self, name: &str, arguments: usize) -> Option<Resolved> {
        if let Some(builtin) =
            Builtin::ALL.into_iter().find(|one| one.name() == name && one.arity().takes(arguments))
        {
            return Some(Resolved::Builtin(builtin));
        }
        let takes = |function: &&Arc<Function>| {
            let signature = &function.signature;
            let arity = Arity { fixed: signature.parameters.len(), variadic: signature.variadic.is_some() };
            *function.name == *name && arity.takes(arguments)
        };
        self.defined.iter().find(takes).cloned().map(Resolved::Custom)
    }

    /// The numbers of arguments that functions of this name take.
    pub(crate) fn arities(&self, name: &str) -> impl Iterator<Item = Arity> {
        let builtin = Builtin::ALL.into_iter().filter(move |one| one.name() == name).map(Builtin::arity);
        let defined = self.defined.iter().filter(move |one| *one.name == *name).map(|one| Arity {
            fixed: one.signature.parameters.len(),
            variadic: one.signature.variadic.is_some(),
        });
        builtin.chain(defined)
    }

    /// All names, some more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let builtin: std::array::IntoIter<_, 14> = Builtin::ALL.map(Builtin::name).into_iter();
        builtin.chain(self.defined.iter().map(|one| one.name()))
    }
}

/// Why a function cannot be defined.
///
/// ```
/// use cloudevents_sql::{Function, Functions, Signature, Type};
///
/// let upper = Function::new("UPPER", Signature::new([Type::String], Type::String), |_| Ok("".into()));
/// let error = Functions::default().define(upper).unwrap_err();
/// assert_eq!(error.to_string(), "the function UPPER cannot be defined: one with as many arguments is there already");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFunction {
    name: Box<str>,
    reason: Box<str>,
}

impl fmt::Display for InvalidFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the function {} cannot be defined: {}", self.name, self.reason)
    }
}

impl std::error::Error for InvalidFunction {}

#[derive(Debug)]
pub(crate) enum Resolved {
    Builtin(Builtin),
    Custom(Arc<Function>),
}

/// How many arguments a function takes: exactly `fixed`, or at least `fixed` if it is variadic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arity {
    pub(crate) fixed: usize,
    pub(crate) variadic: bool,
}

impl Arity {
    fn takes(self, arguments: usize) -> bool {
        arguments == self.fixed || self.variadic && arguments > self.fixed
    }

    fn clash(self, other: Self) -> Option<&'static str> {
        match (self.variadic, other.variadic) {
            (true, true) => Some("a variadic one is there already"),
            (false, false) if self.fixed == other.fixed => {
                Some("one with as many arguments is there already")
            }
            (true, false) if self.fixed <= other.fixed => {
                Some("a variadic one needs more fixed parameters than the others of its name have")
            }
            (false, true) if other.fixed <= self.fixed => {
                Some("the variadic one of its name takes as many arguments")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Arity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.fixed, if self.variadic { " or more" } else { "" })
    }
}

/// The functions that the specification has (CESQL 3.5.1 and 3.5.2, casts in 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    Abs,
    Bool,
    Concat,
    ConcatWs,
    Int,
    Left,
    Length,
    Lower,
    Right,
    String,
    Substring,
    SubstringOf,
    Trim,
    Upper,
}

impl Builtin {
    const ALL: [Self; 14] = [
        Self::Abs,
        Self::Bool,
        Self::Concat,
        Self::ConcatWs,
        Self::Int,
        Self::Left,
        Self::Length,
        Self::Lower,
        Self::Right,
        Self::String,
        Self::Substring,
        Self::SubstringOf,
        Self::Trim,
        Self::Upper,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Abs => "ABS",
            Self::Bool => "BOOL",
            Self::Concat => "CONCAT",
            Self::ConcatWs => "CONCAT_WS",
            Self::Int => "INT",
            Self::Left => "LEFT",
            Self::Length => "LENGTH",
            Self::Lower => "LOWER",
            Self::Right => "RIGHT",
            Self::String => "STRING",
            Self::Substring | Self::SubstringOf => "SUBSTRING",
            Self::Trim => "TRIM",
            Self::Upper => "UPPER",
        }
    }

    fn arity(self) -> Arity {
        let (fixed, variadic) = match self {
            Self::Concat => (0, true),
            Self::ConcatWs => (1, true),
            Self::Left | Self::Right | Self::Substring => (2, false),
            Self::SubstringOf => (3, false),
            _ => (1, false),
        };
        Arity { fixed, variadic }
    }

    /// The type to which the argument at this index is cast. `None` if it is not cast.
    pub(crate) fn parameter(self, index: usize) -> Option<Type> {
        match self {
            Self::Abs => Some(Type::Integer),
            Self::Bool | Self::Int | Self::String => None,
            Self::Left | Self::Right | Self::Substring | Self::SubstringOf if index > 0 => {
                Some(Type::Integer)
            }
            _ => Some(Type::String),
        }
    }

    pub(crate) fn returns(self) -> Type {
        match self {
            Self::Abs | Self::Int | Self::Length => Type::Integer,
            Self::Bool => Type::Boolean,
            _ => Type::String,
        }
    }
}
