//! Lists as vendors send them, and as nobody should.

use proptest::prelude::*;

use super::*;

fn page(body: &str) -> Page {
    read(body.as_bytes(), Bounds::default()).unwrap()
}

fn only(entry: &str) -> Listed {
    let page = page(&format!(r#"{{"data":[{entry}]}}"#));
    assert_eq!((page.models.len(), page.skipped), (1, 0), "{entry}");
    page.models.into_iter().next().unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.models.iter().map(|model| model.id.as_str()).collect()
}

#[test]
fn every_form_of_a_list_is_read() {
    for (body, expected) in [
        (r#"{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}"#, &["a", "b"][..]),
        (r#"[{"id":"a"}]"#, &["a"]),
        (r#"["a","b"]"#, &["a", "b"]),
        (r#"{"models":[{"name":"models/gemini-2.5-pro"}]}"#, &["gemini-2.5-pro"]),
        (r#"{"models":[{"name":"qwen:14b","model":"qwen:14b"}]}"#, &["qwen:14b"]),
        (r#"{"models":["a"]}"#, &["a"]),
        // Both: the one that says more, unless it is empty.
        (r#"{"models":[{"name":"x","model":"x"}],"object":"list","data":[{"id":"x"},{"id":"y"}]}"#, &["x", "y"]),
        (r#"{"data":[],"models":[{"name":"x"}]}"#, &["x"]),
        ("\u{feff}{\"data\":[{\"id\":\"a\"}]}", &["a"]),
        (r#"{"data":[{"id":"","name":"a"},{"id":null,"name":"b"}]}"#, &["a", "b"]),
        // Nothing is there yet.
        (r#"{"object":"list","data":[]}"#, &[]),
        (r#"{"object":"list","data":null}"#, &[]),
        ("[]", &[]),
    ] {
        assert_eq!(ids(&page(body)), expected, "{body}");
    }
}

#[test]
fn what_is_no_list_is_told_apart() {
    let small = Bounds { bytes: 40, models: 2 };
    for (body, expected) in [
        ("<html><body>Not Found</body></html>", ListError::Html),
        ("  <!DOCTYPE html>", ListError::Html),
        ("", ListError::NotJson),
        (r#"{"data":[{"id":"a"},{"id":"#, ListError::NotJson),
        ("ok", ListError::NotJson),
        ("{}", ListError::NoList),
        ("7", ListError::NoList),
        ("null", ListError::NoList),
        (r#"{"error":{"message":"no"}}"#, ListError::NoList),
        (r#"{"data":{"id":"a"}}"#, ListError::NoList),
        (r#"{"data":"a"}"#, ListError::NoList),
        (r#"{"data":[{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}"#, ListError::TooLarge(40)),
    ] {
        assert_eq!(read(body.as_bytes(), small), Err(expected), "{body}");
    }
    let cut = read(br#"["a","b","c","d"]"#, small).unwrap();
    assert_eq!((ids(&cut), cut.is_cut), (vec!["a", "b"], true));
}

#[test]
fn names_that_no_request_carries_and_doubles_are_left_out() {
    let long = "x".repeat(crate::peek::MAX_MODEL_BYTES);
    let body = format!(
        r#"[{{"id":"a"}},{{"id":"a","context_length":5}},{{"id":7}},{{"id":{{}}}},{{"id":["b"]}},{{"id":true,"name":"no"}},{{}},null,7,[],
        {{"id":"{long}"}},{{"id":"{long}x"}},{{"id":"a\nb"}},{{"id":"a\u0000"}},{{"id":"\u202ex"}},{{"id":" a"}},{{"id":"models/"}},
        {{"id":"b","active":false}},{{"id":"@cf/m\u0065ta/a b"}},{{"id":"é"}}]"#
    );
    let page = page(&body);
    assert_eq!(ids(&page), ["a", &long, "@cf/meta/a b", "é"]);
    assert_eq!((page.skipped, page.models[0].context_window), (16, None));
}

#[test]
fn how_much_fits_is_found_in_every_vendors_words() {
    for (entry, context, output) in [
        // OpenRouter: what the endpoint takes, not what the model could.
        (
            r#"{"id":"a","context_length":131072,"top_provider":{"context_length":65536,"max_completion_tokens":8192}}"#,
            Some(65_536),
            Some(8192),
        ),
        (r#"{"id":"a","context_length":131072,"top_provider":{"context_length":null}}"#, Some(131_072), None),
        // Groq.
        (
            r#"{"id":"a","active":true,"context_window":131072,"max_completion_tokens":32768}"#,
            Some(131_072),
            Some(32_768),
        ),
        // Mistral.
        (r#"{"id":"a","max_context_length":32768,"capabilities":{"vision":false}}"#, Some(32_768), None),
        // vLLM.
        (r#"{"id":"a","max_model_len":40960}"#, Some(40_960), None),
        // Gemini.
        (r#"{"name":"models/a","inputTokenLimit":1048576,"outputTokenLimit":65536}"#, Some(1_048_576), Some(65_536)),
        // Anthropic.
        (r#"{"type":"model","id":"a","max_input_tokens":200000,"max_tokens":64000}"#, Some(200_000), Some(64_000)),
        // LM Studio: loaded with less than it could.
        (
            r#"{"id":"a","type":"llm","state":"loaded","max_context_length":32768,"loaded_context_length":4096}"#,
            Some(4096),
            None,
        ),
        // llama.cpp.
        (r#"{"id":"a","meta":{"n_ctx_train":131072,"n_params":1}}"#, Some(131_072), None),
        // GitHub's, DeepInfra's.
        (r#"{"id":"a","limits":{"max_input_tokens":1000,"max_output_tokens":100}}"#, Some(1000), Some(100)),
        (r#"{"id":"a","metadata":{"context_length":2048,"max_tokens":512}}"#, Some(2048), Some(512)),
        // Hugging Face's router: whoever takes least may serve.
        (r#"{"id":"a","providers":[{"context_length":300},{"context_length":100},{}]}"#, Some(100), None),
        // Cohere writes numbers with a fraction.
        (r#"{"name":"a","context_length":132096.0}"#, Some(132_096), None),
        (r#"{"id":"a","context_length":"8192"}"#, Some(8192), None),
        // No number of tokens.
        (r#"{"id":"a","context_length":0,"context_window":-1,"max_model_len":1.5}"#, None, None),
        (r#"{"id":"a","context_length":99999999999999999999,"max_tokens":[]}"#, None, None),
    ] {
        let model = only(entry);
        assert_eq!((model.context_window, model.max_output), (context, output), "{entry}");
    }
}

#[test]
fn prices_mean_what_their_vendor_means() {
    let prices = |entry: &str| {
        let p = only(entry).prices;
        [p.input_nanos, p.output_nanos, p.cache_read_nanos, p.cache_write_nanos]
    };
    let usd = |milli: u64| Some(milli * 1_000_000);
    for (pricing, expected) in [
        // OpenRouter: texts, per token.
        (
            r#"{"prompt":"0.000003","completion":"0.000015","input_cache_read":"0.0000003","input_cache_write":"0.00000375"}"#,
            [usd(3000), usd(15_000), usd(300), usd(3750)],
        ),
        // "It depends."
        (r#"{"prompt":"-1","completion":"-1"}"#, [None; 4]),
        (r#"{"prompt":"0","completion":"0"}"#, [Some(0), Some(0), None, None]),
        // Together: numbers, per million.
        (r#"{"hourly":0,"input":0.18,"output":0.59,"cached_input":0.09}"#, [usd(180), usd(590), usd(90), None]),
        // Vercel: texts, per token.
        (
            r#"{"input":"0.00000125","output":"0.00001","input_cache_read":"0.000000125"}"#,
            [usd(1250), usd(10_000), usd(125), None],
        ),
        // A number where a text is usual.
        (r#"{"prompt":6e-7,"completion":0.0000012}"#, [usd(600), usd(1200), None, None]),
        (r#"{"prompt":{},"completion":"much"}"#, [None; 4]),
        ("[]", [None; 4]),
    ] {
        assert_eq!(prices(&format!(r#"{{"id":"a","pricing":{pricing}}}"#)), expected, "{pricing}");
    }
    let dearest =
        r#"{"id":"a","providers":[{"pricing":{"input":2,"output":6}},{"pricing":{"input":1,"output":9}},{}]}"#;
    assert_eq!(prices(dearest), [usd(2000), usd(9000), None, None]);
    let deepinfra =
        r#"{"id":"a","metadata":{"pricing":{"input_tokens":0.1,"output_tokens":0.4,"cache_read_tokens":0.05}}}"#;
    assert_eq!(prices(deepinfra), [usd(100), usd(400), usd(50), None]);
    let litellm = r#"{"id":"a","input_cost_per_token":1.5e-07,"output_cost_per_token":6e-07}"#;
    assert_eq!(prices(litellm), [usd(150), usd(600), None, None]);
}

#[test]
fn abilities_are_known_or_not_and_not_guessed() {
    let can = |entry: &str| {
        let a = only(entry).abilities;
        [a.tools, a.vision, a.reasoning, a.structured_output].map(|known| match known {
            Some(true) => 'y',
            Some(false) => 'n',
            None => '?',
        })
    };
    for (entry, expected) in [
        (r#"{"id":"a"}"#, "????"),
        (
            r#"{"id":"a","architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},
                "supported_parameters":["tools","reasoning","max_tokens"]}"#,
            "yyyn",
        ),
        (r#"{"id":"a","architecture":{"modality":"text->text"}}"#, "?n??"),
        (r#"{"id":"a","capabilities":{"completion_chat":true,"function_calling":true,"vision":false}}"#, "yn??"),
        (r#"{"id":"a","type":"vlm","capabilities":["tool_use"]}"#, "yy??"),
        (r#"{"id":"a","supports_tools":false,"supports_image_input":true}"#, "ny??"),
        (r#"{"name":"models/a","thinking":true}"#, "??y?"),
        (
            r#"{"id":"a","capabilities":{"image_input":{"supported":true},"thinking":{"supported":true,"types":{}},
                "structured_outputs":{"supported":false}}}"#,
            "?yyn",
        ),
        (
            r#"{"id":"a","providers":[{"supports_tools":false},{"supports_tools":true,"supports_structured_output":false}]}"#,
            "y??n",
        ),
        (r#"{"id":"a","type":"language","tags":["reasoning","tool-use","vision"]}"#, "yyy?"),
        (r#"{"id":"a","capabilities":7,"supported_parameters":{"tools":1}}"#, "????"),
    ] {
        assert_eq!(can(entry).iter().collect::<String>(), expected, "{entry}");
    }
    assert_eq!(only(r#"{"id":"a","type":"embeddings"}"#).output, [Modality::Embedding]);
    assert_eq!(only(r#"{"name":"a","endpoints":["embed"]}"#).output, [Modality::Embedding]);
    assert_eq!(only(r#"{"name":"a","supportedGenerationMethods":["generateContent","embedContent"]}"#).output, []);
}

#[test]
fn the_rest_is_kept_where_it_may_be_shown() {
    let long = "x".repeat(300);
    let model = only(&format!(
        r#"{{"id":"a","name":"The A","owned_by":"org","created":1700000000,"digest":"sha","display_name":"{long}"}}"#
    ));
    assert_eq!((model.display_name.as_deref(), model.owned_by.as_deref()), (None, Some("org")));
    assert_eq!((model.created_s, model.revision.as_deref()), (Some(1_700_000_000), Some("sha")));
    assert_eq!(only(r#"{"id":"a","name":"The A"}"#).display_name.as_deref(), Some("The A"));
    assert_eq!(only(r#"{"id":"a","name":"a","created":"x","owned_by":"\u001b[31m"}"#), Listed::named("a"));
}

#[test]
fn what_is_written_down_is_read_back() {
    let entry = r#"{"id":"a","name":"A","context_length":9,"pricing":{"prompt":"0.000001"},"supported_parameters":["tools"],
        "architecture":{"modality":"text+image->text"}}"#;
    for model in [only(entry), Listed::named("b")] {
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Listed>(&text).unwrap(), model, "{text}");
    }
    assert_eq!(serde_json::to_string(&Listed::named("b")).unwrap(), r#"{"id":"b"}"#);
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(read(&body, Bounds::default()));
    }

    /// Valid lists with one piece cut out, doubled or replaced.
    #[test]
    fn a_damaged_list_gives_sound_models_or_an_error(at in 0_usize..600, len in 0_usize..40, with in "[\\[\\]{}\":,a0\\\\-]{0,6}") {
        let mut body = r#"{"object":"list","data":[{"id":"a","context_length":8192,"pricing":{"prompt":"0.000001","completion":"1e-6"},
            "top_provider":{"max_completion_tokens":7},"supported_parameters":["tools"],"architecture":{"modality":"text->text"}},
            {"id":"b","capabilities":{"vision":{"supported":true}},"providers":[{"context_length":3,"pricing":{"input":1}}]},
            {"name":"models/c","inputTokenLimit":5}],"has_more":true,"last_id":"c"}"#.to_owned();
        let at = at.min(body.len());
        let end = (at + len).min(body.len());
        body.replace_range(at..end, &with);
        if let Ok(page) = read(body.as_bytes(), Bounds { bytes: 4096, models: 2 }) {
            prop_assert!(page.models.len() <= 2);
            for model in &page.models {
                prop_assert!(!model.id.is_empty() && model.id.len() <= crate::peek::MAX_MODEL_BYTES);
                prop_assert!(model.context_window.is_none_or(|tokens| tokens > 0));
            }
        }
    }
}
