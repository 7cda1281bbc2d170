//! A request, decoded as far as the scripts look: names and switches read, the rest kept as raw JSON.
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::script::{Script, Unknown};
use crate::{Settings, schema};

type Raw<'a> = Option<&'a RawValue>;

/// The fields of all protocols in one; what a protocol does not have stays empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Wire<'a> {
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    pub(crate) messages: Raw<'a>,
    #[serde(borrow)]
    pub(crate) input: Raw<'a>,
    #[serde(borrow)]
    pub(crate) prompt: Raw<'a>,
    #[serde(borrow)]
    pub(crate) tools: Raw<'a>,
    #[serde(borrow)]
    pub(crate) tool_choice: Raw<'a>,
    pub(crate) parallel_tool_calls: Option<bool>,
    #[serde(borrow)]
    response_format: Raw<'a>,
    #[serde(borrow)]
    pub(crate) text: Raw<'a>,
    #[serde(borrow)]
    output_config: Raw<'a>,
    #[serde(borrow)]
    pub(crate) instructions: Raw<'a>,
    #[serde(borrow)]
    pub(crate) max_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) max_output_tokens: Raw<'a>,
    #[serde(borrow)]
    pub(crate) metadata: Raw<'a>,
    #[serde(borrow)]
    pub(crate) prompt_cache_key: Raw<'a>,
    #[serde(borrow)]
    pub(crate) reasoning: Raw<'a>,
    #[serde(borrow)]
    pub(crate) temperature: Raw<'a>,
    #[serde(borrow)]
    pub(crate) top_p: Raw<'a>,
    #[serde(borrow)]
    pub(crate) documents: Raw<'a>,
    include: Option<Vec<String>>,
    pub(crate) store: Option<bool>,
    pub(crate) previous_response_id: Option<String>,
    pub(crate) dimensions: Option<usize>,
    pub(crate) encoding_format: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// The field that chooses the script, read before the others.
#[derive(Debug, Deserialize)]
struct Named {
    model: Option<String>,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            return Problem::bad_request(format!("Invalid request: {error}."));
        }
        Problem::bad_request(format!("The body of your request is not valid JSON: {error}."))
    })
}

/// One request for an answer, and the script that answers it.
pub(crate) struct Ask<'a> {
    pub(crate) wire: Wire<'a>,
    pub(crate) body: &'a [u8],
    pub(crate) model: String,
    pub(crate) script: Script,
    /// Differs from request to request; ids in the answer are made from it.
    pub(crate) id: u64,
    /// Seconds since 1970.
    pub(crate) created_s: i64,
}

impl<'a> Ask<'a> {
    /// Reads a request body and chooses the script.
    ///
    /// `check` sees the script before the rest of the body is read: what the provider would refuse, it refuses.
    pub(crate) fn read(
        body: &'a [u8],
        settings: &Settings,
        id: u64,
        created_s: i64,
        check: impl FnOnce(&Script) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        let Named { model } = decode(body)?;
        let Some(model) = model.filter(|model| !model.is_empty()) else {
            return Err(Problem::bad_request("you must provide a model parameter").with_param("model"));
        };
        let script = Script::choose(&model, settings).map_err(|unknown| match unknown {
            Unknown::Model => Problem::model_not_found(&model),
            Unknown::Option(option) => Problem::bad_request(format!(
                "Unknown script option `{option}`: use chunks, interval_ms, first_ms, piece, seconds, ids, strictsig, reasoning or cached, each with =number."
            ))
            .with_param("model")
            .with_code("unknown_script_option"),
        })?;
        check(&script)?;
        Ok(Self { wire: decode(body)?, body, model, script, id, created_s })
    }

    pub(crate) fn streams(&self) -> bool {
        self.wire.stream.unwrap_or(false)
    }

    pub(crate) fn includes_usage(&self) -> bool {
        self.wire.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// Whether the client wants this in the answer too.
    pub(crate) fn includes(&self, what: &str) -> bool {
        self.wire.include.iter().flatten().any(|wished| wished == what)
    }

    /// The JSON the client asked the answer to be, made from the schema it gave; none for plain text.
    pub(crate) fn structured_text(&self) -> Option<String> {
        let parsed = |raw: Raw<'_>| raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        let chat = parsed(self.wire.response_format);
        let responses = parsed(self.wire.text).and_then(|mut text| text.get_mut("format").map(Value::take));
        let anthropic =
            parsed(self.wire.output_config).and_then(|mut config| config.get_mut("format").map(Value::take));
        let format = chat.or(responses).or(anthropic)?;
        match format.get("type")?.as_str()? {
            // Cohere's has a schema, under either name.
            "json_object" => Some(match format.get("json_schema").or_else(|| format.get("schema")) {
                Some(schema) => schema::instance(schema).to_string(),
                None => r#"{"answer":"lorem"}"#.to_owned(),
            }),
            "json_schema" => {
                let schema = format.get("schema").or_else(|| format.get("json_schema")?.get("schema"))?;
                Some(schema::instance(schema).to_string())
            }
            _ => None,
        }
    }
}

/// 400 unless a required field is there.
pub(crate) fn require(field: Raw<'_>, name: &'static str) -> Result<(), Problem> {
    if field.is_some() {
        return Ok(());
    }
    let message = format!("Missing required parameter: '{name}'.");
    Err(Problem::bad_request(message).with_param(name).with_code("missing_required_parameter"))
}
