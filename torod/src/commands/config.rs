//! `torod config check|show|reference`; without a word, at a terminal, it leads through the first steps.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Exit, block_on, prompt, system_env, terminal, wizard};
use crate::clock::Clock;
use crate::config::environment::variable;
use crate::config::{self, Finding, Paths, Severity, origin, reference};

/// Set up providers step by step; or check, show or explain the configuration.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod config             find keys and servers, choose providers, try them, write the file\n  torod config check\n  torod config show\n  torod config reference | grep timeouts\n\nEvery key may stand in the environment instead, which goes before the file: TOROD_LIMITS__REQUEST_BODY=64MiB,\nTOROD_PROVIDERS__GROQ__API_KEY=…, and for secrets TOROD_PROVIDERS__GROQ__API_KEY_FILE=/run/secrets/groq."
)]
pub struct Config {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell what is wrong with the file, and where.
    Check(Json),
    /// Show what is in force, defaults included, with where each value came from; secrets as references.
    Show(Json),
    /// Explain every key.
    Reference(Json),
}

#[derive(Debug, Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct FindingView<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    key: &'a str,
    severity: &'static str,
    message: &'a str,
    advice: &'a str,
}

#[derive(Serialize)]
struct Shown<V> {
    #[serde(flatten)]
    config: V,
    /// Where each value that somebody set came from.
    origins: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct KeyView {
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
    /// The environment's variable that says the same.
    variable: Option<String>,
}

impl Config {
    /// Does it and tells.
    pub fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        match self.action {
            None if is_terminal && prompt::is_possible() => block_on(wizard::run(paths, out, clock)),
            None => {
                terminal::say(UNASKED, 0)?;
                Ok(Exit::Unasked)
            }
            Some(Action::Check(format)) => check(paths, out, format.json, is_terminal),
            Some(Action::Show(format)) => {
                must_be_there(paths)?;
                let config = config::load_paths(paths)?;
                let origins = origin::origins(paths);
                if format.json {
                    let shown = Shown { config: config::view(&config), origins };
                    serde_json::to_writer(&mut *out, &shown)?;
                    writeln!(out)?;
                } else {
                    write!(out, "{}", origin::annotated(&config::show(&config), &origins))?;
                }
                Ok(Exit::Done)
            }
            Some(Action::Reference(format)) => explain(out, format.json),
        }
    }
}

/// What is said where nobody can be asked.
const UNASKED: &str = "torod: `config` asks questions and needs a terminal. In a script:\n  \
                       torod provider add PRESET --key-env VAR --yes\n  torod config check | show | reference";

fn must_be_there(paths: &Paths) -> anyhow::Result<()> {
    if !paths.config_file.exists() && paths.environment.is_empty() {
        anyhow::bail!("there is no {}: `torod config` writes it", paths.config_file.display());
    }
    Ok(())
}

fn check(paths: &Paths, out: &mut dyn Write, json: bool, is_terminal: bool) -> anyhow::Result<Exit> {
    must_be_there(paths)?;
    let examined = config::examine_paths(paths)?;
    let mut findings = examined.findings.clone();
    if !examined.has_errors() {
        findings.extend(examined.check_secrets(&system_env, &super::vault(&paths.data_dir)));
    }
    let failed = findings.iter().any(Finding::is_error);
    if json {
        let views: Vec<_> = findings.iter().map(view).collect();
        serde_json::to_writer(&mut *out, &views)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            if is_terminal { finding.write_with_source(out)? } else { writeln!(out, "{finding}")? }
        }
        if !failed {
            let enabled = examined.config.providers.iter().filter(|p| p.enabled).count();
            let all = examined.config.providers.len();
            let set = paths.environment.settings().len();
            let more = if set == 0 {
                String::new()
            } else {
                format!(", {} from the environment", super::counted(set, "setting"))
            };
            writeln!(out, "{}: ok, {enabled} of {all} providers enabled{more}", paths.config_file.display())?;
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn view(finding: &Finding) -> FindingView<'_> {
    FindingView {
        file: &finding.file,
        line: finding.line,
        column: finding.column,
        key: &finding.key,
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &finding.message,
        advice: &finding.advice,
    }
}

fn explain(out: &mut dyn Write, json: bool) -> anyhow::Result<Exit> {
    if json {
        let views: Vec<_> = reference::KEYS
            .iter()
            .map(|k| KeyView {
                key: k.path,
                kind: k.kind,
                default: k.default,
                meaning: k.meaning,
                example: k.example,
                variable: variable(k.path),
            })
            .collect();
        serde_json::to_writer(&mut *out, &views)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    for key in reference::KEYS {
        let default = if key.default.is_empty() { String::new() } else { format!(", default {}", key.default) };
        writeln!(out, "{} ({}{default})\n    {}\n    {}\n", key.path, key.kind, key.meaning, key.example)?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, from_str, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    /// How the command ended and what it printed, for a file with this text.
    fn run(text: &str, arguments: &[&str], is_terminal: bool) -> (Exit, String) {
        let directory = tempfile::tempdir().unwrap();
        let config_file = directory.path().join("torod.toml");
        config::write_new(&config_file, text).unwrap();
        let paths =
            Paths { config_file, data_dir: directory.path().to_owned(), environment: config::Environment::default() };
        let line = Line::try_parse_from(["config"].iter().chain(arguments)).unwrap();
        let mut out = Vec::new();
        let exit = line.config.run(&paths, &mut out, is_terminal, &Clock::system()).unwrap();
        let out = String::from_utf8(out).unwrap();
        (exit, out.replace(&paths.config_file.display().to_string(), "FILE"))
    }

    const GOOD: &str = "[[providers]]\nname = \"a\"\nbase_url = \"https://h/v1\"\napi_key = \"sk-hunter2\"\n";

    #[test]
    fn check_of_a_good_file_warns_and_passes() {
        let warning = "FILE:4:11: warning: a key stands in the file: use \"${NAME}\"\n";
        let ok = "FILE: ok, 1 of 1 providers enabled\n";
        assert_eq!(run(GOOD, &["check"], false), (Exit::Done, format!("{warning}{ok}")));
        let source = " 4 | api_key = \"**-*******\"\n   |           ^^^^^^^^^^^^\n";
        assert_eq!(run(GOOD, &["check"], true), (Exit::Done, format!("{warning}{source}{ok}")));
    }

    #[test]
    fn check_of_a_bad_file_fails() {
        let (exit, out) = run("zone = 1\nlisten_addr = 1", &["check"], false);
        assert_eq!((exit, out.lines().count()), (Exit::Failed, 2), "{out}");
        let missing = GOOD.replace("sk-hunter2", "${TOROD_TEST_NEVER_SET}");
        let expected = "FILE:4:11: environment variable `TOROD_TEST_NEVER_SET` is not set: \
                        set it where torod starts, or set `enabled = false` for provider `a`\n";
        assert_eq!(run(&missing, &["check"], false), (Exit::Failed, expected.to_owned()));
        let disabled = format!("{missing}enabled = false\n");
        assert_eq!(run(&disabled, &["check"], false).0, Exit::Done);
    }

    #[test]
    fn check_as_json_has_every_part() {
        let (exit, out) = run("[log]\nlevel = \"inf\"", &["check", "--json"], true);
        let expected = json!([{
            "file": "FILE", "line": 2, "column": 9, "key": "log.level", "severity": "error",
            "message": "`inf` is no `level`", "advice": "did you mean \"info\"?",
        }]);
        assert_eq!((exit, from_str::<Value>(&out).unwrap()), (Exit::Failed, expected));
        assert_eq!(run("", &["check", "--json"], true), (Exit::Done, "[]\n".to_owned()));
    }

    #[test]
    fn show_as_json_has_defaults_and_no_secret() {
        let text = format!(
            "{GOOD}headers = {{ x-team = \"hunter2\" }}\n[[providers.models]]\nid = \"m\"\nprice = {{ input = 2.5 }}\n"
        );
        let (exit, out) = run(&text, &["show", "--json"], false);
        assert!(exit == Exit::Done && !out.contains("hunter2"), "{out}");
        let shown: Value = from_str(&out).unwrap();
        for (pointer, expected) in [
            ("/listen_addr", json!("127.0.0.1:8080")),
            ("/limits/request_body_bytes", json!(33_554_432)),
            ("/shutdown/grace_ms", json!(30_000)),
            ("/providers/0/protocols", json!({ "openai": "https://h/v1" })),
            ("/providers/0/credentials", json!([{ "name": null, "secret": "[secret]", "weight": 1 }])),
            ("/providers/0/timeouts/first_byte_ms", json!(600_000)),
            ("/providers/0/headers", json!(["x-team"])),
            ("/providers/0/models/0/price_per_million/input_nanos", json!(2_500_000_000_u64)),
        ] {
            assert_eq!(shown.pointer(pointer), Some(&expected), "{pointer}");
        }
        assert!(!run(&text, &["show"], false).1.contains("hunter2"));
    }

    #[test]
    fn show_has_the_url_of_a_preset_that_the_file_replaces() {
        let provider = "[[providers]]\nname = \"a\"\nprovider_type = \"groq\"\napi_key = \"${K}\"\n";
        let url = |text: &str| {
            let shown: Value = from_str(&run(text, &["show", "--json"], false).1).unwrap();
            shown.pointer("/providers/0/protocols/openai").cloned()
        };
        assert_eq!(url(provider), Some(json!("https://api.groq.com/openai/v1")));
        let own = "[presets.groq]\nprotocols = { openai = \"https://groq.example.com/v9\" }\n";
        assert_eq!(url(&format!("{own}{provider}")), Some(json!("https://groq.example.com/v9")));
        let text = run(&format!("{own}{provider}"), &["show"], false).1;
        assert!(
            text.contains("[presets.\"groq\"]") && text.contains("openai = \"https://groq.example.com/v9\""),
            "{text}"
        );
    }

    #[test]
    fn reference_lists_every_key_in_both_forms() {
        let (_, text) = run("", &["reference"], false);
        let (_, out) = run("", &["reference", "--json"], false);
        let listed: Vec<Value> = from_str(&out).unwrap();
        assert_eq!(listed.len(), reference::KEYS.len());
        for key in reference::KEYS {
            assert!(text.contains(&format!("{} ({}", key.path, key.kind)), "{}", key.path);
        }
    }
}
