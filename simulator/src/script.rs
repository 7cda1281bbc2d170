//! From a model name to what shall happen: the script and its options.
use std::time::Duration;

use crate::Settings;

/// The scripts by name, as `/v1/models` lists them. Numbers in a name can be changed: `die5` and `die2`,
/// `s503x1` and `s500x3`, `s429ra2`, `slow3s`, `long45s`, `events400`, `html502`.
pub const SCRIPTS: &[&str] = &[
    "ok",
    "tool",
    "parallel",
    "think",
    "thinktool",
    "redact",
    "img",
    "cache",
    "zero",
    "nousage",
    "bigbody",
    "crlf",
    "events400",
    "long45s",
    "slow3s",
    "hang",
    "hanghdr",
    "die5",
    "nodone",
    "err200",
    "err200late",
    "html502",
    "s400",
    "s401",
    "s404",
    "s429ra2",
    "s429x1",
    "s500",
    "s503",
    "s503x1",
    "s529",
];

/// The most pieces one answer may have.
const MOST_CHUNKS: u32 = 100_000;

/// What an answer is, or how it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ok,
    Tool {
        calls: usize,
    },
    Think,
    /// Thoughts, then a call.
    ThinkTool,
    /// Thoughts that are not shown.
    Redact,
    Img,
    Zero,
    NoUsage,
    BigBody,
    /// An error status; only the first `times` times when that is set.
    Status {
        status: u16,
        retry_after_ms: Option<u64>,
        times: Option<u64>,
    },
    /// An error status with a page of HTML, as a proxy in front of a provider sends it.
    Html(u16),
    Hang,
    HangHeaders,
    /// The connection is cut after so many pieces.
    Die(u32),
    NoDone,
    Err200 {
        after: u32,
    },
}

/// A script with all that is left to choose settled.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) kind: Kind,
    pub(crate) chunks: u32,
    pub(crate) interval: Duration,
    pub(crate) first: Duration,
    pub(crate) piece: Option<usize>,
    pub(crate) crlf: bool,
    /// Gemini's calls have ids.
    pub(crate) ids: bool,
    /// Calls in a Gemini conversation need their signatures, as Gemini 3 wants it.
    pub(crate) strict_signatures: bool,
    /// The model reasons: OpenAI's newer ones refuse `max_tokens` and sampling.
    pub(crate) reasoning: bool,
    /// Half of the prompt came from the provider's cache, and some was written to it, whatever the answer is.
    pub(crate) cached: bool,
}

/// Why a model name chooses nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Model,
    Option(String),
}

impl Script {
    /// The script a model name stands for.
    pub(crate) fn choose(model: &str, settings: &Settings) -> Result<Self, Unknown> {
        let mut script = Self {
            kind: Kind::Ok,
            chunks: settings.chunks,
            interval: settings.interval,
            first: settings.first_token,
            piece: settings.piece_bytes,
            crlf: false,
            ids: false,
            strict_signatures: false,
            reasoning: false,
            cached: false,
        };
        let short = model.rsplit_once('/').map_or(model, |(_, name)| name);
        let mut parts = short.split('+').peekable();
        let name = parts.next().unwrap_or_default();
        // A script may go by any name in front of its own.
        let renamed = parts.next_if(|script_name| !script_name.contains('=') && script.take_name(script_name));
        if renamed.is_none() && !script.take_name(name) {
            let base = model.split('+').next().unwrap_or_default();
            let listed = settings.models.iter().any(|known| known == model || known == base || known == name);
            if !listed {
                return Err(Unknown::Model);
            }
        }
        for option in parts {
            if !script.take_option(option) {
                return Err(Unknown::Option(option.to_owned()));
            }
        }
        script.chunks = script.chunks.clamp(1, MOST_CHUNKS);
        script.piece = script.piece.filter(|bytes| *bytes > 0);
        Ok(script)
    }

    fn take_name(&mut self, name: &str) -> bool {
        self.kind = match name {
            "ok" => Kind::Ok,
            "tool" => Kind::Tool { calls: 1 },
            "parallel" => Kind::Tool { calls: 2 },
            "think" => Kind::Think,
            "thinktool" => Kind::ThinkTool,
            "redact" => Kind::Redact,
            "img" => Kind::Img,
            "cache" => {
                self.cached = true;
                Kind::Ok
            }
            "zero" => Kind::Zero,
            "nousage" => Kind::NoUsage,
            "bigbody" => Kind::BigBody,
            "hang" => Kind::Hang,
            "hanghdr" => Kind::HangHeaders,
            "nodone" => Kind::NoDone,
            "err200" => Kind::Err200 { after: 0 },
            "err200late" => Kind::Err200 { after: 3 },
            "crlf" => {
                self.crlf = true;
                Kind::Ok
            }
            "long" => {
                self.last_seconds(45);
                Kind::Ok
            }
            _ => match self.numbered(name) {
                Some(kind) => kind,
                None => return false,
            },
        };
        true
    }

    /// Names with a number in them.
    fn numbered(&mut self, name: &str) -> Option<Kind> {
        if let Some(count) = name.strip_prefix("die") {
            return count.parse().ok().map(Kind::Die);
        }
        if let Some(status) = name.strip_prefix("html") {
            return error_status(status).map(Kind::Html);
        }
        if let Some(count) = name.strip_prefix("events") {
            self.chunks = count.parse().ok()?;
            self.interval = Duration::ZERO;
            self.piece = Some(97);
            return Some(Kind::Ok);
        }
        if let Some(seconds) = name.strip_prefix("long").and_then(|rest| rest.strip_suffix('s')) {
            self.last_seconds(seconds.parse().ok()?);
            return Some(Kind::Ok);
        }
        if let Some(seconds) = name.strip_prefix("slow").and_then(|rest| rest.strip_suffix('s')) {
            self.first = Duration::from_secs(u64::from(seconds.parse::<u32>().ok()?));
            return Some(Kind::Ok);
        }
        let rest = name.strip_prefix('s')?;
        let status = error_status(rest.get(..3)?)?;
        let (rest, times) = match rest.get(3..)?.split_once('x') {
            Some((rest, times)) => (rest, Some(times.parse().ok()?)),
            None => (rest.get(3..)?, None),
        };
        let retry_after_ms = match rest.strip_prefix("ra") {
            Some(seconds) => Some(u64::from(seconds.parse::<u32>().ok()?) * 1_000),
            None if !rest.is_empty() => return None,
            // A limit that passes after one refusal says so: clients then try again at once.
            None if status == 429 && times.is_some() => Some(50),
            None => None,
        };
        Some(Kind::Status { status, retry_after_ms, times })
    }

    /// One piece a second, the first at once, so that the stream lasts this long.
    fn last_seconds(&mut self, seconds: u32) {
        self.chunks = seconds.saturating_add(1);
        self.interval = Duration::from_secs(1);
    }

    fn take_option(&mut self, option: &str) -> bool {
        let Some((key, value)) = option.split_once('=') else { return false };
        let Ok(number) = value.parse::<u32>() else { return false };
        let span = Duration::from_millis(u64::from(number));
        match key {
            "chunks" => self.chunks = number,
            "interval_ms" => self.interval = span,
            "first_ms" => self.first = span,
            "piece" => self.piece = Some(number as usize),
            "seconds" => self.last_seconds(number),
            "ids" => self.ids = number > 0,
            "strictsig" => self.strict_signatures = number > 0,
            "reasoning" => self.reasoning = number > 0,
            "cached" => self.cached = number > 0,
            _ => return false,
        }
        true
    }
}

fn error_status(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(model: &str) -> Script {
        Script::choose(model, &Settings::default()).unwrap()
    }

    #[test]
    fn every_listed_name_is_a_script() {
        let settings = Settings { models: Vec::new(), ..Settings::default() };
        for name in SCRIPTS {
            assert!(Script::choose(name, &settings).is_ok(), "{name}");
        }
    }

    #[test]
    fn options_and_prefixes() {
        let script = choose("vendor/deep/ok+chunks=400+interval_ms=5+first_ms=20+piece=97");
        assert_eq!((script.kind, script.chunks, script.piece), (Kind::Ok, 400, Some(97)));
        assert_eq!((script.interval, script.first), (Duration::from_millis(5), Duration::from_millis(20)));
        assert_eq!(choose("long+seconds=2").chunks, 3);
        assert_eq!(choose("ok+chunks=0").chunks, 1);
        let script = choose("vendor/gpt-x+tool+cached=1");
        assert_eq!((script.kind, script.cached), (Kind::Tool { calls: 1 }, true));
        assert!(!choose("ok").cached);
        let unknown = Script::choose("ok+speed=2", &Settings::default()).unwrap_err();
        assert_eq!(unknown, Unknown::Option("speed=2".to_owned()));
    }

    #[test]
    fn statuses() {
        let status = |name| match choose(name).kind {
            Kind::Status { status, retry_after_ms, times } => (status, retry_after_ms, times),
            other => panic!("{other:?}"),
        };
        assert_eq!(status("s503"), (503, None, None));
        assert_eq!(status("s503x1"), (503, None, Some(1)));
        assert_eq!(status("s429ra2"), (429, Some(2_000), None));
        assert_eq!(status("s429x1"), (429, Some(50), Some(1)));
        assert_eq!(status("s429ra1x4"), (429, Some(1_000), Some(4)));
    }

    #[test]
    fn what_is_not_a_script_must_be_listed() {
        let mut settings = Settings::default();
        for name in ["gpt-x", "s200", "s99", "s5", "sé3", "die", "slowly", ""] {
            assert_eq!(Script::choose(name, &settings).unwrap_err(), Unknown::Model, "{name}");
        }
        settings.models.push("gpt-x".to_owned());
        assert_eq!(Script::choose("openai/gpt-x+chunks=3", &settings).unwrap().chunks, 3);
    }
}
