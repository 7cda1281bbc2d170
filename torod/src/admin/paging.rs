//! Pages of lists that stand in memory.

use super::answer::Failure;
use super::query::Words;

/// The most entries on a page, and how many there are where nobody says.
pub(super) const MOST: usize = 500;

/// How many are asked for.
pub(super) fn limit(words: &Words) -> Result<usize, Failure> {
    let limit = words.parsed("limit", "100")?.unwrap_or(MOST);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::bad_request(format!("`limit` lies between 1 and {MOST}."), "Ask for the next page by `cursor`."))
}

/// The text that is searched for, in small letters.
pub(super) fn text(words: &Words) -> Result<Option<String>, Failure> {
    match words.text("q") {
        Some(text) if text.chars().count() > 200 => {
            Err(Failure::bad_request("A search text has at most 200 characters.", "Write a shorter one."))
        }
        text => Ok(text.map(|text| text.to_lowercase())),
    }
}

/// Whether one of `texts` holds the text that is searched for.
pub(super) fn has<'a>(wanted: Option<&str>, texts: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.is_none_or(|wanted| texts.into_iter().any(|text| text.to_lowercase().contains(wanted)))
}

/// What is no `next` of a page.
pub(super) fn no_cursor() -> Failure {
    Failure::bad_request("`cursor` is not the `next` of a page, or what it names is gone.", "Begin without one.")
}

/// The page of `list` behind the entry that `cursor` names, and where the next one starts.
pub(super) fn page<T>(
    list: Vec<T>,
    name: impl Fn(&T) -> String,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<T>, Option<String>), Failure> {
    let from = match cursor {
        None => 0,
        Some(cursor) => list.iter().position(|one| name(one) == cursor).ok_or_else(no_cursor)? + 1,
    };
    let has_more = list.len() > from.saturating_add(limit);
    let page: Vec<T> = list.into_iter().skip(from).take(limit).collect();
    let next = page.last().filter(|_| has_more).map(name);
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_entry_once() {
        let all: Vec<u32> = (0..23).collect();
        for limit in 1..=24 {
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let (part, next) = page(all.clone(), u32::to_string, cursor.as_deref(), limit).unwrap();
                assert!(part.len() <= limit);
                seen.extend(part);
                let Some(next) = next else { break };
                cursor = Some(next);
            }
            assert_eq!(seen, all, "{limit}");
        }
        for hostile in ["", "23", "' OR 1=1", "\u{0}"] {
            assert!(page(all.clone(), u32::to_string, Some(hostile), 5).is_err(), "{hostile}");
        }
    }
}
