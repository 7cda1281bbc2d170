//! The names of a model: what one vendor, another vendor, and a user in a hurry write for the same.

/// The longest name that is looked for without its vendor, in bytes.
const LONGEST: usize = 120;
/// How often one name may be shortened.
const MOST_STEPS: usize = 6;

/// `name`, then shorter forms of it that mean the same model at the same provider: without the path that Google and
/// Fireworks put in front, Bedrock's region, a tag that changes no price, `-latest`, a date. Allocates nothing.
pub(super) fn forms(name: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(name);
    let mut left = MOST_STEPS;
    std::iter::from_fn(move || {
        let form = next?;
        left = left.saturating_sub(1);
        next = shorter(form).filter(|form| !form.is_empty() && left > 0);
        Some(form)
    })
}

fn shorter(name: &str) -> Option<&str> {
    name.strip_prefix("models/")
        .or_else(|| without_path(name))
        .or_else(|| without_region(name))
        .or_else(|| without_tag(name))
        .or_else(|| name.strip_suffix("-latest"))
        .or_else(|| without_date(name))
}

/// `accounts/fireworks/models/x`, `publishers/google/models/x`, `projects/…/models/x`.
fn without_path(name: &str) -> Option<&str> {
    let first = name.split('/').next()?;
    if !matches!(first, "accounts" | "publishers" | "projects") {
        return None;
    }
    name.rsplit_once("/models/").map(|(_, name)| name)
}

fn without_region(name: &str) -> Option<&str> {
    let (region, rest) = name.split_once('.')?;
    matches!(region, "us" | "eu" | "apac" | "au" | "jp" | "ca" | "global" | "us-gov").then_some(rest)
}

/// Tags that leave the price as it is. Not `:free`, not `:batch`, not a size (`:70b`), not Hugging Face's `:provider`.
fn without_tag(name: &str) -> Option<&str> {
    let (rest, tag) = name.rsplit_once([':', '@'])?;
    let harmless = matches!(tag, "thinking" | "extended" | "exacto" | "beta" | "latest" | "default");
    (harmless || is_date(tag)).then_some(rest)
}

fn without_date(name: &str) -> Option<&str> {
    let dashed = |length: usize| {
        let at = name.len().checked_sub(length)?;
        let (rest, date) = (name.get(..at)?, name.get(at..)?);
        date.strip_prefix('-').filter(|date| is_date(date)).map(|_| rest)
    };
    dashed("-20250101".len()).or_else(|| dashed("-2025-01-01".len()))
}

/// `20250929` or `2025-09-29`.
fn is_date(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(all), None, ..) => all.len() == 8 && all.starts_with("20") && digits(all),
        (Some(year), Some(month), Some(day), None) => {
            year.len() == 4
                && year.starts_with("20")
                && digits(year)
                && [month, day].iter().all(|d| d.len() == 2 && digits(d))
        }
        _ => false,
    }
}

/// A model's name without everything that its vendor or its host put around it: `anthropic/claude-opus-4.5:beta`,
/// `us.anthropic.claude-opus-4-5-20251101-v1:0` and `claude-opus-4-5@20251101` are all `claude-opus-4-5`.
pub(super) struct Bare {
    bytes: [u8; LONGEST],
    start: usize,
    end: usize,
}

impl Bare {
    /// None if the name is too long or holds nothing.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next()?;
        let name = name.split([':', '@']).next()?;
        let mut bytes = [0; LONGEST];
        let end = name.len();
        for (to, from) in bytes.get_mut(..end)?.iter_mut().zip(name.bytes()) {
            *to = if from == b'_' { b'-' } else { from.to_ascii_lowercase() };
        }
        let mut bare = Self { bytes, start: 0, end };
        bare.drop_vendors();
        for byte in bare.bytes.get_mut(bare.start..bare.end)? {
            if *byte == b'.' {
                *byte = b'-';
            }
        }
        bare.drop_endings();
        (bare.start < bare.end).then_some(bare)
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(self.start..self.end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// `us.anthropic.` and the like: words before a dot. A version has a digit after its dot.
    fn drop_vendors(&mut self) {
        while let Some((word, rest)) = self.as_str().split_once('.') {
            let mut rest_of = rest.bytes();
            let starts_a_name = rest_of.next().is_some_and(|b| b.is_ascii_lowercase())
                && !(rest.starts_with('v') && rest_of.next().is_some_and(|b| b.is_ascii_digit()));
            if !starts_a_name || !word.starts_with(|c: char| c.is_ascii_lowercase()) {
                return;
            }
            self.start = self.end - rest.len();
        }
    }

    fn drop_endings(&mut self) {
        loop {
            let name = self.as_str();
            let shorter = ["-v1", "-v2", "-latest", "-maas"].iter().find_map(|ending| name.strip_suffix(ending));
            match shorter.or_else(|| without_date(name)) {
                Some(shorter) if !shorter.is_empty() => self.end = self.start + shorter.len(),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_forms_mean_the_same_price() {
        let all = |name| forms(name).collect::<Vec<_>>().join(" | ");
        for (name, expected) in [
            ("gpt-5", "gpt-5"),
            ("models/gemini-2.5-pro", "models/gemini-2.5-pro | gemini-2.5-pro"),
            ("accounts/fireworks/models/kimi-k3", "accounts/fireworks/models/kimi-k3 | kimi-k3"),
            ("gpt-5-2025-08-07", "gpt-5-2025-08-07 | gpt-5"),
            ("claude-x-5-latest", "claude-x-5-latest | claude-x-5"),
            ("us.anthropic.claude-opus-5", "us.anthropic.claude-opus-5 | anthropic.claude-opus-5"),
            ("a/b:thinking", "a/b:thinking | a/b"),
            ("claude-opus-5@20260101", "claude-opus-5@20260101 | claude-opus-5"),
            // Another price, another model, or no date at all.
            ("a/b:free", "a/b:free"),
            ("a/b:batch", "a/b:batch"),
            ("llama3:70b", "llama3:70b"),
            ("x-20259", "x-20259"),
            ("x-10000000", "x-10000000"),
            ("", ""),
            ("-latest", "-latest"),
        ] {
            assert_eq!(all(name), expected);
        }
    }

    #[test]
    fn one_model_has_one_bare_name() {
        for name in [
            "claude-opus-4-5",
            "claude-opus-4.5",
            "anthropic/claude-opus-4.5:beta",
            "us.anthropic.claude-opus-4-5-20251101-v1:0",
            "claude-opus-4-5@20251101",
            "Claude_Opus-4.5-latest",
        ] {
            assert_eq!(Bare::of(name).unwrap().as_str(), "claude-opus-4-5", "{name}");
        }
        for (name, expected) in [
            ("gpt-4.1-mini", "gpt-4-1-mini"),
            ("meta.llama3-2-1b-instruct-v1:0", "llama3-2-1b-instruct"),
            ("ai21.jamba-1-5-large", "jamba-1-5-large"),
            ("qwen2.5-coder", "qwen2-5-coder"),
            ("deepseek.v3.2", "deepseek-v3-2"),
        ] {
            assert_eq!(Bare::of(name).unwrap().as_str(), expected);
        }
        assert!(Bare::of("").is_none() && Bare::of("a/").is_none() && Bare::of(&"x".repeat(121)).is_none());
    }
}
