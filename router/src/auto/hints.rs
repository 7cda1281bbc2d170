//! What texts tell of themselves: whether they are code, in which writing they are, whether something hard is asked.

/// A writing, which tells more surely than a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English and its like.
    Latin,
    /// Chinese, and Japanese in part.
    Han,
    /// Japanese.
    Kana,
    /// Korean.
    Hangul,
    /// Russian and its like.
    Cyrillic,
    /// Greek.
    Greek,
    /// Arabic, Persian, Urdu.
    Arabic,
    /// Hebrew.
    Hebrew,
    /// Hindi and its like.
    Devanagari,
    /// Thai.
    Thai,
}

impl Language {
    const ALL: [Self; 10] = [
        Self::Latin,
        Self::Han,
        Self::Kana,
        Self::Hangul,
        Self::Cyrillic,
        Self::Greek,
        Self::Arabic,
        Self::Hebrew,
        Self::Devanagari,
        Self::Thai,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latin => "latin",
            Self::Han => "han",
            Self::Kana => "kana",
            Self::Hangul => "hangul",
            Self::Cyrillic => "cyrillic",
            Self::Greek => "greek",
            Self::Arabic => "arabic",
            Self::Hebrew => "hebrew",
            Self::Devanagari => "devanagari",
            Self::Thai => "thai",
        }
    }

    const fn of(c: char) -> Option<Self> {
        Some(match c {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Self::Latin,
            '\u{370}'..='\u{3ff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            '\u{590}'..='\u{5ff}' => Self::Hebrew,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => Self::Arabic,
            '\u{900}'..='\u{97f}' => Self::Devanagari,
            '\u{e00}'..='\u{e7f}' => Self::Thai,
            '\u{3040}'..='\u{30ff}' => Self::Kana,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Self::Han,
            '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => Self::Hangul,
            _ => return None,
        })
    }
}

/// The writings of which at least a twentieth of `text` is, the most used first.
pub(super) fn languages(text: &str) -> Vec<Language> {
    let mut counts = Language::ALL.map(|language| (0_usize, language));
    for language in text.chars().filter_map(Language::of) {
        if let Some((count, _)) = counts.get_mut(language as usize) {
            *count += 1;
        }
    }
    let all: usize = counts.iter().map(|(count, _)| count).sum();
    let mut used: Vec<(usize, Language)> = counts.into_iter().filter(|(n, _)| *n > 0 && n * 20 >= all).collect();
    used.sort_by_key(|(count, language)| (std::cmp::Reverse(*count), *language));
    used.into_iter().map(|(_, language)| language).collect()
}

/// How lines of code begin, in many languages.
const BEGINNINGS: [&str; 34] = [
    "fn ",
    "pub ",
    "def ",
    "class ",
    "import ",
    "from ",
    "use ",
    "#include",
    "return ",
    "if (",
    "for (",
    "while (",
    "let ",
    "const ",
    "var ",
    "func ",
    "function ",
    "public ",
    "private ",
    "static ",
    "struct ",
    "enum ",
    "impl ",
    "package ",
    "@@ ",
    "+++ ",
    "--- ",
    "diff --git",
    "SELECT ",
    "INSERT ",
    "CREATE TABLE",
    "#!/",
    "Traceback",
    "  File \"",
];

/// The share of lines that look like code, in thousandths. Whatever stands between fences counts as code.
pub(super) fn code_permille(text: &str) -> u32 {
    let (mut lines, mut code, mut is_fenced) = (0_u32, 0_u32, false);
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        if bare.is_empty() {
            continue;
        }
        lines += 1;
        let begins = || BEGINNINGS.iter().any(|lead| line.starts_with(lead) || bare.starts_with(lead));
        let ends = || bare.ends_with([';', '{', '}', '\\']) || bare.ends_with("):") || bare.ends_with("=>");
        let has = || ["();", "->", "::", "==", "&&", "</", "/>", " := "].iter().any(|mark| bare.contains(mark));
        code += u32::from(is_fenced || ends() || has() || (begins() && !bare.ends_with(['.', '?', '!'])));
    }
    (code * 1_000).checked_div(lines).unwrap_or(0)
}

/// Words that stand for much thought, in small letters: English, German, French, Spanish, Russian, Chinese, Japanese.
const HARD: [&str; 66] = [
    "prove",
    "proof",
    "derive",
    "theorem",
    "architect",
    "refactor",
    "deadlock",
    "race condition",
    "concurren",
    "security",
    "vulnerab",
    "threat model",
    "optimi",
    "root cause",
    "migrat",
    "trade-off",
    "tradeoff",
    "step by step",
    "design a",
    "plan ",
    "debug",
    "memory leak",
    "algorithm",
    "complexity",
    "formal",
    "distributed",
    "consensus",
    "backward compat",
    "legal",
    "contract",
    "diagnos",
    "multi-step",
    "edge case",
    "from scratch",
    "in depth",
    "thorough",
    "analy",
    "beweis",
    "architektur",
    "sicherheit",
    "nebenläufig",
    "optimier",
    "entwirf",
    "gründlich",
    "fehlersuche",
    "démontr",
    "concevoir",
    "conception",
    "sécurité",
    "approfondi",
    "demuestra",
    "arquitectura",
    "seguridad",
    "докажи",
    "архитектур",
    "безопасност",
    "оптимиз",
    "证明",
    "推导",
    "架构",
    "重构",
    "优化",
    "安全",
    "証明",
    "設計",
    "最適化",
];

/// Words that stand for little.
const EASY: [&str; 33] = [
    "translate",
    "rephrase",
    "reword",
    "rewrite",
    "proofread",
    "spelling",
    "typo",
    "grammar",
    "rename",
    "summarize",
    "summarise",
    "tl;dr",
    "one sentence",
    "short answer",
    "briefly",
    "hello",
    "thank",
    "what is the capital",
    "übersetz",
    "formuliere",
    "rechtschreib",
    "fasse zusammen",
    "traduis",
    "traduire",
    "reformule",
    "résume",
    "traduce",
    "resume ",
    "переведи",
    "翻译",
    "润色",
    "総括",
    "翻訳",
];

/// How many different words for hard and for easy work stand in `text`.
pub(super) fn words(text: &str) -> (usize, usize) {
    let small = text.to_lowercase();
    let found = |words: &[&str]| words.iter().filter(|word| stands_in(&small, word)).count();
    (found(&HARD), found(&EASY))
}

/// Whether `word` stands in `text` at the beginning of one of its words; anywhere, where words are not set apart.
fn stands_in(text: &str, word: &str) -> bool {
    let is_set_apart =
        word.chars().next().and_then(Language::of).is_some_and(|l| l != Language::Han && l != Language::Kana);
    text.match_indices(word).any(|(at, _)| {
        !is_set_apart
            || !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(char::is_alphanumeric)
    })
}

/// How many points of a list `text` makes.
pub(super) fn points(text: &str) -> usize {
    let is_point = |line: &&str| {
        let bare = line.trim_start();
        let digits = bare.len() - bare.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = bare.get(digits..).unwrap_or_default();
        bare.starts_with("- ")
            || bare.starts_with("* ")
            || bare.starts_with("• ")
            || ((1..=2).contains(&digits) && (after.starts_with(". ") || after.starts_with(") ")))
    };
    text.lines().filter(is_point).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_talk() {
        assert_eq!(code_permille("fn main() {\n    println!(\"hi\");\n}\n"), 1_000);
        assert_eq!(code_permille("def f(x):\n    return x == 1\n"), 1_000);
        assert!(code_permille("Please look at this.\n```\nsome words\n```\nThanks!") < 400);
        assert_eq!(code_permille("Import taxes rose.\nFor what it is worth, they use a class of words.\n"), 0);
        assert_eq!(code_permille(""), 0);
    }

    #[test]
    fn writings_are_told_by_their_share() {
        assert_eq!(languages("Hello there"), [Language::Latin]);
        assert_eq!(languages("你好，世界 ok"), [Language::Han, Language::Latin]);
        assert_eq!(languages("これはテストです漢字"), [Language::Kana, Language::Han]);
        assert_eq!(languages("Привет"), [Language::Cyrillic]);
        assert_eq!(languages("123 !?"), []);
    }

    #[test]
    fn words_count_at_their_beginning_only() {
        assert_eq!(words("Prove the theorem"), (2, 0));
        assert_eq!(words("I approve of it; improve"), (0, 0));
        assert_eq!(words("请证明这个定理"), (1, 0));
        assert_eq!(words("Translate this typo"), (0, 2));
        assert_eq!(points("Do:\n- a\n- b\n1. c\n12) d\n2026. no\nx"), 4);
    }
}
