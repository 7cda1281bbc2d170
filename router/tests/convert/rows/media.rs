//! Rows 5 to 12: images, documents, sound and films.

use serde_json::json;
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire::user;
use super::{Cell, Row, exact, lossy, native, refused};

fn chat_image(protocol: Protocol, url: &str, detail: Option<&str>) -> serde_json::Value {
    let mut image = json!({"url": url});
    if let Some(detail) = detail {
        image["detail"] = detail.into();
    }
    user(protocol, &json!([{"type": "image_url", "image_url": image}]))
}

const PNG: &str = "data:image/png;base64,aGk=";
const PDF: &str = "data:application/pdf;base64,aGk=";
const FAR: &str = "https://e.example/a.png";

fn file_url(to: Protocol) -> Cell {
    refused(to, Field::FileId).note("The file lies with another provider, which would not give it out.")
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(5, "an image in the request")
            .ask(OpenAi, chat_image(OpenAi, PNG, None))
            .ask(Responses, user(Responses, &json!([{"type": "input_image", "image_url": PNG}])))
            .ask(Anthropic, user(Anthropic, &json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}])))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}])))
            .ask(Cohere, chat_image(Cohere, PNG, None))
            .at(exact(OpenAi).has("/messages/0/content/0/image_url/url", PNG))
            .at(exact(Responses).has("/input/0/content/0/image_url", PNG))
            .at(exact(Anthropic).has("/messages/0/content/0/source", json!({"type": "base64", "media_type": "image/png", "data": "aGk="})))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData", json!({"mimeType": "image/png", "data": "aGk="})))
            .at(exact(Cohere).has("/messages/0/content/0/image_url/url", PNG)),
        Row::new(5, "an image in a rarer format (TIFF)")
            .ask(OpenAi, chat_image(OpenAi, "data:image/tiff;base64,aGk=", None))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "image/tiff", "data": "aGk="}}])))
            .at(exact(OpenAi).has("/messages/0/content/0/image_url/url", "data:image/tiff;base64,aGk="))
            .at(exact(Responses).has("/input/0/content/0/image_url", "data:image/tiff;base64,aGk="))
            .at(refused(Anthropic, Field::Image).note("Only JPEG, PNG, GIF and WebP are taken; the gateway does not redraw images."))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData/mimeType", "image/tiff"))
            .at(exact(Cohere).has("/messages/0/content/0/image_url/url", "data:image/tiff;base64,aGk=")),
        Row::new(6, "an image by address")
            .ask(OpenAi, chat_image(OpenAi, FAR, None))
            .ask(Responses, user(Responses, &json!([{"type": "input_image", "image_url": FAR}])))
            .ask(Anthropic, user(Anthropic, &json!([{"type": "image", "source": {"type": "url", "url": FAR}}])))
            .ask(Cohere, chat_image(Cohere, FAR, None))
            .at(exact(OpenAi).has("/messages/0/content/0/image_url/url", FAR))
            .at(exact(Responses).has("/input/0/content/0/image_url", FAR))
            .at(exact(Anthropic).has("/messages/0/content/0/source", json!({"type": "url", "url": FAR})))
            .at(refused(Gemini, Field::ImageUrl).note("Google fetches no addresses, and the gateway never fetches what a request names: it would reach into your network."))
            .at(exact(Cohere).has("/messages/0/content/0/image_url/url", FAR)),
        Row::new(7, "an image kept by the provider (`file_id`)")
            .ask(Responses, user(Responses, &json!([{"type": "input_image", "file_id": "file-1"}])))
            .ask(Anthropic, user(Anthropic, &json!([{"type": "image", "source": {"type": "file", "file_id": "file_1"}}])))
            .ask(Gemini, user(Gemini, &json!([{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1", "mimeType": "image/png"}}])))
            .elsewhere(file_url),
        Row::new(7, "a document kept by the provider")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "file", "file": {"file_id": "file-1"}}])))
            .ask(Responses, user(Responses, &json!([{"type": "input_file", "file_id": "file-1"}])))
            .at(exact(OpenAi).has("/messages/0/content/0/file/file_id", "file-1").note("The same vendor keeps the files of both protocols."))
            .at(exact(Responses).has("/input/0/content/0/file_id", "file-1").note("The same vendor keeps the files of both protocols."))
            .at(refused(Cohere, Field::Document))
            .elsewhere(file_url),
        Row::new(8, "how closely to look at an image (`detail`)")
            .ask(OpenAi, chat_image(OpenAi, PNG, Some("high")))
            .ask(Responses, user(Responses, &json!([{"type": "input_image", "image_url": PNG, "detail": "high"}])))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}])))
            .ask(Cohere, chat_image(Cohere, PNG, Some("high")))
            .at(exact(OpenAi).has("/messages/0/content/0/image_url/detail", "high"))
            .at(exact(Responses).has("/input/0/content/0/detail", "high"))
            .at(lossy(Anthropic, Field::ImageDetail).lacks("/messages/0/content/0/detail"))
            .at(lossy(Gemini, Field::ImageDetail).note("Left out: not every Gemini model takes it."))
            .at(exact(Cohere).has("/messages/0/content/0/image_url/detail", "high")),
        Row::new(9, "a PDF in the request")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}])))
            .ask(Responses, user(Responses, &json!([{"type": "input_file", "file_data": PDF, "filename": "a.pdf"}])))
            .ask(Anthropic, user(Anthropic, &json!([{"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}])))
            .at(exact(OpenAi).has("/messages/0/content/0/file", json!({"file_data": PDF, "filename": "a.pdf"})))
            .at(exact(Responses).has("/input/0/content/0/file_data", PDF).has("/input/0/content/0/filename", "a.pdf"))
            .at(exact(Anthropic).has("/messages/0/content/0/source/data", "aGk=").has("/messages/0/content/0/title", "a.pdf"))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData", json!({"mimeType": "application/pdf", "data": "aGk="})))
            .at(refused(Cohere, Field::Document)),
        Row::new(9, "a document that is plain text")
            .ask(Anthropic, user(Anthropic, &json!([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "long"}}])))
            .at(exact(OpenAi).has("/messages/0/content", "long").note("It stands in the message as text."))
            .at(exact(Responses).has("/input/0/content/0", json!({"type": "input_text", "text": "long"})).note("It stands in the message as text."))
            .at(native(Anthropic))
            .at(exact(Gemini).has("/contents/0/parts/0/text", "long").note("It stands in the message as text."))
            .at(exact(Cohere).has("/messages/0/content", "long").note("It stands in the message as text.")),
        Row::new(9, "a text file as base64")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "file", "file": {"file_data": "data:text/plain;base64,bG9uZw==", "filename": "a.txt"}}])))
            .ask(Responses, user(Responses, &json!([{"type": "input_file", "file_data": "data:text/plain;base64,bG9uZw==", "filename": "a.txt"}])))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "text/plain", "data": "bG9uZw"}}])))
            .at(exact(OpenAi).has("/messages/0/content/0/file/file_data", "data:text/plain;base64,bG9uZw=="))
            .at(exact(Responses).has("/input/0/content/0/file_data", "data:text/plain;base64,bG9uZw=="))
            .at(exact(Anthropic).has("/messages/0/content/0/source", json!({"type": "text", "media_type": "text/plain", "data": "long"})))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData", json!({"mimeType": "text/plain", "data": "bG9uZw=="})))
            .at(exact(Cohere).has("/messages/0/content", "long").note("It stands in the message as text.")),
        Row::new(10, "a document by address")
            .ask(Responses, user(Responses, &json!([{"type": "input_file", "file_url": "https://e.example/a.pdf"}])))
            .ask(Anthropic, user(Anthropic, &json!([{"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}}])))
            .at(refused(OpenAi, Field::DocumentUrl))
            .at(exact(Responses).has("/input/0/content/0/file_url", "https://e.example/a.pdf"))
            .at(exact(Anthropic).has("/messages/0/content/0/source", json!({"type": "url", "url": "https://e.example/a.pdf"})))
            .elsewhere(|to| refused(to, Field::DocumentUrl)),
        Row::new(11, "sound in the prompt")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}])))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}])))
            .at(exact(OpenAi).has("/messages/0/content/0/input_audio", json!({"data": "aGk=", "format": "wav"})))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData", json!({"mimeType": "audio/wav", "data": "aGk="})))
            .elsewhere(|to| refused(to, Field::Audio)),
        Row::new(11, "sound in a rarer format (FLAC)")
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "audio/flac", "data": "aGk="}}])))
            .at(native(Gemini))
            .at(refused(OpenAi, Field::Audio).note("WAV and MP3 are taken."))
            .elsewhere(|to| refused(to, Field::Audio)),
        Row::new(12, "a film in the prompt")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}}])))
            .ask(Gemini, user(Gemini, &json!([{"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}])))
            .at(exact(Gemini).has("/contents/0/parts/0/inlineData", json!({"mimeType": "video/mp4", "data": "aGk="})))
            .elsewhere(|to| refused(to, Field::Video)),
        Row::new(12, "a film by address")
            .ask(OpenAi, user(OpenAi, &json!([{"type": "video_url", "video_url": {"url": "https://e.example/a.mp4"}}])))
            .at(native(OpenAi))
            .elsewhere(|to| refused(to, Field::Video)),
    ]
}
