//! Puts functions side by side for the linker, and packs the web admin for the binary.
//!
//! The kernel maps a program in pieces of 64 KB around what is run. Where the few megabytes that the gateway at rest needs lie
//! scattered among what it seldom does, three quarters of the program are in memory. `scripts/layout.py` writes the order.
//!
//! What `make web` built in `web/dist` goes into a release packed by brotli, which every browser unpacks. Other builds read it
//! from there when they run, so that another look of a page is no other build of the gateway.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    put_side_by_side();
    embed_document()?;
    embed_site()
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn put_side_by_side() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    // Others do not know such scripts.
    let has_gnu_linker = var("CARGO_CFG_TARGET_OS") == "linux" && !var("CARGO_ENCODED_RUSTFLAGS").contains("mold");
    if has_gnu_linker && var("PROFILE") == "release" {
        let script = Path::new(&var("CARGO_MANIFEST_DIR")).join("layout.ld");
        println!("cargo::rustc-link-arg-bin=torod=-Wl,-T,{}", script.display());
    }
}

/// Packs the admin API's document.
fn embed_document() -> io::Result<()> {
    let document = Path::new(&var("CARGO_MANIFEST_DIR")).join("../web/openapi.json");
    println!("cargo::rerun-if-changed={}", document.display());
    fs::write(Path::new(&var("OUT_DIR")).join("openapi.json.br"), pack(&fs::read(document)?)?)
}

/// Writes `site.rs`, whose `Site` holds what the browser gets.
fn embed_site() -> io::Result<()> {
    // Without `..`: what lies outside of this very path is never read.
    let built = Path::new(&var("CARGO_MANIFEST_DIR")).join("../web").canonicalize()?.join("dist");
    let out = PathBuf::from(var("OUT_DIR"));
    let mut folder = built.clone();
    if var("PROFILE") == "release" {
        // A folder that is not there is looked for at every build, so that the first site of all is not overlooked.
        println!("cargo::rerun-if-changed={}", built.display());
        folder = out.join("site");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        if built.join("index.html").exists() {
            pack_all(&built, &folder)?;
        } else {
            println!(
                "cargo::warning=web/dist is not there, so /admin of this torod is a plain page: `make web` builds it"
            );
        }
    }
    let code = format!(
        "/// What the browser gets: in a release from the binary, else from the folder.\n\
         #[derive(rust_embed::Embed)]\n#[folder = {:?}]\n#[allow_missing = true]\nstruct Site;\n",
        folder.display().to_string()
    );
    fs::write(out.join("site.rs"), code)
}

/// Puts every file below `from` into `to`, packed as `NAME.br` where that makes it smaller.
fn pack_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            pack_all(&entry.path(), &target)?;
            continue;
        }
        // Maps tell of the sources, which stand elsewhere; the page is filled in before it is sent.
        if Path::new(&name).extension().is_some_and(|end| end == "map") {
            continue;
        }
        let plain = fs::read(entry.path())?;
        let packed = if name == "index.html" { None } else { Some(pack(&plain)?) };
        match packed.filter(|packed| packed.len() < plain.len()) {
            Some(packed) => fs::write(to.join(format!("{name}.br")), packed)?,
            None => fs::write(target, plain)?,
        }
    }
    Ok(())
}

fn pack(plain: &[u8]) -> io::Result<Vec<u8>> {
    let (mut input, mut packed) = (plain, Vec::new());
    let best = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut input, &mut packed, &best)?;
    Ok(packed)
}
