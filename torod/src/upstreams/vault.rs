//! The stored secrets, given out for the places alone that each was given for.

use std::path::Path;
use std::sync::Arc;

use tokenrouter_shared::Secret;

use crate::config::{self, SecretError, StoredSecret};
use crate::store::{Keyring, Readers, StoreError, secrets};

/// The secrets of a data folder.
#[derive(Debug)]
pub struct Vault {
    readers: Arc<Readers>,
    keys: Arc<Keyring>,
}

impl Vault {
    /// Those that `readers` read and `keys` open.
    pub const fn new(readers: Arc<Readers>, keys: Arc<Keyring>) -> Self {
        Self { readers, keys }
    }

    /// Those of `data_dir`, for a command beside a gateway or without one.
    pub fn at(data_dir: &Path, keys: Arc<Keyring>) -> Self {
        Self::new(Arc::new(Readers::new(data_dir.to_owned())), keys)
    }
}

impl config::Vault for Vault {
    fn fetch(&self, wanted: &StoredSecret) -> Result<Secret, SecretError> {
        let StoredSecret { name, origins } = wanted;
        let found = self.readers.with(|connection| secrets::get(connection, &self.keys, name));
        let (secret, given) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Err(SecretError::NotStored(name.clone())),
            // There is no database yet: nothing is stored.
            Err(StoreError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(SecretError::NotStored(name.clone()));
            }
            Err(e) => return Err(SecretError::Store(name.clone(), e.to_string())),
        };
        match origins.iter().find(|origin| !given.contains(origin)) {
            None if !origins.is_empty() => Ok(secret),
            elsewhere => {
                let wanted = elsewhere.map_or("nobody", String::as_str).to_owned();
                Err(SecretError::OtherPlace { name: name.clone(), given: given.join(" and "), wanted })
            }
        }
    }
}
