//! The configuration file on disk: read within bounds, written once, for its owner's eyes only.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::{Config, Environment, Examined, Paths, examine_with};

/// Largest configuration file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read or written.
    #[error("{}: {}", path.display(), told(cause))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said. Not the error's source: it is told already.
        cause: io::Error,
    },
    /// It is larger than 1 MiB.
    #[error("{}: larger than 1 MiB: this is no configuration of torod", .0.display())]
    TooLarge(PathBuf),
    /// It is no UTF-8.
    #[error("{}: not UTF-8: save it as UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It holds errors; all of them, and the warnings.
    #[error("{}", lines(.0))]
    Invalid(Vec<Finding>),
}

fn told(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder: name the file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied: look at its owner and mode".to_owned(),
        _ => cause.to_string(),
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().filter(|finding| finding.is_error()).map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads what is in force with these paths: the file, and the environment over it; warnings are left out. Where there is no
/// file, an environment with settings is enough.
pub fn load_paths(paths: &Paths) -> Result<Config, ConfigError> {
    right(examine_paths(paths)?)
}

fn right(examined: Examined) -> Result<Config, ConfigError> {
    if examined.has_errors() {
        return Err(ConfigError::Invalid(examined.findings));
    }
    Ok(examined.config)
}

/// As [`load_paths`], with all that was found.
pub fn examine_paths(paths: &Paths) -> Result<Examined, ConfigError> {
    if !paths.config_file.exists() && !paths.environment.is_empty() {
        return Ok(examine_with("", "the environment", &paths.environment));
    }
    Ok(examine_text_of(&paths.config_file, &paths.environment)?.0)
}

/// Reads the file alone; warnings are left out.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    right(examine_file(path)?)
}

/// The file's text, within bounds.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigError> {
    Ok(read(path)?.0)
}

fn read(path: &Path) -> Result<(String, File), ConfigError> {
    let failed = |cause| ConfigError::Io { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(failed)?;
    (&mut file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ConfigError::TooLarge(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotText(path.to_owned()))?;
    Ok((text, file))
}

/// Reads the file alone and keeps the findings, among them whether others can read keys that stand in it.
pub fn examine_file(path: &Path) -> Result<Examined, ConfigError> {
    Ok(examine_text_of(path, &Environment::default())?.0)
}

/// The same with the environment over it, and the file's text itself.
pub fn examine_text_of(path: &Path, environment: &Environment) -> Result<(Examined, String), ConfigError> {
    let (text, file) = read(path)?;
    let mut examined = examine_with(&text, &path.display().to_string(), environment);
    if let Some(mode) = open_mode(&file)
        && examined.holds_secrets()
    {
        examined.warn_about_file(
            &format!("others can read this file (mode {mode:04o}) and keys stand in it"),
            "run `chmod 600` on it, or move the keys to environment variables",
        );
    }
    Ok((examined, text))
}

/// The permission bits, if others than the owner have any.
#[cfg(unix)]
fn open_mode(file: &File) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().ok()?.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_mode(_: &File) -> Option<u32> {
    None
}

/// Writes a file that does not exist yet: whole or not at all, mode 0600, its directory 0700. Never overwrites.
pub fn write_new(path: &Path, text: &str) -> Result<(), ConfigError> {
    write(path, text).map_err(|cause| ConfigError::Io { path: path.to_owned(), cause })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    create_directory(directory)?;
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = directory.join(temporary);
    let mut file = create_private(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // A link appears whole and, unlike a rename, never replaces what is there.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    linked.and(removed)
}

#[cfg(unix)]
fn create_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(unix)]
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn writes_once_and_privately() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/torod.toml");
        write_new(&path, "a").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(matches!(write_new(&path, "b"), Err(ConfigError::Io { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn warns_when_others_can_read_keys() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("torod.toml");
        let literal = "[[providers]]\nname = 'a'\nbase_url = 'http://a'\napi_key = 'sk-1'\n";
        for (text, bits, expected) in [
            (literal, 0o644, true),
            (literal, 0o600, false),
            ("[[providers]]\nname = 'a'\nbase_url = 'http://a'\napi_key = '${K}'\n", 0o644, false),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            let findings = examine_file(&path).unwrap().findings;
            assert_eq!(findings.iter().any(|f| f.message.contains("others can read")), expected, "{bits:o} {text}");
        }
    }

    #[test]
    fn refuses_what_is_no_configuration() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("torod.toml");
        assert!(matches!(load(&path), Err(ConfigError::Io { .. })));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(load(&path), Err(ConfigError::NotText(_))));
        fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
        assert!(matches!(load(&path), Err(ConfigError::TooLarge(_))));
        fs::write(&path, "x = 1").unwrap();
        let Err(ConfigError::Invalid(findings)) = load(&path) else { panic!("loaded") };
        assert_eq!(findings.len(), 1);
    }
}
