//! Fetches a secret from where the configuration says it is: variable, file, command or the file itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use std::os::unix::process::CommandExt as _;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokenrouter_shared::Secret;
use zeroize::Zeroizing;

use super::credential::{SecretCommand, SecretSource};
use super::printed::{self, Fetched};
use super::vault::Vault;

/// Longest secret, in bytes.
const LONGEST: u64 = 64 << 10;
/// How long a command may take.
const COMMAND_TIME: Duration = Duration::from_secs(10);
/// Pause between two looks whether a command has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Why a secret could not be fetched. No variant holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is unset or empty.
    #[error("environment variable `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("cannot read `{path}`: {kind}")]
    File {
        /// As it stands in the configuration.
        path: String,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// The command cannot be started.
    #[error("cannot start the command: {0}")]
    Start(io::ErrorKind),
    /// The command did not end in time and was stopped.
    #[error("the command took longer than {} s", .0.as_secs())]
    Slow(Duration),
    /// The command failed.
    #[error("the command failed ({0})")]
    Failed(std::process::ExitStatus),
    /// Nothing there but blanks.
    #[error("the secret is empty")]
    Empty,
    /// More than 64 KiB.
    #[error("the secret is longer than 64 KiB")]
    TooLong,
    /// It printed something that begins with `{` and is no JSON.
    #[error("the command printed something that begins like JSON and is none")]
    BrokenJson,
    /// It printed JSON in which no token was found.
    #[error("the command printed JSON without a token")]
    NoToken,
    /// A token server gives it, which is asked elsewhere.
    #[error("the key comes from a token server")]
    Elsewhere,
    /// Nothing is stored under that name.
    #[error("no secret `{0}` is stored: run `torod secrets set {0}`")]
    NotStored(String),
    /// It may not be sent there.
    #[error(
        "the secret `{name}` was given for {given} and is not sent to {wanted}: if that is meant, give it anew with `torod secrets set {name}`"
    )]
    OtherPlace {
        /// The secret's name.
        name: String,
        /// Where it may be sent.
        given: String,
        /// Where it would be.
        wanted: String,
    },
    /// The store cannot be read, or not open it; the text is the store's.
    #[error("the secret `{0}` cannot be had: {1}")]
    Store(String, String),
    /// It could not stand in a header.
    #[error("the key holds a blank or a character that no key has: copy it again, all of it and nothing else")]
    NotText,
}

/// Fetches the secret. Blocks: a command may take up to 10 s.
pub fn resolve_secret(
    source: &SecretSource,
    env: &dyn Fn(&str) -> Option<String>,
    vault: &dyn Vault,
) -> Result<Secret, SecretError> {
    match source {
        SecretSource::Literal(secret) => Ok(secret.clone()),
        SecretSource::Env(name) => {
            let value = env(name).filter(|value| !value.is_empty());
            clean(Secret::new(value.ok_or_else(|| SecretError::Unset(name.clone()))?))
        }
        SecretSource::File(path) => from_file(path),
        SecretSource::Command(command) => clean(Secret::new(text(from_command(command, COMMAND_TIME)?)?.to_string())),
        SecretSource::Stored(stored) => clean(vault.fetch(stored)?),
        SecretSource::Grant(_) => Err(SecretError::Elsewhere),
    }
}

/// Fetches a key with the time until which it holds, at `now_ms` in Unix milliseconds. Blocks as [`resolve_secret`].
pub fn resolve_key(
    source: &SecretSource,
    env: &dyn Fn(&str) -> Option<String>,
    vault: &dyn Vault,
    now_ms: i64,
) -> Result<Fetched, SecretError> {
    if let SecretSource::Command(command) = source {
        return printed::read(&text(from_command(command, COMMAND_TIME)?)?, now_ms);
    }
    let secret = resolve_secret(source, env, vault)?;
    let expires_ms = match source {
        SecretSource::File(_) => printed::token_expiry_ms(secret.expose()),
        _ => None,
    };
    Ok(Fetched { secret, expires_ms })
}

fn from_file(path: &Path) -> Result<Secret, SecretError> {
    let failed = |error: io::Error| SecretError::File { path: path.display().to_string(), kind: error.kind() };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    from_bytes(bytes)
}

fn from_command(command: &SecretCommand, time: Duration) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut command = match command {
        SecretCommand::Shell(line) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line);
            shell
        }
        SecretCommand::Argv(argv) => {
            let (program, arguments) = argv.split_first().ok_or(SecretError::Start(io::ErrorKind::InvalidInput))?;
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    // A group of its own, so that all of a pipeline can be ended.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| SecretError::Start(error.kind()))?;
    let result = read_output(&mut child, time);
    if result.is_err() {
        end(&mut child);
    }
    result
}

/// Ends a command with all that it has started. What fails has ended by itself.
fn end(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    _ = child.kill();
    _ = child.wait();
}

fn read_output(child: &mut Child, time: Duration) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let stdout = child.stdout.take().ok_or(SecretError::Start(io::ErrorKind::BrokenPipe))?;
    let (sender, receiver) = mpsc::sync_channel(1);
    // A thread, because a read from a pipe knows no deadline. It ends when the pipe does.
    let reader = move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = stdout.take(LONGEST + 1).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any more after the deadline.
        let _ = sender.send(read);
    };
    std::thread::Builder::new()
        .name("secret-command".to_owned())
        .spawn(reader)
        .map_err(|error| SecretError::Start(error.kind()))?;
    let bytes = match receiver.recv_timeout(time) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(SecretError::Start(error.kind())),
        Err(_) => return Err(SecretError::Slow(time)),
    };
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::TooLong);
    }
    // It closed its output, so it is about to end; one that stays is as slow as one that says nothing.
    let mut looks = time.as_millis() / PAUSE.as_millis();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(bytes),
            Ok(Some(status)) => return Err(SecretError::Failed(status)),
            Ok(None) if looks > 0 => std::thread::sleep(PAUSE),
            Ok(None) => return Err(SecretError::Slow(time)),
            Err(error) => return Err(SecretError::Start(error.kind())),
        }
        looks -= 1;
    }
}

fn from_bytes(bytes: Vec<u8>) -> Result<Secret, SecretError> {
    clean(Secret::new(text(Zeroizing::new(bytes))?.to_string()))
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, SecretError> {
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::TooLong);
    }
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(SecretError::NotText)
        }
    }
}

/// Without the newline that files and commands end with.
pub(super) fn clean(secret: Secret) -> Result<Secret, SecretError> {
    let text = secret.expose().trim();
    if text.is_empty() {
        return Err(SecretError::Empty);
    }
    if text.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(SecretError::NotText);
    }
    Ok(if text.len() == secret.expose().len() { secret } else { Secret::from(text) })
}

#[cfg(test)]
mod tests {
    use super::super::vault::NoVault;
    use super::*;

    fn shell(line: &str) -> SecretSource {
        SecretSource::Command(SecretCommand::Shell(line.to_owned()))
    }

    fn text(source: &SecretSource) -> Result<String, String> {
        let env = |name: &str| (name == "KEY").then(|| "sk-env\n".to_owned());
        resolve_secret(source, &env, &NoVault)
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn fetches_from_every_source() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "sk-file\r\n").unwrap();
        let argv = ["printf", "%s", "$HOME;x"].map(str::to_owned).to_vec();
        for (source, expected) in [
            (SecretSource::Literal("sk-a".into()), "sk-a"),
            (SecretSource::Env("KEY".to_owned()), "sk-env"),
            (SecretSource::File(path), "sk-file"),
            (shell("echo sk-$((1+1))"), "sk-2"),
            (SecretSource::Command(SecretCommand::Argv(argv)), "$HOME;x"),
        ] {
            assert_eq!(text(&source), Ok(expected.to_owned()), "{source:?}");
        }
    }

    #[test]
    fn says_why_not() {
        let argv = SecretSource::Command(SecretCommand::Argv(vec!["/does/not/exist".to_owned()]));
        for (source, expected) in [
            (SecretSource::Env("NOT_SET".to_owned()), "environment variable `NOT_SET` is not set"),
            (SecretSource::File("/does/not/exist".into()), "cannot read `/does/not/exist`: entity not found"),
            (SecretSource::File("/dev/zero".into()), "the secret is longer than 64 KiB"),
            (argv, "cannot start the command: entity not found"),
            (shell("exit 3"), "the command failed (exit status: 3)"),
            (shell("echo sk-a; exit 1"), "the command failed (exit status: 1)"),
            (shell("echo"), "the secret is empty"),
            (
                shell("printf 'a\\nb'"),
                "the key holds a blank or a character that no key has: copy it again, all of it and nothing else",
            ),
            (
                shell("printf '\\377'"),
                "the key holds a blank or a character that no key has: copy it again, all of it and nothing else",
            ),
            (shell("exec cat /dev/zero"), "the secret is longer than 64 KiB"),
        ] {
            assert_eq!(text(&source), Err(expected.to_owned()), "{source:?}");
        }
    }

    #[test]
    fn stops_a_slow_command() {
        for line in ["exec sleep 60", "exec >&-; exec sleep 60"] {
            let command = SecretCommand::Shell(line.to_owned());
            let result = from_command(&command, Duration::from_millis(60));
            assert!(matches!(result, Err(SecretError::Slow(_))), "{line}: {result:?}");
        }
    }

    /// Whether a process of `group` runs. One that nobody has reaped yet does not.
    fn runs(group: i32) -> bool {
        let Ok(entries) = std::fs::read_dir("/proc") else { return killpg(Pid::from_raw(group), None).is_ok() };
        let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
        stats.into_iter().any(|stat| {
            let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            fields[2] == group.to_string() && fields[0] != "Z"
        })
    }

    #[test]
    fn a_slow_command_ends_with_all_that_it_started() {
        let pid = tempfile::NamedTempFile::new().unwrap();
        let line = format!("echo $$ > '{}'; sleep 60 | sleep 60", pid.path().display());
        let result = from_command(&SecretCommand::Shell(line), Duration::from_millis(300));
        assert!(matches!(result, Err(SecretError::Slow(_))), "{result:?}");
        let group = std::fs::read_to_string(pid.path()).unwrap().trim().parse().unwrap();
        let ended = (0..2_000).any(|_| {
            std::thread::sleep(PAUSE);
            !runs(group)
        });
        assert!(ended, "it goes on");
    }
}
