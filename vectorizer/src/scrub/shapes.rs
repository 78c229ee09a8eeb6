//! Tokens that show by their shape what they are, whatever stands around them.

/// What a token's tail is made of.
#[derive(Clone, Copy)]
enum Tail {
    Alphanumeric,
    /// And `-`, `_`.
    UrlSafe,
    /// And `.`.
    Dotted,
}

/// Issuers' prefixes, the fewest bytes that follow, and of what kind.
#[rustfmt::skip]
const SHAPES: &[(&str, usize, Tail)] = &[
    ("AKIA", 16, Tail::Alphanumeric), ("ASIA", 16, Tail::Alphanumeric), // AWS
    ("AIza", 30, Tail::UrlSafe), ("ya29.", 20, Tail::Dotted), // Google
    ("AGE-SECRET-KEY-1", 30, Tail::Alphanumeric),
    ("ATATT3", 40, Tail::UrlSafe), // Atlassian
    ("SG.", 40, Tail::Dotted), // SendGrid
    ("atlasv1.", 40, Tail::UrlSafe),
    ("dckr_pat_", 20, Tail::UrlSafe), ("dop_v1_", 40, Tail::Alphanumeric), ("doo_v1_", 40, Tail::Alphanumeric),
    ("eyJ", 20, Tail::Dotted), // JSON Web Token
    ("ghp_", 20, Tail::Alphanumeric), ("gho_", 20, Tail::Alphanumeric), ("ghu_", 20, Tail::Alphanumeric),
    ("ghs_", 20, Tail::Alphanumeric), ("ghr_", 20, Tail::Alphanumeric), ("github_pat_", 20, Tail::UrlSafe),
    ("glpat-", 16, Tail::Dotted), ("glrt-", 16, Tail::Dotted), ("gldt-", 16, Tail::Dotted), ("glptt-", 16, Tail::Dotted),
    ("gsk_", 40, Tail::Alphanumeric),
    ("hf_", 30, Tail::Alphanumeric),
    ("hvs.", 20, Tail::UrlSafe), ("hvb.", 20, Tail::UrlSafe), ("hvr.", 20, Tail::UrlSafe), // Vault
    ("npm_", 30, Tail::Alphanumeric),
    ("pypi-AgE", 40, Tail::UrlSafe),
    ("rk_live_", 10, Tail::Alphanumeric), ("rk_test_", 10, Tail::Alphanumeric), // Stripe
    ("rubygems_", 40, Tail::Alphanumeric),
    ("shpat_", 30, Tail::Alphanumeric), ("shpss_", 30, Tail::Alphanumeric), // Shopify
    ("sk_live_", 10, Tail::Alphanumeric), ("sk_test_", 10, Tail::Alphanumeric),
    ("sk-", 32, Tail::UrlSafe), // OpenAI, Anthropic
    ("tskey-", 16, Tail::UrlSafe), // Tailscale
    ("whsec_", 10, Tail::Alphanumeric),
    ("xoxb-", 10, Tail::UrlSafe), ("xoxp-", 10, Tail::UrlSafe), ("xoxa-", 10, Tail::UrlSafe), ("xoxo-", 10, Tail::UrlSafe),
    ("xoxr-", 10, Tail::UrlSafe), ("xoxs-", 10, Tail::UrlSafe), ("xapp-", 10, Tail::UrlSafe), // Slack
];

/// Whether a token may begin with a byte: spares most words the table.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut index = 0;
    while index < SHAPES.len() {
        first[SHAPES[index].0.as_bytes()[0] as usize] = true;
        index += 1;
    }
    first
};

/// The length of the token that `text` begins with. `cut` says that more of it may have followed.
pub(super) fn token(text: &str, cut: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    if !FIRST[usize::from(*bytes.first()?)] {
        return None;
    }
    SHAPES.iter().filter(|(prefix, ..)| text.starts_with(prefix)).find_map(|&(prefix, fewest, tail)| {
        let tail_of = &bytes[prefix.len()..];
        let length = tail_of.iter().take_while(|&&byte| tail.has(byte)).count();
        let whole = length >= fewest || (cut && length == tail_of.len());
        // A name in lower case alone (`sk-learn-something`) is not one that was drawn at random.
        let random = tail_of[..length].iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        (whole && random && (prefix != "eyJ" || cut || tail_of[..length].contains(&b'.')))
            .then_some(prefix.len() + length)
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
