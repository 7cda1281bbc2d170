//! Why the file was not changed, in sentences for whoever wanted it.

use std::path::PathBuf;

use crate::config::Finding;
use crate::config::file::ConfigError;

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It cannot be read or written, or holds errors already.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// It would hold errors; it holds none.
    #[error("{}", refused(.0))]
    Refused(Vec<Finding>),
    /// The path leads through something that is no table.
    #[error("`{0}` cannot be set: what stands above it is no table")]
    NoTable(String),
    /// No provider has this name.
    #[error("there is no provider `{name}`{}", meant(close.as_deref()))]
    NoProvider {
        /// As it was asked for.
        name: String,
        /// The name that was probably meant.
        close: Option<String>,
    },
    /// There is none of this kind with this name; what was probably meant stands there too.
    #[error("there is no {0} {1}")]
    NoSuch(&'static str, String),
    /// A provider has this name.
    #[error("there is already a provider `{0}`")]
    IsProvider(String),
    /// The providers stand in one array.
    #[error("`providers` is written as one array: write each as a `[[providers]]` table first")]
    OneArray,
    /// What shall be set is no name of a key.
    #[error("`{0}` is no key: write it like `priority`, `timeouts.connect` or `models[big-model].price.input`")]
    NoKey(String),
    /// It cannot be changed from here.
    #[error("`{0}` is changed in the file alone")]
    NotFromHere(String),
    /// It is not what the change was made for.
    #[error("the file has changed meanwhile: its version is {0} now")]
    Stale(String),
    /// The admin API may not do this.
    #[error(
        "provider `{provider}`: {why}, which the admin API may not set up: write it into torod.toml itself, or store the key with `torod secrets set`"
    )]
    NotByApi {
        /// The provider.
        provider: String,
        /// What it would come to.
        why: String,
    },
    /// A stored key would not be given out any more.
    #[error("the stored key `{secret}` may be sent to {given} alone, and would be sent to {wanted}")]
    KeyElsewhere {
        /// What it is called.
        secret: String,
        /// Where it may be sent.
        given: String,
        /// Where it would be sent.
        wanted: String,
    },
    /// Somebody else keeps writing it.
    #[error("{}: changed by somebody else at the same time: try again", .0.display())]
    Raced(PathBuf),
}

/// Without places: nobody has seen the text that they are in.
fn refused(findings: &[Finding]) -> String {
    findings.iter().filter(|finding| finding.is_error()).map(refusal).collect::<Vec<_>>().join("\n")
}

fn refusal(finding: &Finding) -> String {
    let Finding { message, advice, .. } = finding;
    let example = advice.strip_prefix("write `").and_then(|advice| advice.strip_suffix('`')?.split_once(" = "));
    match (message.split_once(", not "), example) {
        (Some((must, _)), Some((_, example))) => format!("{must}, such as {example}"),
        _ => format!("{message}: {advice}"),
    }
}

pub(super) fn meant(name: Option<&str>) -> String {
    name.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}
