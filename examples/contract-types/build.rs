//! Writes Rust types and builders of the events of the catalog.

#[cfg(feature = "generate")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use cloudevents_catalog::{Catalog, typify06::rust_module};
    use std::{env, fs, path::Path};

    const CATALOG: &str = "src/shop.xreg.json";

    println!("cargo::rerun-if-changed={CATALOG}");
    let catalog = Catalog::parse(fs::read(CATALOG)?)?;
    let to = Path::new(&env::var("OUT_DIR")?).join("shop.rs");
    Ok(fs::write(to, rust_module(&catalog)?)?)
}

/// The program is not built without this feature of the example.
#[cfg(not(feature = "generate"))]
fn main() {}
