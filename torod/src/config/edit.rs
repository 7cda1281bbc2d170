//! Changes the file: comments and layout stay, and what comes out is examined before it replaces anything.

pub mod addition;
pub mod alias;
mod by;
mod error;
mod preview;
pub mod provider;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub use by::By;
pub use error::EditError;
pub use preview::preview;
use sha2::{Digest as _, Sha256};
use toml_edit::{Document, DocumentMut, Item, Table, Value};

use super::file::{ConfigError, read_text};
use super::{Examined, Finding, examine};

/// How often an edit begins again because somebody else wrote the file meanwhile.
const TRIES: usize = 3;

/// Why `text` cannot become `edited`, if it cannot.
fn objection(text: &str, edited: &Examined, name: &str) -> Option<EditError> {
    if !edited.has_errors() {
        return None;
    }
    let before = examine(text, name);
    let is_old = before.has_errors();
    Some(if is_old {
        ConfigError::Invalid(before.findings).into()
    } else {
        EditError::Refused(edited.findings.clone())
    })
}

/// Sets the value at `key` (`active_model_profile`, `routing.attempts`), or removes it with `None`. Says whether the
/// file was changed. A link is followed to the file itself, which keeps its mode.
pub fn set(path: &Path, key: &[&str], value: Option<&Value>, by: By) -> Result<bool, EditError> {
    update(path, by, |text, name| edit(text, key, value, name))
}

/// What becomes of the value at a key; with `None` it is removed.
pub type Change = (String, Option<Value>);

/// The version of a file with this text: another text, another version.
pub fn version_of(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

/// The version of the file as it is now.
pub fn version(path: &Path) -> Result<String, EditError> {
    Ok(version_of(&read_text(path)?))
}

/// Sets many values at once, or none, if the file has the version `expected`; keys are written like `routing.attempts`.
/// Says whether the file was changed.
///
/// # Errors
///
/// As [`set`], and where the file has another version than `expected`.
pub fn set_all(path: &Path, changes: &[Change], expected: Option<&str>, by: By) -> Result<bool, EditError> {
    update(path, by, |text, name| preview::edited(text, name, changes, expected))
}

fn check_version(text: &str, expected: Option<&str>) -> Result<(), EditError> {
    let Some(expected) = expected else { return Ok(()) };
    let version = version_of(text);
    if version == expected { Ok(()) } else { Err(EditError::Stale(version)) }
}

/// Replaces the file by what `change` makes of its text and its name. Says whether it was changed.
fn update(path: &Path, by: By, change: impl Fn(&str, &str) -> Result<String, EditError>) -> Result<bool, EditError> {
    let name = path.display().to_string();
    let io = |cause| ConfigError::Io { path: path.to_owned(), cause };
    let target = fs::canonicalize(path).map_err(io)?;
    for _ in 0..TRIES {
        let text = read_text(&target)?;
        let edited = change(&text, &name)?;
        if edited == text {
            return Ok(false);
        }
        let examined = examine(&edited, &name);
        if let Some(objection) = objection(&text, &examined, &name) {
            return Err(objection);
        }
        if let Some(objection) = by.objection(&examine(&text, &name).config, &examined.config) {
            return Err(objection);
        }
        if replace(&target, &text, &edited).map_err(io)? {
            return Ok(true);
        }
    }
    Err(EditError::Raced(path.to_owned()))
}

/// `text` with the value at `key`.
fn edit(text: &str, key: &[&str], value: Option<&Value>, name: &str) -> Result<String, EditError> {
    let invalid = |_| EditError::from(ConfigError::Invalid(findings(text, name)));
    if let Some(value) = value
        && let Some(span) = Document::parse(text).map_err(invalid)?.as_table().place(key)
        && let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.end..))
    {
        // Byte for byte as it was, but for the value.
        return Ok(format!("{before}{}{after}", plain(value)));
    }
    if let (Some(value), [only]) = (value, key)
        && let Some(edited) = uncomment(text, only, value)
    {
        return Ok(edited);
    }
    let mut document: DocumentMut = text.parse().map_err(invalid)?;
    let Some((last, tables)) = key.split_last() else { return Ok(text.to_owned()) };
    let mut at: &mut dyn toml_edit::TableLike = document.as_table_mut();
    for table in tables {
        if value.is_none() && !at.contains_key(table) {
            return Ok(text.to_owned());
        }
        let item = at.entry(table).or_insert_with(|| Item::Table(Table::new()));
        at = item.as_table_like_mut().ok_or_else(|| EditError::NoTable(key.join(".")))?;
    }
    match value {
        Some(value) => _ = at.insert(last, Item::Value(value.clone())),
        None if at.contains_key(last) => _ = at.remove(last),
        None => return Ok(text.to_owned()),
    }
    Ok(like(text, &document.to_string()))
}

/// `edited` with the line ends of `text`.
fn like(text: &str, edited: &str) -> String {
    if text.contains("\r\n") { edited.replace("\r\n", "\n").replace('\n', "\r\n") } else { edited.to_owned() }
}

/// Where the value at a key stands.
trait Place {
    fn place(&self, key: &[&str]) -> Option<std::ops::Range<usize>>;
}

impl Place for Table {
    fn place(&self, key: &[&str]) -> Option<std::ops::Range<usize>> {
        let (first, rest) = key.split_first()?;
        let item = rest.iter().try_fold(self.get(first)?, |item, key| item.get(*key))?;
        item.as_value()?.span()
    }
}

/// Puts `key` where its commented default stands: a first start writes one for every key. None where none stands.
fn uncomment(text: &str, key: &str, value: &Value) -> Option<String> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if bare.starts_with('[') {
            return None;
        }
        let is_it = bare.strip_prefix("# ").and_then(|l| l.strip_prefix(key)).is_some_and(|l| l.starts_with(" = "));
        if is_it {
            let edited = format!("{}{key} = {}{}", text.get(..start)?, plain(value), text.get(start + bare.len()..)?);
            // Unless it stands inside of a text of many lines.
            let document: DocumentMut = edited.parse().ok()?;
            return document.get(key)?.as_value().is_some().then_some(edited);
        }
        start += line.len();
    }
    None
}

fn plain(value: &Value) -> String {
    value.to_string().trim().to_owned()
}

fn findings(text: &str, name: &str) -> Vec<Finding> {
    examine(text, name).findings
}

/// Replaces the file as a whole, unless it is no longer `expected`. Mode and owner stay as they are.
fn replace(target: &Path, expected: &str, text: &str) -> io::Result<bool> {
    let directory = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = directory.join(name);
    // What a killed process of the same number left.
    _ = fs::remove_file(&temporary);
    let mut file = super::file::create_private(&temporary)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| keep_owner(target, &file))
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(fs::read(target)? == expected.as_bytes()));
    match written {
        Ok(true) => {
            fs::rename(&temporary, target)?;
            // The change itself is done; only its survival of a power cut hangs on this.
            _ = File::open(directory).and_then(|directory| directory.sync_all());
            Ok(true)
        }
        other => {
            _ = fs::remove_file(&temporary);
            other
        }
    }
}

#[cfg(unix)]
fn keep_owner(target: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (old, new) = (fs::metadata(target)?, file.metadata()?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        // The daemon could no longer read a file that somebody else has edited for it.
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_owner(target: &Path, file: &File) -> io::Result<()> {
    file.set_permissions(fs::metadata(target)?.permissions())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Detected, first_run, parse};

    const ALIAS: &str = "[[providers]]\nname = 'a' # first\nbase_url = 'http://h'\n[[model_aliases]]\nname = 'x'\n\
                         targets = [{ profile = 'p', provider = 'a', model = 'm' }, { profile = 'q', provider = 'a', model = 'n' }]\n";

    fn edited(text: &str, key: &[&str], value: impl Into<Value>) -> String {
        edit(text, key, Some(&value.into()), "t").unwrap()
    }

    #[test]
    fn only_the_value_changes() {
        let odd = "\u{feff}# head\r\nlossy   =  'warn' # why\r\n\r\n[ limits ]\r\n  concurrent=7#x\r\n";
        assert_eq!(edited(odd, &["lossy"], "reject"), odd.replace("'warn'", "\"reject\""));
        assert_eq!(edited(odd, &["limits", "concurrent"], 9), odd.replace("=7#", "=9#"));
        assert_eq!(
            edited("timeouts = { a = 1, b = 2 } # c\n", &["timeouts", "b"], 5),
            "timeouts = { a = 1, b = 5 } # c\n"
        );
    }

    #[test]
    fn a_new_key_stands_before_the_tables_and_in_its_own() {
        let text = "# head\nlossy = 'warn'\n\n# limits\n[limits]\nconcurrent = 7 # few\n";
        let with = edited(text, &["active_model_profile"], "p");
        assert_eq!(with, text.replace("'warn'\n", "'warn'\nactive_model_profile = \"p\"\n"));
        let with = edited(text, &["limits", "concurrent_streams"], 3);
        assert_eq!(with, format!("{text}concurrent_streams = 3\n"));
        let with = edited(text, &["routing", "attempts"], 3);
        assert!(with.starts_with(text) && with.ends_with("[routing]\nattempts = 3\n"), "{with}");
        let crlf = text.replace('\n', "\r\n");
        let with = edited(&crlf, &["active_model_profile"], "p");
        assert_eq!(with, crlf.replace("'warn'\r\n", "'warn'\r\nactive_model_profile = \"p\"\r\n"));
    }

    #[test]
    fn a_key_takes_the_place_of_its_commented_default() {
        let text = first_run(&Detected::default());
        let with = edited(&text, &["active_model_profile"], "far \"out\"");
        assert_eq!(with, text.replace("# active_model_profile = \"local\"", "active_model_profile = 'far \"out\"'"));
    }

    #[test]
    fn a_key_is_removed_with_its_line_and_no_other() {
        let text = "# head\nlossy = 'warn'\nlisten_addr = '127.0.0.1:1' # here\n";
        assert_eq!(edit(text, &["lossy"], None, "t").unwrap(), "listen_addr = '127.0.0.1:1' # here\n");
        assert_eq!(edit(text, &["nothing"], None, "t").unwrap(), text);
        assert_eq!(edit(text, &["no", "thing"], None, "t").unwrap(), text);
        assert!(matches!(edit(text, &["lossy", "x"], Some(&1.into()), "t"), Err(EditError::NoTable(_))));
    }

    #[test]
    fn the_file_is_replaced_whole_behind_its_link_and_keeps_its_mode() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real.toml"), root.path().join("torod.toml"));
        fs::write(&real, ALIAS).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.toml", &link).unwrap();
        assert!(set(&link, &["active_model_profile"], Some(&"q".into()), By::Owner).unwrap());
        assert!(!set(&link, &["active_model_profile"], Some(&"q".into()), By::Owner).unwrap());
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        let text = fs::read_to_string(&real).unwrap();
        assert_eq!(text, format!("active_model_profile = \"q\"\n{ALIAS}"));
        assert_eq!(parse(&text, "t").unwrap().active_model_profile.as_deref(), Some("q"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "nothing is left over");
    }

    #[test]
    fn what_would_be_wrong_is_not_written() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("torod.toml");
        fs::write(&path, ALIAS).unwrap();
        let Err(EditError::Refused(findings)) = set(&path, &["active_model_profile"], Some(&"z".into()), By::Owner)
        else {
            panic!("written")
        };
        assert!(findings[0].message.contains("no alias has the profile `z`"), "{findings:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), ALIAS);
        for broken in ["lossy = ", "lossy = 'warn'\nzzz = 1\n"] {
            fs::write(&path, broken).unwrap();
            let error = set(&path, &["lossy"], Some(&"reject".into()), By::Owner).unwrap_err();
            assert!(matches!(error, EditError::File(ConfigError::Invalid(_))), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
        assert!(matches!(
            set(&root.path().join("none"), &["lossy"], None, By::Owner),
            Err(EditError::File(ConfigError::Io { .. }))
        ));
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_not_lost() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("torod.toml");
        fs::write(&path, "theirs").unwrap();
        assert!(!replace(&path, "before", "ours").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }
}
