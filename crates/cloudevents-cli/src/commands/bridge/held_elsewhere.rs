//! Messages that another receiver of the source holds. They come again if that receiver has been killed.

use crate::{
    connect::{self, Certificates},
    failure::Failure,
};
use cloudevents_kit::transport::{Endpoint, Fact, Look, Place};

/// How many messages of this source are held by receivers or come later. It is 0 if the protocol does not show that. This bridge must hold
/// none.
pub(super) async fn held_elsewhere(url: &str, certificates: &Certificates) -> Result<u64, Failure> {
    let Some(endpoint) = connect::endpoint(url)?.filter(shows_held) else {
        return Ok(0);
    };
    let places = connect::places(url, certificates).await?;
    Ok(places.list.iter().map(|place| held(place, endpoint.option("group"))).fold(0, u64::saturating_add))
}

/// The receiver of JetStream knows it by itself.
fn shows_held(endpoint: &Endpoint) -> bool {
    connect::binding(endpoint).is_some_and(|binding| matches!(binding.look, Look::ListsHeld(_)))
}

fn held(place: &Place, group: Option<&str>) -> u64 {
    let number = |name| match place.fact(name) {
        Some(Fact::Number(number)) => *number,
        _ => 0,
    };
    match place.kind {
        "outbox" | "group" => number("pending"),
        "queue" if place.fact("visible").is_some() && place.fact("messages").is_some() => {
            number("messages").saturating_sub(number("visible"))
        }
        "queue" => number("in_flight").saturating_add(number("delayed")),
        "stream" => {
            let parts = place.parts.iter().flat_map(|parts| &parts.list);
            let of_group =
                |part: &&Place| part.kind == "group" && group.is_none_or(|group| *part.name == *group);
            parts.filter(of_group).map(|part| held(part, group)).fold(0, u64::saturating_add)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::transport::Places;

    #[test]
    fn each_protocol_shows_them_under_its_own_names() {
        let queue = || Place::new("queue", "q");
        let sqs = queue().with("visible", 9_u64).with("in_flight", 2_u64).with("delayed", 1_u64);
        assert_eq!(held(&sqs, None), 3);
        assert_eq!(held(&queue().with("messages", 50_u64).with("visible", 20_u64), None), 30);
        assert_eq!(held(&Place::new("outbox", "o").with("pending", 4_u64).with("dead", 7_u64), None), 4);
        let group = |name, pending: u64| Place::new("group", name).with("pending", pending);
        let groups = || Places::from_iter([group("a", 5), group("b", 6)]);
        let stream = Place::new("stream", "s").with("length", 90_u64).with_parts(groups());
        assert_eq!((held(&stream, Some("b")), held(&stream, None)), (6, 11));
        // RabbitMQ shows those that wait in the queue alone.
        assert_eq!(held(&queue().with("messages", 50_u64), None), 0);
    }

    #[test]
    fn the_help_of_idle_has_the_protocols_that_show_them() {
        let options = include_str!("options.rs").to_lowercase();
        let line =
            options.lines().find(|line| line.contains("that another receiver holds, come again")).unwrap();
        for binding in cloudevents_kit::bindings() {
            let (name, shows) = (binding.urls.name, matches!(binding.look, Look::ListsHeld(_)));
            assert_eq!(line.contains(name), shows, "{name}: {line}");
        }
    }
}
