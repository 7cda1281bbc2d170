//! The conversion matrix: for every feature of a request or an answer, and for every protocol behind the gateway, what
//! becomes of it. Each line is tried, and `docs/conversion.md` is written from the lines.

mod answers;
mod calls;
mod cell;
mod extras;
mod form;
mod media;
mod page;
mod thinking;
mod tools;
mod wire;
mod words;

use bytes::Bytes;
use serde_json::Value;
use tokenrouter::Protocol::{self, Gemini};
use tokenrouter::chat::loss::What;
use tokenrouter::peek::Peek;
use tokenrouter::splice;

use cell::{Cell, Row, Verdict, emulated, exact, hint, lossy, native, nothing, refused, usual};

use crate::support::{ask, whole};

fn rows() -> Vec<Row> {
    [
        words::rows(),
        media::rows(),
        tools::rows(),
        calls::rows(),
        thinking::rows(),
        form::rows(),
        extras::rows(),
        answers::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is wrong with one cell; empty if nothing.
fn faults(row: &Row, cell: &Cell) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(run) = cell.run {
        run();
    }
    if let Some(answer) = &cell.answer {
        for (client, pointer, expected) in &cell.told {
            let body = wire::request(*client, Value::Null).to_string();
            let told = whole(*client, &body, cell.to, cell.model, &answer.to_string());
            check(&mut faults, &format!("told to {client}"), &told, pointer, expected);
        }
        for client in Protocol::ALL.into_iter().filter(|client| *client != cell.to) {
            if !cell.told.iter().any(|(told, ..)| *told == client) {
                faults.push(format!("what {client} is told is not checked"));
            }
        }
    }
    let asks = row.asks.iter().filter(|(from, _)| *from != cell.to && cell.of.is_none_or(|of| of.contains(from)));
    let asks: Vec<_> = asks.collect();
    let needs_none = matches!(cell.verdict, Verdict::Native | Verdict::Nothing);
    if asks.is_empty() != needs_none && cell.run.is_none() && cell.answer.is_none() {
        faults.push(format!("{} clients ask for it", asks.len()));
    }
    if cell.verdict == Verdict::Native {
        let own = row.asks.iter().filter(|(from, _)| *from == cell.to);
        faults.extend(own.filter(|(_, body)| !passes(cell.to, body)).map(|_| "its bytes change".to_owned()));
    }
    for (from, body) in asks {
        let said = |fault: String| format!("from {from}: {fault}");
        match ask(*from, &body.to_string(), cell.to, cell.model) {
            Err(problem) => {
                let expected = cell.names.first().map(|name| name.for_client(*from));
                if cell.verdict != Verdict::Impossible {
                    faults.push(said(format!("refused: {}", problem.message)));
                } else if problem.field.as_deref() != expected {
                    faults.push(said(format!("the refusal names {:?}, not {expected:?}", problem.field)));
                } else if problem.http_status(*from) != 400 {
                    faults.push(said("the refusal is no 400".to_owned()));
                } else if problem.code == "not_convertible" && !problem.message.contains(cell.to.as_str()) {
                    faults.push(said(format!("the refusal does not name the target: {}", problem.message)));
                }
            }
            Ok(done) => {
                let out: Value = serde_json::from_slice(&done.body).unwrap();
                let mut own = Vec::new();
                for (pointer, expected) in &cell.has {
                    check(&mut own, "sent", &out, pointer, expected);
                }
                for (pointer, text) in &cell.says {
                    if !out.pointer(pointer).and_then(Value::as_str).is_some_and(|said| said.contains(text)) {
                        own.push(format!("{pointer} does not say {text:?}: {:?}", out.pointer(pointer)));
                    }
                }
                own.extend(cell.lacks.iter().filter_map(|p| Some(format!("{p} is there: {}", out.pointer(p)?))));
                let names: Vec<_> = cell.names.iter().map(|name| name.for_client(*from)).collect();
                let expected = if cell.verdict == Verdict::Lossy { names.join(", ") } else { String::new() };
                let header = done.losses.header().unwrap_or_default();
                if header != expected || cell.verdict == Verdict::Impossible {
                    own.push(format!("the header says {header:?}"));
                }
                let hints: Vec<_> = done.losses.all().iter().filter(|loss| loss.what == What::Hint).collect();
                if cell.verdict == Verdict::Hint && !names.iter().all(|name| hints.iter().any(|l| l.field == *name)) {
                    own.push(format!("the hints are {hints:?}"));
                }
                if !own.is_empty() {
                    own.push(format!("the body: {out}"));
                }
                faults.extend(own.into_iter().map(said));
            }
        }
    }
    faults
}

/// Whether nothing but the model's name changes on the way to a provider of the same protocol.
fn passes(protocol: Protocol, body: &Value) -> bool {
    let bytes = Bytes::from(body.to_string());
    if protocol == Gemini {
        // The model stands in the path.
        let peek = Peek::in_path(&bytes, "m", false).unwrap();
        return splice::set_model(&peek, "other").is_none();
    }
    let peek = Peek::read(&bytes).unwrap();
    let sent = splice::apply(&bytes, splice::set_model(&peek, "other").into_iter().collect()).concat();
    let expected = body.to_string().replace(r#""model":"m""#, r#""model":"other""#);
    expected.as_bytes() == sent
}

fn check(faults: &mut Vec<String>, what: &str, body: &Value, pointer: &str, expected: &Value) {
    let found = body.pointer(pointer).unwrap_or(&Value::Null);
    if found != expected {
        faults.push(format!("{what}: {pointer} is {found}, not {expected}; {body}"));
    }
}

#[test]
fn rows_hold_at_every_target() {
    let rows = rows();
    let mut all = Vec::new();
    for row in &rows {
        for to in Protocol::ALL {
            let verdicts: Vec<_> = row.cells.iter().filter(|cell| cell.to == to).collect();
            if verdicts.is_empty() || (verdicts.len() > 1 && verdicts.iter().any(|cell| cell.note.is_empty())) {
                all.push(format!("row {} ({}) to {to}: no verdict, or several without notes", row.number, row.what));
            }
        }
        for cell in &row.cells {
            let place = format!("row {} ({}) to {} {}", row.number, row.what, cell.to, cell.model);
            all.extend(faults(row, cell).into_iter().map(|fault| format!("{place}: {fault}")));
        }
    }
    let missing: Vec<u8> = (1..=60).filter(|number| !rows.iter().any(|row| row.number == *number)).collect();
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
    assert_eq!(missing, [0_u8; 0], "rows without a line");
}

#[test]
fn rows_are_written_down() {
    let page = page::write(&rows());
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conversion.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/conversion.md is stale: run `UPDATE_DOCS=1 cargo test -p tokenrouter --test convert rows`"
    );
}
