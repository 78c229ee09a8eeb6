//! Names whose values are secrets.

/// How a value is read behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// A scheme and credentials: `Bearer ...`.
    Authorization,
    /// Secret to its end.
    Cookie,
}

/// The headers that hold credentials under a name that does not say so.
pub(super) fn header(name: &str) -> Option<Header> {
    if ends_with(name, "authorization") {
        Some(Header::Authorization)
    } else if ["cookie", "set-cookie"].iter().any(|header| name.eq_ignore_ascii_case(header)) {
        Some(Header::Cookie)
    } else {
        None
    }
}

/// Whether a word between the name of such a header and the credentials says how they are meant.
pub(super) fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "token", "digest", "negotiate", "ntlm", "apikey", "key", "splunk", "aws4-hmac-sha256"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Whether the value of `name` is a secret: by the last of its words, for `--password-file` names a file and
/// `max_tokens` a number.
pub(super) fn is_secret(name: &str) -> bool {
    /// At the end of a name, whatever is before.
    const ENDS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "credential",
        "signature",
    ];
    /// What makes a key a secret one when it stands before it.
    const KEYS: [&str; 12] = [
        "api",
        "access",
        "secret",
        "private",
        "auth",
        "encryption",
        "encrypt",
        "signing",
        "master",
        "account",
        "license",
        "shared",
    ];
    /// Words that end like a password.
    const PASS: [&str; 8] =
        ["bypass", "compass", "encompass", "surpass", "trespass", "overpass", "underpass", "multipass"];

    let name = name.trim_start_matches('-');
    // The shortest is `pwd`; longer ones than this are no names.
    if !(3..=80).contains(&name.len()) {
        return name.eq_ignore_ascii_case("pw");
    }
    let last = last_word(name);
    match name.as_bytes()[name.len() - 1].to_ascii_lowercase() {
        b'd' | b'e' | b't' | b'n' | b'l' if ENDS.iter().any(|end| ends_with(name, end)) => !is_negated(name),
        b'd' => ends_with(name, "pwd") && !matches!(name, "PWD" | "OLDPWD"),
        b's' => {
            ends_with(last, "pass")
                && !PASS.iter().any(|word| last.eq_ignore_ascii_case(word))
                && !is_negated(name)
        }
        b'h' => name.eq_ignore_ascii_case("_auth") || name.eq_ignore_ascii_case("masterauth"),
        b'g' => last.eq_ignore_ascii_case("sig"),
        b'y' if ends_with(name, "key") => {
            let before = name[..name.len() - 3].trim_end_matches(['-', '_', '.']);
            KEYS.iter().any(|word| ends_with(before, word))
        }
        b'w' => last.eq_ignore_ascii_case("pw"),
        _ => false,
    }
}

/// `--no-password`, `without_token`.
fn is_negated(name: &str) -> bool {
    ["no-", "no_", "without-", "without_", "skip-", "disable-"]
        .iter()
        .any(|negation| starts_with(name, negation))
}

fn last_word(name: &str) -> &str {
    name.rsplit(['-', '_', '.']).next().unwrap_or(name)
}

fn starts_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().wrapping_sub(end.len());
    text.as_bytes().get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "--password",
            "PGPASSWORD",
            "MYSQL_PWD",
            "Pwd",
            "dbPass",
            "storepass",
            "--pass",
            "GITHUB_TOKEN",
            "_authToken",
            "clientSecret",
            "api_key",
            "apikey",
            "X-Api-Key",
            "AccountKey",
            "SharedAccessKey",
            "sig",
            "aws_secret_access_key",
            "X-Amz-Signature",
            "secret",
            "passphrase",
            "_auth",
            "DB_PW",
            "pw",
            "SECRET_KEY",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_of_other_things() {
        for name in [
            "",
            "-",
            "p",
            "--password-file",
            "--password-stdin",
            "PWD",
            "OLDPWD",
            "--passive",
            "bypass",
            "compass",
            "key",
            "monkey",
            "keyboard",
            "max_tokens",
            "tokenizer",
            "--no-password",
            "author",
            "authority",
            "--token-ttl",
            "secrets",
            "design",
            "sig_alg",
            "passwords",
            "hockey",
            "auth",
            "--skip-token",
            "sshkey",
        ] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(!is_secret(&"x".repeat(1000)));
    }

    #[test]
    fn headers() {
        assert_eq!(header("Proxy-Authorization"), Some(Header::Authorization));
        assert_eq!(header("cookie"), Some(Header::Cookie));
        assert_eq!(header("Accept"), None);
    }
}
