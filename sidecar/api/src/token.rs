//! The token that loopback asks for: every process of the machine can connect there, whoever runs it.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::ApiError;

/// The fewest characters of a token.
pub(crate) const SHORTEST: usize = 16;

/// A secret that requests over TCP carry: `Authorization: Bearer TOKEN`. It is never printed.
#[derive(Clone)]
pub struct Token(Vec<u8>);

impl Token {
    /// From its text; white space at the ends, which files have, does not count.
    ///
    /// # Errors
    /// Where it is shorter than 16 characters or has others than visible ASCII.
    pub fn new(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiError::BadToken);
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// Whether a request's `Authorization` carries it. The time that takes tells the token's length at most.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, given)) = authorization.split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.trim_ascii().ct_eq(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(...)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Token;

    #[test]
    fn short_and_unsendable_tokens_are_refused() {
        for bad in ["", "123456789012345", "1234567890123456\n7", "12345678901234567 8", "ä23456789012345678"]
        {
            assert!(Token::new(bad).is_err(), "{bad:?}");
        }
        assert!(Token::new("1234567890123456\n").is_ok());
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token::new("correct-horse-battery").expect("long enough");
        for good in
            ["Bearer correct-horse-battery", "bearer correct-horse-battery", "BEARER  correct-horse-battery"]
        {
            assert!(token.is_in(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer correct-horse-batter",
            "Bearer correct-horse-batteryy",
            "Basic correct-horse-battery",
        ] {
            assert!(!token.is_in(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        assert!(!format!("{:?}", Token::new("correct-horse-battery")).contains("horse"));
    }

    proptest! {
        #[test]
        fn nothing_else_opens(token in "[!-~]{16,40}", other in "[!-~]{0,40}", rest in any::<Vec<u8>>()) {
            let known = Token::new(&token).expect("long enough");
            let mine = format!("Bearer {token}");
            prop_assert!(known.is_in(mine.as_bytes()));
            prop_assert_eq!(known.is_in(format!("Bearer {other}").as_bytes()), other == token);
            prop_assert!(!known.is_in(&rest));
        }
    }
}
