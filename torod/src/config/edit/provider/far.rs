//! Changes of providers that come by the admin API: all of one or nothing, for one version of the file, and within what
//! [`By::Api`] may do.

use std::path::Path;

use super::{added, changed, read_key, removed};
use crate::config::credential::SecretSource;
use crate::config::edit::provider::Draft;
use crate::config::edit::{By, Change, EditError, check_version, objection, update};
use crate::config::file::read_text;
use crate::config::section::shorten;
use crate::config::{Config, Examined, ProviderConfig, StoredSecret, examine};

/// Keys whose values are, or lead to, secrets, or by which others find the provider.
const NOT_FROM_HERE: [&str; 5] = ["name", "provider_type", "api_key", "api_keys", "headers"];

/// Where the stored secret of a name may be sent; none where there is none. Blocks.
pub type Places = dyn Fn(&str) -> Option<Vec<String>> + Send;

/// Sets many values of the provider `name` at once, or none, if the file has the version `expected`; with `key`, that too
/// in the place of all keys that it had. Says whether the file was changed.
///
/// # Errors
///
/// As [`super::set`], and where the file has another version, a key is none that is changed from far, or a key of the
/// provider would be sent to another place than before, or than `places` it may be sent to.
pub fn set_all(
    path: &Path,
    name: &str,
    changes: &[Change],
    key: Option<&SecretSource>,
    expected: Option<&str>,
    places: &Places,
) -> Result<bool, EditError> {
    change(path, name, &with_key(changes, key)?, expected, places)
}

/// Where the keys of the provider `name` would be sent after [`set_all`], which is not done.
///
/// # Errors
///
/// As [`set_all`].
pub fn origins_with(
    path: &Path,
    name: &str,
    changes: &[Change],
    key: Option<&SecretSource>,
    expected: Option<&str>,
) -> Result<Vec<String>, EditError> {
    let (text, file) = (read_text(path)?, path.display().to_string());
    let edited = edit(&text, name, &with_key(changes, key)?, expected, &file)?;
    let examined = examine(&edited, &file);
    let by_api = || By::Api.objection(&examine(&text, &file).config, &examined.config);
    match objection(&text, &examined, &file).or_else(by_api) {
        Some(objection) => Err(objection),
        None => Ok(find(&examined.config, name).map(ProviderConfig::origins).unwrap_or_default()),
    }
}

/// What changes with another key; what may not be changed from far is refused.
fn with_key(changes: &[Change], key: Option<&SecretSource>) -> Result<Vec<Change>, EditError> {
    let is_refused = |(key, _): &&Change| NOT_FROM_HERE.contains(&key.split(['.', '[']).next().unwrap_or_default());
    if let Some((key, _)) = changes.iter().find(is_refused) {
        return Err(EditError::NotFromHere(shorten(key)));
    }
    let mut all = changes.to_vec();
    if let Some(source) = key {
        all.extend([("api_keys".to_owned(), None), ("api_key".to_owned(), Some(super::key_value(source)))]);
    }
    Ok(all)
}

/// Uses the provider `name`, or leaves it out.
///
/// # Errors
///
/// As [`set_all`].
pub fn switch(path: &Path, name: &str, is_on: bool, expected: Option<&str>) -> Result<bool, EditError> {
    change(path, name, &[("enabled".to_owned(), Some(is_on.into()))], expected, &|_| None)
}

/// Writes `draft` at the end of the providers, if the file has the version `expected`.
///
/// # Errors
///
/// As [`super::add`], and where its key would be sent to another place than it is for.
pub fn add(path: &Path, draft: &Draft, expected: Option<&str>, places: &Places) -> Result<(), EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        unless_there(text, &draft.name, file)?;
        let edited = added(text, std::slice::from_ref(draft), file)?;
        unless_elsewhere(text, &edited, &draft.name, file, places)?;
        Ok(edited)
    })
    .map(|_| ())
}

/// What the file would mean with `draft` in it, which is not written.
///
/// # Errors
///
/// As [`add`].
pub fn preview(path: &Path, draft: &Draft) -> Result<Examined, EditError> {
    unless_there(&read_text(path)?, &draft.name, &path.display().to_string())?;
    super::preview(path, std::slice::from_ref(draft)).map(|(examined, _)| examined)
}

/// Somebody else may have added one of this name a moment ago.
fn unless_there(text: &str, name: &str, file: &str) -> Result<(), EditError> {
    let is_there = examine(text, file).config.providers.iter().any(|other| other.name.eq_ignore_ascii_case(name));
    if is_there { Err(EditError::IsProvider(shorten(name))) } else { Ok(()) }
}

/// Removes the provider `name` with its comments, if the file has the version `expected`.
///
/// # Errors
///
/// As [`super::remove`], and where the file has another version.
pub fn remove(path: &Path, name: &str, expected: Option<&str>) -> Result<(), EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        removed(text, name, file)
    })
    .map(|_| ())
}

fn change(
    path: &Path,
    name: &str,
    changes: &[Change],
    expected: Option<&str>,
    places: &Places,
) -> Result<bool, EditError> {
    update(path, By::Api, |text, file| {
        let edited = edit(text, name, changes, expected, file)?;
        unless_elsewhere(text, &edited, name, file, places)?;
        Ok(edited)
    })
}

fn edit(text: &str, name: &str, changes: &[Change], expected: Option<&str>, file: &str) -> Result<String, EditError> {
    check_version(text, expected)?;
    changes.iter().try_fold(text.to_owned(), |text, (key, value)| {
        let steps = read_key(key).ok_or_else(|| EditError::NoKey(shorten(key)))?;
        changed(&text, name, &steps, value.as_ref(), file)
    })
}

/// Refuses an edit after which a stored key of the provider `name` would be sent where it may not be: it would not be given
/// out any more, and the provider be left without it.
pub(super) fn unless_elsewhere(
    text: &str,
    edited: &str,
    name: &str,
    file: &str,
    places: &Places,
) -> Result<(), EditError> {
    fn stored(provider: Option<&ProviderConfig>) -> impl Iterator<Item = &StoredSecret> {
        provider.into_iter().flat_map(|provider| &provider.credentials).filter_map(|key| match &key.secret {
            SecretSource::Stored(stored) => Some(stored),
            _ => None,
        })
    }
    let (before, after) = (examine(text, file).config, examine(edited, file).config);
    for key in stored(find(&after, name)) {
        // One that was out of reach already is no reason to leave the rest as it is.
        if stored(find(&before, name)).any(|then| then == key) {
            continue;
        }
        let given = places(&key.name);
        let elsewhere = given.and_then(|given| {
            let wanted = key.origins.iter().find(|origin| !given.contains(origin))?.clone();
            Some((given.join(" and "), wanted))
        });
        if let Some((given, wanted)) = elsewhere {
            return Err(EditError::KeyElsewhere { secret: key.name.clone(), given, wanted });
        }
    }
    Ok(())
}

fn find<'c>(config: &'c Config, name: &str) -> Option<&'c ProviderConfig> {
    config.providers.iter().find(|provider| provider.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::edit::provider::Urls;
    use crate::config::edit::version;

    const FILE: &str = "[[providers]]\nname = 'own' # mine\nbase_url = 'https://own.example/v1'\napi_key = { file = '/run/key' }\n\
                        [[providers]]\nname = 'groq'\nprovider_type = 'groq'\napi_key = '${GROQ_API_KEY}'\n\
                        [[providers]]\nname = 'sealed'\nbase_url = 'https://own.example/v1'\napi_key = { secret = 'provider/sealed' }\n\
                        [[providers]]\nname = 'open'\nbase_url = 'https://open.example/v1'\nheaders = { x-team = 'scarlet' }\n";

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("torod.toml");
        std::fs::write(&path, FILE).unwrap();
        (folder, path)
    }

    fn set(path: &Path, name: &str, key: &str, value: &str) -> Result<bool, EditError> {
        set_with(path, name, key, value, None)
    }

    /// The stored secret is for the first place alone; with another key.
    fn set_with(
        path: &Path,
        name: &str,
        key: &str,
        value: &str,
        new: Option<&SecretSource>,
    ) -> Result<bool, EditError> {
        let changes = [(key.to_owned(), Some(value.parse().unwrap()))];
        let places = |_: &str| Some(vec!["https://own.example".to_owned()]);
        set_all(path, name, &changes, new, Some(&version(path).unwrap()), &places)
    }

    #[test]
    fn nothing_that_was_given_for_one_place_is_sent_to_another() {
        let (_folder, path) = file();
        assert!(set(&path, "own", "priority", "7").unwrap());
        assert!(set(&path, "own", "base_url", "'https://own.example/v2'").unwrap(), "the same host");
        for (name, key, value) in [
            ("own", "base_url", "'https://evil.example/v1'"),
            ("own", "base_url", "'http://own.example/v1'"),
            ("own", "base_url", "'https://own.example:444/v1'"),
            ("own", "models_url", "'https://evil.example/v1'"),
            ("groq", "base_url", "'https://evil.example/v1'"),
            ("groq", "protocols.anthropic", "'https://evil.example/v1'"),
            ("open", "base_url", "'https://evil.example/v1'"),
        ] {
            let error = set(&path, name, key, value).unwrap_err();
            assert!(matches!(error, EditError::NotByApi { .. } | EditError::Refused(_)), "{name} {key}: {error}");
        }
        let error = set(&path, "sealed", "base_url", "'https://evil.example/v1'").unwrap_err();
        assert!(matches!(error, EditError::KeyElsewhere { .. }), "the store keeps that key: {error}");
        assert!(set(&path, "sealed", "base_url", "'https://own.example/v2'").unwrap(), "the same host");
        // With another key for there, it moves; what is out of reach already keeps nothing else from being changed.
        let other = SecretSource::Literal("sk-other".into());
        let there = "'https://there.example/v1'";
        let origins = |key: Option<&SecretSource>| {
            let changes = [("base_url".to_owned(), Some(there.parse().unwrap()))];
            origins_with(&path, "sealed", &changes, key, None)
        };
        assert_eq!(origins(Some(&other)).unwrap(), ["https://there.example"]);
        assert!(set_with(&path, "sealed", "base_url", there, Some(&other)).unwrap());
        let lost = SecretSource::Stored(StoredSecret { name: "provider/sealed".into(), origins: Vec::new() });
        assert!(set_all(&path, "sealed", &[], Some(&lost), None, &|_| None).unwrap(), "not stored yet");
        assert!(set(&path, "sealed", "priority", "7").unwrap());
        for key in ["api_key", "api_keys", "api_key.command", "headers.x-key", "name", "provider_type"] {
            assert!(matches!(set(&path, "own", key, "'x'"), Err(EditError::NotFromHere(_))), "{key}");
        }
        assert!(
            !std::fs::read_to_string(&path).unwrap().replace("sealed", "").contains("evil.example/v1'\napi_key = '")
        );
    }

    #[test]
    fn a_key_from_far_is_a_stored_one_or_the_presets_own_variable() {
        let (_folder, path) = file();
        let give = |name: &str, source: SecretSource| {
            set_all(&path, name, &[], Some(&source), Some(&version(&path).unwrap()), &|_| None)
        };
        let stored = || SecretSource::Stored(StoredSecret { name: "a/b".into(), origins: Vec::new() });
        assert!(give("own", stored()).unwrap());
        assert!(give("groq", SecretSource::Env("GROQ_API_KEY".into())).is_ok());
        assert!(matches!(give("groq", SecretSource::Env("AWS_SECRET".into())), Err(EditError::NotByApi { .. })));
        assert!(matches!(give("own", SecretSource::Env("GROQ_API_KEY".into())), Err(EditError::NotByApi { .. })));
        let command = crate::config::SecretCommand::Shell("id".into());
        for source in [SecretSource::Command(command), SecretSource::File("/etc/shadow".into())] {
            assert!(matches!(give("own", source.clone()), Err(EditError::NotByApi { .. })), "{source:?}");
            let draft = Draft {
                name: "new".into(),
                preset: None,
                urls: Urls::Base("https://h.example".into()),
                account: Vec::new(),
                key: Some(source),
            };
            assert!(matches!(add(&path, &draft, None, &|_| None), Err(EditError::NotByApi { .. })));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("name = 'own' # mine") && text.contains("api_key = { secret = \"a/b\" }"), "{text}");
    }

    #[test]
    fn of_many_that_add_one_name_one_does() {
        let (_folder, path) = file();
        let draft = |name: &str| Draft {
            name: name.into(),
            preset: None,
            urls: Urls::Base("https://h.example".into()),
            account: Vec::new(),
            key: None,
        };
        add(&path, &draft("new"), None, &|_| None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for name in ["new", "NEW", "own"] {
            assert!(matches!(add(&path, &draft(name), None, &|_| None), Err(EditError::IsProvider(_))), "{name}");
            assert!(matches!(preview(&path, &draft(name)), Err(EditError::IsProvider(_))), "{name}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_change_for_another_version_changes_nothing() {
        let (_folder, path) = file();
        let changes = [("priority".to_owned(), Some(3.into()))];
        let Err(EditError::Stale(now)) = set_all(&path, "own", &changes, None, Some("0000"), &|_| None) else {
            panic!("changed")
        };
        assert_eq!(now, version(&path).unwrap());
        assert!(matches!(remove(&path, "own", Some("0000")), Err(EditError::Stale(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE);
        remove(&path, "own", Some(&now)).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("'own'"));
    }
}
