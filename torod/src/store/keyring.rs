//! The keys that secrets at rest are sealed under: `secrets.key` beside the database, the owner's alone.
//!
//! A sealed secret (AES-256-GCM, a random nonce each) begins with the id of its key. While keys are changed the file
//! holds the new one and those before it, so that whatever moment the machine stops at, everything can still be read.
//! Whoever writes sealed files beside the database holds the keys meanwhile ([`Keyring::hold`]), and whoever changes the
//! keys waits for that, so that nothing is sealed under a key that is about to go.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::StoreError;
use super::sign_ins::Stamp;

/// The file's name in the data folder.
pub const SECRETS_KEY: &str = "secrets.key";
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
/// More keys than this were never there: each change of keys that did not end leaves one.
const MOST_KEYS: usize = 64;

type Fill = dyn Fn(&mut [u8]) -> Result<(), String> + Send + Sync;

/// The keys of a data folder. They are read when they are needed, and made when something is sealed first.
pub struct Keyring {
    path: PathBuf,
    random: Box<Fill>,
    read: Mutex<Option<(Stamp, Keys)>>,
}

/// The newest first.
type Keys = Arc<Vec<SealKey>>;

struct SealKey {
    id: [u8; ID_BYTES],
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    aead: RandomizedNonceKey,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Keeps the keys from being changed, until it is dropped or the process dies.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

impl Keyring {
    /// The keys of `dir`. `random` fills a buffer.
    pub fn new<E: std::fmt::Display>(
        dir: &Path,
        random: impl Fn(&mut [u8]) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let random = Box::new(move |out: &mut [u8]| random(out).map_err(|e| e.to_string()));
        Self { path: dir.join(SECRETS_KEY), random, read: Mutex::default() }
    }

    /// Keeps the keys as they are for as long as a sealed file is written.
    pub fn hold(&self) -> Result<Hold, StoreError> {
        let file = self.lock_file()?;
        file.lock_shared().map_err(|source| self.failed(source))?;
        Ok(Hold { _file: file })
    }

    /// Seals `plain` under the newest key; it opens with the same `about` alone.
    pub fn seal(&self, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut keys = self.keys()?;
        if keys.is_empty() {
            self.make_first()?;
            keys = self.keys()?;
        }
        let key = keys.first().ok_or_else(|| self.lost())?;
        let mut bytes = Zeroizing::new(plain.to_vec());
        let nonce = key.aead.seal_in_place_append_tag(Aad::from(about), &mut *bytes);
        let nonce = nonce.map_err(|_| self.failed(std::io::Error::other("nothing can be sealed with it")))?;
        Ok([key.id.as_slice(), nonce.as_ref(), bytes.as_slice()].concat())
    }

    /// What was sealed.
    ///
    /// # Errors
    ///
    /// Where its key is lost, or it was changed, or `about` is another one.
    pub fn open(&self, about: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::Damaged("a sealed secret that was changed or moved".to_owned());
        let (id, rest) = sealed.split_at_checked(ID_BYTES).ok_or_else(damaged)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let keys = self.keys()?;
        let key = keys.iter().find(|key| key.id == id).ok_or_else(|| self.lost())?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let length = key.aead.open_in_place(nonce, Aad::from(about), &mut bytes).map_err(|_| damaged())?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Whether `sealed` is sealed under the newest key.
    pub fn is_newest(&self, sealed: &[u8]) -> Result<bool, StoreError> {
        Ok(self.keys()?.first().is_some_and(|key| sealed.starts_with(&key.id)))
    }

    /// Whether an earlier change of keys did not come to its end.
    pub fn is_halfway(&self) -> Result<bool, StoreError> {
        Ok(self.keys()?.len() > 1)
    }

    /// Begins to change keys: from now on things are sealed under a new one, and those before it still open theirs.
    pub fn begin(&self) -> Result<Rotation<'_>, StoreError> {
        let file = self.lock_file()?;
        file.lock().map_err(|source| self.failed(source))?;
        let before = self.keys()?;
        let fresh = self.draw()?;
        let mut all = vec![&*fresh];
        all.extend(before.iter().map(|key| &*key.bytes));
        if all.len() > MOST_KEYS {
            return Err(self.failed(std::io::Error::other("it holds too many keys that were never done with")));
        }
        self.write(&all)?;
        Ok(Rotation { ring: self, _lock: file })
    }

    fn lock_file(&self) -> Result<File, StoreError> {
        let path = self.path.with_extension("key.lock");
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        open.map_err(|source| StoreError::File { path, source })
    }

    fn keys(&self) -> Result<Keys, StoreError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Keys::default()),
            Err(e) => return Err(self.failed(e)),
        };
        refuse_exposed(&self.path, &metadata)?;
        let stamp = (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.size());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, keys)) = read.as_ref().filter(|(then, _)| *then == stamp) {
            debug_assert_eq!(*then, stamp);
            return Ok(Arc::clone(keys));
        }
        let mut text = Zeroizing::new(String::new());
        let opened = File::open(&self.path).and_then(|file| file.take(1 << 16).read_to_string(&mut text));
        opened.map_err(|source| self.failed(source))?;
        let broken =
            || self.failed(std::io::Error::other("it holds something that is no key: put it back from a backup"));
        let keys: Option<Vec<SealKey>> = text.lines().map(SealKey::read).collect();
        let keys = Arc::new(keys.filter(|keys| !keys.is_empty() && keys.len() <= MOST_KEYS).ok_or_else(broken)?);
        *read = Some((stamp, Arc::clone(&keys)));
        Ok(keys)
    }

    fn draw(&self) -> Result<Zeroizing<[u8; KEY_BYTES]>, StoreError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        (self.random)(&mut *bytes).map_err(|e| self.failed(std::io::Error::other(e)))?;
        Ok(bytes)
    }

    /// Makes the first key, unless somebody else was quicker.
    fn make_first(&self) -> Result<(), StoreError> {
        let partial = self.path.with_extension(format!("key.{}.partial", std::process::id()));
        let result =
            write_private(&partial, &[&*self.draw()?]).and_then(|()| match fs::hard_link(&partial, &self.path) {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
                _ => self.sync_folder(),
            });
        _ = fs::remove_file(&partial);
        result.map_err(|source| self.failed(source))
    }

    fn write(&self, keys: &[&[u8; KEY_BYTES]]) -> Result<(), StoreError> {
        let partial = self.path.with_extension("key.partial");
        let written = write_private(&partial, keys).and_then(|()| fs::rename(&partial, &self.path));
        written.and_then(|()| self.sync_folder()).map_err(|source| self.failed(source))
    }

    fn sync_folder(&self) -> std::io::Result<()> {
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn failed(&self, source: std::io::Error) -> StoreError {
        StoreError::File { path: self.path.clone(), source }
    }

    fn lost(&self) -> StoreError {
        StoreError::KeyLost { path: self.path.clone() }
    }
}

impl SealKey {
    fn read(line: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let read = Zeroizing::new(URL_SAFE_NO_PAD.decode(line).ok()?);
        if read.len() != KEY_BYTES {
            return None;
        }
        bytes.copy_from_slice(&read);
        let aead = RandomizedNonceKey::new(&AES_256_GCM, &*bytes).ok()?;
        let hash = Sha256::new().chain_update(b"tokenrouter secrets key\n").chain_update(*bytes).finalize();
        let id = hash.first_chunk().copied()?;
        Some(Self { id, bytes, aead })
    }
}

/// Refuses a key that others on the machine can read.
pub(super) fn refuse_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), StoreError> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(StoreError::KeyExposed { path: path.to_owned(), mode }) }
}

fn write_private(path: &Path, keys: &[&[u8; KEY_BYTES]]) -> std::io::Result<()> {
    _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for key in keys {
        let line = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(key)));
        file.write_all(line.as_bytes())?;
    }
    file.sync_all()
}

/// A change of keys under way. Dropped before [`Rotation::finish`], it leaves all keys where they are.
#[derive(Debug)]
pub struct Rotation<'a> {
    ring: &'a Keyring,
    _lock: File,
}

impl Rotation<'_> {
    /// Everything is sealed under the new key: the others go.
    pub fn finish(self) -> Result<(), StoreError> {
        let keys = self.ring.keys()?;
        let newest = keys.first().ok_or_else(|| self.ring.lost())?;
        self.ring.write(&[&newest.bytes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    fn ring(dir: &Path) -> Keyring {
        let next = AtomicU8::new(dir.join(SECRETS_KEY).metadata().map_or(1, |m| u8::try_from(m.len()).unwrap()));
        Keyring::new(dir, move |out: &mut [u8]| {
            out.fill(next.fetch_add(1, Ordering::Relaxed));
            Ok::<_, &str>(())
        })
    }

    #[test]
    fn a_secret_opens_where_it_belongs_and_the_key_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path());
        let sealed = keys.seal(b"a", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert_ne!(keys.seal(b"a", b"hunter2").unwrap(), sealed, "the nonce is another one each time");
        assert_eq!(&**ring(dir.path()).open(b"a", &sealed).unwrap(), b"hunter2");
        let mode = fs::metadata(dir.path().join(SECRETS_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(keys.open(b"b", &sealed), Err(StoreError::Damaged(_))));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys.open(b"a", &changed).is_err(), "byte {at}");
            assert!(keys.open(b"a", &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn a_key_that_is_lost_or_that_others_can_read_is_told_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path());
        let sealed = keys.seal(b"a", b"x").unwrap();
        let path = dir.path().join(SECRETS_KEY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let said = keys.open(b"a", &sealed).unwrap_err().to_string();
        assert!(said.contains("0640") && said.contains("chmod 600"), "{said}");
        assert!(keys.seal(b"a", b"x").is_err());
        fs::remove_file(&path).unwrap();
        let said = keys.open(b"a", &sealed).unwrap_err().to_string();
        assert!(said.contains("backup") && said.contains("torod secrets set"), "{said}");
        fs::write(&path, "short\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(keys.open(b"a", &sealed).is_err() && keys.seal(b"a", b"x").is_err());
    }

    #[test]
    fn keys_change_and_a_change_that_broke_off_leaves_everything_readable() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path());
        let old = keys.seal(b"a", b"x").unwrap();
        drop(keys.begin().unwrap());
        let new = ring(dir.path()).seal(b"a", b"y").unwrap();
        for (sealed, plain, is_newest) in [(&old, b"x", false), (&new, b"y", true)] {
            assert_eq!(&**ring(dir.path()).open(b"a", sealed).unwrap(), plain);
            assert_eq!(keys.is_newest(sealed).unwrap(), is_newest);
        }
        assert!(keys.is_halfway().unwrap());
        let rotation = keys.begin().unwrap();
        let newer = keys.seal(b"a", b"z").unwrap();
        rotation.finish().unwrap();
        assert!(!keys.is_halfway().unwrap());
        assert_eq!(&**keys.open(b"a", &newer).unwrap(), b"z");
        for gone in [&old, &new] {
            assert!(matches!(keys.open(b"a", gone), Err(StoreError::KeyLost { .. })));
        }
    }

    #[test]
    fn keys_change_only_when_nobody_holds_them() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ring(dir.path());
        let hold = keys.hold().unwrap();
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| keys.begin().unwrap().finish().unwrap());
            let file = keys.lock_file().unwrap();
            assert!(file.try_lock().is_err() && !dir.path().join(SECRETS_KEY).exists());
            drop((file, hold));
            changing.join().unwrap();
        });
        assert!(dir.path().join(SECRETS_KEY).exists());
    }
}
