//! The options `--set`, `--rename` and `--remove`: rules for attributes.

use crate::{
    commands::sql,
    failure::{Failure, Status},
    report::Report,
};
use clap::Args;
use cloudevents_kit::{
    Error, ErrorKind, Event, Value,
    adapters::AttributeRules,
    model::ValueBuf,
    sql::{Expression, Value as Computed},
};

/// Rules for attributes.
#[derive(Args, Clone, Debug, Default)]
pub struct RuleOptions {
    /// Set an attribute to a text, as in `subject={data.order.id}`. Braces have an attribute, `data.PATH` in a payload of JSON,
    /// `header.NAME` or `message.PART`: topic, partition, offset, key, timestamp, peer. `{a, b}` is the first that is there. An event
    /// without it is an error, and `{a?}` leaves the attribute as it is.
    #[arg(long, value_name = "NAME=TEMPLATE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Set an attribute to the value of this CESQL expression: text, a number or a truth value. An event for which the expression fails is
    /// an error.
    #[arg(long, value_name = "NAME=EXPRESSION", value_parser = pair)]
    pub set_sql: Vec<(String, String)>,
    /// Give an attribute a new name. Events without the attribute stay as they are.
    #[arg(long, value_name = "NAME=NEW", value_parser = pair)]
    pub rename: Vec<(String, String)>,
    /// Remove an attribute. Events without the attribute stay as they are.
    #[arg(long, value_name = "NAME")]
    pub remove: Vec<String>,
}

impl RuleOptions {
    /// Whether there is a rule.
    pub fn is_given(&self) -> bool {
        !(self.set.is_empty() && self.set_sql.is_empty() && self.rename.is_empty() && self.remove.is_empty())
    }

    /// Whether a rule sets this attribute, removes it, or has it as the old or new name.
    pub fn is_of(&self, name: &str) -> bool {
        let mut sets = self.set.iter().chain(&self.set_sql).map(|(name, _)| name);
        let mut of_rename = self.rename.iter().flat_map(|(from, to)| [from, to]);
        sets.any(|known| known == name)
            || of_rename.any(|known| known == name)
            || self.remove.iter().any(|known| known == name)
    }

    /// The rules. A rule that cannot work is wrong usage.
    pub fn rules(&self) -> Result<AttributeRules, Failure> {
        let wrong = |error: Error| Failure::Told(Status::Usage, Box::new(Report::of(&error)));
        let mut rules = AttributeRules::new();
        for (name, template) in &self.set {
            rules = rules.set(name, template).map_err(wrong)?;
        }
        for (name, text) in &self.set_sql {
            let expression = sql::parse(text)?;
            rules = rules.set_by(name, move |event| computed(&expression, event)).map_err(wrong)?;
        }
        for (from, to) in &self.rename {
            rules = rules.rename(from, to).map_err(wrong)?;
        }
        for name in &self.remove {
            rules = rules.remove(name).map_err(wrong)?;
        }
        Ok(rules)
    }
}

/// Returns the event of a file by these rules.
pub fn changed(rules: &AttributeRules, event: Event) -> Result<Event, Error> {
    Ok(rules.apply(&event)?.unwrap_or(event))
}

fn computed(expression: &Expression, event: &Event) -> Result<Option<ValueBuf>, Error> {
    let evaluation = expression.evaluate(event);
    if let Some(error) = evaluation.errors.first() {
        let why = format!("a rule sets it, and {}", error.message());
        return Err(Error::new(ErrorKind::Refused).with_detail(why));
    }
    Ok(Some(match &evaluation.value {
        Computed::Boolean(boolean) => Value::Boolean(*boolean).into(),
        Computed::Integer(number) => Value::Integer(*number).into(),
        Computed::String(text) => Value::String(text).into(),
    }))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected `NAME=` and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(set: &str, rename: &str, remove: &str) -> RuleOptions {
        RuleOptions {
            set: vec![pair(set).unwrap()],
            set_sql: vec![pair("large=LENGTH(type) > 3").unwrap()],
            rename: vec![pair(rename).unwrap()],
            remove: vec![remove.to_owned()],
        }
    }

    #[test]
    fn options_become_rules() {
        let rules = options("subject={a}=b", "tenant=customer", "secret").rules().unwrap();
        let event = Event::builder().id("1").source("/s").ty("t").extension("a", "x");
        let came = event.clone().extension("tenant", "7").extension("secret", "s").build().unwrap();
        let wanted =
            event.subject("x=b").extension("large", false).extension("customer", "7").build().unwrap();
        assert_eq!(changed(&rules, came).unwrap(), wanted);
        assert!(pair("subject").is_err());
        assert!(!RuleOptions::default().is_given());
    }

    #[test]
    fn an_expression_that_fails_is_an_error_of_the_event() {
        let options =
            RuleOptions { set_sql: vec![pair("rank=priority + 1").unwrap()], ..RuleOptions::default() };
        let (rules, event) = (options.rules().unwrap(), Event::builder().id("1").source("/s").ty("t"));
        let error = changed(&rules, event.clone().build().unwrap()).unwrap_err();
        assert_eq!(error.attribute(), Some("rank"));
        assert!(error.detail().contains("`priority`"), "{error}");
        let ranked = changed(&rules, event.extension("priority", 2).build().unwrap()).unwrap();
        assert_eq!(ranked.attribute("rank").unwrap(), 3);
        let wrong = RuleOptions { set_sql: vec![pair("rank=1 +").unwrap()], ..RuleOptions::default() };
        assert!(matches!(wrong.rules(), Err(Failure::Told(Status::Usage, _))));
    }

    #[test]
    fn a_mistake_is_wrong_usage() {
        for (options, words) in [
            (options("subject={A}", "a=b", "c"), "`A`"),
            (options("x-y=a", "a=b", "c"), "x-y"),
            (options("subject=a", "a=id", "c"), "cannot be renamed"),
            (options("subject=a", "a=b", "subject"), "two rules"),
            (options("large=a", "a=b", "c"), "two rules"),
        ] {
            match options.rules().unwrap_err() {
                Failure::Told(Status::Usage, report) => {
                    assert!(report.one_line().contains(words), "{}", report.one_line())
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
