//! No text, however odd, makes the parser panic.

use proptest::prelude::*;

use super::parse;

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(text in "(\\PC|\n|\"|=|\\[|\\]|\\{|\\}){0,200}") {
        drop(parse(&text, "t"));
    }

    #[test]
    fn nor_does_a_file_of_known_words(words in proptest::collection::vec(prop_oneof![
        Just("[[providers]]\n"), Just("name = "), Just("\"a\"\n"), Just("api_key = "), Just("\"${X}\"\n"), Just("[limits]\n"),
        Just("request_body = "), Just("\"1MiB\"\n"), Just("timeouts = { idle = "), Just("\"1s\" }\n"), Just("7\n"), Just("{}\n"),
        Just("api_keys = [ {env=\"X\"}, \"y\" ]\n"), Just("headers = { a = \"b\" }\n"), Just("enabled = maybe\n"),
    ], 0..20)) {
        drop(parse(&words.concat(), "t"));
    }
}
