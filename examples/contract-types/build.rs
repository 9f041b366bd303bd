//! Writes Rust types and builders of the events of the catalog.

use cloudevents_catalog::{Catalog, typify06::rust_module};
use std::{env, error::Error, fs, path::Path};

const CATALOG: &str = "src/shop.xreg.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CATALOG}");
    let catalog = Catalog::parse(fs::read(CATALOG)?)?;
    let to = Path::new(&env::var("OUT_DIR")?).join("shop.rs");
    Ok(fs::write(to, rust_module(&catalog)?)?)
}
