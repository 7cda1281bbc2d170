//! Bytes in hexadecimal digits.

/// Two small digits for each of `bytes`. Nothing is copied on the way: some of them are secrets.
///
/// ```
/// assert_eq!(tokenrouter_shared::hex::of(&[0, 0xa7]), "00a7");
/// ```
pub fn of<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> String {
    let bytes = bytes.into_iter();
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(2 * bytes.size_hint().0);
    text.extend(bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}
