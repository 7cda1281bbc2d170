//! Budgets as people type them: the grammar is the shared one, told in the words of this program.

pub(super) use tokenrouter_shared::budget_text::{GRAMMAR, parse};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::bounds::said;

    #[test]
    fn what_people_type_is_read_exactly() {
        for (text, told) in [
            ("5usd", "$5"),
            ("$5", "$5"),
            ("0.000000001usd", "$0.000000001"),
            ("1.50 usd", "$1.50"),
            ("0usd", "$0"),
            ("2kusd/week", "$2000 per week"),
            ("100usd/month@Europe/Berlin", "$100 per month (Europe/Berlin)"),
            ("1000req/24h", "1,000 requests per 24 h"),
            ("1requests/90s", "1 request per 90 s"),
            ("2Mtok/day", "2,000,000 tokens per day"),
            ("1.5ktok/hour@UTC", "1,500 tokens per hour"),
            ("7tokens", "7 tokens"),
        ] {
            assert_eq!(parse(text).map(|budget| said(&budget)), Ok(told.to_owned()), "{text}");
        }
    }
}
