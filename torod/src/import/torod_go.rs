//! The usage data of the torod that was written in Go: `usage-stats-db` with its raw calls and sums of 5 minutes and of an
//! hour, or the single `usage-stats.json` of before.
//!
//! The same calls may stand in all three. For each stretch the finest is taken that knows of as many calls as the coarser one
//! does: raw calls are kept for a week only, and sums are made later than they happen.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::packed::lines;
use super::{ImportError, Left, MOST_CALLS, Past, apart, damaged, file_error};

/// Lengths of the sums, in seconds: the folders below `rollup`.
const SHORT_S: i64 = 300;
const LONG_S: i64 = 3_600;
/// Folders within folders: year, month, day, hour.
const DEEPEST: usize = 6;

/// A call or a sum as a line says it; numbers may be floats.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    timestamp: Option<String>,
    start_at: Option<String>,
    slot_seconds: Option<f64>,
    provider: Option<String>,
    model: Option<String>,
    user_agent: Option<String>,
    client_ip: Option<String>,
    api_key_name: Option<String>,
    status_code: Option<f64>,
    requests: Option<f64>,
    failed_requests: Option<f64>,
    prompt_tokens: Option<f64>,
    prompt_cached_tokens: Option<f64>,
    completion_tokens: Option<f64>,
    latency_ms: Option<f64>,
    latency_ms_sum: Option<f64>,
}

/// The file of before.
#[derive(Deserialize)]
struct Single {
    buckets: Vec<Line>,
}

/// What is read of a source.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    raw: Vec<PathBuf>,
    short: Vec<PathBuf>,
    long: Vec<PathBuf>,
    /// The single file of before.
    single: Option<PathBuf>,
}

/// What a source came to beside its calls.
#[derive(Debug, Default)]
pub struct Told {
    /// What could not be carried over.
    pub left: Left,
    /// SHA-256 of every file that was read, in order.
    pub digest: [u8; 32],
}

impl Source {
    /// Looks at `path`: the folder, one above it, or the single file. None where it is neither.
    pub fn find(path: &Path) -> Result<Option<Self>, ImportError> {
        let mut source =
            Self { path: path.to_owned(), raw: Vec::new(), short: Vec::new(), long: Vec::new(), single: None };
        if path.is_file() {
            let is_json = path.extension().is_some_and(|end| end == "json");
            source.single = is_json.then(|| path.to_owned());
            return Ok(source.single.is_some().then_some(source));
        }
        let folder = [path.to_owned(), path.join("usage-stats-db")]
            .into_iter()
            .find(|folder| folder.join("raw").is_dir() || folder.join("rollup").is_dir());
        let Some(folder) = folder else { return Ok(None) };
        files(&folder.join("raw"), DEEPEST, &mut source.raw)?;
        files(&folder.join("rollup").join(SHORT_S.to_string()), DEEPEST, &mut source.short)?;
        files(&folder.join("rollup").join(LONG_S.to_string()), DEEPEST, &mut source.long)?;
        Ok(Some(source))
    }

    /// Hands over every call, each once.
    pub fn read(&self, mut each: impl FnMut(Past) -> Result<(), ImportError>) -> Result<Told, ImportError> {
        let mut digest = Sha256::new();
        let mut calls = 0_u64;
        let mut told = Told::default();
        let mut give = |past: Past| {
            calls += 1;
            if calls > MOST_CALLS {
                return Err(ImportError::TooMuch { path: self.path.clone(), most: MOST_CALLS });
            }
            each(past)
        };
        if let Some(single) = &self.single {
            let text = fs::read(single).map_err(file_error(single))?;
            digest.update(&text);
            let Single { buckets } = serde_json::from_slice(&text)
                .map_err(|e| damaged(single, format!("it is no usage-stats.json: {e}")))?;
            for line in buckets {
                sum(&line, &mut told.left, &mut give)?;
            }
        } else {
            let tiers = self.count(&mut digest)?;
            let mut left = Left::default();
            for path in &self.raw {
                let each = |line: Line| match call(&line) {
                    Ok(past) if tiers.takes_raw(past.at_ms) => give(past),
                    Ok(_) => Ok(()),
                    Err(why) => {
                        left.note(why);
                        Ok(())
                    }
                };
                lines(path, None, each, &mut told.left)?;
            }
            for (paths, seconds) in [(&self.short, SHORT_S), (&self.long, LONG_S)] {
                for path in paths {
                    let each = |line: Line| {
                        let at_ms = time(line.start_at.as_deref());
                        match at_ms.filter(|at_ms| tiers.takes_sum(*at_ms, seconds)) {
                            None if at_ms.is_some() => Ok(()),
                            _ => sum(&line, &mut left, &mut give),
                        }
                    };
                    lines(path, None, each, &mut told.left)?;
                }
            }
            left.iter().for_each(|(why, count)| told.left.notes(why, count));
            let open = self.open_segments()?;
            if open > 0 {
                told.left.notes("a segment that was still open: start and stop the old torod once to close it", open);
            }
        }
        told.digest = digest.finalize().into();
        Ok(told)
    }

    /// How many calls each tier knows of, by its stretches.
    fn count(&self, digest: &mut Sha256) -> Result<Tiers, ImportError> {
        let mut tiers = Tiers::default();
        let mut ignored = Left::default();
        for path in &self.raw {
            let each = |line: Line| {
                if let Ok(past) = call(&line) {
                    *tiers.raw.entry(past.at_ms.div_euclid(SHORT_S * 1_000)).or_default() += 1;
                }
                Ok(())
            };
            lines(path, Some(&mut *digest), each, &mut ignored)?;
        }
        for (paths, seconds, counts) in
            [(&self.short, SHORT_S, &mut tiers.short), (&self.long, LONG_S, &mut tiers.long)]
        {
            for path in paths {
                let each = |line: Line| {
                    if let Some(at_ms) = time(line.start_at.as_deref()) {
                        *counts.entry(at_ms.div_euclid(seconds * 1_000)).or_default() += whole(line.requests);
                    }
                    Ok(())
                };
                lines(path, Some(&mut *digest), each, &mut ignored)?;
            }
        }
        Ok(tiers)
    }

    fn open_segments(&self) -> Result<u64, ImportError> {
        let mut all = Vec::new();
        every(&self.path, DEEPEST + 2, &mut all)?;
        let is_open = |path: &&PathBuf| path.extension().is_some_and(|end| end == "tmp");
        Ok(all.iter().filter(is_open).count() as u64)
    }
}

/// Calls by stretch: of 5 minutes for raw calls and short sums, of an hour for long ones.
#[derive(Debug, Default)]
struct Tiers {
    raw: HashMap<i64, u64>,
    short: HashMap<i64, u64>,
    long: HashMap<i64, u64>,
}

impl Tiers {
    fn of(counts: &HashMap<i64, u64>, stretch: i64) -> u64 {
        counts.get(&stretch).copied().unwrap_or(0)
    }

    /// What the finer tiers know of an hour.
    fn fine(&self, hour: i64) -> u64 {
        let stretches = LONG_S / SHORT_S;
        (hour * stretches..(hour + 1) * stretches)
            .map(|at| Self::of(&self.raw, at).max(Self::of(&self.short, at)))
            .fold(0, u64::saturating_add)
    }

    fn takes_hour(&self, hour: i64) -> bool {
        Self::of(&self.long, hour) > self.fine(hour)
    }

    fn takes_raw(&self, at_ms: i64) -> bool {
        let stretch = at_ms.div_euclid(SHORT_S * 1_000);
        !self.takes_hour(at_ms.div_euclid(LONG_S * 1_000))
            && Self::of(&self.raw, stretch) >= Self::of(&self.short, stretch)
    }

    fn takes_sum(&self, at_ms: i64, seconds: i64) -> bool {
        let takes_hour = self.takes_hour(at_ms.div_euclid(LONG_S * 1_000));
        if seconds == LONG_S {
            return takes_hour;
        }
        let stretch = at_ms.div_euclid(SHORT_S * 1_000);
        !takes_hour && Self::of(&self.short, stretch) > Self::of(&self.raw, stretch)
    }
}

/// The packed files below `folder`, in the order of their names.
fn files(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let mut all = Vec::new();
    every(folder, depth, &mut all)?;
    all.sort();
    found.extend(all.into_iter().filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".jsonl.zst") && !name.starts_with("open-")
    }));
    Ok(())
}

/// Every file below `folder`. Links are not followed: what they lead to is none of the source's.
fn every(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    if depth == 0 || !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(file_error(folder))? {
        let entry = entry.map_err(file_error(folder))?;
        let kind = entry.file_type().map_err(file_error(folder))?;
        if kind.is_dir() {
            every(&entry.path(), depth - 1, found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Milliseconds since 1970, from how Go writes a time.
fn time(text: Option<&str>) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text?).ok()?;
    Some(at.timestamp_millis()).filter(|ms| *ms > 0)
}

/// A count that may be missing, a float, or nonsense.
fn whole(number: Option<f64>) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    number.filter(|number| (0.0..1e15).contains(number)).map_or(0, |number| number as u64)
}

fn micros(ms: Option<f64>) -> u64 {
    whole(ms.map(|ms| ms * 1_000.0))
}

fn common(line: &Line, at_ms: i64) -> Past {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cached = whole(line.prompt_cached_tokens).min(whole(line.prompt_tokens));
    Past {
        at_ms,
        provider: text(&line.provider),
        model: text(&line.model),
        token: text(&line.api_key_name),
        address: text(&line.client_ip),
        user_agent: text(&line.user_agent),
        tokens: [whole(line.prompt_tokens) - cached, cached, whole(line.completion_tokens)],
        ..Past::default()
    }
}

/// A raw call.
fn call(line: &Line) -> Result<Past, &'static str> {
    let at_ms = time(line.timestamp.as_deref()).ok_or("a call without a time")?;
    let status = u16::try_from(whole(line.status_code)).unwrap_or(0);
    let total_us = micros(line.latency_ms);
    Ok(Past { status, is_ok: (200..400).contains(&status), total_us, ..common(line, at_ms) })
}

/// A sum, taken apart.
fn sum(
    line: &Line,
    left: &mut Left,
    give: &mut impl FnMut(Past) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let Some(at_ms) = time(line.start_at.as_deref()) else {
        left.note("a sum without a time");
        return Ok(());
    };
    let calls = whole(line.requests);
    if calls > MOST_CALLS {
        left.note("a sum of more calls than can be");
        return Ok(());
    }
    let failed = whole(line.failed_requests).min(calls);
    let sums = Past { total_us: micros(line.latency_ms_sum), ..common(line, at_ms) };
    if calls == 0 && sums.tokens != [0; 3] {
        left.note("a sum of tokens without a call");
    }
    let seconds = i64::try_from(whole(line.slot_seconds)).unwrap_or(0).clamp(1, 86_400);
    let mut outcome = Ok(());
    apart(&sums, calls, failed, seconds * 1_000, |past| {
        if outcome.is_ok() {
            outcome = give(past);
        }
    });
    outcome
}
