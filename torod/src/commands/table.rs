//! Tables: with rules on a terminal, bare columns elsewhere.

use comfy_table::{ContentArrangement, Table, presets};

/// An empty table for where the output goes.
pub(super) fn table(is_terminal: bool) -> Table {
    let mut table = Table::new();
    table.load_style(if is_terminal { presets::UTF8_HORIZONTAL_ONLY } else { presets::NOTHING });
    // Wrapping is left to the terminal: numbers broken over two lines cannot be read.
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}
