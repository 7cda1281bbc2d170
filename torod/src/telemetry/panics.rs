//! What is said of a panic: where, and never a text that was made up on the way, which may quote anything.

use std::panic::{PanicHookInfo, set_hook};

/// Has panics told in the log, without what they quote.
pub fn tell() {
    set_hook(Box::new(|info| tracing::error!("{}", told(info))));
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    // Words that stand in the program; those that were put together may hold a prompt or a key.
    match info.payload().downcast_ref::<&'static str>() {
        Some(words) => format!("a defect of torod at {place} in the thread {name}: {words}"),
        None => format!("a defect of torod at {place} in the thread {name}"),
    }
}
