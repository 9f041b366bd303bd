//! GitHub's deliveries as CloudEvents.

use super::provider::{at, object, text};
use crate::DeliveryKey;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event, Payload, Timestamp};
use http::request::Parts;
use serde_json::Value;

/// Events whose types end with the event, with any action.
const WITHOUT_ACTION: [&str; 8] = [
    "deployment",
    "github_app_authorization",
    "page_build",
    "public",
    "push",
    "repository_import",
    "security_and_analysis",
    "workflow_dispatch",
];

/// An event, and the members of its payload that are the source, unless it is that of the repository, the subject, and the time: the first
/// one that there is. From the specification's adapter.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const EVENTS: &[Row] = &[
    ("branch_protection_rule", "", "rule.id", &["rule.updated_at"]),
    ("check_run", "", "check_run.id", &["check_run.completed_at", "check_run.started_at"]),
    ("check_suite", "", "check_suite.id", &["check_suite.updated_at"]),
    ("code_scanning_alert", "", "alert.number", &[]),
    ("commit_comment", "comment.url", "comment.id", &["comment.updated_at"]),
    ("content_reference", "", "content_reference.id", &[]),
    ("create", "", "ref", &[]),
    ("custom_property", "", "definition.property_name", &[]),
    ("delete", "", "ref", &[]),
    ("dependabot_alert", "", "alert.id", &[]),
    ("deploy_key", "", "key.id", &["key.deleted_at", "key.created_at"]),
    ("deployment", "", "deployment.id", &["deployment.updated_at"]),
    ("deployment_protection_rule", "deployment.url", "deployment.id", &[]),
    ("deployment_review", "deployment.url", "workflow_run.id", &[]),
    ("deployment_status", "deployment.url", "deployment_status.url", &["deployment_status.updated_at"]),
    ("discussion", "", "discussion.id", &[]),
    ("discussion_comment", "", "discussion.id", &["comment.updated_at"]),
    ("fork", "", "forkee.url", &["forkee.created_at"]),
    ("github_app_authorization", "sender.url", "", &[]),
    ("installation", "installation.account.url", "installation.id", &["installation.updated_at"]),
    ("installation_repositories", "installation.account.url", "installation.id", &["installation.updated_at"]),
    ("installation_target", "installation.account.url", "installation.id", &[]),
    ("issue_comment", "issue.url", "comment.id", &["comment.updated_at"]),
    ("issues", "", "issue.number", &["issue.updated_at"]),
    ("label", "", "label.name", &[]),
    ("marketplace_purchase", "sender.url", "marketplace_purchase.account.login", &["effective_date"]),
    ("member", "", "member.login", &[]),
    ("membership", "team.url", "member.login", &[]),
    ("merge_group", "", "merge_group.head_ref", &[]),
    ("meta", "", "hook_id", &["hook.updated_at"]),
    ("milestone", "", "milestone.number", &["milestone.updated_at"]),
    ("org_block", "organization.url", "blocked_user.login", &[]),
    ("organization", "organization.url", "membership.user.login", &[]),
    ("package", "", "package.id", &["package.updated_at", "package.created_at"]),
    ("page_build", "", "build.url", &["pusher.updated_at"]),
    ("project", "", "project.id", &["project.updated_at"]),
    ("project_card", "", "project_card.id", &["project_card.updated_at"]),
    ("project_column", "", "project_column.id", &["project_column.updated_at"]),
    ("projects_v2", "", "projects_v2.id", &["projects_v2.updated_at"]),
    ("projects_v2_item", "", "projects_v2_item.id", &["projects_v2_item.updated_at"]),
    ("projects_v2_status_update", "", "projects_v2_status_update.id", &["projects_v2_status_update.updated_at"]),
    ("public", "repository.owner.url", "repository.name", &["repository.updated_at"]),
    ("pull_request", "", "number", &["pull_request.updated_at"]),
    ("pull_request_review", "pull_request.url", "review.id", &["review.submitted_at"]),
    ("pull_request_review_comment", "pull_request.url", "comment.id", &["pull_request.updated_at"]),
    ("pull_request_review_thread", "pull_request.url", "pull_request.id", &[]),
    ("push", "", "ref", &[]),
    ("registry_package", "", "registry_package.html_url", &["registry_package.updated_at"]),
    ("release", "", "release.id", &["release.published_at", "release.created_at"]),
    ("repository", "repository.owner.url", "repository.name", &["repository.updated_at"]),
    ("repository_advisory", "", "repository_advisory.ghsa_id", &["repository_advisory.updated_at"]),
    ("repository_dispatch", "repository.owner.url", "", &[]),
    ("repository_import", "repository.owner.url", "repository.name", &["repository.updated_at"]),
    ("repository_ruleset", "repository.owner.url", "repository.name", &["repository.updated_at"]),
    ("repository_vulnerability_alert", "", "alert.id", &[]),
    ("secret_scanning_alert", "", "alert.number", &["alert.updated_at", "alert.created_at"]),
    ("secret_scanning_alert_location", "", "alert.number", &["alert.updated_at", "alert.created_at"]),
    ("security_advisory", "", "security_advisory.ghsa_id", &["security_advisory.updated_at"]),
    ("sponsorship", "", "sponsorship.sponsor.login", &[]),
    ("star", "", "", &["starred_at"]),
    ("status", "", "sha", &["updated_at"]),
    ("team", "", "team.id", &["updated_at"]),
    ("team_add", "", "team.id", &[]),
    ("workflow_dispatch", "", "workflow", &[]),
    ("workflow_job", "", "workflow_job.name", &[]),
    ("workflow_run", "", "workflow.name", &[]),
];

/// Makes an event of a delivery of GitHub, for [`WebhookOptions::convert`](super::WebhookOptions::convert).
///
/// It follows the [adapter](https://github.com/cloudevents/spec/blob/main/cloudevents/adapters/github.md) of the CloudEvents specification.
/// Use it with [`GitHub`](crate::signature::GitHub) as the signature and `application/json` as the content type of the hook.
///
/// It differs from the adapter in two points. The id is the digest of the body, in hexadecimal digits: `X-GitHub-Delivery` is not signed,
/// so a peer that sends a delivery again could give it another id, and it would be handled again. And there is no time, where the adapter
/// has the current time. The event's name, which begins the type, comes from `X-GitHub-Event`, which is not signed either: check the
/// payload before acting on it.
///
/// So deliveries with equal bodies are one event. GitHub sends equal bodies if nothing in a payload is of its time: a `workflow_dispatch`
/// or `repository_dispatch` with the inputs of the one before, for example. An [idempotency store](super::WebhookOptions::idempotency)
/// takes the second one for a duplicate, for as long as it remembers the first. Put something into the inputs that differs, or subscribe a
/// hook without a store to such events.
///
/// Errors are of kind [`InvalidData`](ErrorKind::InvalidData): the body is not an object of JSON, or the header is not the name of an
/// event.
///
/// ```
/// use cloudevents_webhook::{receiver::{WebhookOptions, github_event}, signature::GitHub};
///
/// let options = WebhookOptions::without_handshake().signature(GitHub::new("secret")?).convert(github_event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn github_event(request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let payload = object(body)?;
    let is_name = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let name = request.headers.get("x-github-event").and_then(|name| name.to_str().ok()).filter(is_name);
    let name = name.ok_or_else(|| {
        Error::new(ErrorKind::InvalidData).with_detail("the header `X-GitHub-Event` has no name of an event")
    })?;
    let row = EVENTS.iter().find(|(event, ..)| *event == name);
    let (_, source, subject, times) = row.copied().unwrap_or((name, "", "", &[]));
    let mut event = Event::builder()
        .id(DeliveryKey::of_body(body).to_string())
        .source(source_of(&payload, name, source))
        .ty(type_of(&payload, name));
    if let Some(subject) = text(&payload, subject) {
        event = event.subject(subject);
    }
    let mut times = times.iter().filter_map(|path| at(&payload, path)?.as_str());
    if let Some(time) = times.find_map(|time| Timestamp::parse(time).ok()) {
        event = event.time(time);
    }
    Ok(event.payload("application/json", Payload::body(body.clone())).build()?)
}

fn source_of(payload: &Value, name: &str, path: &str) -> String {
    let paths = [path, "repository.url", "organization.url", "sender.url"];
    let found = paths.iter().find_map(|path| text(payload, path));
    let source = found.unwrap_or_else(|| "https://github.com".to_owned());
    match (name, text(payload, "comment.commit_id")) {
        ("commit_comment", Some(commit)) => format!("{source}/{commit}"),
        _ => source,
    }
}

fn type_of(payload: &Value, name: &str) -> String {
    let parts = match name {
        "create" | "delete" => ["", "ref_type"],
        "deployment_status" => ["", "deployment_status.state"],
        "membership" => ["scope", "action"],
        name if WITHOUT_ACTION.contains(&name) => ["", ""],
        _ => ["", "action"],
    };
    let mut ty = format!("com.github.{name}");
    for part in parts.iter().filter_map(|path| text(payload, path)) {
        ty.push('.');
        ty.push_str(&part);
    }
    ty
}
