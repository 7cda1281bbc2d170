//! A configuration with all that was found in it, and the check whether its secrets are there.

use super::finding::{Finding, Severity};
use super::report::{Place, Report};
use super::resolve::{SecretError, resolve_secret};
use super::vault::Vault;
use super::{Config, SecretSource, grant};

/// What a reading gave. `config` is to be used only if there are no errors.
#[derive(Debug)]
pub struct Examined {
    /// What was read; defaults stand where something was wrong.
    pub config: Config,
    /// Errors and warnings in the order of the file.
    pub findings: Vec<Finding>,
    file: String,
    places: Vec<(Place, Finding)>,
}

impl Examined {
    pub(super) fn new(config: Config, report: Report<'_>) -> Self {
        let (file, places) = (report.file().to_owned(), report.credential_places());
        Self { config, findings: report.into_findings(), file, places }
    }

    /// Whether something keeps the file from being used.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Whether keys stand in the file itself.
    pub fn holds_secrets(&self) -> bool {
        let credentials = self.config.providers.iter().flat_map(|provider| &provider.credentials);
        let webhooks = self.config.alerts.webhooks.iter().filter_map(|webhook| webhook.secret.as_ref());
        let telemetry = &self.config.telemetry;
        let headers = telemetry.otlp_headers.iter().map(|(_, secret)| secret);
        let mut all = credentials.map(|credential| &credential.secret).chain(webhooks);
        let mut others = telemetry.metrics_token.iter().chain(headers);
        let is_literal = |secret: &SecretSource| match secret {
            SecretSource::Literal(_) => true,
            SecretSource::Grant(grant) => grant::literal(grant).is_some(),
            _ => false,
        };
        all.any(is_literal) || others.any(is_literal)
    }

    /// Whether the file may tell a secret: keys stand in it, or headers, of which nobody knows what they are.
    pub fn may_tell_secrets(&self) -> bool {
        self.holds_secrets() || self.config.providers.iter().any(|provider| !provider.headers.is_empty())
    }

    /// Looks whether variables, files and the store have the secrets; commands are not run. A missing secret is an error
    /// for an enabled provider and a warning for a disabled one.
    pub fn check_secrets(&self, env: &dyn Fn(&str) -> Option<String>, vault: &dyn Vault) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (place, template) in &self.places {
            let Some(provider) = self.config.providers.get(place.provider) else { continue };
            let Some(credential) = provider.credentials.get(place.credential) else { continue };
            let source = match &credential.secret {
                SecretSource::Grant(grant) => grant.client_secret.as_ref(),
                source => Some(source),
            };
            let Some(source @ (SecretSource::Env(_) | SecretSource::File(_) | SecretSource::Stored(_))) = source else {
                continue;
            };
            let Err(error) = resolve_secret(source, env, vault) else { continue };
            let fix = match error {
                SecretError::Unset(_) => "set it where torod starts",
                SecretError::NotStored(_) | SecretError::OtherPlace { .. } | SecretError::Store(..) => "do that",
                _ => "put the key there",
            };
            findings.push(Finding {
                severity: if provider.enabled { Severity::Error } else { Severity::Warning },
                message: error.to_string(),
                advice: if provider.enabled {
                    format!("{fix}, or set `enabled = false` for provider `{}`", provider.name)
                } else {
                    format!("{fix} before you enable provider `{}`", provider.name)
                },
                ..template.clone()
            });
        }
        findings
    }

    pub(super) fn warn_about_file(&mut self, message: &str, advice: &str) {
        let finding = Finding {
            file: self.file.clone(),
            line: 1,
            column: 1,
            key: String::new(),
            severity: Severity::Warning,
            message: message.to_owned(),
            advice: advice.to_owned(),
            snippet: String::new(),
            width: 1,
        };
        self.findings.insert(0, finding);
    }
}
