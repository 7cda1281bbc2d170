//! `toro.toml`: the gateways that `toro connect` stored, readable by their owner alone.
//!
//! ```toml
//! default = "local"
//! [servers.local]
//! url = "http://127.0.0.1:8080"
//! key = "tr_…"                                   # or, so that no key lies in the file:
//! # key_command = ["secret-tool", "lookup", "service", "tokenrouter"]
//! # key_env = "WORK_GATEWAY_KEY"
//! fingerprint = "sha256:…"                       # of a self-signed certificate
//! ```

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokenrouter_shared::Secret;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::client::address::Address;
use crate::client::fingerprint::Fingerprint;
use crate::exit::{Exit, Failure};

/// What a variable says.
pub type Env = fn(&str) -> Option<String>;

/// What `toro.toml` says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    default: Option<String>,
    #[serde(default)]
    servers: BTreeMap<String, StoredServer>,
    /// The only server of a `toro.toml` of the older tokenrouter.
    server_url: Option<String>,
    api_key: Option<Secret>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredServer {
    url: String,
    key: Option<Secret>,
    key_command: Option<Vec<String>>,
    key_env: Option<String>,
    fingerprint: Option<String>,
}

/// A gateway, and the key for it.
#[derive(Clone, Debug)]
pub struct Server {
    /// What it is called here.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// The token's key.
    pub key: Secret,
    /// The certificate that it must show, where that is nobody else's word.
    pub fingerprint: Option<Fingerprint>,
}

/// A gateway that is to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// What it is called here.
    pub name: &'e str,
    /// Where it is.
    pub address: &'e Address,
    /// The token's key; `None` leaves what is stored.
    pub key: Option<&'e Secret>,
    /// The certificate that it must show.
    pub fingerprint: Option<&'e Fingerprint>,
}

/// The file.
#[derive(Debug)]
pub struct Profile {
    path: PathBuf,
    stored: Stored,
    text: String,
    /// What is wrong with how it lies there.
    pub remark: Option<String>,
}

/// Where the file is: `--config`, else `tokenrouter/toro.toml` below `$XDG_CONFIG_HOME` (`~/.config`).
pub fn place(named: Option<&Path>, env: Env) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    named
        .map(Path::to_owned)
        .or_else(|| Some(absolute("XDG_CONFIG_HOME")?.join("tokenrouter/toro.toml")))
        .or_else(|| Some(absolute("HOME")?.join(".config/tokenrouter/toro.toml")))
        .ok_or_else(|| {
            Failure::new(Exit::Unconfigured, "no home directory is set", "Set HOME, or name the file: --config FILE.")
        })
}

impl Profile {
    /// Reads it; a file that is not there says nothing.
    pub fn read(path: PathBuf) -> Result<Self, Failure> {
        let unreadable = |why: String| {
            let advice = "Repair it, or move it away and run `toro connect` again.";
            Failure::new(Exit::Unconfigured, format!("{} cannot be read: {}", path.display(), why.trim_end()), advice)
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(unreadable(e.to_string())),
        };
        // What the parser says of a line shows the line, and the line may hold a key.
        let stored: Stored = toml::from_str(&text).map_err(|e| unreadable(without_line(&e, &text)))?;
        let mode = std::fs::metadata(&path).map_or(0o600, |meta| meta.permissions().mode() & 0o777);
        let remark = (mode & 0o077 != 0 && !text.is_empty()).then(|| {
            format!("others may read {0}, which holds keys; make it yours alone: chmod 600 {0}", path.display())
        });
        Ok(Self { path, stored, text, remark })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of what is stored.
    pub fn names(&self) -> Vec<&str> {
        let old = self.stored.server_url.as_ref().map(|_| "default");
        self.stored.servers.keys().map(String::as_str).chain(old).collect()
    }

    /// Which one is meant where none is named.
    pub fn default_name(&self) -> Option<&str> {
        match (&self.stored.default, self.names().as_slice()) {
            (Some(name), _) => Some(name),
            (None, [only]) => Some(*only),
            (None, _) => None,
        }
    }

    /// Where the gateway of this name is, as far as it is stored.
    pub fn url_of(&self, name: &str) -> Option<&str> {
        let old = self.stored.server_url.as_deref().filter(|_| name == "default");
        self.stored.servers.get(name).map(|server| server.url.as_str()).or(old)
    }

    /// The fingerprint that is stored for the gateway of this name.
    pub fn fingerprint_of(&self, name: &str) -> Option<Fingerprint> {
        self.stored.servers.get(name)?.fingerprint.as_ref()?.parse().ok()
    }

    /// The gateway that is meant: `TORO_URL` and `TORO_KEY` where both are set and none is named, else the one of this
    /// name, else the default one.
    pub fn server(&self, named: Option<&str>, env: Env) -> Result<Server, Failure> {
        if named.is_none()
            && let (Some(url), Some(key)) = (env("TORO_URL"), env("TORO_KEY"))
        {
            return build("TORO_URL", &url, Secret::new(key), env("TORO_FINGERPRINT").as_deref());
        }
        let name = named.or_else(|| self.default_name()).ok_or_else(|| self.none_meant())?;
        if let Some(server) = self.stored.servers.get(name) {
            return build(name, &server.url, key_of(name, server, env)?, server.fingerprint.as_deref());
        }
        match (&self.stored.server_url, &self.stored.api_key) {
            (Some(url), Some(key)) if name == "default" => build(name, url, key.clone(), None),
            _ => Err(self.unknown(name)),
        }
    }

    fn none_meant(&self) -> Failure {
        let names = self.names();
        if names.is_empty() {
            return Failure::new(Exit::Unconfigured, "no gateway is known yet", "Run `toro connect` first.");
        }
        let advice = format!("Name one with --server: {}.", names.join(", "));
        Failure::new(Exit::Unconfigured, "several gateways are stored, and none of them is the default", advice)
    }

    fn unknown(&self, name: &str) -> Failure {
        let names = self.names();
        let advice = match names.as_slice() {
            [] => format!("Run `toro connect --server {name}`."),
            names => format!("Stored are: {}. `toro connect --server {name}` adds it.", names.join(", ")),
        };
        Failure::new(Exit::Unconfigured, format!("no gateway `{name}` is stored"), advice)
    }

    /// Stores a gateway and makes it the default one. What else stands in the file stays as it is, comments included.
    pub fn store(&self, entry: Entry<'_>) -> Result<(), Failure> {
        let mut document: DocumentMut = self.text.parse().map_err(|e: toml_edit::TomlError| {
            Failure::new(
                Exit::Unconfigured,
                format!("{} cannot be read: {}", self.path.display(), e.message()),
                "Repair it.",
            )
        })?;
        put(document.as_table_mut(), "default", value(entry.name));
        let servers = document.entry("servers").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let no_table = || Failure::new(Exit::Unconfigured, "`servers` in toro.toml is no table", "Repair the file.");
        let servers = servers.as_table_mut().ok_or_else(no_table)?;
        let server =
            servers.entry(entry.name).or_insert_with(toml_edit::table).as_table_like_mut().ok_or_else(no_table)?;
        put(server, "url", value(entry.address.to_string()));
        if let Some(key) = entry.key {
            for other in ["key_command", "key_env"] {
                server.remove(other);
            }
            put(server, "key", value(key.expose()));
        }
        match entry.fingerprint {
            Some(fingerprint) => put(server, "fingerprint", value(fingerprint.to_string())),
            None => _ = server.remove("fingerprint"),
        }
        self.write(&document.to_string())
    }

    /// Puts the whole file in place at once, for its owner alone.
    fn write(&self, text: &str) -> Result<(), Failure> {
        let failed = |e: std::io::Error| {
            Failure::new(
                Exit::Unconfigured,
                format!("{} cannot be written: {e}", self.path.display()),
                "Is its folder yours?",
            )
        };
        // A link, as managers of dotfiles lay it, stays one.
        let target = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.exists() {
            std::fs::create_dir_all(folder).map_err(failed)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&target).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// Puts a value in the place of another one; what stands around that stays.
fn put(table: &mut dyn TableLike, key: &str, item: Item) {
    match table.get_mut(key) {
        Some(old) => *old = item,
        None => _ = table.insert(key, item),
    }
}

/// What is wrong with the text, and in which line, without the line.
fn without_line(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

fn build(name: &str, url: &str, key: Secret, fingerprint: Option<&str>) -> Result<Server, Failure> {
    let wrong = |why: String| {
        Failure::new(Exit::Unconfigured, format!("the gateway `{name}`: {why}"), "Run `toro connect` again.")
    };
    Ok(Server {
        name: name.to_owned(),
        address: url.parse().map_err(|e| wrong(format!("{e}")))?,
        key,
        fingerprint: fingerprint.map(str::parse).transpose().map_err(|e| wrong(format!("{e}")))?,
    })
}

fn key_of(name: &str, server: &StoredServer, env: Env) -> Result<Secret, Failure> {
    let no_key = |why: String| {
        let advice = format!("Store one: toro set-key --server {name}");
        Failure::new(Exit::Unconfigured, format!("there is no key for the gateway `{name}`: {why}"), advice)
    };
    if let Some(key) = server.key.as_ref().filter(|key| !key.expose().trim().is_empty()) {
        return Ok(key.clone());
    }
    if let Some(variable) = &server.key_env {
        let value = env(variable).filter(|value| !value.trim().is_empty());
        return value.map(|value| Secret::from(value.trim())).ok_or_else(|| no_key(format!("{variable} is not set")));
    }
    let Some([program, arguments @ ..]) = server.key_command.as_deref() else {
        return Err(no_key("none is stored".to_owned()));
    };
    let output = std::process::Command::new(program)
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .stdin(std::process::Stdio::inherit())
        .output()
        .map_err(|e| no_key(format!("`{program}` cannot be started: {e}")))?;
    let text = Secret::new(String::from_utf8(output.stdout).unwrap_or_default());
    match text.expose().trim() {
        key if output.status.success() && !key.is_empty() => Ok(Secret::from(key)),
        _ => Err(no_key(format!("`{program}` told none ({})", output.status))),
    }
}
