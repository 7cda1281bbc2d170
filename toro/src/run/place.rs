//! Where a run takes place: the labels that it has by itself. Read from files, since asking git takes longer than a start may.

use std::path::{Path, PathBuf};

use tokenrouter_shared::Labels;
use tokenrouter_shared::label::is_printable;
use tokenrouter_shared::limits::MAX_TEXT;

/// The labels of a run of `agent` in `folder`: agent, host, and where it is a repository, its name and branch.
pub fn labels(agent: &str, folder: Option<&Path>) -> Labels {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let repository = folder.and_then(Repository::around);
    let all = [
        ("agent", Some(agent.to_owned())),
        ("host", host),
        ("repository", repository.as_ref().map(Repository::name)),
        ("branch", repository.as_ref().and_then(Repository::branch)),
    ];
    let kept = all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), fitting(&value?)?)));
    kept.collect()
}

/// What a run is called where nobody said: the agent and the folder.
pub fn name(agent: &str, folder: Option<&Path>) -> String {
    let folder = folder.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let folder: Option<String> = folder.map(|name| name.chars().filter(|c| is_printable(*c)).take(60).collect());
    match folder.filter(|name| !name.trim().is_empty()) {
        Some(folder) => format!("{agent} in {folder}"),
        None => agent.to_owned(),
    }
}

/// As much of it as a label may hold; nothing where nothing is left.
fn fitting(value: &str) -> Option<String> {
    let mut fit = String::new();
    for c in value.trim().chars().filter(|c| is_printable(*c)) {
        if fit.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        fit.push(c);
    }
    Some(fit).filter(|fit| !fit.is_empty())
}

struct Repository {
    root: PathBuf,
    /// This work tree's own part.
    head: PathBuf,
    /// What all work trees have in common.
    shared: PathBuf,
}

impl Repository {
    fn around(folder: &Path) -> Option<Self> {
        let root = folder.ancestors().find(|folder| folder.join(".git").exists())?.to_owned();
        let git = root.join(".git");
        if git.is_dir() {
            return Some(Self { root, head: git.clone(), shared: git });
        }
        // A work tree or submodule: the file says where its folder is.
        let said = std::fs::read_to_string(&git).ok()?;
        let head = root.join(said.strip_prefix("gitdir:")?.trim());
        let shared = match std::fs::read_to_string(head.join("commondir")) {
            Ok(common) => head.join(common.trim()),
            Err(_) => head.clone(),
        };
        Some(Self { root, head, shared })
    }

    /// `owner/name` of the remote called origin, else the folder's name.
    fn name(&self) -> String {
        let config = std::fs::read_to_string(self.shared.join("config")).unwrap_or_default();
        let url = config.lines().map(str::trim).skip_while(|line| *line != "[remote \"origin\"]").skip(1);
        let url = url.take_while(|line| !line.starts_with('[')).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "url").then(|| value.trim().to_owned())
        });
        url.as_deref().and_then(of_url).unwrap_or_else(|| {
            self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        })
    }

    /// The branch; where none is checked out, the commit's beginning.
    fn branch(&self) -> Option<String> {
        let head = std::fs::read_to_string(self.head.join("HEAD")).ok()?;
        match head.trim().strip_prefix("ref: refs/heads/") {
            Some(branch) => Some(branch.to_owned()),
            None => head.trim().get(..12).map(str::to_owned),
        }
    }
}

/// The last two parts of a remote's path; never its user or password.
fn of_url(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map(|(_, path)| path)?,
        None => url.rsplit_once(':').map_or(url, |(_, path)| path),
    };
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty()).take(2).collect::<Vec<_>>();
    parts.reverse();
    Some(parts.join("/")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_known_by_its_origin_and_branch() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("work");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(root.join("src/deep")).unwrap();
        std::fs::write(root.join(".git/HEAD"), "ref: refs/heads/feature/x\n").unwrap();
        let labels_of = || labels("codex", Some(&root.join("src/deep")));
        assert_eq!(labels_of().get("repository").map(String::as_str), Some("work"));
        let config =
            "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://user:secret@host.example/team/thing.git\n";
        std::fs::write(root.join(".git/config"), config).unwrap();
        let labels = labels_of();
        assert_eq!(labels.get("repository").map(String::as_str), Some("team/thing"));
        assert_eq!(labels.get("branch").map(String::as_str), Some("feature/x"));
        assert_eq!(labels.get("agent").map(String::as_str), Some("codex"));
        assert!(tokenrouter_shared::label::check_labels(&labels).is_ok());
        assert_eq!(name("codex", Some(&root)), "codex in work");
        assert!(!super::labels("codex", Some(folder.path())).contains_key("branch"));
    }

    #[test]
    fn a_work_tree_has_its_own_branch_and_the_common_origin() {
        let folder = tempfile::tempdir().unwrap();
        let (main, tree) = (folder.path().join("main/.git"), folder.path().join("tree"));
        std::fs::create_dir_all(main.join("worktrees/tree")).unwrap();
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(main.join("config"), "[remote \"origin\"]\nurl = git@host.example:me/it.git\n").unwrap();
        std::fs::write(main.join("worktrees/tree/HEAD"), "0123456789abcdef0123\n").unwrap();
        std::fs::write(main.join("worktrees/tree/commondir"), "../..\n").unwrap();
        std::fs::write(tree.join(".git"), format!("gitdir: {}\n", main.join("worktrees/tree").display())).unwrap();
        let labels = labels("claude", Some(&tree));
        assert_eq!(labels.get("repository").map(String::as_str), Some("me/it"));
        assert_eq!(labels.get("branch").map(String::as_str), Some("0123456789ab"));
    }
}
