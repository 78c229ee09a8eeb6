//! Tokens that show by their shape what they are, whatever stands around them.

use crate::CUT;

/// What a token's tail is made of.
#[derive(Clone, Copy)]
enum Tail {
    Alphanumeric,
    /// And `-`, `_`.
    UrlSafe,
    /// And `.`.
    Dotted,
}

/// Issuers' prefixes, the fewest bytes that follow, and of what kind; sorted, at least three bytes long.
#[rustfmt::skip]
const SHAPES: &[(&str, usize, Tail)] = &[
    ("AGE-SECRET-KEY-1", 30, Tail::Alphanumeric), // age
    ("AIza", 30, Tail::UrlSafe), // Google
    ("AKIA", 16, Tail::Alphanumeric), // AWS
    ("ASIA", 16, Tail::Alphanumeric), // AWS
    ("ATATT3", 40, Tail::UrlSafe), // Atlassian
    ("SG.", 40, Tail::Dotted), // SendGrid
    ("atlasv1.", 40, Tail::UrlSafe), // HashiCorp
    ("dckr_pat_", 20, Tail::UrlSafe), // Docker
    ("doo_v1_", 40, Tail::Alphanumeric),
    ("dop_v1_", 40, Tail::Alphanumeric), // DigitalOcean
    ("eyJ", 20, Tail::Dotted), // JSON Web Token
    ("gho_", 20, Tail::Alphanumeric),
    ("ghp_", 20, Tail::Alphanumeric), // GitHub
    ("ghr_", 20, Tail::Alphanumeric),
    ("ghs_", 20, Tail::Alphanumeric),
    ("ghu_", 20, Tail::Alphanumeric),
    ("github_pat_", 20, Tail::UrlSafe),
    ("gldt-", 16, Tail::Dotted),
    ("glpat-", 16, Tail::Dotted), // GitLab
    ("glptt-", 16, Tail::Dotted),
    ("glrt-", 16, Tail::Dotted),
    ("gsk_", 40, Tail::Alphanumeric), // Groq
    ("hf_", 30, Tail::Alphanumeric), // Hugging Face
    ("hvb.", 20, Tail::UrlSafe),
    ("hvr.", 20, Tail::UrlSafe),
    ("hvs.", 20, Tail::UrlSafe), // Vault
    ("npm_", 30, Tail::Alphanumeric), // npm
    ("pypi-AgE", 40, Tail::UrlSafe), // PyPI
    ("rk_live_", 10, Tail::Alphanumeric), // Stripe
    ("rk_test_", 10, Tail::Alphanumeric),
    ("rubygems_", 40, Tail::Alphanumeric), // RubyGems
    ("shpat_", 30, Tail::Alphanumeric), // Shopify
    ("shpss_", 30, Tail::Alphanumeric),
    ("sk-", 32, Tail::UrlSafe), // OpenAI, Anthropic
    ("sk_live_", 10, Tail::Alphanumeric), // Stripe
    ("sk_test_", 10, Tail::Alphanumeric),
    ("tskey-", 16, Tail::UrlSafe), // Tailscale
    ("whsec_", 10, Tail::Alphanumeric), // Stripe
    ("xapp-", 10, Tail::UrlSafe), // Slack
    ("xoxa-", 10, Tail::UrlSafe),
    ("xoxb-", 10, Tail::UrlSafe), // Slack
    ("xoxo-", 10, Tail::UrlSafe),
    ("xoxp-", 10, Tail::UrlSafe),
    ("xoxr-", 10, Tail::UrlSafe),
    ("xoxs-", 10, Tail::UrlSafe),
    ("ya29.", 20, Tail::Dotted),
];

/// How many bytes of a prefix are compared at once.
const HEAD: usize = 3;

/// By first byte, the range of shapes that begin with it: nearly every word has none.
const BY_FIRST: [(u8, u8); 256] = {
    let mut ranges = [(0, 0); 256];
    let mut index = 0;
    while index < SHAPES.len() {
        let range = &mut ranges[SHAPES[index].0.as_bytes()[0] as usize];
        if range.1 == 0 {
            range.0 = index as u8;
        }
        range.1 = index as u8 + 1;
        index += 1;
    }
    ranges
};

/// The length of the token that `text` begins with. One that was cut may be shorter than its like.
pub(super) fn token(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let head = bytes.first_chunk::<HEAD>()?;
    let (start, end) = BY_FIRST[usize::from(head[0])];
    SHAPES[usize::from(start)..usize::from(end)]
        .iter()
        .filter(|(prefix, ..)| prefix.as_bytes().starts_with(head) && text.starts_with(prefix))
        .find_map(|&(prefix, fewest, tail)| {
            let tail_of = &bytes[prefix.len()..];
            let length = tail_of.iter().take_while(|&&byte| tail.has(byte)).count();
            let cut = text[prefix.len() + length..].chars().eq([CUT]);
            let whole = length >= fewest || cut;
            // A name in lower case alone (`sk-learn-something`) is not one that was drawn at random.
            let random =
                tail_of[..length].iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
            let dotted = prefix != "eyJ" || cut || tail_of[..length].contains(&b'.');
            (whole && random && dotted).then_some(prefix.len() + length)
        })
}

/// Paths of URLs that are secrets as a whole: posting to them is all that they are for.
pub(super) const HOOKS: [&str; 4] = [
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "api.telegram.org/bot",
];

impl Tail {
    fn has(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || match self {
                Self::Alphanumeric => false,
                Self::UrlSafe => matches!(byte, b'-' | b'_'),
                Self::Dotted => matches!(byte, b'-' | b'_' | b'.'),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_prefixes_are_long_enough() {
        assert!(SHAPES.is_sorted_by_key(|shape| shape.0));
        assert!(SHAPES.iter().all(|(prefix, ..)| prefix.len() >= HEAD));
    }

    #[test]
    fn every_prefix_makes_a_token_and_none_without_its_tail() {
        for &(prefix, fewest, _) in SHAPES {
            let tail = if prefix == "eyJ" { "A1b2.".repeat(20) } else { "A1b2".repeat(20) };
            let text = format!("{prefix}{tail} rest");
            assert_eq!(token(&text), Some(prefix.len() + tail.len()), "{prefix}");
            assert_eq!(token(&format!("{prefix}{}", &tail[..fewest - 1])), None, "{prefix}");
        }
        assert_eq!(token("sk-learn-contrib-something-very-long-name"), None);
        assert_eq!(token("gh"), None);
    }
}
