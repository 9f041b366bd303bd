//! The parser: operators by precedence (CESQL 3.6).

use crate::lexer::{Kind, Lexer, Token, unescape};
use crate::syntax::{BinaryOperator, Level, Node, Syntax};
use crate::{Limits, ParseError, Pattern, Span, Value};

/// Reads a whole text as one expression.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Node, ParseError> {
    let most = limits.length.min(Limits::LENGTH);
    if text.len() > most {
        let message = format!("the expression has {} bytes, and the limit is {most}", text.len());
        return Err(ParseError::new(text, Span::new(0, 0), "", message)
            .with_help("raise Limits::length if expressions of this length are expected"));
    }
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser { lexer, token, nesting: 0, depth: limits.depth.min(Limits::DEPTH) };
    let node = parser.expression(Level::Logic)?;
    match parser.token.kind {
        Kind::End => Ok(*node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// Nodes are boxed as soon as they exist: every level of nesting is a few calls, and their frames are small so.
type Parsed = Result<Box<Node>, ParseError>;

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The next token, which is looked at and not taken.
    token: Token<'t>,
    nesting: usize,
    depth: usize,
}

const KEYWORDS: [&str; 9] = ["AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"];

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

pub(crate) fn is_function_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && !is_keyword(word)
}

impl<'t> Parser<'t> {
    /// Parses an expression of operators with at least this precedence.
    fn expression(&mut self, level: Level) -> Parsed {
        self.nesting = self.nesting.saturating_add(1);
        if self.nesting > self.depth {
            return Err(self.too_deep(self.token.span));
        }
        let mut left = self.prefix()?;
        while let Some(infix) = self.infix(level) {
            self.advance()?;
            left = match infix {
                Infix::Binary(operator) => self.binary(left, operator)?,
                Infix::Like => self.like(left, false)?,
                Infix::In => self.contained(left, false)?,
                Infix::Not => self.negated(left)?,
            };
        }
        self.nesting = self.nesting.saturating_sub(1);
        Ok(left)
    }

    fn prefix(&mut self) -> Parsed {
        let token = self.token;
        match token.kind {
            Kind::Word(word) if word.eq_ignore_ascii_case("NOT") => self.not(token.span),
            Kind::Word(word) if word.eq_ignore_ascii_case("EXISTS") => self.exists(token.span),
            Kind::Word(word) if word.eq_ignore_ascii_case("TRUE") => self.literal(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("FALSE") => self.literal(false),
            Kind::Word(word) if is_keyword(word) => Err(self.unexpected("an expression")),
            Kind::Word(word) if is_digits(word) => {
                self.integer(word, token.span, "").and_then(|number| self.literal(number))
            }
            Kind::Word(word) => self.word(word, token.span),
            Kind::Text(inside, quote) => self.literal(String::from(unescape(inside, quote))),
            Kind::Symbol("(") => self.enclosed(),
            Kind::Symbol(sign @ ("-" | "+")) => self.sign(sign, token.span),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn not(&mut self, start: Span) -> Parsed {
        self.advance()?;
        let operand = self.expression(Level::Unary)?;
        let span = start.to(operand.span);
        self.node(Syntax::Not(operand), span)
    }

    fn exists(&mut self, start: Span) -> Parsed {
        self.advance()?;
        let (name, end) = self.name()?;
        self.node(Syntax::Exists(name), start.to(end))
    }

    fn enclosed(&mut self) -> Parsed {
        self.advance()?;
        let mut node = self.expression(Level::Logic)?;
        self.symbol(")", "`)`")?;
        node.enclosed = true;
        Ok(node)
    }

    /// A sign: the sign of a number right behind it, or the operator.
    fn sign(&mut self, sign: &'static str, start: Span) -> Parsed {
        let adjacent = self.lexer.at_digit();
        self.advance()?;
        if let Kind::Word(word) = self.token.kind
            && adjacent
            && is_digits(word)
        {
            let span = start.to(self.token.span);
            let number = self.integer(word, span, sign)?;
            let mut node = self.literal(number)?;
            node.span = span;
            return Ok(node);
        }
        if sign == "+" {
            return Err(self.unexpected("the digits of a number").with_help("there is no unary +"));
        }
        let operand = self.expression(Level::Unary)?;
        let span = start.to(operand.span);
        self.node(Syntax::Negate(operand), span)
    }

    /// An attribute or a call.
    fn word(&mut self, word: &'t str, start: Span) -> Parsed {
        self.advance()?;
        if self.token.kind != Kind::Symbol("(") {
            return self.attribute(word, start).and_then(|name| self.node(Syntax::Attribute(name), start));
        }
        if !is_function_name(word) {
            return Err(ParseError::new(
                self.lexer.text(),
                start,
                "the name of a function",
                format!("`{word}` is no name of a function"),
            )
            .with_help("names of functions have letters and underscores only, and begin with a letter"));
        }
        self.advance()?;
        let mut arguments = Vec::new();
        if self.token.kind != Kind::Symbol(")") {
            self.elements(&mut arguments)?;
        }
        let end = self.symbol(")", "`,` or `)`")?;
        self.node(Syntax::Call { name: word.to_ascii_uppercase().into(), arguments }, start.to(end))
    }

    /// The operator behind a left operand, when it binds tightly enough.
    fn infix(&self, level: Level) -> Option<Infix> {
        let infix = match self.token.kind {
            Kind::Symbol(symbol) => Infix::Binary(BinaryOperator::from_symbol(symbol)?),
            Kind::Word(word) => {
                let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
                match () {
                    () if is("AND") => Infix::Binary(BinaryOperator::And),
                    () if is("OR") => Infix::Binary(BinaryOperator::Or),
                    () if is("XOR") => Infix::Binary(BinaryOperator::Xor),
                    () if is("LIKE") => Infix::Like,
                    () if is("IN") => Infix::In,
                    () if is("NOT") => Infix::Not,
                    () => return None,
                }
            }
            _ => return None,
        };
        let binds = match infix {
            Infix::Binary(operator) => operator.level(),
            // Right operands are parsed at the level of IN or above LIKE, and at none between.
            Infix::Like | Infix::In | Infix::Not => Level::In,
        };
        (binds >= level).then_some(infix)
    }

    fn binary(&mut self, left: Box<Node>, operator: BinaryOperator) -> Parsed {
        if operator == BinaryOperator::Equal && self.token.kind == Kind::Symbol("=") {
            return Err(self.unexpected("an expression").with_help("`is equal` is written with one ="));
        }
        let right = self.expression(operator.level().above())?;
        let span = left.span.to(right.span);
        self.node(Syntax::Binary { operator, left, right }, span)
    }

    fn negated(&mut self, left: Box<Node>) -> Parsed {
        let Kind::Word(word) = self.token.kind else { return Err(self.unexpected("LIKE or IN after NOT")) };
        if word.eq_ignore_ascii_case("LIKE") {
            self.advance()?;
            return self.like(left, true);
        }
        if word.eq_ignore_ascii_case("IN") {
            self.advance()?;
            return self.contained(left, true);
        }
        Err(self.unexpected("LIKE or IN after NOT"))
    }

    fn like(&mut self, left: Box<Node>, negated: bool) -> Parsed {
        let end = self.token.span;
        let Kind::Text(inside, quote) = self.token.kind else {
            let error = self.unexpected("a string literal as the pattern of LIKE");
            return Err(match self.token.kind {
                Kind::Word(word) => error.with_help(format!("write the pattern in quotes: '{word}'")),
                _ => error,
            });
        };
        self.advance()?;
        let pattern = Pattern::new(&unescape(inside, quote));
        let span = left.span.to(end);
        self.node(Syntax::Like { operand: left, pattern, negated }, span)
    }

    fn contained(&mut self, left: Box<Node>, negated: bool) -> Parsed {
        self.symbol("(", "`(` and the elements of the set")?;
        let mut set = Vec::new();
        self.elements(&mut set)?;
        let end = self.symbol(")", "`,` or `)`")?;
        let span = left.span.to(end);
        self.node(Syntax::In { operand: left, set, negated }, span)
    }

    fn elements(&mut self, into: &mut Vec<Node>) -> Result<(), ParseError> {
        loop {
            into.push(*self.expression(Level::Logic)?);
            if self.token.kind != Kind::Symbol(",") {
                return Ok(());
            }
            self.advance()?;
        }
    }

    /// The name of an attribute, where nothing else may stand.
    fn name(&mut self) -> Result<(Box<str>, Span), ParseError> {
        let span = self.token.span;
        match self.token.kind {
            Kind::Word(word) if !is_keyword(word) => {
                let name = self.attribute(word, span)?;
                self.advance()?;
                Ok((name, span))
            }
            _ => Err(self.unexpected("the name of an attribute")),
        }
    }

    /// Attribute names are lower case; identifiers are compared without regard to case.
    fn attribute(&self, word: &str, span: Span) -> Result<Box<str>, ParseError> {
        if word.contains('_') {
            let message = format!("`{word}` is no name of an attribute");
            return Err(ParseError::new(self.lexer.text(), span, "the name of an attribute", message)
                .with_help("names of attributes have ASCII letters and digits only"));
        }
        Ok(word.to_ascii_lowercase().into())
    }

    fn integer(&self, digits: &str, span: Span, sign: &str) -> Result<i32, ParseError> {
        crate::cast::integer(&format!("{sign}{digits}")).ok_or_else(|| {
            let message = format!("the number `{sign}{digits}` does not fit in 32 bits");
            ParseError::new(self.lexer.text(), span, "", message)
                .with_help("integers are between -2147483648 and 2147483647")
        })
    }

    fn literal(&mut self, value: impl Into<Value<'static>>) -> Parsed {
        let span = self.token.span;
        self.advance()?;
        self.node(Syntax::Literal(value.into()), span)
    }

    fn node(&self, kind: Syntax, span: Span) -> Parsed {
        let mut node = Box::new(Node { kind, span, height: 1, enclosed: false });
        let below = node.children().map(|child| child.height).max().unwrap_or(0);
        node.height = below.saturating_add(1);
        if node.height > self.depth { Err(self.too_deep(span)) } else { Ok(node) }
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn symbol(&mut self, symbol: &'static str, expected: &'static str) -> Result<Span, ParseError> {
        let span = self.token.span;
        if self.token.kind != Kind::Symbol(symbol) {
            return Err(self.unexpected(expected));
        }
        self.advance()?;
        Ok(span)
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> ParseError {
        let found = match self.token.kind {
            Kind::End => "the end of the expression".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::Text(..) => "a text".to_owned(),
            Kind::Word(word) if is_keyword(word) => format!("the keyword `{word}`"),
            Kind::Word(word) if is_digits(word) => format!("the number `{word}`"),
            Kind::Word(word) => format!("`{word}`"),
        };
        let message = format!("expected {expected}, found {found}");
        let error = ParseError::new(self.lexer.text(), self.token.span, expected, message);
        match self.token.kind {
            Kind::Word(word) if is_keyword(word) && expected == "the name of an attribute" => {
                error.with_help("an attribute whose name is a keyword cannot be addressed")
            }
            _ => error,
        }
    }

    #[cold]
    fn too_deep(&self, span: Span) -> ParseError {
        let message = format!("the expression is nested deeper than {} levels", self.depth);
        ParseError::new(self.lexer.text(), span, "", message)
            .with_help("IN takes the place of many comparisons with OR; Limits::depth can be raised")
    }
}

/// The operators that can stand behind a left operand.
enum Infix {
    Binary(BinaryOperator),
    Like,
    In,
    Not,
}

fn is_digits(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}
