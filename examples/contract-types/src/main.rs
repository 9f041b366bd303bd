//! The build script makes a module of each event of a catalog (xRegistry): a type for the payload, and a function that sets the attributes.
//! A program that sends something else does not compile; what a Rust type does not express is judged before the event is sent.
//!
//! ```text
//! cargo run -p example-contract-types --features generate
//! ```

use cloudevents_catalog::{Catalog, Judge};
use cloudevents_kit::{json, prelude::*};
use std::error::Error;

/// Of `src/shop.xreg.json`, by `build.rs`.
mod shop {
    include!(concat!(env!("OUT_DIR"), "/shop.rs"));
}

use shop::com_example_order::{Data, DataStatus, builder};

fn main() -> Result<(), Box<dyn Error>> {
    let contract = Catalog::parse(include_str!("shop.xreg.json"))?;

    // The id, the shop, which is a placeholder of the source, and the subject, which is required. `region` is a constant.
    let order = Data { number: 42.try_into()?, status: DataStatus::Placed, note: None };
    let placed = TypedEvent::build(builder("1", "7", "orders/42"), order)?;
    // A payload that cannot be judged is admitted, such as without the feature `jsonschema060`.
    if let Some(reason) = contract.admit(placed.event())?.not_judged() {
        return Err(reason.to_string().into());
    }
    println!("{}", String::from_utf8_lossy(&json::encode_lossy(placed.event())));

    // A consumer reads the same type.
    let read: TypedEvent<Data> = json::decode(json::encode_lossy(placed.event()))?.try_into()?;
    println!("order {}, {}", read.data().number, read.data().status);
    Ok(())
}
