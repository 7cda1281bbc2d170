//! What is shown of a file: a line that changes is told, and no key in it.

/// Stands for a key in what is shown.
pub const MASK: &str = "********";

/// What names of secrets have in them.
const SECRET: [&str; 5] = ["key", "token", "secret", "password", "authorization"];
/// What ends the names of places where secrets are.
const PLACES: [&str; 4] = ["file", "path", "env", "command"];

/// `line` with every value hidden whose name says that it is a secret. What only says where a secret is stays.
pub fn masked(line: &str) -> String {
    let (mut shown, mut rest) = (String::new(), line);
    while let Some(at) = rest.find([':', '=']) {
        let (before, after) = rest.split_at(at);
        let (sign, after) = after.split_at(1);
        shown += before;
        shown += sign;
        rest = after;
        if !is_secret(before) {
            continue;
        }
        let value = after.trim_start();
        let (blank, value) = after.split_at(after.len() - value.len());
        let Some((length, text)) = extent(value, blank.is_empty() && sign == "=") else { continue };
        if text.is_empty() || text.starts_with(['{', '$']) {
            continue;
        }
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c)).map(String::from).unwrap_or_default();
        shown += &format!("{blank}{quote}{MASK}{quote}");
        rest = value.get(length..).unwrap_or_default();
    }
    shown + rest
}

/// Whether what stands before the sign ends in the name of a secret.
fn is_secret(before: &str) -> bool {
    let name = before.trim_end().trim_end_matches(['"', '\'']);
    let name = name.rsplit([' ', '\t', '{', ',', '"', '\'', '.']).next().unwrap_or(name);
    // What a diff puts in front is no part of it.
    let name = name.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let is_place = name.starts_with("env_") || PLACES.iter().any(|end| name.ends_with(end));
    !is_place && SECRET.iter().any(|word| name.contains(word))
}

/// How long the value is that begins here, and what is in its quotes. One without quotes is a text in a `.env` file alone.
fn extent(value: &str, is_bare: bool) -> Option<(usize, &str)> {
    let quote = value.chars().next()?;
    if !['"', '\''].contains(&quote) {
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        return is_bare.then(|| (end, value.get(..end).unwrap_or(value)));
    }
    let inside = value.get(1..)?;
    let mut is_escaped = false;
    for (at, c) in inside.char_indices() {
        if c == quote && !is_escaped {
            return Some((at + 2, inside.get(..at)?));
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    // It goes on in the next line: nothing of it is shown.
    Some((value.len(), inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_others_are_hidden_in_every_form() {
        for (line, expected) in [
            ("-    \"ANTHROPIC_API_KEY\": \"sk-ant-1\",", "-    \"ANTHROPIC_API_KEY\": \"********\","),
            (
                " {\"env\": {\"A_TOKEN\":\"t\\\"x\", \"B\": \"b\"}, \"apiKey\": 'k'}",
                " {\"env\": {\"A_TOKEN\":\"********\", \"B\": \"b\"}, \"apiKey\": '********'}",
            ),
            ("-export GEMINI_API_KEY=abc # mine", "-export GEMINI_API_KEY=******** # mine"),
            ("-GEMINI_API_KEY=\"abc\"", "-GEMINI_API_KEY=\"********\""),
            (
                " http_headers = { \"Authorization\" = \"Bearer x\" }",
                " http_headers = { \"Authorization\" = \"********\" }",
            ),
            ("-client_secret = \"unfinished", "-client_secret = \"********\""),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn what_is_no_key_is_shown() {
        for line in [
            "+base_url = \"http://127.0.0.1:8080/v1\"",
            "+max_tokens: 100,",
            "+\"apiKey\": \"{file:/home/me/.config/tokenrouter/setup/opencode.key}\"",
            "+\"api_key\": \"$(cat '/home/me/x.key')\"",
            "+env_key = \"OPENAI_API_KEY\"",
            "+api_key_model_discovery = true",
            "+auth = { command = \"cat\", args = [\"/home/me/codex.key\"] }",
            "-\"ANTHROPIC_API_KEY\": \"\",",
            "--- /home/me/.codex/config.toml",
            "key",
            "",
        ] {
            assert_eq!(masked(line), line);
        }
    }
}
