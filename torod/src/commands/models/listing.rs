//! Many models: as a table that fits the terminal, or as JSON with one of them a line.

use std::io::{Result, Write};

use comfy_table::{Cell, CellAlignment};
use tokenrouter_shared::model::{ModelView, ModelsView};

use super::words::{fitted, price, tokens};
use crate::commands::table::table as empty;
use crate::telemetry::plain::plain;

/// Where nothing says how wide the screen is.
const USUAL_WIDTH: usize = 100;
/// What is told of abilities: the word for it, a shorter one, and one letter where there is no room.
const ABILITIES: [(&str, &str, &str); 4] = [
    ("tools", "tools", "T"),
    ("vision", "vision", "V"),
    ("reasoning", "reasoning", "R"),
    ("structured_output", "schema", "S"),
];
/// From this width on, abilities are told in words.
const IN_WORDS: usize = 120;
/// Hundreds of rows are read more easily without a rule after each.
const RULES: bool = false;

/// A column beside the name.
struct Column {
    title: &'static str,
    text: fn(&ModelView) -> String,
    is_number: bool,
    /// How wide the screen must be for it.
    from: usize,
    /// So wide it must not be.
    below: usize,
}

const ANY: usize = usize::MAX;
const COLUMNS: [Column; 8] = [
    Column { title: "context", text: |m| tokens(m.context_tokens), is_number: true, from: 0, below: ANY },
    Column { title: "output", text: |m| tokens(m.max_output_tokens), is_number: true, from: 92, below: ANY },
    Column { title: "in $/M", text: |m| paid(m, |p| p.input_nanos), is_number: true, from: 0, below: ANY },
    Column { title: "out $/M", text: |m| paid(m, |p| p.output_nanos), is_number: true, from: 0, below: ANY },
    Column { title: "cached $/M", text: |m| paid(m, |p| p.cache_read_nanos), is_number: true, from: 104, below: ANY },
    Column { title: "can", text: in_letters, is_number: false, from: 72, below: IN_WORDS },
    Column { title: "can", text: in_words, is_number: false, from: IN_WORDS, below: ANY },
    Column { title: "until", text: |m| m.until.clone().unwrap_or_default(), is_number: false, from: 150, below: ANY },
];

fn paid(model: &ModelView, part: fn(&tokenrouter_shared::model::ModelPrice) -> Option<u64>) -> String {
    match &model.price {
        Some(known) if known.is_free => "free".to_owned(),
        known => price(known.as_ref().and_then(part)),
    }
}

fn in_words(model: &ModelView) -> String {
    abilities(model, |(_, short, _)| short)
}

fn in_letters(model: &ModelView) -> String {
    abilities(model, |(.., letter)| letter)
}

fn abilities(model: &ModelView, told: fn((&'static str, &'static str, &'static str)) -> &'static str) -> String {
    let has = |word: &str| model.can.get(word) == Some(&true);
    let words: Vec<&str> = ABILITIES.into_iter().filter(|(word, ..)| has(word)).map(told).collect();
    if words.is_empty() && model.can.is_empty() { super::words::UNKNOWN.to_owned() } else { words.join(" ") }
}

/// How many columns of characters the terminal has.
fn screen() -> usize {
    terminal_size::terminal_size().map_or(USUAL_WIDTH, |(terminal_size::Width(width), _)| width.into())
}

/// Prints them as a table.
pub(super) fn table(out: &mut dyn Write, told: &ModelsView, is_terminal: bool) -> Result<()> {
    if told.models.is_empty() {
        return match told.total {
            0 => writeln!(out, "no models yet: `torod provider add PRESET` adds a provider"),
            all => writeln!(out, "none of {all} models is like that"),
        };
    }
    draw(out, told, if is_terminal { screen() } else { usize::MAX - 1 })
}

fn draw(out: &mut dyn Write, told: &ModelsView, screen: usize) -> Result<()> {
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| (column.from..column.below).contains(&screen)).collect();
    let mut table = empty(RULES);
    let aligned = |column: &Column, text: String| {
        let cell = Cell::new(text);
        if column.is_number { cell.set_alignment(CellAlignment::Right) } else { cell }
    };
    table.set_header(
        std::iter::once(Cell::new("model"))
            .chain(columns.iter().map(|column| aligned(column, column.title.to_owned()))),
    );
    let rows: Vec<Vec<String>> =
        told.models.iter().map(|model| columns.iter().map(|column| (column.text)(model)).collect()).collect();
    // What the others take; each has a space on both sides and a rule before it.
    let taken: usize = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let widest = rows.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max();
            widest.unwrap_or(0).max(column.title.chars().count()) + 3
        })
        .sum();
    let room = screen.saturating_sub(taken + 2).max(16);
    for (model, row) in told.models.iter().zip(rows) {
        let name = fitted(&plain(&model.id), room);
        let cells = columns.iter().zip(row).map(|(column, text)| aligned(column, text));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    if columns.iter().any(|column| column.title == "can" && column.below == IN_WORDS) {
        let words = ABILITIES.map(|(_, short, letter)| format!("{letter} {short}"));
        writeln!(out, " can: {}", words.join(", "))?;
    }
    if told.models.len() < told.total {
        writeln!(out, "{} of {} models", told.models.len(), told.total)?;
    }
    Ok(())
}

/// Prints them as JSON, one a line, so that `grep` helps too.
pub(super) fn json(out: &mut dyn Write, told: &ModelsView) -> Result<()> {
    write!(out, "{{\"is_live\":{},\"total\":{},\"providers\":", told.is_live, told.total)?;
    serde_json::to_writer(&mut *out, &told.providers)?;
    write!(out, ",\"models\":[")?;
    for (at, model) in told.models.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, model)?;
    }
    writeln!(out, "\n]}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter_shared::model::ModelPrice;

    fn model(id: &str) -> ModelView {
        ModelView { id: id.into(), ..ModelView::default() }
    }

    fn told() -> ModelsView {
        let price = ModelPrice {
            input_nanos: Some(3_000_000_000),
            output_nanos: Some(15_000_000_000),
            ..ModelPrice::default()
        };
        let rich = ModelView {
            context_tokens: Some(200_000),
            price: Some(price),
            can: [("tools".to_owned(), true), ("vision".to_owned(), true), ("reasoning".to_owned(), true)].into(),
            ..model("anthropic/claude-sonnet-4-5-20250929-with-a-name-that-does-not-end")
        };
        let free = ModelPrice { is_free: true, ..ModelPrice::default() };
        let free = ModelView { price: Some(free), ..model("home/qwen") };
        ModelsView { models: vec![rich, free, model("work/x")], total: 9, ..ModelsView::default() }
    }

    #[test]
    fn a_table_fits_its_screen() {
        for screen in [60, 80, 96, 112, 140, 160, 200] {
            let mut out = Vec::new();
            draw(&mut out, &told(), screen).unwrap();
            let text = String::from_utf8(out).unwrap();
            for line in text.lines() {
                assert!(line.chars().count() <= screen, "{screen}: {line}");
            }
            assert!(text.contains("3.00") && text.contains("unknown") && text.contains("free"), "{text}");
            assert!(!text.contains(" 0 "), "what is not known is not zero: {text}");
            assert_eq!(text.contains("tools vision"), screen >= IN_WORDS, "{text}");
            assert_eq!(text.contains("T V R"), (72..IN_WORDS).contains(&screen), "{text}");
        }
    }

    #[test]
    fn json_is_whole_and_has_one_model_a_line() {
        let mut out = Vec::new();
        json(&mut out, &told()).unwrap();
        assert_eq!(serde_json::from_slice::<ModelsView>(&out).unwrap(), told());
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 5);
    }
}
