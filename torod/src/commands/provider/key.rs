//! Where the key of a new provider comes from: a flag, the environment, or the person at the terminal.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use tokenrouter::catalog::Preset;
use tokenrouter_shared::Secret;

use crate::commands::{prompt, system_env};
use crate::config::{SecretCommand, SecretSource};

/// The longest key, in bytes.
const LONGEST: u64 = 64 << 10;

/// Where the key comes from. A key itself is never an argument: every program on the machine can read those.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct KeyFlags {
    /// What people try first; it is refused.
    #[arg(long, alias = "api-key", hide = true, num_args = 0..=1, default_missing_value = "")]
    key: Option<Secret>,
    /// The environment variable that holds the key; the file refers to it.
    #[arg(long, value_name = "VAR")]
    key_env: Option<String>,
    /// The file that holds the key; the configuration refers to it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Read the key from the standard input; it is stored in the configuration file.
    #[arg(long)]
    key_stdin: bool,
    /// A command that prints the key, such as `pass show groq`; the file refers to it.
    #[arg(long, value_name = "COMMAND")]
    key_command: Option<String>,
}

impl KeyFlags {
    /// What the flags say, if any is given.
    pub(super) fn read(self) -> anyhow::Result<Option<SecretSource>> {
        if self.key.is_some() {
            bail!(
                "a key is never an argument, where others can read it: `--key-env VAR`, `--key-file FILE` or `--key-stdin`. \
                 This one is in the history of your shell now"
            );
        }
        if let Some(name) = self.key_env {
            return variable(&name).map(Some);
        }
        if let Some(path) = self.key_file {
            let path = std::path::absolute(&path).context("this is no path")?;
            return Ok(Some(SecretSource::File(path)));
        }
        if let Some(line) = self.key_command {
            return Ok(Some(SecretSource::Command(SecretCommand::Shell(line))));
        }
        if self.key_stdin {
            let mut text = String::new();
            let read = std::io::stdin().take(LONGEST + 1).read_to_string(&mut text);
            read.ok().context("the standard input is no text")?;
            return typed(text.trim_end_matches(['\n', '\r'])).map(Some);
        }
        Ok(None)
    }
}

/// A key as it was typed, or `${NAME}`.
pub(super) fn typed(text: &str) -> anyhow::Result<SecretSource> {
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        return variable(name);
    }
    if text.is_empty() {
        bail!("the key is empty");
    }
    if text.contains(['\n', '\r']) {
        bail!("the key holds a line break: give it in one line");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the key holds a blank or a character that no key has: copy it again, all of it and nothing else");
    }
    if text.contains("${") {
        bail!("`${{…}}` must be the whole key: it names an environment variable");
    }
    if text.len() as u64 > LONGEST {
        bail!("the key is longer than 64 KiB");
    }
    Ok(SecretSource::Literal(text.into()))
}

fn variable(name: &str) -> anyhow::Result<SecretSource> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(valid) {
        bail!("this is no name of an environment variable: use letters, digits and `_`, such as GROQ_API_KEY");
    }
    Ok(SecretSource::Env(name.to_owned()))
}

/// The variable of `preset` that is set.
pub(super) fn found(preset: &Preset) -> Option<&String> {
    preset.env.iter().find(|name| system_env(name).is_some_and(|value| !value.trim().is_empty()))
}

/// Asks for the key of `name`; none where nothing is typed.
pub(in crate::commands) fn ask(name: &str, preset: Option<&Preset>) -> anyhow::Result<Option<SecretSource>> {
    if let Some(variable) = preset.and_then(found)
        && prompt::confirm(
            &format!("{variable} is set here. Write its name, so that the key stays out of the file?"),
            true,
        )?
    {
        return Ok(Some(SecretSource::Env(variable.clone())));
    }
    let page = preset.map(|preset| preset.key_page.as_str()).filter(|page| !page.is_empty());
    let none = if preset.is_some_and(Preset::needs_key) { "give up" } else { "none" };
    let help = match page {
        Some(page) => format!("not shown while you type; Enter alone: {none}. Keys are made at {page}"),
        None => format!("not shown while you type; Enter alone: {none}"),
    };
    loop {
        let Some(secret) = prompt::secret(&format!("Key for {name}:"), &help)? else { return Ok(None) };
        match typed(secret.expose()) {
            Ok(source) => return Ok(Some(source)),
            Err(e) => prompt::say(&format!("{e}"))?,
        }
    }
}

/// What becomes of a key of this kind, in words for whoever gave it.
pub(super) fn remark(source: Option<&SecretSource>, file: &Path) -> Option<String> {
    match source? {
        SecretSource::Literal(_) => Some(format!("The key itself stands in {}.", file.display())),
        SecretSource::Env(name) => Some(format!("The gateway reads the key from {name}: set it where torod starts.")),
        _ => None,
    }
}
