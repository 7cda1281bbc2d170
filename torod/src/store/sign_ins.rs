//! Sign-ins that people made at token servers: one sealed file each, below the data folder, the owner's alone.
//!
//! A file and not the database, because `torod provider login` writes it while a daemon has the database. Whoever uses a
//! refresh token holds its file's lock meanwhile: a server that gives a new one with each use takes the old one back, so
//! that two processes that use the same one sign each other out. The seal (of the `keyring`, with the file's name bound in)
//! keeps a copied folder without `secrets.key` from being of any use. Sign-ins of earlier versions, sealed under a key that
//! is derived from the gateway's, are read as well and sealed anew when they are next written.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::Secret;
use tokenrouter_shared::hex;
use zeroize::{Zeroize as _, Zeroizing};

use super::StoreError;
use super::keyring::Keyring;

/// The folder's name in the data folder.
const FOLDER: &str = "sign-ins";
const END: &str = ".sealed";
/// How a file begins that the keyring sealed.
const RINGED: &str = "2.";
const NONCE_BYTES: usize = 12;
/// No sign-in is longer.
const MAX_BYTES: u64 = 256 << 10;

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// What providers are called with.
    pub access: Secret,
    /// Until when it holds, in Unix milliseconds.
    pub expires_ms: Option<i64>,
    /// What the next one is had with; none where the server gave none.
    pub refresh: Option<Secret>,
    /// When the person signed in, in Unix milliseconds.
    pub since_ms: i64,
}

/// A sign-in as it is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    access: String,
    expires_ms: Option<i64>,
    refresh: Option<String>,
    since_ms: i64,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.access.zeroize();
        self.refresh.zeroize();
    }
}

/// Whose sign-in it is: the name of its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignInName(String);

impl SignInName {
    /// For the key `label` of `provider`, got from where `grant` says: another server, client or scope is another one.
    pub fn new(provider: &str, label: &str, grant: &str) -> Self {
        let hash = Sha256::digest(format!("{}:{label}\n{grant}", label.len()).as_bytes());
        let digest = hex::of(hash.iter().take(8));
        // Names of providers are letters, digits, `.`, `_` and `-`.
        Self(format!("{}.{digest}", provider.to_ascii_lowercase()))
    }

    /// What is sealed in beside the sign-in.
    fn about(&self) -> Vec<u8> {
        format!("sign-in 2\n{}", self.0).into_bytes()
    }
}

/// Tells one state of a file from the next.
pub type Stamp = (u64, i64, i64, u64);

/// Where sign-ins are kept.
pub struct SignIns {
    folder: PathBuf,
    keys: Arc<Keyring>,
    /// What sign-ins were sealed under before there was a keyring.
    former: RandomizedNonceKey,
    /// What could not be written, with the state of the file at that time: it goes before that state.
    unsaved: Mutex<HashMap<SignInName, (Option<Stamp>, SignIn)>>,
}

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIns").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The right to use one sign-in, until it is dropped or the process dies.
#[derive(Debug)]
pub struct SignInLock {
    name: SignInName,
    _file: File,
}

impl SignIns {
    /// Those below `data_dir`, sealed with `keys`; `gateway_key` opens those of earlier versions.
    pub fn new(data_dir: &Path, keys: Arc<Keyring>, gateway_key: &[u8; 32]) -> Result<Self, StoreError> {
        let mut key = Zeroizing::new([0; 32]);
        let prk = Salt::new(HKDF_SHA256, b"tokenrouter").extract(gateway_key);
        let derived = prk.expand(&[b"sign-ins 1"], HKDF_SHA256).and_then(|okm| okm.fill(&mut *key));
        let made = derived.and_then(|()| RandomizedNonceKey::new(&AES_256_GCM, &*key));
        let former = made.map_err(|_| StoreError::Damaged("the gateway's key".to_owned()))?;
        Ok(Self { folder: data_dir.join(FOLDER), keys, former, unsaved: Mutex::default() })
    }

    /// Waits until nobody else uses the sign-in `name`.
    pub fn lock(&self, name: &SignInName) -> Result<SignInLock, StoreError> {
        let path = self.folder.join(format!("{}.lock", name.0));
        let fail = |source| StoreError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(fail)?;
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = open.map_err(fail)?;
        file.lock().map_err(fail)?;
        Ok(SignInLock { name: name.clone(), _file: file })
    }

    /// The sign-in `name`; none where nobody is signed in.
    pub fn read(&self, name: &SignInName) -> Result<Option<SignIn>, StoreError> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stamp, sign_in)) = unsaved.get(name) {
            if *stamp == self.stamp(name) {
                return Ok(Some(sign_in.clone()));
            }
            // Somebody has signed in or out since.
            unsaved.remove(name);
        }
        drop(unsaved);
        let path = self.path(name);
        let fail = |source| StoreError::File { path: path.clone(), source };
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(e)),
        }
        let damaged = || StoreError::Damaged(format!("{} (was it changed, or moved here?)", path.display()));
        let plain = self.open(name, text.trim_end(), &damaged)?;
        let sealed: Sealed = serde_json::from_slice(&plain).map_err(|_| damaged())?;
        Ok(Some(SignIn {
            access: Secret::from(sealed.access.as_str()),
            expires_ms: sealed.expires_ms,
            refresh: sealed.refresh.as_deref().map(Secret::from),
            since_ms: sealed.since_ms,
        }))
    }

    /// What stands in a file, opened.
    fn open(
        &self,
        name: &SignInName,
        text: &str,
        damaged: &dyn Fn() -> StoreError,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if let Some(text) = text.strip_prefix(RINGED) {
            let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| damaged())?;
            let opened = self.keys.open(&name.about(), &sealed);
            return opened.map_err(|e| if matches!(e, StoreError::Damaged(_)) { damaged() } else { e });
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self.former.open_in_place(nonce, Aad::from(name.0.as_bytes()), &mut sealed);
        let length = opened.map_err(|_| damaged())?.len();
        sealed.truncate(length);
        Ok(sealed)
    }

    /// Seals every sign-in under the newest key, in a change of keys. How many; those that cannot be opened stay as they
    /// are: nobody could use them anyway.
    pub fn reseal(&self) -> Result<usize, StoreError> {
        let fail = |source| StoreError::File { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
            Err(e) => return Err(fail(e)),
        };
        let mut count = 0;
        for entry in entries {
            let file = entry.map_err(fail)?.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_suffix(END)) else { continue };
            let name = SignInName(name.to_owned());
            match self.read(&name) {
                Ok(Some(sign_in)) => self.write_file(&name, &sign_in)?,
                Ok(None) => continue,
                Err(error @ (StoreError::Damaged(_) | StoreError::KeyLost { .. })) => {
                    tracing::warn!("a sign-in stays as it is: {error}");
                    continue;
                }
                Err(error) => return Err(error),
            }
            count += 1;
        }
        Ok(count)
    }

    /// Keeps a sign-in: whole or not at all, and on the disk when this returns. Where that fails this process goes on with
    /// it all the same: the one before it is good for nothing any more.
    pub fn write(&self, lock: &SignInLock, sign_in: &SignIn) -> Result<(), StoreError> {
        // Nobody changes the keys between the seal and the file.
        let written = self.keys.hold().and_then(|_hold| self.write_file(&lock.name, sign_in));
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => unsaved.remove(&lock.name),
            Err(_) => unsaved.insert(lock.name.clone(), (self.stamp(&lock.name), sign_in.clone())),
        };
        written
    }

    fn write_file(&self, name: &SignInName, sign_in: &SignIn) -> Result<(), StoreError> {
        let path = self.path(name);
        let fail = |source: std::io::Error| StoreError::File { path: path.clone(), source };
        let sealed = Sealed {
            access: sign_in.access.expose().to_owned(),
            expires_ms: sign_in.expires_ms,
            refresh: sign_in.refresh.as_ref().map(|refresh| refresh.expose().to_owned()),
            since_ms: sign_in.since_ms,
        };
        let bytes = Zeroizing::new(serde_json::to_vec(&sealed).map_err(|e| fail(e.into()))?);
        let text = format!("{RINGED}{}", URL_SAFE_NO_PAD.encode(self.keys.seal(&name.about(), &bytes)?));
        let partial = self.folder.join(format!("{}.partial", name.0));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(fail)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
        fs::rename(&partial, &path).map_err(fail)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fail)
    }

    /// Forgets a sign-in. Says whether there was one.
    pub fn remove(&self, lock: &SignInLock) -> Result<bool, StoreError> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).remove(&lock.name);
        let path = self.path(&lock.name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::File { path, source }),
        }
    }

    /// In which state the file is; none where there is none.
    pub fn stamp(&self, name: &SignInName) -> Option<Stamp> {
        let metadata = fs::metadata(self.path(name)).ok()?;
        Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.size()))
    }

    fn path(&self, name: &SignInName) -> PathBuf {
        self.folder.join(format!("{}{END}", name.0))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn sign_ins_of(dir: &Path, gateway_key: [u8; 32]) -> Result<SignIns, StoreError> {
        let keys = Keyring::new(dir, |out: &mut [u8]| getrandom::fill(out));
        SignIns::new(dir, Arc::new(keys), &gateway_key)
    }

    fn sign_in(access: &str) -> SignIn {
        SignIn { access: access.into(), expires_ms: Some(5), refresh: Some("refresh-hunter2".into()), since_ms: 1 }
    }

    #[test]
    fn a_sign_in_is_sealed_and_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let sign_ins = sign_ins_of(dir.path(), [7; 32]).unwrap();
        let name = SignInName::new("Work", "1", "g");
        assert_eq!((sign_ins.read(&name).unwrap(), sign_ins.stamp(&name)), (None, None));
        let lock = sign_ins.lock(&name).unwrap();
        sign_ins.write(&lock, &sign_in("access-hunter2")).unwrap();
        assert_eq!(sign_ins.read(&name).unwrap(), Some(sign_in("access-hunter2")));
        let path = sign_ins.path(&name);
        let text = fs::read_to_string(&path).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(RINGED).unwrap()).unwrap();
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&sign_ins.folder), mode(&path)), (0o700, 0o600));
        // The same again is other bytes, and another state.
        let before = sign_ins.stamp(&name);
        sign_ins.write(&lock, &sign_in("access-hunter2")).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), text);
        assert_ne!(sign_ins.stamp(&name), before);
        assert!(sign_ins.remove(&lock).unwrap() && !sign_ins.remove(&lock).unwrap());
    }

    #[test]
    fn what_belongs_elsewhere_or_was_changed_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let sign_ins = sign_ins_of(dir.path(), [7; 32]).unwrap();
        let (name, other) = (SignInName::new("a", "1", "g"), SignInName::new("b", "1", "g"));
        assert!(SignInName::new("a", "2", "g") != name && SignInName::new("a", "1", "h") != name);
        sign_ins.write(&sign_ins.lock(&name).unwrap(), &sign_in("x")).unwrap();
        fs::copy(sign_ins.path(&name), sign_ins.path(&other)).unwrap();
        assert!(sign_ins.read(&other).is_err());
        let key = dir.path().join(crate::store::keyring::SECRETS_KEY);
        let whole = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(matches!(sign_ins.read(&name), Err(StoreError::KeyLost { .. })));
        fs::write(&key, whole).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "AAAA", "not base64!", "\u{e9}"] {
            fs::write(sign_ins.path(&name), text).unwrap();
            let said = sign_ins.read(&name).unwrap_err().to_string();
            assert!(said.contains("was it changed"), "{said}");
        }
    }

    #[test]
    fn a_sign_in_of_an_earlier_version_is_read_and_sealed_anew() {
        let dir = tempfile::tempdir().unwrap();
        let sign_ins = sign_ins_of(dir.path(), [7; 32]).unwrap();
        let name = SignInName::new("a", "1", "g");
        let mut bytes = br#"{"access":"x","expires_ms":5,"refresh":"refresh-hunter2","since_ms":1}"#.to_vec();
        let nonce = sign_ins.former.seal_in_place_append_tag(Aad::from(name.0.as_bytes()), &mut bytes).unwrap();
        fs::create_dir(&sign_ins.folder).unwrap();
        fs::write(sign_ins.path(&name), URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat())).unwrap();
        assert_eq!(sign_ins.read(&name).unwrap(), Some(sign_in("x")));
        assert!(sign_ins_of(dir.path(), [8; 32]).unwrap().read(&name).is_err());
        let rotation = sign_ins.keys.begin().unwrap();
        assert_eq!(sign_ins.reseal().unwrap(), 1);
        rotation.finish().unwrap();
        assert!(fs::read_to_string(sign_ins.path(&name)).unwrap().starts_with(RINGED));
        assert_eq!(sign_ins.read(&name).unwrap(), Some(sign_in("x")));
        assert_eq!(sign_ins_of(dir.path(), [8; 32]).unwrap().read(&name).unwrap(), Some(sign_in("x")));
    }

    #[test]
    fn what_cannot_be_written_is_used_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let sign_ins = sign_ins_of(dir.path(), [7; 32]).unwrap();
        let name = SignInName::new("a", "1", "g");
        let lock = sign_ins.lock(&name).unwrap();
        sign_ins.write(&lock, &sign_in("one")).unwrap();
        let partial = sign_ins.folder.join(format!("{}.partial", name.0));
        fs::create_dir(&partial).unwrap();
        assert!(sign_ins.write(&lock, &sign_in("two")).is_err());
        assert_eq!(sign_ins.read(&name).unwrap(), Some(sign_in("two")));
        assert_eq!(sign_ins_of(dir.path(), [7; 32]).unwrap().read(&name).unwrap(), Some(sign_in("one")));
        // Another process signs in.
        fs::remove_dir(&partial).unwrap();
        sign_ins_of(dir.path(), [7; 32]).unwrap().write(&lock, &sign_in("three")).unwrap();
        assert_eq!(sign_ins.read(&name).unwrap(), Some(sign_in("three")));
    }

    #[test]
    fn one_at_a_time_uses_a_sign_in() {
        let dir = tempfile::tempdir().unwrap();
        let sign_ins = sign_ins_of(dir.path(), [7; 32]).unwrap();
        let name = SignInName::new("a", "1", "g");
        let lock = sign_ins.lock(&name).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                sender.send("waits").unwrap();
                let _lock = sign_ins.lock(&name).unwrap();
                sender.send("has it").unwrap();
            });
            assert_eq!(receiver.recv().unwrap(), "waits");
            let file = File::open(sign_ins.folder.join(format!("{}.lock", name.0))).unwrap();
            assert!(file.try_lock().is_err() && receiver.try_recv().is_err());
            drop((file, lock));
            waiting.join().unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), "has it");
    }
}
