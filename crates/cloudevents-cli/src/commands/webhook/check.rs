//! `ce webhook check`.

use super::{
    keys::{signer, token},
    probe::{Draft, Probe, Response, Stop, Token},
    rules::{CASES, Expect, Needs, good},
    verdict::{Finding, Rule, Verdict, junit},
};
use crate::{
    connect::{self, Certificates},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{count, size},
    report::Report,
};
use clap::Args;
use cloudevents_kit::webhook::handshake::{Grant, Origin, Rate, Registration};
use http::{Method, header};
use std::{fs, path::PathBuf};

/// Check a target of deliveries: handshake, authorization, modes, limits and responses.
///
/// Sends at most 100 requests with 5 MB in two minutes, one after the other, and no more deliveries a minute than the target grants. Needs
/// consent: the target agrees to the origin in the handshake, or --i-own-this is given. The events have the type `io.cloudevents.check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  HOOK_TOKEN=... ce webhook check https://partner.example/hook \\
      --origin me.example --token-env HOOK_TOKEN
  ce webhook check http://127.0.0.1:8080/hook --i-own-this --junit check.xml

It knows targets with a token, and with signatures of Standard Webhooks. A gate for GitHub or another provider refuses
its deliveries: try one with `ce webhook sign --provider NAME`.

Exit status: 0 every rule that was judged holds or has a warning, 1 some fail, the check ended early, or no delivery could be
judged, 2 wrong usage, 3 the target cannot be reached.")]
pub(crate) struct Check {
    /// The URL of the target.
    url: String,
    /// The origin to send in the handshake: a DNS name.
    #[arg(long, value_name = "NAME", default_value = "check.cloudevents.invalid")]
    origin: Origin,
    /// The environment variable with the access token, or `@FILE`.
    #[arg(long, visible_alias = "token", value_name = "VARIABLE")]
    token_env: Option<String>,
    /// The environment variable with the key of Standard Webhooks signatures, or `@FILE`.
    #[arg(long, visible_alias = "secret", value_name = "VARIABLE")]
    secret_env: Option<String>,
    /// Check the target even if it does not agree in the handshake.
    #[arg(long)]
    i_own_this: bool,
    /// Leave out rules that take long.
    #[arg(long)]
    quick: bool,
    /// Also write the findings as JUnit.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    certificates: Certificates,
}

pub(super) fn run(command: &Check, console: &Console) -> Result<Status, Failure> {
    connect::runtime()?.block_on(check(command, console))
}

async fn check(command: &Check, console: &Console) -> Result<Status, Failure> {
    let url = url(&command.url)?;
    command.certificates.check([&command.url])?;
    if !cfg!(feature = "tls") && url.scheme() == "https" {
        return Err(Failure::usage("this build of ce has no TLS").help("build it with the feature `tls`"));
    }
    let token = command.token_env.as_deref().map(token).transpose()?;
    let signer = command.secret_env.as_deref().map(signer).transpose()?;
    let mut probe = Probe::new(url, token, signer, &command.certificates)?;
    let mut findings = Vec::new();
    let judged = judge(command, &mut probe, &mut findings).await?;
    if let Err(Stop(why)) = judged {
        console.report(&Report::warning("the check ended early").detail(why));
    }
    let mut emit = Emit::new(console);
    for finding in &findings {
        emit.value(&finding.to_json(), |paint| finding.to_text(paint))?;
    }
    emit.flush()?;
    if let Some(path) = &command.junit {
        fs::write(path, junit(&findings))
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
    }
    let (requests, bytes, time) = probe.used();
    let number = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    console.say(&format!(
        "{} passed, {} warned, {} failed, {} not judged; {} with {} in {:.1} s",
        number(Verdict::Pass),
        number(Verdict::Warn),
        number(Verdict::Fail),
        number(Verdict::Skip),
        count(usize::try_from(requests).unwrap_or_default(), "request"),
        size(bytes),
        time.as_secs_f32(),
    ));
    // What refuses a wrong method or media type may still limit every delivery.
    let is_delivery = |finding: &&Finding| {
        let accepts = |expect: Expect| matches!(expect, Expect::Accept | Expect::AcceptOrDecline);
        CASES.iter().any(|case| case.rule == finding.rule && accepts(case.expect))
    };
    let is_any_judged = findings.iter().filter(is_delivery).any(|finding| finding.verdict != Verdict::Skip);
    if judged.is_ok() && !is_any_judged {
        let help = "see what the target responds to the rules that were not judged";
        console.report(&Report::warning("no delivery could be judged").help(help));
    }
    let is_good = number(Verdict::Fail) == 0 && judged.is_ok() && is_any_judged;
    Ok(if is_good { Status::Done } else { Status::No })
}

/// The URL of the target.
fn url(text: &str) -> Result<reqwest::Url, Failure> {
    let url = reqwest::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        Failure::usage("the URL of the target cannot be read").help("it begins with `https://`")
    })
}

/// The rules of responses, which every accepted delivery is held against.
const RESPONSE: Rule = Rule {
    id: "response.status",
    clause: "WEBHOOK-2.2-f",
    title: "accepts with 200 or 201 and a payload that has a content type, or with 201, 202 or 204 without one",
    fix: "respond with 204 and without a payload",
};
const REDIRECT: Rule = Rule {
    id: "response.redirect",
    clause: "WEBHOOK-2.2-b",
    title: "never redirects",
    fix: "have senders register the new URL",
};
const LIMITED: Rule = Rule {
    id: "response.retry-after",
    clause: "WEBHOOK-2.2-k",
    title: "sends `Retry-After` with 429",
    fix: "add `Retry-After`",
};
const PRIVATE: Rule = Rule {
    id: "response.private",
    clause: "WEBHOOK-3.2-e",
    title: "responds with `Cache-Control: private` to a token in the query",
    fix: "add the header",
};
const OPEN: Rule = Rule {
    id: "token.required",
    clause: "WEBHOOK-3-a",
    title: "does not accept deliveries from anyone",
    fix: "require a token or a signature",
};
const CONSENT: Rule = Rule {
    id: "handshake.consent",
    clause: "WEBHOOK-4.2-a",
    title: "agrees to the origin, with `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`",
    fix: "respond to OPTIONS with both headers; the origin repeats that of the request",
};
const RATE: Rule = Rule {
    id: "handshake.rate",
    clause: "WEBHOOK-4.2.2-a",
    title: "grants a rate where one is requested",
    fix: "add `WebHook-Allowed-Rate`: a positive number, or `*`",
};
const ALLOW: Rule = Rule {
    id: "handshake.allow",
    clause: "WEBHOOK-4.2-e",
    title: "names POST in the `Allow` of the handshake",
    fix: "add `Allow: POST`",
};
const STRANGER: Rule = Rule {
    id: "handshake.other",
    clause: "WEBHOOK-4-a",
    title: "does not agree to an origin that only begins like one it knows",
    fix: "compare whole labels of the name, from its end",
};
const MALFORMED: Rule = Rule {
    id: "handshake.malformed",
    clause: "WEBHOOK-4.1.2-a",
    title: "does not agree to an origin that is not a DNS name",
    fix: "respond with 400",
};
const NAMELESS: Rule = Rule {
    id: "handshake.none",
    clause: "WEBHOOK-4.1.2-a",
    title: "does not agree to a request without an origin",
    fix: "respond without the headers of consent",
};

type Judged = Result<(), Stop>;

async fn judge(command: &Check, probe: &mut Probe, findings: &mut Vec<Finding>) -> Result<Judged, Failure> {
    let consent = match handshake(command, probe, findings).await {
        Ok(Ok(consent)) => consent,
        Ok(Err(stop)) => return Ok(Err(stop)),
        Err(error) => {
            return Err(Failure::new(Status::Network, "the target cannot be reached").help(error));
        }
    };
    let judged = match consent != Consent::None || command.i_own_this {
        true => deliveries(command, consent, probe, findings).await,
        false => Err(Stop("the target has not agreed to deliveries; add --i-own-this if it is yours")),
    };
    if let Err(Stop(why)) = judged {
        let is_judged = |rule: Rule| findings.iter().any(|finding| finding.rule == rule);
        let left: Vec<Rule> = CASES.iter().map(|case| case.rule).filter(|rule| !is_judged(*rule)).collect();
        findings.extend(left.into_iter().map(|rule| Finding::new(rule, Verdict::Skip, why)));
    }
    Ok(judged)
}

/// Whom the target agrees to.
#[derive(Clone, Copy, PartialEq)]
enum Consent {
    None,
    ThisOrigin,
    /// `*`, which WEBHOOK-4.2.1-b allows.
    EveryOrigin,
}

/// Asks whether the target agrees. The outer error is that of the network.
async fn handshake(
    command: &Check,
    probe: &mut Probe,
    findings: &mut Vec<Finding>,
) -> Result<Result<Consent, Stop>, String> {
    let rate = Rate::per_minute(1200).map_err(|error| error.to_string())?;
    let registration = Registration::new(command.origin.clone()).with_rate(rate);
    let asked = match probe.send(&ask(Some(command.origin.as_str()))).await {
        Ok(answer) => answer?,
        Err(stop) => return Ok(Err(stop)),
    };
    let granted = grant(&asked, &registration);
    let agreed = matches!(granted, Ok(Some(_)));
    let consent = match asked.headers.get("webhook-allowed-origin") {
        _ if !agreed => Consent::None,
        Some(origin) if origin == "*" => Consent::EveryOrigin,
        _ => Consent::ThisOrigin,
    };
    if let Ok(Some(grant)) = &granted {
        probe.keep_to(grant.rate());
    }
    let status = asked.status;
    let mut add = |rule, pass: bool, otherwise, found: String| {
        findings.push(Finding::new(rule, if pass { Verdict::Pass } else { otherwise }, found));
    };
    let found = match &granted {
        Ok(Some(grant)) => format!("{status}, {} deliveries a minute", grant.rate()),
        Ok(None) => format!("{status} without consent"),
        Err(error) => format!("{status}: {error}"),
    };
    // To have no handshake is allowed (section 4), and to have half of one is not.
    let otherwise = if granted.is_ok() { Verdict::Warn } else { Verdict::Fail };
    add(CONSENT, agreed, otherwise, found);
    if agreed {
        let has_rate = asked.headers.contains_key("webhook-allowed-rate");
        let is = if has_rate { "there" } else { "missing" };
        add(RATE, has_rate, Verdict::Fail, format!("`WebHook-Allowed-Rate` is {is}"));
        let allow = asked.headers.get_all(header::ALLOW).iter();
        let post = allow.filter_map(|value| value.to_str().ok()).any(|value| value.contains("POST"));
        let names = if post { "names" } else { "does not name" };
        add(ALLOW, post, Verdict::Warn, format!("`Allow` {names} POST"));
    }
    let others = [
        (STRANGER, Some(format!("{}.attacker.invalid", command.origin))),
        (MALFORMED, Some("https://not a name/".to_owned())),
        (NAMELESS, None),
    ];
    for (rule, origin) in others {
        let answer = match probe.send(&ask(origin.as_deref())).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                findings.push(Finding::new(rule, Verdict::Fail, error));
                continue;
            }
            Err(stop) => return Ok(Err(stop)),
        };
        let verdict = match (answer.headers.get("webhook-allowed-origin"), answer.status) {
            (Some(origin), _) if origin == "*" && consent == Consent::EveryOrigin => Verdict::Warn,
            (Some(_), _) => Verdict::Fail,
            (None, 429) => Verdict::Skip,
            (None, _) => Verdict::Pass,
        };
        let to_all = if verdict == Verdict::Warn { " and agrees to every origin" } else { "" };
        findings.push(Finding::new(rule, verdict, format!("the target responded {}{to_all}", answer.status)));
    }
    Ok(Ok(consent))
}

/// A validation request.
fn ask(origin: Option<&str>) -> Draft {
    let mut draft = good("", "handshake");
    draft.method = Method::OPTIONS;
    draft.origin = origin.map(str::to_owned);
    draft.token = Token::None;
    draft.headers = vec![("webhook-request-rate", "1200".to_owned())];
    draft.body = bytes::Bytes::new();
    draft
}

fn grant(response: &Response, registration: &Registration) -> Result<Option<Grant>, String> {
    let mut head = http::Response::new(());
    *head.headers_mut() = response.headers.clone();
    Grant::from_response(&head, registration).map_err(|error| error.to_string())
}

async fn deliveries(
    command: &Check,
    consent: Consent,
    probe: &mut Probe,
    findings: &mut Vec<Finding>,
) -> Result<(), Stop> {
    let run = random_id();
    let mut response_rule = Finding::new(RESPONSE, Verdict::Pass, "every acceptance is right");
    let mut accepted = false;
    for (number, case) in CASES.iter().enumerate() {
        let missing = match case.needs {
            Needs::Token if !probe.has_token() => Some("no token was given: see --token-env"),
            Needs::Secret if !probe.has_signer() => Some("no key was given: see --secret-env"),
            Needs::Handshake if consent == Consent::None => {
                Some("the target has not agreed in the handshake")
            }
            Needs::Handshake if consent == Consent::EveryOrigin => Some("the target agrees to every origin"),
            Needs::Time if command.quick => Some("left out by --quick"),
            _ => None,
        };
        if let Some(missing) = missing {
            findings.push(Finding::new(case.rule, Verdict::Skip, missing));
            continue;
        }
        // The first delivery once more, as its sender would repeat it.
        let number = if case.rule.id.starts_with("delivery.again") { 0 } else { number };
        let id = format!("{run}-{number}");
        let mut draft = good(command.origin.as_str(), &id);
        (case.change)(&mut draft, &id);
        let answer = probe.send(&draft).await?;
        let (verdict, found) = case.expect.judge(&answer);
        findings.push(Finding::new(case.rule, verdict, found));
        if let Ok(response) = &answer
            && (200..300).contains(&response.status)
        {
            accepted = true;
            if let Some(wrong) = wrong_acceptance(response) {
                (response_rule.verdict, response_rule.found) = (Verdict::Fail, wrong);
            }
            if draft.token == Token::Query {
                findings.push(private(response));
            }
        }
    }
    if accepted {
        findings.push(response_rule);
        if !probe.has_token() && !probe.has_signer() {
            let found = "a delivery without token and signature was accepted";
            findings.push(Finding::new(OPEN, Verdict::Warn, found));
        }
    }
    let redirects = probe.redirects.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    findings.push(match redirects.is_empty() {
        true => Finding::new(REDIRECT, Verdict::Pass, "no response is a redirect"),
        false => Finding::new(REDIRECT, Verdict::Fail, format!("the target responded {redirects}")),
    });
    findings.push(match probe.limited {
        Some(true) => Finding::new(LIMITED, Verdict::Pass, "each 429 had `Retry-After`"),
        Some(false) => Finding::new(LIMITED, Verdict::Fail, "429 without `Retry-After`"),
        None => Finding::new(LIMITED, Verdict::Skip, "no delivery exceeded the rate"),
    });
    Ok(())
}

/// The mistakes of an acceptance (WEBHOOK-2.2-d to WEBHOOK-2.2-g).
fn wrong_acceptance(response: &Response) -> Option<String> {
    let typed = response.headers.contains_key(header::CONTENT_TYPE);
    match (response.status, response.payload) {
        (200..=202, true) if typed => None,
        (201 | 202 | 204, false) => None,
        (status, true) if !typed => Some(format!("{status} with a payload without a content type")),
        (status, true) => Some(format!("{status} with a payload")),
        (status, false) => Some(format!("{status} without a payload")),
    }
}

fn private(response: &Response) -> Finding {
    let values = response.headers.get_all(header::CACHE_CONTROL).iter();
    let private = values.filter_map(|value| value.to_str().ok()).any(|value| value.contains("private"));
    match private {
        true => Finding::new(PRIVATE, Verdict::Pass, "`Cache-Control` is `private`"),
        false => Finding::new(PRIVATE, Verdict::Warn, "`Cache-Control: private` is missing"),
    }
}

fn random_id() -> String {
    use cloudevents_kit::{BuilderConveniences as _, Event};
    let event = Event::builder().random_id().source("/").ty("t").build();
    event.map_or_else(|_| "check".to_owned(), |event| event.id().to_owned())
}
