//! The archive itself: a gzipped tar, written from files that stand still, read within the bounds of its manifest.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType, Header};

use super::staging::{Staging, create, pour};
use super::{BackupError, CONFIG, DATA, FORMAT, Manifest};

/// The manifest's name in the archive; it comes first.
const MANIFEST: &str = "manifest.json";
/// The largest manifest that is read.
const LARGEST_MANIFEST: u64 = 8 << 20;
/// So many files no data folder has.
const MOST_FILES: usize = 20_000;
/// Fast: databases are mostly packed already.
const EFFORT: u32 = 3;

/// Writes the files of `staging` that the manifest names.
pub fn write(manifest: &Manifest, staging: &Staging, out: impl Write) -> std::io::Result<()> {
    let mut tar = Builder::new(GzEncoder::new(out, Compression::new(EFFORT)));
    let text = serde_json::to_vec_pretty(manifest)?;
    let time_s = u64::try_from(manifest.made_ms / 1000).unwrap_or(0);
    tar.append_data(&mut header(text.len() as u64, time_s), MANIFEST, text.as_slice())?;
    for file in &manifest.files {
        let read = File::open(staging.path().join(&file.path))?;
        tar.append_data(&mut header(file.bytes, time_s), &file.path, read)?;
    }
    tar.into_inner()?.finish()?.flush()
}

fn header(bytes: u64, time_s: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(time_s);
    header
}

/// Reads all of an archive into `staging`, and gives what it holds. Every file is what the manifest says, and no other is
/// there.
pub fn read(archive: impl Read, staging: &Staging, stop: &AtomicBool) -> Result<Manifest, BackupError> {
    let broken = |what: &str| BackupError::Broken(what.to_owned());
    let unreadable = |e: std::io::Error| BackupError::Broken(e.to_string());
    let mut tar = Archive::new(GzDecoder::new(archive));
    let mut entries = tar.entries().map_err(unreadable)?;
    let first = entries.next().ok_or_else(|| broken("it is empty"))?.map_err(unreadable)?;
    if first.path_bytes().as_ref() != MANIFEST.as_bytes() {
        return Err(broken("it does not begin with a manifest"));
    }
    let mut text = Vec::new();
    first.take(LARGEST_MANIFEST).read_to_end(&mut text).map_err(unreadable)?;
    let manifest = understood(&text)?;
    let mut wanted = manifest.files.iter();
    for entry in entries {
        let mut entry = entry.map_err(unreadable)?;
        let file = wanted.next().ok_or_else(|| broken("it has files that its manifest does not name"))?;
        if entry.path_bytes().as_ref() != file.path.as_bytes() || entry.header().entry_type() != EntryType::Regular {
            return Err(broken(&format!("`{}` is not where it should be", file.path)));
        }
        let place = staging.place(&file.path)?;
        let mut out = create(&place)?;
        let unwritten = BackupError::file(&place);
        let (bytes, sha256) = pour(&mut entry, &mut out, file.bytes, stop, &unreadable, &unwritten)?;
        out.sync_all().map_err(BackupError::file(&place))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            return Err(broken(&format!("`{}` is not as it was when the backup was made", file.path)));
        }
    }
    match wanted.next() {
        None => Ok(manifest),
        Some(file) => Err(broken(&format!("`{}` is missing: it broke off", file.path))),
    }
}

fn understood(text: &[u8]) -> Result<Manifest, BackupError> {
    #[derive(serde::Deserialize)]
    struct Layout {
        format: u32,
    }
    let unread = |e: serde_json::Error| BackupError::Broken(format!("its manifest cannot be read ({e})"));
    let Layout { format } = serde_json::from_slice(text).map_err(unread)?;
    if format > FORMAT {
        return Err(BackupError::TooNew(format));
    }
    let manifest: Manifest = serde_json::from_slice(text).map_err(unread)?;
    if manifest.files.len() > MOST_FILES {
        return Err(BackupError::Broken("it names too many files".to_owned()));
    }
    if let Some(file) = manifest.files.iter().find(|file| !is_path(&file.path)) {
        let path: String = file.path.chars().take(80).filter(|c| !c.is_control()).collect();
        return Err(BackupError::Broken(format!("`{path}` is no place for a file")));
    }
    Ok(manifest)
}

/// Whether it leads to where a backup's files are, and nowhere else.
pub(super) fn is_path(path: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@+=".contains(&b))
    };
    path == CONFIG
        || path.strip_prefix(DATA).is_some_and(|rest| rest.split('/').count() <= 8 && rest.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backup::Entry;
    use crate::backup::staging::entry;

    fn archive(files: &[(&str, &str)], change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
        let temp = tempfile::tempdir().unwrap();
        let staging = Staging::new(temp.path(), 1).unwrap();
        let mut manifest = Manifest {
            format: FORMAT,
            torod: "1.0.0".to_owned(),
            made_ms: 1_700_000_000_000,
            has_secrets: true,
            databases: BTreeMap::new(),
            files: Vec::new(),
        };
        for (name, text) in files {
            let place = staging.place(name).unwrap();
            std::fs::write(&place, text).unwrap();
            manifest.files.push(entry(&place, name, &AtomicBool::new(false)).unwrap());
        }
        change(&mut manifest);
        let mut out = Vec::new();
        write(&manifest, &staging, &mut out).unwrap();
        out
    }

    fn opened(bytes: &[u8]) -> Result<(Manifest, Vec<String>), String> {
        let temp = tempfile::tempdir().unwrap();
        let staging = Staging::new(temp.path(), 2).unwrap();
        let manifest = read(bytes, &staging, &AtomicBool::new(false)).map_err(|e| e.to_string())?;
        let text = |file: &Entry| std::fs::read_to_string(staging.path().join(&file.path)).unwrap();
        let texts = manifest.files.iter().map(text).collect();
        drop(staging);
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0, "something was left behind");
        Ok((manifest, texts))
    }

    const FILES: [(&str, &str); 3] =
        [("config/torod.toml", "a"), ("data/secrets.key", "b"), ("data/models/x.json", "c")];

    #[test]
    fn what_was_put_in_comes_out() {
        let (manifest, texts) = opened(&archive(&FILES, |_| {})).unwrap();
        assert_eq!((manifest.bytes(), texts), (3, vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn what_was_changed_or_broke_off_is_refused() {
        let whole = archive(&FILES, |_| {});
        for cut in [0, 1, 20, whole.len() / 2, whole.len() - 12] {
            assert!(opened(whole.get(..cut).unwrap()).is_err(), "{cut}");
        }
        for at in (10..whole.len() - 8).step_by(7) {
            let mut changed = whole.clone();
            *changed.get_mut(at).unwrap() ^= 0x10;
            if let Ok((_, texts)) = opened(&changed) {
                assert_eq!(texts, ["a", "b", "c"], "{at}");
            }
        }
        let digest = archive(&FILES, |manifest| manifest.files[1].sha256 = "0".repeat(64));
        assert!(opened(&digest).unwrap_err().contains("data/secrets.key"));
    }

    #[test]
    fn nothing_leads_out_of_its_folder() {
        for path in
            ["../x", "data/../x", "/etc/x", "data//x", "data/.x", "data/a\\b", "config/other", "data/", "data/a/"]
        {
            assert!(!is_path(path), "{path}");
        }
        for path in
            ["config/torod.toml", "data/torod.db", "data/tls/acme/account.json", "data/catalogue-2026-11-19.json"]
        {
            assert!(is_path(path), "{path}");
        }
        let out = archive(&FILES, |manifest| manifest.files[1].path = "data//secrets.key".to_owned());
        assert!(opened(&out).unwrap_err().contains("no place"), "{out:?}");
    }

    #[test]
    fn a_newer_layout_is_told_apart_from_a_broken_one() {
        let newer = archive(&FILES, |manifest| manifest.format = 2);
        assert!(opened(&newer).unwrap_err().contains("newer torod"));
        assert!(opened(b"hello").unwrap_err().contains("no whole backup"));
    }
}
