//! Fetches a secret from where the configuration says it is: variable, file, command or the file itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tokenrouter_shared::Secret;

use super::credential::{SecretCommand, SecretSource};

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
    /// It could not stand in a header.
    #[error("the key holds a blank or a character that no key has: copy it again, all of it and nothing else")]
    NotText,
}

/// Fetches the secret. Blocks: a command may take up to 10 s.
pub fn resolve_secret(source: &SecretSource, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, SecretError> {
    match source {
        SecretSource::Literal(secret) => Ok(secret.clone()),
        SecretSource::Env(name) => {
            let value = env(name).filter(|value| !value.is_empty());
            clean(Secret::new(value.ok_or_else(|| SecretError::Unset(name.clone()))?))
        }
        SecretSource::File(path) => from_file(path),
        SecretSource::Command(command) => from_command(command, COMMAND_TIME),
    }
}

fn from_file(path: &Path) -> Result<Secret, SecretError> {
    let failed = |error: io::Error| SecretError::File { path: path.display().to_string(), kind: error.kind() };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    from_bytes(bytes)
}

fn from_command(command: &SecretCommand, time: Duration) -> Result<Secret, SecretError> {
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
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| SecretError::Start(error.kind()))?;
    let result = read_output(&mut child, time);
    if result.is_err() {
        // Both fail only where it has ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    let bytes = result?;
    from_bytes(bytes)
}

fn read_output(child: &mut Child, time: Duration) -> Result<Vec<u8>, SecretError> {
    let stdout = child.stdout.take().ok_or(SecretError::Start(io::ErrorKind::BrokenPipe))?;
    let (sender, receiver) = mpsc::sync_channel(1);
    // A thread, because a read from a pipe knows no deadline. It ends when the pipe does.
    let reader = move || {
        let mut bytes = Vec::new();
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
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::TooLong);
    }
    clean(Secret::new(String::from_utf8(bytes).map_err(|_| SecretError::NotText)?))
}

/// Without the newline that files and commands end with.
fn clean(secret: Secret) -> Result<Secret, SecretError> {
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
    use super::*;

    fn shell(line: &str) -> SecretSource {
        SecretSource::Command(SecretCommand::Shell(line.to_owned()))
    }

    fn text(source: &SecretSource) -> Result<String, String> {
        let env = |name: &str| (name == "KEY").then(|| "sk-env\n".to_owned());
        resolve_secret(source, &env).map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
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
}
