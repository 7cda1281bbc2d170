//! How a program is started: made of an agent's description and of what is known when it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::launch::Launch;
use super::{Agent, families};
use crate::exit::{Exit, Failure};
use crate::profile::Env;

/// How a program is started.
#[derive(Debug, Default)]
pub struct Plan {
    /// The program's file.
    pub program: PathBuf,
    /// All of its arguments.
    pub arguments: Vec<OsString>,
    /// Variables that it gets.
    pub sets: BTreeMap<String, OsString>,
    /// Variables that it does not inherit; a `*` at the end stands for the rest of a name.
    pub removes: Vec<&'static str>,
}

impl Plan {
    /// How `agent` is started.
    pub fn of(agent: &Agent, program: PathBuf, launch: &Launch<'_>) -> Result<Self, Failure> {
        for (name, text) in agent.files {
            if let (Some(folder), Some(text)) = (launch.folder, launch.fill(text)) {
                write_private(&folder.join(name), text.as_bytes())?;
            }
        }
        let mut plan = Self { program, ..Self::default() };
        plan.removes.extend(families::REMOVED.iter().chain(agent.removes));
        let is_chosen = chooses(agent, launch.arguments);
        let is_bare = is_bare(agent, launch.arguments);
        for group in agent.arguments.iter().filter(|_| !is_bare) {
            let names_model = group.iter().any(|text| text.contains("{model"));
            let filled: Option<Vec<String>> = group.iter().map(|text| launch.fill_open(text)).collect();
            if let Some(filled) = filled.filter(|_| !(names_model && is_chosen)) {
                plan.arguments.extend(filled.into_iter().map(OsString::from));
            }
        }
        plan.arguments.extend(launch.arguments.iter().cloned());
        for (name, text) in agent.sets {
            if let Some(value) = launch.fill(text) {
                plan.sets.insert((*name).to_owned(), value.into());
            }
        }
        if launch.address.is_loopback() {
            plan.sets.extend(past_proxies(launch.env));
        }
        if let Some(adapt) = agent.adapt {
            adapt(&mut plan, launch)?;
        }
        Ok(plan)
    }
}

/// What keeps a program that goes through a proxy from looking for this machine there.
fn past_proxies(env: Env) -> Vec<(String, OsString)> {
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if proxies.iter().all(|name| env(name).is_none()) {
        return Vec::new();
    }
    let said = env("NO_PROXY").or_else(|| env("no_proxy")).map_or_else(String::new, |said| said + ",");
    let all = OsString::from(said + "127.0.0.1,localhost,::1");
    ["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), all.clone())).into()
}

/// Whether nothing of the user's arguments has a model asked.
pub fn is_idle(agent: &Agent, arguments: &[OsString]) -> bool {
    let words = arguments.iter().take_while(|word| *word != "--").map(|word| word.to_string_lossy());
    // A word that is no flag is a command where it comes first, and may be a prompt elsewhere.
    words.enumerate().any(|(at, word)| agent.idle.contains(&&*word) && (at == 0 || word.starts_with('-')))
}

/// Whether the agent's arguments of ours have no place before the user's.
pub fn is_bare(agent: &Agent, arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|word| agent.bare.contains(&&*word.to_string_lossy()))
}

/// Whether the program is asked for nothing but what it is: that takes no gateway.
pub fn is_about_itself(arguments: &[OsString]) -> bool {
    matches!(arguments, [word] if ["--version", "-V", "--help", "-h"].iter().any(|about| word == about))
}

/// Whether the user's own arguments choose a model.
pub fn chooses(agent: &Agent, arguments: &[OsString]) -> bool {
    let is_one = |word: &str| {
        let has_value =
            |flag: &str| word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        agent.chooses.iter().copied().any(has_value)
    };
    arguments.iter().take_while(|word| *word != "--").any(|word| is_one(&word.to_string_lossy()))
}

/// Writes a file that nobody else can read.
pub fn write_private(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text)
    };
    write()
        .map_err(|e| Failure::new(Exit::NotBegun, format!("cannot write {}: {e}", path.display()), "Is the disk full?"))
}

/// The file of a program in `PATH`, or where its name says it is. Nothing where there is none that can be started.
pub fn find_program(name: &str, path: Option<&str>) -> Result<PathBuf, Exit> {
    let mut found_other = false;
    let mut is_program = |file: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(meta) = std::fs::metadata(file) else { return false };
        let is_it = meta.is_file() && meta.permissions().mode() & 0o111 != 0;
        found_other |= !is_it;
        is_it
    };
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|file| is_program(file))
    } else {
        let folders = path.unwrap_or("/usr/local/bin:/usr/bin:/bin").split(':');
        let folders = folders.map(|folder| Path::new(if folder.is_empty() { "." } else { folder }));
        folders.map(|folder| folder.join(name)).find(|file| is_program(file))
    };
    found.ok_or(if found_other { Exit::NotStarted } else { Exit::NotInstalled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_the_user_says_is_read_as_the_agent_reads_it() {
        let codex = super::super::find("codex").unwrap();
        for (line, idle) in [
            ("mcp list", true),
            ("exec --help", true),
            ("exec doctor", false),
            ("exec -- --help", false),
            ("exec hi", false),
        ] {
            assert_eq!(is_idle(codex, &words(line)), idle, "{line}");
        }
        for (line, chosen) in
            [("exec -m x hi", true), ("exec --model=x", true), ("exec --models x", false), ("exec -- -m", false)]
        {
            assert_eq!(chooses(codex, &words(line)), chosen, "{line}");
        }
        for (line, about) in [("--version", true), ("-h", true), ("exec --help", false), ("--versions", false)] {
            assert_eq!(is_about_itself(&words(line)), about, "{line}");
        }
    }
}
