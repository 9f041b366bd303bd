//! Targets take a bounded amount of memory.

use cloudevents_testkit::heap;
use cloudevents_webhook::{
    guard::{SystemResolver, UrlGuard},
    handshake::Rate,
    reqwest013::{GuardedClient, Registered, Target, WebhookSender, WebhookSenderOptions},
};

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

#[test]
fn ten_thousand_targets_with_rates_take_ten_mebibytes() {
    const TARGETS: isize = 10_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client =
        GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder()).unwrap();
    let options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    let sender = WebhookSender::new(client, options);
    // On this thread, so that everything is counted.
    let measured = heap::of(|| {
        for number in 0..TARGETS {
            let name = format!("partner {number}");
            let rate = Rate::per_minute(60 + u32::try_from(number).unwrap()).unwrap();
            let target = Target::new(format!("https://hooks.partner-{number}.example/events/{number}"))
                .named(name.as_str())
                .token(format!("a long random token of target {number}"))
                .agreed(rate);
            sender.add(target).unwrap();
            let Ok(Registered::Granted(grant)) = runtime.block_on(sender.register(&name)) else {
                panic!("the target has agreed");
            };
            assert_eq!(grant.rate(), rate);
        }
    });
    let each = measured.held / TARGETS;
    println!("{TARGETS} targets hold {} bytes, {each} each", measured.held);
    assert!((200..1024).contains(&each), "{each} bytes for each target");
    assert!(measured.peak < 10 << 20, "{} bytes", measured.peak);
}
