//! Notices that the configuration file may have changed: also when an editor puts a new one in its place, and when it
//! is a link that is turned to another file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Until nothing more happens, a change is not told: who saves a file does so in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// It is told after this time even if more happens.
const LONGEST: Duration = Duration::from_secs(2);
/// The most links one after the other.
const LINKS: usize = 40;

/// Watches the folders that a file's path leads through.
pub struct Watch {
    path: PathBuf,
    /// The file and the links on the way to it. Others may be busy in the same folders.
    places: Arc<ArcSwap<BTreeSet<PathBuf>>>,
    watcher: RecommendedWatcher,
    events: mpsc::Receiver<()>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Begins to watch. Fails where the system has no means for it left.
    pub fn start(path: &Path) -> Result<Self, notify::Error> {
        // One waiting word is enough: it says that somebody should look.
        let (sender, events) = mpsc::channel(1);
        let places = Arc::new(ArcSwap::from_pointee(BTreeSet::new()));
        let ours = Arc::clone(&places);
        let watcher = notify::recommended_watcher(move |event: Result<Event, notify::Error>| {
            // What the system could not tell may have been a change as well.
            if event.map_or(true, |event| !is_reading(event.kind) && concerns(&event.paths, &ours.load())) {
                _ = sender.try_send(());
            }
        })?;
        let path = std::path::absolute(path)?;
        let mut watch = Self { path, places, watcher, events, folders: BTreeSet::new() };
        watch.follow_links()?;
        Ok(watch)
    }

    /// Resolves when something happened to the file, or to a link on the way to it.
    pub async fn changed(&mut self) {
        if self.events.recv().await.is_none() {
            // The watcher is ours, so its sender lives as long as we do.
            return std::future::pending().await;
        }
        let settle = async { while tokio::time::timeout(QUIET, self.events.recv()).await.is_ok() {} };
        _ = tokio::time::timeout(LONGEST, settle).await;
        // Links may lead elsewhere now.
        if let Err(error) = self.follow_links() {
            tracing::warn!(%error, "the configuration file can be watched no longer; SIGHUP still has it read");
        }
    }

    fn follow_links(&mut self) -> Result<(), notify::Error> {
        let places = places(&self.path);
        let folders: BTreeSet<PathBuf> = places.iter().filter_map(|place| place.parent()).map(Path::to_owned).collect();
        // First, so that nothing is missed between the two.
        self.places.store(Arc::new(places));
        for gone in self.folders.difference(&folders) {
            // Its folder may be gone as well.
            _ = self.watcher.unwatch(gone);
        }
        let (mut watched, mut failed) = (BTreeSet::new(), None);
        for folder in &folders {
            // Also what is watched already: it may be another folder of the same name. For the same one nothing is missed.
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => _ = watched.insert(folder.clone()),
                Err(error) => failed = Some(error),
            }
        }
        self.folders = watched;
        match failed {
            Some(error) if self.folders.is_empty() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether one of `paths` is one of ours; without any, something was lost that might have been.
fn concerns(paths: &[PathBuf], ours: &BTreeSet<PathBuf>) -> bool {
    paths.is_empty() || paths.iter().any(|path| ours.contains(path))
}

/// Reading changes nothing, and we read the file ourselves.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(AccessMode::Write)))
}

/// What makes `path` mean another file when it changes: every link on the way, the file itself, and its folder, which may be
/// taken away and made anew.
fn places(path: &Path) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    let mut rest: Vec<PathBuf> = parts(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == Path::new("..") {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        match fs::read_link(&next) {
            Ok(leads_to) if links < LINKS => {
                links += 1;
                places.insert(next);
                rest.extend(parts(&leads_to));
                if leads_to.is_absolute() {
                    at = PathBuf::from("/");
                }
            }
            _ if rest.is_empty() => places.extend([next, at.clone()]),
            _ => at = next,
        }
    }
    places
}

/// The names of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let named = |part: Component<'_>| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().rev().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    async fn soon(watch: &mut Watch, what: &str) {
        assert!(tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok(), "unnoticed: {what}");
    }

    #[tokio::test]
    async fn notices_writing_and_renaming() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("torod.toml");
        fs::write(&path, "1").unwrap();
        let mut watch = Watch::start(&path).unwrap();
        fs::write(&path, "2").unwrap();
        soon(&mut watch, "written in place").await;
        for text in ["3", "4"] {
            fs::write(root.path().join("new"), text).unwrap();
            fs::rename(root.path().join("new"), &path).unwrap();
            soon(&mut watch, "another file in its place").await;
        }
        let reading = EventKind::Access(AccessKind::Close(AccessMode::Read));
        assert!(is_reading(reading) && !is_reading(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        let places = places(&path);
        assert!(concerns(&[path], &places) && !concerns(&[root.path().join("torod.db")], &places));
        assert!(concerns(&[], &BTreeSet::new()), "something was lost");
    }

    #[tokio::test]
    async fn notices_a_link_that_is_turned() {
        // As Kubernetes does: torod.toml → ..data/torod.toml, ..data → ..1, and a rename turns ..data.
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| root.path().join(name);
        for version in ["..1", "..2"] {
            fs::create_dir(place(version)).unwrap();
            fs::write(place(version).join("torod.toml"), version).unwrap();
        }
        fs::create_dir(place("etc")).unwrap();
        symlink("..1", place("..data")).unwrap();
        symlink("../..data/torod.toml", place("etc/torod.toml")).unwrap();
        let real = fs::canonicalize(root.path()).unwrap();
        let expected = [real.join("..1/torod.toml"), real.join("..data"), real.join("etc/torod.toml")];
        let found = places(&place("etc/torod.toml"));
        assert!(expected.iter().all(|place| found.contains(place)), "{found:?}");
        let mut watch = Watch::start(&place("etc/torod.toml")).unwrap();
        symlink("..2", place("tmp")).unwrap();
        fs::rename(place("tmp"), place("..data")).unwrap();
        soon(&mut watch, "the link was turned").await;
        assert!(watch.folders.contains(&real.join("..2")), "{:?}", watch.folders);
        fs::write(place("..2/torod.toml"), "3").unwrap();
        soon(&mut watch, "written behind the link").await;
    }

    #[tokio::test]
    async fn notices_a_folder_that_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let (folder, path) = (root.path().join("etc"), root.path().join("etc/torod.toml"));
        fs::create_dir(&folder).unwrap();
        fs::write(&path, "1").unwrap();
        let mut watch = Watch::start(&path).unwrap();
        for text in ["2", "3"] {
            fs::remove_dir_all(&folder).unwrap();
            soon(&mut watch, "the folder is gone").await;
            fs::create_dir(&folder).unwrap();
            soon(&mut watch, "it is there again").await;
            fs::write(&path, text).unwrap();
            soon(&mut watch, "written into it").await;
            // All at once, as deploying does.
            fs::create_dir(root.path().join("next")).unwrap();
            fs::write(root.path().join("next/torod.toml"), text).unwrap();
            fs::rename(&folder, root.path().join("before")).unwrap();
            fs::rename(root.path().join("next"), &folder).unwrap();
            soon(&mut watch, "another folder in its place").await;
            fs::write(&path, "4").unwrap();
            soon(&mut watch, "written into that").await;
            fs::remove_dir_all(root.path().join("before")).unwrap();
        }
    }

    #[test]
    fn links_in_a_circle_end() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        assert!(!places(&root.path().join("a")).is_empty());
    }
}
