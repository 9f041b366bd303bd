//! Documents from the documentation of each system, and their events by the adapters of the specification.

use crate::tools::{all, attribute, data, named, one};
use cloudevents_adapters::{Adapter, Adapters, find, recognize};
use cloudevents_core::{DecodeOptions, ErrorKind};

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
const S3: &str = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2","eventTime":"1970-01-01T00:00:00.000Z",
    "eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AIDAJDPLRKLG7UEXAMPLE"},"requestParameters":{"sourceIPAddress":"172.16.0.1"},
    "responseElements":{"x-amz-request-id":"C3D13FE58DE4C810","x-amz-id-2":"FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
    "s3":{"s3SchemaVersion":"1.0","configurationId":"testConfigRule","bucket":{"name":"amzn-s3-demo-bucket","ownerIdentity":
    {"principalId":"A3NL1KOZZKExample"},"arn":"arn:aws:s3:::amzn-s3-demo-bucket"},"object":{"key":"happy%20face.jpg","size":1024,
    "eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"096fKKXTRTtl3on89fVO.nfljtsv6qko","sequencer":"0055AED6DCD90281E5"}}}]}"#;

#[test]
fn amazon_s3() {
    let event = one("aws-s3", &[], S3);
    assert_eq!(
        named(&event),
        [
            "C3D13FE58DE4C810.FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD",
            "aws:s3.us-west-2.amzn-s3-demo-bucket",
            "com.amazonaws.s3.ObjectCreated:Put",
            "happy%20face.jpg"
        ]
    );
    assert_eq!(attribute(&event, "time"), "1970-01-01T00:00:00.000Z");
    assert_eq!(attribute(&event, "datacontenttype"), "application/json");
    // The record, and not the list of all.
    assert!(data(&event).starts_with(r#"{"eventVersion":"2.1""#) && data(&event).ends_with("}}}"));
    // Each record is an event, and one that lacks something is no reason to lose the others.
    let record = &S3[S3.find('[').unwrap() + 1..S3.rfind(']').unwrap()];
    let broken = record.replace("x-amz-id-2", "x");
    let events = all("aws-s3", &[], &format!(r#"{{"Records":[{record},{broken},{record}]}}"#));
    assert_eq!(events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let error = events[1].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidData, Some("id")));
    assert!(error.detail().contains("`responseElements.x-amz-id-2`"), "{error}");
    assert!(!error.detail().contains("x-amz-request-id"), "only what is absent is named: {error}");
    // S3 sends this once, when notifications are set up.
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"amzn-s3-demo-bucket",
        "RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}"#;
    let events = all("aws-s3", &[], test);
    assert!(events[0].as_ref().unwrap_err().help().unwrap().contains("set up"));
    // One that is compatible with S3.
    assert_eq!(
        one("aws-s3", &[], &S3.replace("aws:s3", "minio:s3")).source(),
        "minio:s3.us-west-2.amzn-s3-demo-bucket"
    );
}

/// <https://github.com/kserve/kserve/blob/master/docs/samples/kafka/README.md>, and a later release of MinIO.
#[test]
fn minio() {
    let older = r#"{"EventType":"s3:ObjectCreated:Put","Key":"mnist/0.png","Records":[{"eventVersion":"2.0","eventSource":"minio:s3","awsRegion":"",
        "eventTime":"2019-11-17T19:08:08Z","eventName":"s3:ObjectCreated:Put","userIdentity":{"principalId":"minio"},
        "responseElements":{"x-amz-request-id":"15D808BF706E0994","x-minio-origin-endpoint":"http://10.244.0.71:9000"},
        "s3":{"s3SchemaVersion":"1.0","configurationId":"Config","bucket":{"name":"mnist","arn":"arn:aws:s3:::mnist"},
        "object":{"key":"0.png","size":324,"versionId":"1","sequencer":"15D808BF706E0994"}}}],"level":"info"}"#;
    let later = older.replace(r#""x-amz-request-id""#, r#""x-amz-id-2":"dd9025ba","x-amz-request-id""#);
    for (document, host) in [(older, "http://10.244.0.71:9000"), (&later, "dd9025ba")] {
        let event = one("aws-s3", &[], document);
        assert_eq!(
            named(&event),
            [
                &format!("15D808BF706E0994.{host}"),
                "minio:s3..mnist",
                "com.amazonaws.s3.s3:ObjectCreated:Put",
                "0.png"
            ]
        );
    }
}

/// <https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html>
const SNS: &str = r#"{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic",
    "Subject":"My First Message","Message":"Hello world!","Timestamp":"2012-05-02T00:54:06.655Z","SignatureVersion":"1","Signature":"EXAMPLEw6JRN",
    "SigningCertURL":"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    "UnsubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe"}"#;

#[test]
fn amazon_sns() {
    let headers = &[
        ("x-amz-sns-message-type", "Notification"),
        ("X-Amz-Sns-Message-Id", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"),
        (
            "x-amz-sns-subscription-arn",
            "arn:aws:sns:us-west-2:123456789012:MyTopic:c9135db0-26c4-47ec-8998-413945fb5a96",
        ),
    ];
    let event = one("aws-sns", headers, SNS);
    assert_eq!(
        named(&event),
        [
            "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "arn:aws:sns:us-west-2:123456789012:MyTopic:c9135db0-26c4-47ec-8998-413945fb5a96",
            "com.amazonaws.sns.Notification",
            "My First Message"
        ]
    );
    assert_eq!((attribute(&event, "time").as_str(), data(&event)), ("2012-05-02T00:54:06.655Z", SNS));
    // From a queue, there are no headers.
    assert_eq!(one("aws-sns", &[], SNS).source(), "arn:aws:sns:us-west-2:123456789012:MyTopic");
    let confirmation = SNS.replace("Notification\"", "SubscriptionConfirmation\"");
    let event = one(
        "aws-sns",
        &[("x-amz-sns-topic-arn", "arn:aws:sns:us-west-2:123456789012:MyTopic")],
        &confirmation,
    );
    assert_eq!((event.ty(), event.subject()), ("com.amazonaws.sns.SubscriptionConfirmation", None));
    // A message that is an event is that event.
    let inner = r#"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"t\"}"#;
    assert_eq!(named(&one("aws-sns", headers, &SNS.replace("Hello world!", inner))), ["7", "/s", "t", ""]);
    // One that claims to be is judged as one.
    let wrong = all("aws-sns", headers, &SNS.replace("Hello world!", r#"{\"specversion\":\"1.0\"}"#));
    assert_eq!(wrong[0].as_ref().unwrap_err().kind(), ErrorKind::MissingAttribute);
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
const EVENTBRIDGE: &str = r#"{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"EC2 Instance State-change Notification",
    "source":"aws.ec2","account":"111122223333","time":"2017-12-22T18:43:48Z","region":"us-west-1",
    "resources":["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],"detail":{"instance-id":"i-1234567890abcdef0","state":"terminated"}}"#;

#[test]
fn amazon_eventbridge() {
    let unfit = all("aws-eventbridge", &[], &EVENTBRIDGE.replace("aws.ec2", "My App")).remove(0).unwrap_err();
    assert_eq!(
        (unfit.attribute(), unfit.help().unwrap().contains("another `source`")),
        (Some("source"), true)
    );
    let event = one("aws-eventbridge", &[], EVENTBRIDGE);
    assert_eq!(
        named(&event),
        [
            "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "aws.ec2",
            "EC2 Instance State-change Notification",
            "arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"
        ]
    );
    assert_eq!(data(&event), EVENTBRIDGE);
    assert_eq!(
        [attribute(&event, "awsaccount"), attribute(&event, "awsregion")],
        ["111122223333", "us-west-1"]
    );
    let inner = EVENTBRIDGE.replace(
        r#"{"instance-id":"i-1234567890abcdef0","state":"terminated"}"#,
        r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":1.50}"#,
    );
    let event = one("aws-eventbridge", &[], &inner);
    assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], "1.50"));
}

/// <https://learn.microsoft.com/azure/event-grid/event-schema>
#[test]
fn event_grid() {
    let document = r#"[{"topic":"/subscriptions/x/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/xstoretestaccount",
        "subject":"/blobServices/default/containers/oc2d2817345i200097container/blobs/oc2d2817345i20002296blob","eventType":"Microsoft.Storage.BlobCreated",
        "eventTime":"2017-06-26T18:41:00.9584103Z","id":"831e1650-001e-001b-66ab-eeb76e069631","data":{"api":"PutBlockList"},"dataVersion":"",
        "metadataVersion":"1"}]"#;
    let event = one("event-grid", &[], document);
    assert_eq!(
        event.source(),
        "/subscriptions/x/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/xstoretestaccount"
    );
    assert_eq!((event.ty(), data(&event)), ("Microsoft.Storage.BlobCreated", r#"{"api":"PutBlockList"}"#));
    assert_eq!(attribute(&event, "time"), "2017-06-26T18:41:00.9584103Z");
    let versioned = document.replace(r#""dataVersion":"""#, r#""dataVersion":"2""#);
    assert_eq!(attribute(&one("event-grid", &[], &versioned), "dataversion"), "2");
}

/// <https://cloud.google.com/pubsub/docs/push> and <https://cloud.google.com/eventarc/docs/cloudevents>
#[test]
fn google_pubsub() {
    let document = r#"{"message":{"attributes":{"key":"value"},"data":"SGVsbG8gQ2xvdWQgUHViL1N1YiEgSGVyZSBpcyBteSBtZXNzYWdlIQ==",
        "messageId":"2070443601311540","publishTime":"2021-02-26T19:13:55.749Z"},"subscription":"projects/myproject/subscriptions/mysubscription"}"#;
    let event = one("google-pubsub-push", &[], document);
    assert_eq!(
        named(&event),
        [
            "2070443601311540",
            "//pubsub.googleapis.com/projects/myproject/subscriptions/mysubscription",
            "google.cloud.pubsub.topic.v1.messagePublished",
            ""
        ]
    );
    assert_eq!(data(&event), document);
    // In binary mode, by the attributes of the message.
    let document = r#"{"message":{"attributes":{"ce-specversion":"1.0","ce-id":"g1","ce-source":"//pubsub/projects/p/topics/t","ce-type":"order.placed",
        "ce-time":"2020-05-27T10:00:00Z","content-type":"application/json"},"data":"eyJuIjoxfQ==","messageId":"136969346945",
        "publishTime":"2020-05-27T10:00:01Z"},"subscription":"projects/p/subscriptions/s"}"#;
    let event = one("google-pubsub-push", &[], document);
    assert_eq!(named(&event), ["g1", "//pubsub/projects/p/topics/t", "order.placed", ""]);
    assert_eq!(
        (data(&event), attribute(&event, "datacontenttype").as_str()),
        (r#"{"n":1}"#, "application/json")
    );
    // What claims to be an event is judged as one, and a payload that cannot be read is not left out.
    for (from, to, kind) in [
        ("eyJuIjoxfQ==", "eyJuIjoxfQ", ErrorKind::InvalidBinary),
        (r#""ce-specversion":"1.0","#, "", ErrorKind::MissingAttribute),
        (r#""g1""#, "7", ErrorKind::InvalidData),
    ] {
        let mut events = all("google-pubsub-push", &[], &document.replace(from, to));
        assert_eq!(events.remove(0).unwrap_err().kind(), kind, "{to}");
    }
    // In structured mode, without a mark.
    let structured = r#"{"message":{"data":"eyJzcGVjdmVyc2lvbiI6IjEuMCIsImlkIjoiNyIsInNvdXJjZSI6Ii9zIiwidHlwZSI6InQifQ==","messageId":"1"},
        "subscription":"projects/p/subscriptions/s"}"#;
    assert_eq!(named(&one("google-pubsub-push", &[], structured)), ["7", "/s", "t", ""]);
}

/// <https://docs.gitlab.com/user/project/integrations/webhook_events/>
#[test]
fn gitlab() {
    let push = r#"{"object_kind":"push","event_name":"push","before":"95790bf8","after":"da156088","ref":"refs/heads/master",
        "checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","repository":{"name":"Diaspora","homepage":"http://example.com/mike/diaspora"}}"#;
    let headers =
        &[("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Event-UUID", "13792a34-cac6-4fda-95a8-c58e00a3954e")];
    let event = one("gitlab", headers, push);
    assert_eq!(
        named(&event),
        [
            "13792a34-cac6-4fda-95a8-c58e00a3954e",
            "http://example.com/mike/diaspora",
            "com.gitlab.push",
            "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
        ]
    );
    assert_eq!((data(&event), event.time()), (push, None));
    let without = one("gitlab", &[], push);
    assert!(without.id().len() == 64 && without.id() == one("gitlab", &[], push).id());
    // Of each element of an array, so that two are two.
    let two = all("gitlab", &[], &format!("[{push},{}]", push.replace("da156088", "0")));
    let [one_of, other] = [0, 1].map(|at| two[at].as_ref().unwrap().id());
    assert!(one_of == without.id() && other != one_of);
    let note = r#"{"object_kind":"note","object_attributes":{"id":1241,"noteable_type":"Issue","created_at":"2015-05-17T17:06:40Z",
        "url":"http://example.com/gitlab-org/gitlab-test/issues/17#note_1241"}}"#;
    let event = one("gitlab", headers, note);
    assert_eq!(
        named(&event)[1..],
        ["http://example.com/gitlab-org/gitlab-test/issues/17", "com.gitlab.note.issue", "1241"]
    );
    assert_eq!(attribute(&event, "time"), "2015-05-17T17:06:40Z");
    // As GitLab wrote it for years: no timestamp of RFC 3339.
    let older = one("gitlab", headers, &note.replace("2015-05-17T17:06:40Z", "2015-05-17 17:06:40 UTC"));
    assert_eq!(attribute(&older, "time"), "2015-05-17T17:06:40Z");
    let unread =
        all("gitlab", headers, &note.replace("2015-05-17T17:06:40Z", "yesterday")).remove(0).unwrap_err();
    assert_eq!((unread.kind(), unread.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
    let request = r#"{"object_kind":"merge_request","repository":{"homepage":"http://example.com/g/t"},"object_attributes":{"iid":1,"action":"open",
        "created_at":"2013-12-03T17:23:34Z"}}"#;
    assert_eq!(
        named(&one("gitlab", headers, request))[1..],
        ["http://example.com/g/t", "com.gitlab.merge_request.open", "1"]
    );
    let release = r#"{"id":1,"created_at":"2020-11-02 12:55:12 UTC","name":"v1.1","object_kind":"release","action":"create",
        "project":{"id":2,"path_with_namespace":"root/p","web_url":"https://example.com/root/p"}}"#;
    // <https://docs.gitlab.com/user/project/integrations/webhook_events/#project-and-group-member-events> and of subgroups.
    let member = r#"{"created_at":"2020-12-11T04:57:22Z","group_name":"webhook-test","group_path":"webhook-test","group_id":100,
        "user_username":"test_user","user_id":64,"group_access":"Guest","expires_at":null,"event_name":"user_add_to_group"}"#;
    let subgroup = r#"{"created_at":"2021-01-20T09:40:12Z","event_name":"subgroup_create","name":"subgroup1","path":"subgroup1",
        "full_path":"group1/subgroup1","group_id":10,"parent_group_id":7,"parent_full_path":"group1"}"#;
    for (document, name, ty) in [
        (release, "`release`", "com.example.gitlab.release"),
        (member, "`user_add_to_group`", "com.example.gitlab.user_add_to_group"),
        (subgroup, "`subgroup_create`", "com.example.gitlab.subgroup_create"),
    ] {
        assert_eq!(recognize(document.as_bytes()).unwrap().name(), "gitlab");
        let error = all("gitlab", headers, document).remove(0).unwrap_err();
        let help = error.help().unwrap();
        assert!(help.contains(name) && help.contains("`--map` of `ce`"), "{error:#}");
        assert!(find("gitlab").unwrap().unread(document.as_bytes(), "how").detail().contains(name));
        // The mapping of the help makes an event.
        let mapping = &help[help.find('{').unwrap()..];
        let map = format!(r#"{{"name":"own","what":"w","reference":"r","mappings":[{mapping}]}}"#);
        let events =
            Adapter::parse(&map).unwrap().events(&[], &document.to_owned().into(), &DecodeOptions::strict());
        assert_eq!(events[0].as_ref().unwrap().value.ty(), ty);
    }
    // A kind of a system hook is known by its header alone: <https://docs.gitlab.com/administration/system_hooks/>.
    let hook = r#"{"event_name":"project_create","name":"StoreCloud","path":"storecloud","project_id":74}"#;
    let error = Adapters::known().events(headers, &hook.into(), &DecodeOptions::strict()).unwrap().remove(0);
    assert!(error.unwrap_err().help().unwrap().contains("`project_create`"));
}

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads>: the parts of each payload, and the payload of `ping`.
#[test]
fn github() {
    let sender = r#""sender":{"login":"octocat","id":1,"node_id":"MDQ6VXNlcjE=","type":"User"}"#;
    for (document, help) in [
        (
            format!(
                r#"{{"action":"opened","issue":{{"number":1}},"repository":{{"full_name":"octocat/hello"}},{sender}}}"#
            ),
            "`ce webhook serve --provider github`",
        ),
        (
            format!(r#"{{"action":"created","organization":{{"login":"github"}},{sender}}}"#),
            "`ce webhook serve --provider github`",
        ),
        (
            format!(r#"{{"action":"created","installation":{{"id":5}},"repositories":[],{sender}}}"#),
            "`ce webhook serve --provider github`",
        ),
        (
            r#"{"zen":"Design for failure.","hook_id":109948940,"hook":{"type":"Repository"}}"#.to_owned(),
            "`X-GitHub-Event`",
        ),
    ] {
        let adapter = recognize(document.as_bytes()).unwrap();
        assert_eq!(adapter.name(), "github");
        let error = all("github", &[], &document).remove(0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        assert!(error.help().unwrap().contains(help), "{error:#}");
    }
    // Gitea has the members of GitHub, and no ids of nodes.
    let gitea = r#"{"action":"opened","repository":{"full_name":"a/b"},"sender":{"login":"a","id":1}}"#;
    assert!(recognize(gitea.as_bytes()).is_none());
    // It has the header of GitHub, too.
    let adapters = Adapters::known();
    let name =
        |headers: &[(&str, &str)]| adapters.recognize_message(headers, gitea.as_bytes()).map(Adapter::name);
    assert_eq!(name(&[("X-GitHub-Event", "issues")]), Some("github"));
    assert_eq!(name(&[("X-GitHub-Event", "issues"), ("X-Gitea-Event", "issues")]), Some("gitea"));
    assert_eq!(name(&[("X-GitHub-Event", " ")]), None);
}

/// <https://docs.stripe.com/api/events/object> and <https://docs.stripe.com/api/v2/core/events/object>
#[test]
fn stripe() {
    let document = r#"{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","api_version":"2019-02-19","created":1686089970,
        "data":{"object":{"id":"seti_1NG8Du2eZvKYlo2C9XMqbR0x","object":"setup_intent"}},"livemode":false,"type":"setup_intent.created"}"#;
    let event = one("stripe", &[], document);
    let subject = "seti_1NG8Du2eZvKYlo2C9XMqbR0x";
    let [id, ty] = ["evt_1NG8Du2eZvKYlo2CUI79vXWy", "com.stripe.setup_intent.created"];
    assert_eq!(named(&event), [id, "https://api.stripe.com", ty, subject]);
    assert_eq!((attribute(&event, "time").as_str(), data(&event)), ("2023-06-06T22:19:30Z", document));
    let of_account =
        one("stripe", &[], &document.replace(r#""livemode""#, r#""account":"acct_1","livemode""#));
    assert_eq!(of_account.source(), "https://api.stripe.com/v1/accounts/acct_1");
    let thin = r#"{"id":"evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0","object":"v2.core.event",
        "type":"v1.billing.meter.error_report_triggered","created":"2024-09-17T06:20:52.246Z"}"#;
    let event = one("stripe", &[], thin);
    assert_eq!((attribute(&event, "time").as_str(), event.subject()), ("2024-09-17T06:20:52.246Z", None));
}

/// <https://github.com/cloudevents/spec/blob/v0.1/spec.md#example> and <https://github.com/cloudevents/spec/blob/v0.2/spec.md#example>
#[test]
fn older_versions() {
    let document = r#"{"cloudEventsVersion":"0.1","eventType":"com.example.someevent","eventTypeVersion":"1.0","source":"/mycontext",
        "eventID":"A234-1234-1234","eventTime":"2018-04-05T17:31:00Z","extensions":{"comExampleExtension":"value"},"contentType":"text/xml",
        "data":"<much wow=\"xml\"/>"}"#;
    let event = one("cloudevents-0.1", &[], document);
    assert_eq!(named(&event), ["A234-1234-1234", "/mycontext", "com.example.someevent", ""]);
    assert_eq!(
        (attribute(&event, "datacontenttype").as_str(), data(&event)),
        ("text/xml", r#"<much wow="xml"/>"#)
    );
    assert_eq!(
        [attribute(&event, "eventtypeversion"), attribute(&event, "comexampleextension")],
        ["1.0", "value"]
    );
    let document = r#"{"specversion":"0.2","type":"com.github.pull.create","source":"https://github.com/cloudevents/spec/pull/123",
        "id":"A234-1234-1234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","contenttype":"text/xml","data":"<much wow=\"xml\"/>"}"#;
    let event = one("cloudevents-0.2", &[], document);
    assert_eq!(
        named(&event),
        ["A234-1234-1234", "https://github.com/cloudevents/spec/pull/123", "com.github.pull.create", ""]
    );
    assert_eq!(
        (attribute(&event, "comexampleextension1").as_str(), data(&event)),
        ("value", r#"<much wow="xml"/>"#)
    );
    assert_eq!(event.extensions().count(), 1);
    // Nothing is left out that the payload does not have.
    for (from, to, kind) in [
        ("2018-04-05T17:31:00Z", "yesterday", ErrorKind::InvalidTimestamp),
        ("comexampleextension1", "dataContentType", ErrorKind::DuplicateAttribute),
        (r#""comexampleextension1":"value""#, r#""a":"1","A":"2""#, ErrorKind::DuplicateAttribute),
        ("comexampleextension1", "com_example", ErrorKind::InvalidName),
    ] {
        let mut events = all("cloudevents-0.2", &[], &document.replace(from, to));
        assert_eq!(events.remove(0).unwrap_err().kind(), kind, "{to}");
    }
}

#[test]
fn envelopes_of_events() {
    let inner = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1.50}}"#;
    let bulk = format!(
        r#"{{"id":"b","entries":[{{"entryId":"1","event":{inner},"contentType":"application/cloudevents+json"}},
        {{"entryId":"2","event":{inner}}}],"topic":"orders","pubsubname":"pubsub","type":"com.dapr.event.sent.bulk"}}"#
    );
    let events = all("dapr-bulk", &[], &bulk);
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.as_ref().is_ok_and(|event| data(event) == r#"{"n":1.50}"#)));
    let field = |name: &str, ty: &str| format!(r#"{{"type":"{ty}","optional":false,"field":"{name}"}}"#);
    let texts = ["specversion", "id", "source", "type"].map(|name| field(name, "string")).join(",");
    let fields = format!("{texts},{}", field("data", "struct"));
    let connect = |payload: &str| {
        format!(
            r#"{{"schema":{{"type":"struct","optional":false,"fields":[{fields}]}},"payload":{payload}}}"#
        )
    };
    assert_eq!(named(&one("kafka-connect", &[], &connect(inner))), ["7", "/s", "t", ""]);
    let text = format!(
        r#"{{"schema":{{"type":"string","optional":false}},"payload":{}}}"#,
        serde_json::json!(inner)
    );
    assert_eq!(named(&one("kafka-connect", &[], &text)), ["7", "/s", "t", ""]);
    for other in ["{\\\"n\\\":1}", "n"] {
        let text = format!(r#"{{"schema":{{"type":"string"}},"payload":"{other}"}}"#);
        assert!(all("kafka-connect", &[], &text).remove(0).is_err(), "{text}");
    }
    let error = all("kafka-connect", &[], &connect(r#"{"n":1}"#)).remove(0).unwrap_err();
    assert!(error.help().unwrap().contains("`--map`"), "{error}");
    let change = connect(r#"{"op":"c","source":{"connector":"postgresql","name":"s"},"ts_ms":1}"#);
    let error = all("debezium", &[], &change).remove(0).unwrap_err();
    assert!(error.help().unwrap().contains("CloudEventsConverter"), "{error}");
}

/// <https://github.com/cdevents/spec/blob/main/conformance/incident_detected.json>, and its binding of CloudEvents.
#[test]
fn cdevents() {
    let document = include_str!("incident_detected.json");
    let event = one("cdevents", &[], document);
    assert_eq!(
        named(&event),
        [
            "F4BD2B55-B6F6-4F44-AF72-BD2D0E7A8708",
            "/monitoring/prod1",
            "dev.cdevents.incident.detected.0.3.0",
            "incident-123"
        ]
    );
    assert_eq!(attribute(&event, "time"), "2022-11-11T13:52:20.079Z");
    assert_eq!(
        (data(&event), attribute(&event, "datacontenttype").as_str()),
        (document.trim(), "application/json")
    );
    // Of a tool: <https://github.com/cdevents/spec/blob/main/custom/conformance.json>
    let custom = document
        .replace("dev.cdevents.incident.detected.0.3.0", "dev.cdeventsx.mytool-resource.created.0.1.0");
    assert_eq!(one("cdevents", &[], &custom).ty(), "dev.cdeventsx.mytool-resource.created.0.1.0");
    // What is a CloudEvent with one is that.
    let event = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{document}}}"#);
    assert!(cloudevents_adapters::recognize(event.as_bytes()).is_none());
}

/// <https://docs.couchdb.org/en/stable/api/database/changes.html> and
/// <https://docs.couchdb.org/en/stable/api/server/common.html#db-updates>
#[test]
fn couchdb() {
    let change = r#"{"seq":"5-g1AAAAIr","id":"6478c2ae800dfc387396d14e1fc39626","changes":[{"rev":"2-7051cbe5c8faecd085a3fa619e6e6337"}]}"#;
    let deleted = change.replace("}]}", r#"}],"deleted":true}"#);
    for document in [
        change,
        &deleted,
        &format!(r#"{{"results":[{change}],"last_seq":"5-g1AAAAIr","pending":0}}"#),
        r#"{"db_name":"mailbox","type":"created","seq":"1-g1AAAAFReJzLYWBg4MhgTmHgzcvPy09JdcjLz8gvLskBCjMlMiTJ____PyuDOZExFyjAnmJhkWaeaIquGIf2JAUgmWQPMiGRAZcaB5CaePxqEkBq6vGqyWMBkgwNQAqobD4h"}"#,
    ] {
        let error = all("couchdb", &[], document).remove(0).unwrap_err();
        assert!(error.help().unwrap().contains("which is the source"), "{error}");
    }
    // With the mapping of the README.
    let readme = include_str!("../../README.md");
    let (_, json) = readme.split_once("```json\n").unwrap();
    let adapter = Adapter::parse(json.split_once("```").unwrap().0).unwrap();
    for (document, ty) in [(change, "document.updated"), (&deleted, "document.deleted")] {
        let event = adapter
            .events(&[], &document.to_owned().into(), &DecodeOptions::strict())
            .remove(0)
            .unwrap()
            .value;
        let id = "6478c2ae800dfc387396d14e1fc39626";
        assert_eq!(
            named(&event),
            ["5-g1AAAAIr", "https://db.example/orders", &format!("org.apache.couchdb.{ty}"), id]
        );
        assert_eq!(data(&event), r#"[{"rev":"2-7051cbe5c8faecd085a3fa619e6e6337"}]"#);
    }
    for ty in ["created", "updated", "deleted"] {
        let update = format!(r#"{{"db_name":"mailbox","type":"{ty}","seq":"1-g1AAAA"}}"#);
        let event = adapter.events(&[], &update.into(), &DecodeOptions::strict()).remove(0).unwrap().value;
        let wanted =
            ["1-g1AAAA", "https://db.example", &format!("org.apache.couchdb.database.{ty}"), "mailbox"];
        assert_eq!(named(&event), wanted);
    }
}
