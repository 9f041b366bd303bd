//! The options `--set`, `--rename` and `--remove`: rules for attributes.

use crate::{
    failure::{Failure, Status},
    report::Report,
};
use clap::Args;
use cloudevents_kit::{Error, Event, adapters::AttributeRules};

/// Rules for attributes.
#[derive(Args, Clone, Debug, Default)]
pub struct RuleOptions {
    /// Set an attribute to a text, as in `subject={data.order.id}`. Braces have an attribute, `data.PATH` in a payload of JSON,
    /// `header.NAME` or `message.PART`: topic, partition, offset, key, timestamp, peer. `{a, b}` is the first that is there. An event
    /// without it is an error, and `{a?}` leaves the attribute as it is.
    #[arg(long, value_name = "NAME=TEMPLATE", value_parser = pair)]
    pub set: Vec<(String, String)>,
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
        !(self.set.is_empty() && self.rename.is_empty() && self.remove.is_empty())
    }

    /// Whether a rule sets this attribute, removes it, or has it as the old or new name.
    pub fn is_of(&self, name: &str) -> bool {
        let of_rename = self.rename.iter().any(|(from, to)| from == name || to == name);
        of_rename
            || self.set.iter().any(|(known, _)| known == name)
            || self.remove.iter().any(|known| known == name)
    }

    /// The rules. A rule that cannot work is wrong usage.
    pub fn rules(&self) -> Result<AttributeRules, Failure> {
        let wrong = |error: Error| Failure::Told(Status::Usage, Box::new(Report::of(&error)));
        let mut rules = AttributeRules::new();
        for (name, template) in &self.set {
            rules = rules.set(name, template).map_err(wrong)?;
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
            rename: vec![pair(rename).unwrap()],
            remove: vec![remove.to_owned()],
        }
    }

    #[test]
    fn options_become_rules() {
        let rules = options("subject={a}=b", "tenant=customer", "secret").rules().unwrap();
        let event = Event::builder().id("1").source("/s").ty("t").extension("a", "x");
        let came = event.clone().extension("tenant", "7").extension("secret", "s").build().unwrap();
        let wanted = event.subject("x=b").extension("customer", "7").build().unwrap();
        assert_eq!(changed(&rules, came).unwrap(), wanted);
        assert!(pair("subject").is_err());
        assert!(!RuleOptions::default().is_given());
    }

    #[test]
    fn a_mistake_is_wrong_usage() {
        for (options, words) in [
            (options("subject={A}", "a=b", "c"), "`A`"),
            (options("x-y=a", "a=b", "c"), "x-y"),
            (options("subject=a", "a=id", "c"), "cannot be renamed"),
            (options("subject=a", "a=b", "subject"), "two rules"),
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
