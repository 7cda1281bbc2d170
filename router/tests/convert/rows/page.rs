//! The matrix as a page for operators.

use std::fmt::Write as _;

use tokenrouter::Protocol;

use super::{Cell, Row, Verdict};

const HEAD: &str = "\
<!-- Written by the tests: `UPDATE_DOCS=1 cargo test -p tokenrouter --test convert rows`. Do not edit. -->

# What crosses from one protocol to another

A client speaks one protocol, and the model that it names may be behind another. Where both are the same nothing is
converted: the request goes on byte for byte, with another model name at most. Everything on this page is about the
other case. Each line below is a test: a request goes through the gateway, and what the provider would get, what the
client is told, and what is refused is compared with what stands here.

## How the gateway tells what it could not keep

**The answer's header `x-tokenrouter-degraded`** lists what did not reach the provider as it was sent, in the words of
the client's own protocol:

```
x-tokenrouter-degraded: seed, image_url.detail
```

The same names stand in the log. Hints, whose absence nobody notices (a cache key, a label), are in neither. Without
the header nothing was lost that anybody could notice.

**A 400 that names the field** is the answer where leaving something out would give the client something else than it
asked for: one answer in place of two, a question without its recording, a search that nobody makes. Its code is
`not_convertible`.

**`lossy = \"reject\"`** (in `torod.toml`, or for one token) turns the first into the second: a request that would get
the header is answered with a 400 of the code `lossy_conversion`, which lists the same names, and no provider is asked.
The default is `lossy = \"warn\"`. Hints are never a reason to refuse.

## How to read the tables

The column is the protocol of the model's provider: what becomes of a client's request there, whatever other protocol
the client speaks.

| word | what it means |
|---|---|
| exact | it arrives with its meaning unchanged, in the provider's own words |
| emulated | the provider has nothing like it; the gateway does it, and the client does not see a difference |
| lossy | something of it is lost or changed, and the header names it |
| hint | left out without a word: it could not change the answer |
| **400** | refused, with the field's name |
| as sent | only this protocol has it, so its clients' bytes pass untouched |
| – | it cannot come up |

The number before a line is its name in the tests. Numbers in parentheses lead to the notes below each table. What only some models or providers can is listed with the
note that says which.
";

/// Which features belong together: a title, what to say before the table, and the numbers of its rows.
const TOPICS: [(&str, &str, std::ops::RangeInclusive<u8>); 8] = [
    ("Instructions and turns", "", 1..=4),
    ("Images, documents, sound", "", 5..=12),
    ("Tools", "", 13..=23),
    ("Calls and their results", "", 24..=30),
    ("Thinking", "", 31..=36),
    ("Form, limits and sampling", "", 37..=49),
    (
        "Tiers, caches and what a vendor keeps",
        "The tier `default` is Anthropic's `standard_only` and Google's `standard`.",
        50..=55,
    ),
    (
        "Answers",
        "Here the column is the protocol of the model that answers, and the verdict holds for the clients of all others. \
         What an answer loses no header names: headers are sent before it is known.",
        56..=60,
    ),
];

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Exact => "exact",
        Verdict::Emulated => "emulated",
        Verdict::Lossy => "lossy",
        Verdict::Hint => "hint",
        Verdict::Impossible => "**400**",
        Verdict::Native => "as sent",
        Verdict::Nothing => "–",
    }
}

/// One field of the table. A note that was made before keeps its number.
fn field(cells: &[&Cell], notes: &mut Vec<&'static str>) -> String {
    let said = cells.iter().map(|cell| {
        if cell.note.is_empty() {
            return word(cell.verdict).to_owned();
        }
        let at = notes.iter().position(|note| *note == cell.note).unwrap_or_else(|| {
            notes.push(cell.note);
            notes.len() - 1
        });
        format!("{} ({})", word(cell.verdict), at + 1)
    });
    said.collect::<Vec<_>>().join("<br>")
}

/// The whole page.
pub(super) fn write(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    for (title, said, numbers) in TOPICS {
        write!(page, "\n## {title}\n\n").unwrap();
        if !said.is_empty() {
            write!(page, "{said}\n\n").unwrap();
        }
        page.push_str(
            "| # | what | Chat Completions | Responses | Anthropic | Gemini | Cohere |\n|--:|---|---|---|---|---|---|\n",
        );
        let mut notes = Vec::new();
        let mut lines: Vec<&Row> = rows.iter().filter(|row| numbers.contains(&row.number)).collect();
        lines.sort_by_key(|row| row.number);
        for row in lines {
            write!(page, "| {} | {} |", row.number, row.what).unwrap();
            for to in Protocol::ALL {
                let cells: Vec<&Cell> = row.cells.iter().filter(|cell| cell.to == to).collect();
                write!(page, " {} |", field(&cells, &mut notes)).unwrap();
            }
            page.push('\n');
        }
        if !notes.is_empty() {
            page.push('\n');
        }
        for (at, note) in notes.iter().enumerate() {
            writeln!(page, "{}. {note}", at + 1).unwrap();
        }
    }
    page
}
