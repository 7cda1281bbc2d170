//! Tells the linker which functions to put side by side: those that a start and a first request run through.
//!
//! The kernel maps a program in pieces of 64 KB around what is run. Where the few megabytes that the gateway at rest needs lie
//! scattered among what it seldom does, three quarters of the program are in memory. `scripts/layout.py` writes the order.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=layout.ld");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    // Others do not know such scripts.
    let has_gnu_linker = var("CARGO_CFG_TARGET_OS") == "linux" && !var("CARGO_ENCODED_RUSTFLAGS").contains("mold");
    if has_gnu_linker && var("PROFILE") == "release" {
        let script = Path::new(&var("CARGO_MANIFEST_DIR")).join("layout.ld");
        println!("cargo::rustc-link-arg-bin=torod=-Wl,-T,{}", script.display());
    }
}
