//! What each agent needs to work through the gateway: one agent, one file, and that file mostly data.
//!
//! Texts are templates. `{root}` is the gateway's base URL, `{v1}` the same with `/v1`, `{folder}` a throw-away folder that
//! ends with the run, `{model}` what `--model` said, `{opus}`, `{sonnet}`, `{haiku}`, `{fable}` and `{small}`
//! what it said for these (else `{model}`), `{subagent}` what it said for that, and `{key}` the run's key, which arguments never have: others can read those.
//! What speaks of something that was not said is left out.

mod aider;
mod claude;
mod codex;
mod copilot;
mod crush;
pub mod families;
mod gemini;
mod goose;
pub mod launch;
pub mod listed;
mod merged;
mod opencode;
mod pi;
pub mod plan;
mod qwen;

use self::launch::Launch;
use self::plan::Plan;
use crate::exit::Failure;

/// Code that changes a plan.
pub type Adapt = fn(&mut Plan, &Launch<'_>) -> Result<(), Failure>;

/// One agent.
#[derive(Debug)]
pub struct Agent {
    /// What is typed: `toro codex`.
    pub name: &'static str,
    /// What its makers call it.
    pub title: &'static str,
    /// Its programs, the usual one first.
    pub programs: &'static [&'static str],
    /// The protocol that it speaks to the gateway.
    pub protocol: &'static str,
    /// How to get it.
    pub install: &'static str,
    /// Variables that it must not inherit, besides those of [`families::REMOVED`]; a `*` at the end stands for the rest.
    pub removes: &'static [&'static str],
    /// Variables that it gets.
    pub sets: &'static [(&'static str, &'static str)],
    /// Throw-away files in `{folder}`, readable by us alone: name and text.
    pub files: &'static [(&'static str, &'static str)],
    /// Arguments before the user's, in groups that stay together.
    pub arguments: &'static [&'static [&'static str]],
    /// The user's own arguments that choose a model: then `--model` of ours is not passed on.
    pub chooses: &'static [&'static str],
    /// Arguments of the user's with which no model will be asked, so that nobody needs to choose one.
    pub idle: &'static [&'static str],
    /// First words of the user's with which our arguments are left out, since the agent takes them nowhere but before others.
    pub bare: &'static [&'static str],
    /// How the names of the models begin that it asks for where nobody chose one. Empty: it must be told.
    pub brings: &'static [&'static str],
    /// Whether it takes https or this machine alone.
    pub needs_near: bool,
    /// Whether [`Launch::listed`] must be there: it costs a question before the start.
    pub lists: bool,
    /// What cannot be said as data.
    pub adapt: Option<Adapt>,
}

impl Agent {
    /// What most agents have in common: nothing.
    pub(crate) const NONE: Self = Self {
        name: "",
        title: "",
        programs: &[],
        protocol: "",
        install: "",
        removes: &[],
        sets: &[],
        files: &[],
        arguments: &[],
        chooses: &["--model", "-m"],
        idle: &[
            "--version",
            "-V",
            "-v",
            "--help",
            "-h",
            "help",
            "update",
            "upgrade",
            "mcp",
            "completion",
            "doctor",
            "login",
            "logout",
        ],
        bare: &[],
        brings: &[],
        needs_near: false,
        lists: false,
        adapt: None,
    };

    /// Whether it needs a throw-away folder.
    pub fn uses_folder(&self) -> bool {
        let sets = self.sets.iter().map(|(_, text)| *text);
        sets.chain(self.arguments.iter().copied().flatten().copied()).any(|text| text.contains("{folder}"))
    }
}

/// Every agent, in the order of the help text.
pub const ALL: &[&Agent] = &[
    &codex::CODEX,
    &claude::CLAUDE,
    &opencode::OPENCODE,
    &gemini::GEMINI,
    &aider::AIDER,
    &qwen::QWEN,
    &crush::CRUSH,
    &goose::GOOSE,
    &copilot::COPILOT,
    &pi::PI,
];

pub(crate) use self::crush::described as described_for_crush;
pub(crate) use self::opencode::described as described_for_opencode;

/// The agent of this name.
pub fn find(name: &str) -> Option<&'static Agent> {
    ALL.iter().copied().find(|agent| agent.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_whole() {
        for agent in ALL {
            let name = agent.name;
            assert!(!name.is_empty() && !agent.title.is_empty() && !agent.programs.is_empty(), "{name}");
            assert!(!agent.install.is_empty() && !agent.protocol.is_empty(), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name}");
            for argument in agent.arguments.iter().copied().flatten() {
                assert!(!argument.contains("{key}"), "{name}: others can read the arguments of a process");
            }
            assert!(agent.files.is_empty() || agent.uses_folder(), "{name}");
        }
    }

    #[test]
    fn no_agent_hides_a_command() {
        for agent in ALL {
            assert!(crate::cli::tree().find_subcommand(agent.name).is_none(), "{}", agent.name);
        }
    }
}
