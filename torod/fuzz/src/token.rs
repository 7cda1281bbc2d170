//! Keys as clients present them: what is not one that we gave out is refused by its form, and one changed letter is enough.

use torod::access::Key;

/// Reads the bytes as a key, and as the randomness of one.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if Key::parse(&text).is_ok() {
        assert!(text.starts_with("tr_") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }
    let Some((seed, change)) = data.split_at_checked(32) else { return };
    let key = Key::generate(&mut |out: &mut [u8]| {
        out.iter_mut().zip(seed.iter().cycle()).for_each(|(to, from)| *to = *from);
    });
    let given = key.reveal();
    assert_eq!(Key::parse(given).ok(), Some(key.digest()));
    // One letter in place of another, anywhere.
    let [at, letter, ..] = change else { return };
    let mut changed = given.as_bytes().to_vec();
    let at = usize::from(*at) % changed.len();
    if changed[at] == *letter {
        return;
    }
    changed[at] = *letter;
    if let Ok(changed) = std::str::from_utf8(&changed) {
        assert!(Key::parse(changed).is_err(), "a changed key is taken");
    }
}
