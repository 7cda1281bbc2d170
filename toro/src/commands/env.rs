//! `toro env`: the gateway as variables, for a shell, an editor or a `.env` file.

use clap::{Args, ValueEnum};

use super::Context;
use crate::agents::families;
use crate::agents::launch::{Launch, Models};
use crate::exit::{Exit, Failure};

/// Print what a shell or a .env file needs to use the gateway.
///
/// It holds the stored token itself: whatever reads it may do all that the token may. `toro wrap -- CMD` gives a program a
/// token of its own instead.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  eval \"$(toro env)\"\n  toro env fish | source\n  toro env powershell | Invoke-Expression\n  \
                        toro env dotenv --family openai > .env"
)]
pub struct Env {
    /// For what.
    #[arg(default_value = "bash")]
    form: Form,
    /// Only the variables of these families.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    family: Vec<Family>,
}

/// What reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// bash, zsh and every other POSIX shell.
    #[value(alias = "sh", alias = "zsh")]
    Bash,
    /// fish.
    Fish,
    /// `PowerShell`.
    #[value(alias = "pwsh")]
    Powershell,
    /// A .env file.
    Dotenv,
}

/// Who made the variables' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Family {
    Openai,
    Anthropic,
    Gemini,
    Cohere,
    Tokenrouter,
}

impl Family {
    fn has(self, name: &str) -> bool {
        let starts: &[&str] = match self {
            Self::Openai => &["OPENAI_"],
            Self::Anthropic => &["ANTHROPIC_"],
            Self::Gemini => &["GEMINI_", "GOOGLE_"],
            Self::Cohere => &["CO_"],
            Self::Tokenrouter => &["TOKENROUTER_"],
        };
        starts.iter().any(|start| name.starts_with(start))
    }
}

impl Env {
    /// Prints them.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let server = context.server()?;
        let models = Models::default();
        let launch = Launch {
            address: &server.address,
            key: &server.key,
            models: &models,
            listed: &[],
            arguments: &[],
            env: context.env,
            folder: None,
        };
        let wanted = |name: &str| self.family.is_empty() || self.family.iter().any(|family| family.has(name));
        let all = families::ALL.iter().filter(|(name, _)| wanted(name));
        let all: Vec<(&str, String)> = all.filter_map(|(name, text)| Some((*name, launch.fill(text)?))).collect();
        if context.printer.is_json() {
            let all: std::collections::BTreeMap<&str, String> = all.into_iter().collect();
            context.printer.json(&all)?;
            return Ok(Exit::Done);
        }
        for (name, value) in all {
            context.printer.line(&line(self.form, name, &value))?;
        }
        Ok(Exit::Done)
    }
}

/// One variable, quoted so that nothing in its value is obeyed.
fn line(form: Form, name: &str, value: &str) -> String {
    match form {
        Form::Bash => format!("export {name}='{}'", value.replace('\'', "'\\''")),
        Form::Fish => format!("set -gx {name} '{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        Form::Powershell => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        Form::Dotenv => format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_keeps_what_a_shell_would_obey() {
        let value = "a'b\"c$(d)\\e";
        assert_eq!(line(Form::Bash, "X", value), r#"export X='a'\''b"c$(d)\e'"#);
        assert_eq!(line(Form::Fish, "X", value), r#"set -gx X 'a\'b"c$(d)\\e'"#);
        assert_eq!(line(Form::Powershell, "X", value), r#"$env:X = 'a''b"c$(d)\e'"#);
        assert_eq!(line(Form::Dotenv, "X", value), r#"X="a'b\"c\$(d)\\e""#);
    }
}
