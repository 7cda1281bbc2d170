//! What would become of the file: examined like every change of it, and written nowhere.

use std::path::Path;

use super::{By, Change, EditError, check_version, edit, objection};
use crate::config::file::read_text;
use crate::config::{Config, examine};

/// What the configuration would be after [`super::set_all`] with the same arguments.
///
/// # Errors
///
/// As [`super::set_all`].
pub fn preview(path: &Path, changes: &[Change], expected: Option<&str>, by: By) -> Result<Config, EditError> {
    let (text, name) = (read_text(path)?, path.display().to_string());
    let examined = examine(&edited(&text, &name, changes, expected)?, &name);
    let refused = objection(&text, &examined, &name);
    match refused.or_else(|| by.objection(&examine(&text, &name).config, &examined.config)) {
        Some(refused) => Err(refused),
        None => Ok(examined.config),
    }
}

/// `text` after `changes`, if it has the version `expected`.
pub(super) fn edited(text: &str, name: &str, changes: &[Change], expected: Option<&str>) -> Result<String, EditError> {
    check_version(text, expected)?;
    changes.iter().try_fold(text.to_owned(), |text, (key, value)| {
        edit(&text, &key.split('.').collect::<Vec<_>>(), value.as_ref(), name)
    })
}
