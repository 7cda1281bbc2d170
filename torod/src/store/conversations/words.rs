//! What people type to search, made into a question that the full-text index understands, whatever they type.

/// The most words of a search.
const MOST: usize = 20;

/// The index's question for `typed`: every word and every "phrase" must be there; `begin*` stands for all that begins
/// so, and `-word` must not be there. None where nothing is left to look for.
pub fn question(typed: &str) -> Option<String> {
    let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
    let mut rest = typed.trim_start();
    while !rest.is_empty() && wanted.len() + unwanted.len() < MOST {
        let negated = rest.starts_with('-');
        let from = rest.strip_prefix('-').unwrap_or(rest);
        let (word, after) = match from.strip_prefix('"') {
            Some(phrase) => phrase.split_once('"').unwrap_or((phrase, "")),
            None => from.split_once(char::is_whitespace).unwrap_or((from, "")),
        };
        let begins = word.ends_with('*') && !from.starts_with('"');
        rest = after.trim_start();
        // What has no letter and no digit has no place in the index, and would match nothing at all.
        if word.chars().any(char::is_alphanumeric) {
            let clean: String = word.chars().filter(|c| *c != '"' && *c != '\0').collect();
            let term = format!("\"{clean}\"{}", if begins { "*" } else { "" });
            if negated { &mut unwanted } else { &mut wanted }.push(term);
        }
    }
    if wanted.is_empty() {
        return None;
    }
    let mut question = wanted.join(" AND ");
    for term in unwanted {
        question = format!("({question}) NOT {term}");
    }
    Some(question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    #[test]
    fn words_phrases_beginnings_and_what_must_not_be_there() {
        for (typed, question_is) in [
            ("hello", Some("\"hello\"")),
            ("two  words", Some("\"two\" AND \"words\"")),
            ("\"a phrase\" word", Some("\"a phrase\" AND \"word\"")),
            ("\"never closed", Some("\"never closed\"")),
            ("begin*", Some("\"begin*\"*")),
            ("good -bad", Some("(\"good\") NOT \"bad\"")),
            ("-bad", None),
            ("", None),
            ("* - \" ()", None),
            ("a OR b", Some("\"a\" AND \"OR\" AND \"b\"")),
            ("x\" OR words:\"y", Some("\"x\" AND \"OR\" AND \"words:y\"")),
        ] {
            assert_eq!(question(typed).as_deref(), question_is, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_index_understands_it(typed in any::<String>(), odd in "[\"*():^ +a-c-]{0,40}") {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE VIRTUAL TABLE said USING fts5 (words)").unwrap();
            for typed in [typed, odd] {
                if let Some(question) = question(&typed) {
                    let found = connection.query_row("SELECT count(*) FROM said WHERE said MATCH ?1", [question], |r| r.get::<_, i64>(0));
                    prop_assert_eq!(found.unwrap(), 0);
                }
            }
        }
    }
}
