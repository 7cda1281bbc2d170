//! What there is to listen to.

use axum::http::StatusCode;

use crate::admin::answer::Failure;

/// What one stream tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Topics {
    pub usage: bool,
    pub providers: bool,
    pub quotas: bool,
    pub alerts: bool,
    pub log: bool,
    pub config: bool,
}

/// One of them.
pub(super) type Topic = fn(&Topics) -> bool;

/// Its name, whether it is among some, and how it comes to be.
type Named = (&'static str, Topic, fn(&mut Topics));

const NAMES: [Named; 6] = [
    ("usage", |topics| topics.usage, |topics| topics.usage = true),
    ("providers", |topics| topics.providers, |topics| topics.providers = true),
    ("quotas", |topics| topics.quotas, |topics| topics.quotas = true),
    ("alerts", |topics| topics.alerts, |topics| topics.alerts = true),
    ("log", |topics| topics.log, |topics| topics.log = true),
    ("config", |topics| topics.config, |topics| topics.config = true),
];

impl Topics {
    /// Those that `text` names, with commas between them; without one, all that may be seen but the log, which is much.
    pub(super) fn read(text: Option<&str>, is_admin: bool) -> Result<Self, Failure> {
        let Some(text) = text else {
            let own = Self { usage: true, ..Self::default() };
            let all = Self { usage: true, providers: true, quotas: true, alerts: true, log: false, config: true };
            return Ok(if is_admin { all } else { own });
        };
        let mut topics = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let Some((_, _, want)) = NAMES.iter().find(|(name, ..)| *name == word) else {
                let known = NAMES.map(|(name, ..)| name).join(", ");
                let shown: String = word.chars().take(40).collect();
                let said = format!("`{}` is nothing to listen to.", shown.escape_debug());
                return Err(Failure::bad_request(
                    said,
                    format!("`topics` may name {known}, with commas between them."),
                ));
            };
            if !is_admin && word != "usage" {
                let said = format!("Only admins may listen to `{word}`.");
                let advice = "Listen to `usage`: that of the own token and those below it.";
                return Err(Failure::new(StatusCode::FORBIDDEN, "role_forbidden", said, advice));
            }
            want(&mut topics);
        }
        if topics == Self::default() {
            return Err(Failure::bad_request("`topics` names nothing.", "Leave it out to be told of everything."));
        }
        Ok(topics)
    }

    /// The names of these.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let me = *self;
        NAMES.into_iter().filter(move |(_, is, _)| is(&me)).map(|(name, ..)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_no_admin_hears_of_usage_alone() {
        let read = |text: Option<&str>, is_admin| {
            let topics = Topics::read(text, is_admin).map(|topics| topics.names().collect::<Vec<_>>().join(" "));
            topics.unwrap_or_else(|_| "refused".to_owned())
        };
        for (text, admin, other) in [
            (None, "usage providers quotas alerts config", "usage"),
            (Some("usage"), "usage", "usage"),
            (Some(" log , usage,"), "usage log", "refused"),
            (Some("config"), "config", "refused"),
            (Some(",,"), "refused", "refused"),
            (Some("secrets"), "refused", "refused"),
        ] {
            assert_eq!((read(text, true).as_str(), read(text, false).as_str()), (admin, other), "{text:?}");
        }
    }
}
