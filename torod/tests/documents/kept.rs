//! What documents show of bills, of the trail of changes and of the certificate.

use std::fs;
use std::path::Path;

use super::{document, shown, torod};

/// Runs `line` in `home`, with an answer for what it would ask.
fn run(home: &Path, line: &str, more: &[&str]) -> (Option<i32>, String) {
    let words = line.split_whitespace().skip(1).map(|word| word.trim_matches('\''));
    let output = torod(home).current_dir(home).args(words).args(more).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

#[test]
fn the_ways_with_bills_work() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert_eq!(run(home, "torod token create --name alice", &[]).0, Some(0));
    fs::create_dir_all(home.join(".config/tokenrouter")).unwrap();
    fs::write(home.join(".config/tokenrouter/torod.toml"), "auto_detect_local_servers = false\n").unwrap();
    fs::write(
        home.join("costs.csv"),
        "start_time,line_item,amount_value,amount_currency\n2026-11-20,gpt-5.2 input,1.25,usd\n",
    )
    .unwrap();
    let old = home.join(".cache/tokenrouter");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("usage-stats.json"), r#"{"version":1,"buckets":[]}"#).unwrap();
    let commands = shown(&document("docs/prices.md"));
    assert_eq!(commands.len(), 4, "{commands:?}");
    for line in commands {
        let (code, said) = match line.split_whitespace().nth(2) {
            Some("reprice") if line.contains("--all") => run(home, &line, &["--yes"]),
            Some("usage") => {
                let (missing, said) = run(home, &line.replace('~', &home.display().to_string()), &[]);
                assert!(missing != Some(0) && said.contains("usage-stats-db"), "{said}");
                let there =
                    line.replace('~', &home.display().to_string()).replace("usage-stats-db", "usage-stats.json");
                run(home, &there, &[])
            }
            // Nobody made calls through here; `reports` compares bills with rows.
            Some("reconcile") => {
                let (code, said) = run(home, &line, &[]);
                assert!(
                    code == Some(1) && said.contains("nothing is written down here of a provider `openai`"),
                    "{said}"
                );
                continue;
            }
            _ => run(home, &line, &[]),
        };
        assert_eq!(code, Some(0), "{line}: {said}");
    }
}

#[test]
fn the_trail_is_read_as_the_manual_shows() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(run(home.path(), "torod token create --name alice", &[]).0, Some(0));
    let manual = document("docs/operating/README.md");
    let commands: Vec<_> = shown(&manual).into_iter().filter(|line| line.starts_with("torod audit")).collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for line in &commands {
        let (code, said) = run(home.path(), line, &[]);
        assert_eq!(code, Some(0), "{line}: {said}");
        assert_eq!(said.contains("token.create"), line.contains("--action"), "{line}: {said}");
    }
}

#[test]
fn the_certificate_is_shown_as_the_document_shows() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/tokenrouter");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("torod.toml"), "[tls]\nmode = \"self-signed\"\n").unwrap();
    let commands = shown(&document("docs/tls.md"));
    assert!(commands.len() >= 2, "{commands:?}");
    for line in commands {
        let (code, said) = run(home.path(), &line, &[]);
        assert_eq!(code, Some(0), "{line}: {said}");
        assert!(said.contains("torod serve") || said.contains("\"tls\":null"), "{line}: {said}");
    }
}
