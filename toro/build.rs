//! Leaves the names of functions out of a release: they are a seventh of the program.
//!
//! `[profile.release] strip` would do that, but Cargo forgets it for a package whose `opt-level` the workspace sets apart.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| std::env::var(name).unwrap_or_default();
    if var("PROFILE") == "release" && var("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
