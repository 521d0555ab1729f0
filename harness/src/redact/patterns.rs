//! Texts that are shaped like secrets: logs, outputs of programs, messages.

use std::{borrow::Cow, sync::OnceLock};

use meshproof_reports::Redaction;
use regex::{Captures, Regex};

/// A pattern; what is left of a match besides the mark are its groups `before` and `after`.
struct Rule {
    pattern: Regex,
    kind: Redaction,
}

/// What a field, flag or variable is called that holds a credential, at its end: `DB_PASSWORD`, `client-key-data`.
const CREDENTIAL: &str = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|client[_-]?key[_-]?data|credentials?|dockerconfigjson|dockercfg|(?:proxy-)?authorization|(?:set-)?cookie)";

/// In this order: a rule that takes more comes before one that would take a part of it.
fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| {
        let rule = |kind, pattern: &str| Rule { pattern: Regex::new(pattern).expect("the pattern is right"), kind };
        let credential = |pattern: &str| rule(Redaction::Credential, &pattern.replace("CREDENTIAL", CREDENTIAL));
        vec![
            // A key that was cut off at either end is one too.
            rule(
                Redaction::PrivateKey,
                r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
            ),
            rule(Redaction::PrivateKey, r"[A-Za-z0-9+/=\s\\]*-----END [A-Z0-9 ]*PRIVATE KEY-----"),
            rule(
                Redaction::Annotation,
                r#"(?P<before>last-applied-configuration["']?\s*[:=]\s*(?:[|>][+-]?\s*\n\s*)?)\S[^\n]*"#,
            ),
            // `"token": "…"`, and the same inside a JSON that is a string itself; also where its end was cut off.
            credential(r#"(?i)(?P<before>"[\w./-]*CREDENTIAL"\s*:\s*")(?:[^"\\]|\\.)*(?P<after>"|\z)"#),
            credential(r#"(?i)(?P<before>\\"[\w./-]*CREDENTIAL\\"\s*:\s*\\")[^"\\]*(?P<after>\\"|\z)"#),
            // `token: …` at the beginning of a line, as YAML and headers are written; in the middle of one, it is prose.
            credential(r#"(?im)^(?P<before>[ \t]*(?:[<>][ \t]*|-[ \t]+)?['"]?[\w./-]*CREDENTIAL['"]?[ \t]*:[ \t]+)[^\s{\[|>][^\n]*"#),
            credential(r"(?im)^(?P<before>[ \t]*(?:-[ \t]+)?[\w./-]*CREDENTIAL:[ \t]*[|>][+-]?[ \t]*\n)(?:[ \t]+[^\n]*\n?)+"),
            // `--token=…`, `?token=…`, `TOKEN=…`, `--token …`.
            credential(r#"(?i)(?P<before>\b[\w.-]*CREDENTIAL=)(?:"[^"\n]*"|'[^'\n]*'|[^\s&;,"']+)"#),
            credential(r"(?i)(?P<before>--[\w-]*CREDENTIAL[ \t]+)[^\s-]\S*"),
            credential(r#"(?i)(?P<before>\b(?:proxy-)?authorization['"]?[ \t]*[:=][ \t]*['"]?)[^\s'",;][^'"\n,;]*"#),
            rule(Redaction::Jwt, r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"),
            rule(
                Redaction::UrlPassword,
                r#"(?i)(?P<before>\b[a-z][a-z0-9+.-]*://)[^\s/"'<>@]+(?:@[^\s/"'<>@]+)*(?P<after>@)"#,
            ),
        ]
    })
}

/// The text without what the rules find. What is left of one match may be a match of its own, so they are tried until nothing
/// is found.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = Cow::Borrowed(text);
    for _ in 0..MOST {
        let Cow::Owned(next) = once(&redacted) else { break };
        redacted = Cow::Owned(next);
    }
    redacted
}

/// A text that goes on to be found is not worth more.
const MOST: usize = 8;

fn once(text: &str) -> Cow<'_, str> {
    let mut redacted = Cow::Borrowed(text);
    if mentions_secrets(text) {
        redacted = Cow::Owned(documents(text));
    }
    for Rule { pattern, kind } in rules() {
        if pattern.is_match(&redacted) {
            let replaced = pattern.replace_all(&redacted, |found: &Captures<'_>| keep(found, *kind)).into_owned();
            redacted = Cow::Owned(replaced);
        }
    }
    if bearer().is_match(&redacted) {
        redacted = Cow::Owned(bearer().replace_all(&redacted, token).into_owned());
    }
    if redacted == text { Cow::Borrowed(text) } else { redacted }
}

fn keep(found: &Captures<'_>, kind: Redaction) -> String {
    let group = |name| found.name(name).map_or("", |group| group.as_str());
    let (before, after) = (group("before"), group("after"));
    let value = &found[0][before.len()..found[0].len() - after.len()];
    // `automountServiceAccountToken: false`
    let says_nothing = ["", "true", "false", "null", "~"].contains(&value.trim().trim_matches(['"', '\'']));
    if kind == Redaction::Credential && says_nothing {
        return found[0].to_owned();
    }
    format!("{before}{}{after}", kind.mark())
}

fn bearer() -> &'static Regex {
    static BEARER: OnceLock<Regex> = OnceLock::new();
    BEARER.get_or_init(|| Regex::new(r"(?i)\b(bearer)[ \t]+([A-Za-z0-9._~+/=-]{6,})").expect("the pattern is right"))
}

/// `Bearer …`, but for what people write of it.
fn token(found: &Captures<'_>) -> String {
    let prose = ["authentication", "authorization", "credential", "credentials", "scheme", "tokens"];
    match prose.contains(&found[2].to_lowercase().trim_end_matches('.')) {
        true => found[0].to_owned(),
        false => format!("{} {}", &found[1], Redaction::BearerToken.mark()),
    }
}

fn mentions_secrets(text: &str) -> bool {
    static KIND: OnceLock<Regex> = OnceLock::new();
    let kind =
        KIND.get_or_init(|| Regex::new(r#"\bkind\\?"?\s*:\s*\\?"?Secret(?:List)?\b"#).expect("the pattern is right"));
    kind.is_match(text)
}

/// Secrets as kubectl writes them, in YAML or JSON, whole or cut off: whatever stands beneath `data` and `stringData`.
fn documents(text: &str) -> String {
    static JSON: OnceLock<Regex> = OnceLock::new();
    let json = JSON.get_or_init(|| {
        Regex::new(r#"(?s)(?P<before>\\?"(?:data|stringData)\\?"\s*:\s*)\{.*?(?:\}|\z)"#).expect("the pattern is right")
    });
    let text = json.replace_all(text, |found: &Captures<'_>| keep(found, Redaction::SecretData));
    let mut lines = Vec::new();
    let mut beneath: Option<usize> = None;
    for line in text.split('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        match beneath {
            Some(above) if line.trim().is_empty() || indent > above => continue,
            _ => beneath = None,
        }
        let field = line.trim_start_matches([' ', '-']).trim_end();
        if field == "data:" || field == "stringData:" {
            beneath = Some(indent);
            lines.push(format!("{} {}", line.trim_end(), Redaction::SecretData.mark()));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}
