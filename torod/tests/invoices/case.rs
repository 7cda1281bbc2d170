//! Invoices as they are written down in `cases/`: what a provider answers, at which price, and what that must come to.
//!
//! A case begins with `== name`; lines with `#` before the answers are remarks. Then follow, a line each:
//!
//! * `price` JSON: as in the catalogue, US dollars per million; without it nobody knows one;
//! * `ask` what the client asks for (`chat`, `responses`, `messages`, `gemini`, `cohere`, `embeddings`, `completions`), and
//!   `stream` where it wants one; `with` more members of its request; `leave` text after which it hangs up;
//! * `speaks` the provider's protocol, where it is another than the client's; `at` when;
//! * `answer` or `stream` with a status, and below it what the provider sends, as it is;
//! * `row` how that attempt ends, `reported` or `estimated`, its six buckets, then what it costs: counts × nano-dollars for
//!   one, added up, as somebody reckons it by hand. `assumed` or `unpriced` where the row must say so;
//! * `saved` the same for what the prompt cache saved, `told` what the provider says that it cost, and `timed` in how many
//!   microseconds it says that it read and wrote, and how many tokens a second that is, in thousandths.

/// One answer of the provider, and what it must come to.
#[derive(Debug, Default)]
pub struct Attempt {
    pub status: u16,
    pub is_stream: bool,
    pub body: String,
    pub outcome: String,
    pub is_estimated: bool,
    pub buckets: [u64; 6],
    pub nanos: i64,
    pub is_assumed: bool,
    pub is_unpriced: bool,
    pub saved_nanos: i64,
    pub told_nanos: Option<i64>,
    /// Reading and writing in microseconds, then tokens a second of both in thousandths.
    pub timed: Option<[u64; 4]>,
}

/// One case.
#[derive(Debug, Default)]
pub struct Case {
    pub name: String,
    pub price: Option<String>,
    pub ask: String,
    pub streams: bool,
    pub with: String,
    pub speaks: Option<String>,
    pub at_ms: Option<i64>,
    pub leave: Option<String>,
    pub attempts: Vec<Attempt>,
}

/// Every case of `text`.
pub fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut is_body = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            is_body = false;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "answer" | "stream" => {
                let status = if rest.is_empty() { 200 } else { rest.parse().unwrap() };
                case.attempts.push(Attempt { status, is_stream: word == "stream", ..Attempt::default() });
                is_body = true;
            }
            "row" => {
                case.attempts.last_mut().unwrap().expect(rest, &case.name);
                is_body = false;
            }
            _ if is_body => {
                let body = &mut case.attempts.last_mut().unwrap().body;
                body.push_str(line);
                body.push('\n');
            }
            "saved" => case.attempts.last_mut().unwrap().saved_nanos = sum(rest, &case.name),
            "told" => case.attempts.last_mut().unwrap().told_nanos = Some(rest.parse().unwrap()),
            "timed" => {
                let mut words = rest.split(' ').map(|word| word.parse().unwrap());
                case.attempts.last_mut().unwrap().timed = Some(std::array::from_fn(|_| words.next().unwrap()));
            }
            "price" => case.price = Some(rest.to_owned()),
            "ask" => {
                let (what, how) = rest.split_once(' ').unwrap_or((rest, ""));
                (case.ask, case.streams) = (what.to_owned(), how == "stream");
            }
            "with" => rest.clone_into(&mut case.with),
            "speaks" => case.speaks = Some(rest.to_owned()),
            "leave" => case.leave = Some(rest.to_owned()),
            "at" => case.at_ms = Some(chrono::DateTime::parse_from_rfc3339(rest).unwrap().timestamp_millis()),
            "#" | "" => {}
            _ => panic!("{}: `{line}` means nothing", case.name),
        }
    }
    cases
}

impl Attempt {
    /// Reads what it must come to.
    fn expect(&mut self, line: &str, name: &str) {
        let (row, reckoned) = line.split_once(": ").unwrap_or_else(|| panic!("{name}: no sum in `{line}`"));
        let words: Vec<&str> = row.split(' ').collect();
        words[0].clone_into(&mut self.outcome);
        self.is_estimated = words[1] == "estimated";
        for (bucket, word) in self.buckets.iter_mut().zip(&words[2..8]) {
            *bucket = word.parse().unwrap_or_else(|_| panic!("{name}: `{word}` is no count"));
        }
        let (reckoned, marks) = match reckoned.rsplit_once(' ') {
            Some((rest, mark @ ("assumed" | "unpriced"))) => (rest, mark),
            _ => (reckoned, ""),
        };
        (self.is_assumed, self.is_unpriced) = (!marks.is_empty(), marks == "unpriced");
        self.nanos = sum(reckoned, name);
    }
}

/// The sum that `text` says, which its products must come to: `12*0.5 - 3*2 = 0`. Fractions of a nano-dollar are rounded up.
fn sum(text: &str, name: &str) -> i64 {
    let (products, told) = text.split_once(" = ").unwrap_or_else(|| panic!("{name}: no sum in `{text}`"));
    let (mut millionths, mut sign) = (0_i128, 1_i128);
    for word in products.split(' ') {
        match word {
            "+" => sign = 1,
            "-" => sign = -1,
            product => {
                let (count, rate) = product.split_once('*').unwrap_or_else(|| panic!("{name}: `{product}`"));
                let (whole, rest) = rate.split_once('.').unwrap_or((rate, ""));
                let rate: i128 = format!("{whole}{rest:0<6}").parse().unwrap();
                millionths += sign * count.parse::<i128>().unwrap() * rate;
            }
        }
    }
    let reckoned = -(-millionths).div_euclid(1_000_000);
    assert_eq!(reckoned, told.parse::<i128>().unwrap(), "{name}: `{text}` does not add up");
    i64::try_from(reckoned).unwrap()
}

#[test]
fn arithmetic_is_checked() {
    assert_eq!(sum("15*0.1 + 4*0.1 = 2", "x"), 2);
    assert_eq!(sum("3*3000 - 1*6000.5 = 3000", "x"), 3_000);
    assert_eq!(sum("1*1 - 3*1 = -2", "x"), -2);
    assert!(std::panic::catch_unwind(|| sum("2*2 = 5", "x")).is_err());
}
