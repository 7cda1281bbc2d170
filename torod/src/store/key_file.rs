//! The gateway's own key: seals what must come back unchanged through clients. It lies beside the database.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::StoreError;
use super::keyring::refuse_exposed;

/// The file's name in the data folder.
pub const KEY_FILE: &str = "gateway.key";

/// Reads the key, or makes it when there is none. `random` fills a buffer.
pub fn load_or_make<E: std::fmt::Display>(
    dir: &Path,
    random: impl Fn(&mut [u8]) -> Result<(), E>,
) -> Result<[u8; 32], StoreError> {
    let path = dir.join(KEY_FILE);
    let fail = |source: std::io::Error| StoreError::File { path: path.clone(), source };
    let mut key = [0; 32];
    match OpenOptions::new().read(true).open(&path) {
        Ok(mut file) => {
            refuse_exposed(&path, &file.metadata().map_err(fail)?)?;
            file.read_exact(&mut key).map_err(fail)?;
            Ok(key)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            random(&mut key).map_err(|e| fail(std::io::Error::other(e.to_string())))?;
            // Written whole under another name first: half a key would be worse than none.
            let partial = dir.join(format!("{KEY_FILE}.partial"));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(fail)?;
            file.write_all(&key).and_then(|()| file.sync_all()).map_err(fail)?;
            std::fs::rename(&partial, &path).map_err(fail)?;
            Ok(key)
        }
        Err(e) => Err(fail(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let fill = |with: u8| {
            move |buffer: &mut [u8]| -> Result<(), &'static str> {
                buffer.fill(with);
                Ok(())
            }
        };
        assert_eq!(load_or_make(dir.path(), fill(1)).unwrap(), [1; 32]);
        assert_eq!(load_or_make(dir.path(), fill(2)).unwrap(), [1; 32]);
        let mode = std::fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(dir.path().join(KEY_FILE), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_make(dir.path(), fill(3)), Err(StoreError::KeyExposed { .. })));
        std::fs::set_permissions(dir.path().join(KEY_FILE), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(dir.path().join(KEY_FILE), "short").unwrap();
        assert!(load_or_make(dir.path(), fill(3)).is_err());
    }
}
