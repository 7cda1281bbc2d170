//! `[alerts]`: what somebody is told of, from which mark on, and where messages go.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokenrouter_shared::alert::AlertKind;
use toml::de::DeValue;

use super::SecretSource;
use super::credential;
use super::egress::Egress;
use super::field::Field;
use super::model::read_price;
use super::section::{Section, shorten};
use super::vault::{self, origin_of};

/// The most webhooks.
const MOST: usize = 16;
/// How long a webhook may take.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);

/// What somebody is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Whether anything is told.
    pub enabled: bool,
    /// What of.
    pub kinds: Vec<AlertKind>,
    /// From how little on that is left of a quota, in percent.
    pub quota_left: u32,
    /// The same of an account's balance, in billionths of its currency.
    pub balance_left_nanos: u64,
    /// From how much on that is used of a budget, in percent, the least first.
    pub budget_used: Vec<u32>,
    /// After how long a provider that does not serve is told of.
    pub provider_down_after: Duration,
    /// So long the same thing is not told again.
    pub quiet: Duration,
    /// Where messages go.
    pub webhooks: Vec<Webhook>,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// To this URL, which may be a secret itself.
    pub url: String,
    /// What they are signed with; none: they are not.
    pub secret: Option<SecretSource>,
    /// What of.
    pub kinds: Vec<AlertKind>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Where it may be.
    pub egress: Egress,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            enabled: true,
            kinds: AlertKind::ALL.to_vec(),
            quota_left: 10,
            balance_left_nanos: 1_000_000_000,
            budget_used: vec![50, 80, 100],
            provider_down_after: Duration::from_mins(2),
            quiet: Duration::from_hours(1),
            webhooks: Vec::new(),
        }
    }
}

impl Webhook {
    /// Its scheme, host and port: what may be shown.
    pub fn origin(&self) -> String {
        origin_of(&self.url).unwrap_or_default()
    }
}

impl Alerts {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut alerts = Self::default();
        section.set_bool("enabled", &mut alerts.enabled);
        if let Some(kinds) = read_kinds(&mut section) {
            alerts.kinds = kinds;
        }
        section.set_integer("quota_left", 0..101, &mut alerts.quota_left);
        if let Some(nanos) = read_price(&mut section, "balance_left") {
            alerts.balance_left_nanos = nanos;
        }
        if let Some(field) = section.take("budget_used") {
            let marks = field.elements("an array of whole numbers");
            let mut read: Vec<u32> =
                marks.iter().filter_map(|mark| u32::try_from(mark.integer(1..101)?).ok()).collect();
            read.sort_unstable();
            read.dedup();
            if read.len() > 8 {
                field.refuse("these are more than 8 marks", "write a few, such as `budget_used = [50, 80, 100]`");
            }
            alerts.budget_used = read;
        }
        let day = Duration::from_hours(24);
        section.set_duration("provider_down_after", Duration::ZERO..=day, &mut alerts.provider_down_after);
        section.set_duration("quiet", Duration::ZERO..=30 * day, &mut alerts.quiet);
        if let Some(field) = section.take("webhooks") {
            for element in field.elements("an array of tables (`[[alerts.webhooks]]`)") {
                if alerts.webhooks.len() >= MOST {
                    element.refuse(format!("there are more than {MOST} webhooks"), "have one of them pass messages on");
                    break;
                }
                if let Some(webhook) = Webhook::read(&element) {
                    if alerts.webhooks.iter().any(|other| other.url == webhook.url) {
                        element.refuse("two webhooks have the same `url`", "put the kinds of both into one of them");
                    }
                    alerts.webhooks.push(webhook);
                }
            }
        }
        section.finish();
        alerts
    }
}

impl Webhook {
    fn read(element: &Field<'_>) -> Option<Self> {
        let mut section = element.section()?;
        let url = section.take("url");
        let secret = section.take("secret");
        let secret = secret.map(|secret| credential::read_source(&secret, "ALERTS_SECRET"));
        let kinds = read_kinds(&mut section).unwrap_or_else(|| AlertKind::ALL.to_vec());
        let mut timeout = Duration::from_secs(10);
        section.set_duration("timeout", TIMEOUT, &mut timeout);
        section.finish();
        let Some(url) = url else {
            element.refuse("this webhook has no `url`", "add `url = \"https://alerts.example.com/torod\"`");
            return None;
        };
        let url = read_url(&url)?;
        let mut secret = match secret {
            Some(secret) => Some(secret?),
            None => None,
        };
        if let Some(secret) = &mut secret {
            secret.bind(&vault::sorted(origin_of(&url).into_iter().collect()));
        }
        Some(Self { url, secret, kinds, timeout, egress: element.report.egress() })
    }
}

fn read_kinds(section: &mut Section<'_>) -> Option<Vec<AlertKind>> {
    let field = section.take("kinds")?;
    let mut kinds = Vec::new();
    for element in field.elements("an array of texts") {
        if let Some(kind) = element.choice(&AlertKind::ALL.map(|kind| (kind.as_str(), kind)))
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
    }
    Some(kinds)
}

fn read_url(field: &Field<'_>) -> Option<String> {
    // Whoever has the URL of some services may write there.
    if !matches!(field.value, DeValue::Table(_)) {
        field.hide();
    }
    let text = field.string()?;
    let advice = "write one such as \"https://alerts.example.com/torod\"";
    let uri = text.parse::<http::Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    let fault = match &uri {
        None => Some("this is no URL"),
        Some(_) if text.contains('#') => Some("the URL must not hold a fragment (`#…`)"),
        Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            Some("the URL must not hold a user name or password")
        }
        Some(_) => None,
    };
    if let Some(fault) = fault {
        field.refuse(fault, advice);
        return None;
    }
    let host = uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    if let Err(denial) = field.report.egress().check_host(&host) {
        let advice = denial.advice("use another URL");
        field.refuse(shorten(&denial.why), advice);
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Finding, examine, parse};

    #[test]
    fn what_is_said_is_what_holds() {
        let text = "[alerts]\nkinds = ['budget', 'quota_low', 'budget']\nquota_left = 5\nbalance_left = 2.5\n\
                    budget_used = [90, 10]\nprovider_down_after = '0s'\nquiet = '5m'\n\
                    [[alerts.webhooks]]\nurl = 'https://h.example/secret'\nsecret = '${S}'\nkinds = ['budget']\ntimeout = '3s'\n\
                    [[alerts.webhooks]]\nurl = 'http://127.0.0.1:9/'\n";
        let alerts = parse(text, "t").unwrap().alerts;
        assert_eq!(alerts.kinds, [AlertKind::Budget, AlertKind::QuotaLow]);
        assert_eq!((alerts.quota_left, alerts.balance_left_nanos), (5, 2_500_000_000));
        assert_eq!((&*alerts.budget_used, alerts.quiet), (&[10, 90][..], Duration::from_mins(5)));
        let [one, two] = &*alerts.webhooks else { panic!("{alerts:?}") };
        assert_eq!((one.origin().as_str(), one.timeout), ("https://h.example", Duration::from_secs(3)));
        assert_eq!((one.kinds.len(), &one.secret), (1, &Some(SecretSource::Env("S".into()))));
        assert_eq!((two.kinds.len(), two.secret.is_none()), (6, true));
    }

    #[test]
    fn every_mistake_is_told_and_no_url_repeated() {
        let said = |text: &str| {
            let findings = examine(&format!("[alerts]\n{text}"), "t").findings;
            let mut shown = Vec::new();
            for finding in &findings {
                finding.write_with_source(&mut shown).unwrap();
            }
            assert!(!String::from_utf8(shown).unwrap().contains("hunter2"), "{text}");
            findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
        };
        for (text, expected) in [
            ("kinds = ['bugdet']", "t:2:10: `bugdet` is no `kinds[0]`: did you mean \"budget\"?"),
            ("quota_left = 101", "t:2:14: `quota_left` is out of range: write a whole number from 0 to 100"),
            ("budget_used = [0]", "t:2:16: `budget_used[0]` is out of range: write a whole number from 1 to 100"),
            (
                "budget_used = [1,2,3,4,5,6,7,8,9]",
                "t:2:15: these are more than 8 marks: write a few, such as `budget_used = [50, 80, 100]`",
            ),
            ("webhooks = [{}]", "t:2:13: this webhook has no `url`: add `url = \"https://alerts.example.com/torod\"`"),
            (
                "webhooks = [{ url = 'ftp://hunter2' }]",
                "t:2:21: this is no URL: write one such as \"https://alerts.example.com/torod\"",
            ),
            (
                "webhooks = [{ url = 'http://u:hunter2@h/' }]",
                "t:2:21: the URL must not hold a user name or password: write one such as \"https://alerts.example.com/torod\"",
            ),
            (
                "webhooks = [{ url = 'http://h/hunter2#a' }]",
                "t:2:21: the URL must not hold a fragment (`#…`): write one such as \"https://alerts.example.com/torod\"",
            ),
            (
                "webhooks = [{ url = 'http://h/hunter2' }, { url = 'http://h/hunter2' }]",
                "t:2:43: two webhooks have the same `url`: put the kinds of both into one of them",
            ),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
        assert!(said("webhooks = [{ url = 'http://169.254.169.254/hunter2' }]").contains("never allows"));
        let many = format!(
            "webhooks = [{}]",
            (0..17).map(|n| format!("{{url='http://h/{n}'}}")).collect::<Vec<_>>().join(",")
        );
        assert!(said(&many).contains("more than 16 webhooks"));
    }
}
