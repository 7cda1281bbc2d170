//! Mutations of a corpus by a fixed seed: a poor man's fuzzer, but the same on every machine.

use std::ops::Range;

/// Makes inputs out of a corpus and a list of words.
pub struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    words: &'a [Vec<u8>],
    state: u64,
}

impl<'a> Mutator<'a> {
    pub const fn new(corpus: &'a [Vec<u8>], words: &'a [Vec<u8>]) -> Self {
        Self { corpus, words, state: 0x2545_F491_4F6C_DD1D }
    }

    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        if end == 0 { 0 } else { (self.state >> 16) as usize % end }
    }

    /// A range of up to `longest` bytes in `data`.
    fn range(&mut self, data: &[u8], longest: usize) -> Range<usize> {
        let from = self.below(data.len());
        let length = self.below(longest.min(data.len() - from) + 1);
        from..from + length
    }

    /// The next input: a file of the corpus, changed in one to four places.
    pub fn next(&mut self) -> Vec<u8> {
        let mut data = self.corpus[self.below(self.corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            match self.below(12) {
                0 => {
                    let byte = self.below(256) as u8;
                    if let Some(old) = data.get_mut(at) {
                        *old = byte;
                    }
                }
                1 => data.truncate(at),
                2 => {
                    let range = self.range(&data, 40);
                    data.drain(range);
                }
                3 => {
                    let range = self.range(&data, 200);
                    let piece = data[range].to_vec();
                    data.splice(at..at, piece);
                }
                4 => {
                    let other = self.below(self.corpus.len());
                    let range = self.range(&self.corpus[other], 200);
                    data.splice(at..at, self.corpus[other][range].iter().copied());
                }
                // One value of JSON in place of another: what comes out is JSON still.
                5..=8 => {
                    let old = value(&data, at);
                    let other = self.below(self.corpus.len());
                    let source = &self.corpus[other];
                    let new = value(source, self.below(source.len() + 1));
                    data.splice(old, source[new].iter().copied());
                }
                // A word of the protocols in place of another string, or anywhere.
                9 | 10 => {
                    let word = self.below(self.words.len());
                    let quotes: Vec<usize> = (at..data.len()).filter(|at| data[*at] == b'"').take(2).collect();
                    let range = if let [from, to] = quotes[..] { from..to + 1 } else { at..at };
                    data.splice(range, self.words[word].iter().copied());
                }
                _ => {
                    let scalar =
                        [&b"null"[..], b"-1", b"1e300", b"true", b"[]", b"{}", b"18446744073709551616", b"\\ud800"];
                    let chosen = self.below(scalar.len());
                    data.splice(at..at, scalar[chosen].iter().copied());
                }
            }
        }
        data
    }
}

/// The first value of JSON that begins at `from` or later, as far as that can be told without a parser; nothing where
/// there is none.
fn value(data: &[u8], from: usize) -> Range<usize> {
    let Some(start) = (from..data.len()).find(|at| matches!(data[*at], b'{' | b'[' | b'"')) else {
        return from..from;
    };
    let (mut depth, mut in_string, mut at) = (0_usize, false, start);
    while at < data.len() {
        match data[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 && !in_string {
            break;
        }
    }
    start..at.min(data.len())
}

/// The words of a libFuzzer dictionary: a line each, `name="text"` or `"text"`, with `\"`, `\\` and `\xAB`.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    dictionary
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('"')?.1.strip_suffix('"'))
        .map(|text| {
            let mut word = Vec::new();
            let mut rest = text.bytes();
            while let Some(byte) = rest.next() {
                match if byte == b'\\' { rest.next() } else { None } {
                    Some(b'x') => {
                        let digits = [rest.next().unwrap(), rest.next().unwrap()];
                        word.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                    }
                    Some(escaped) => word.push(escaped),
                    None => word.push(byte),
                }
            }
            word
        })
        .collect()
}
