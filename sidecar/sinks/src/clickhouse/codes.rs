//! What ClickHouse's errors mean for a batch.
//!
//! Its statuses do not tell: releases have answered 500, 404 and 400 to the same problem, and 200 to a query that failed
//! half-way. Its error codes do, and never change their meaning. They stand in a header, or before 20.x in the text.

use crate::client::{Answer, problem, retry_after};
use crate::service::Failure;

/// Why a query failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The table is not there (any more): it can be made.
    NoTable(String),
    /// Anything else.
    Other(Failure),
}

/// Values that do not fit their columns.
const ROWS: [u32; 12] = [
    6,   // CANNOT_PARSE_TEXT
    26,  // CANNOT_PARSE_QUOTED_STRING
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    38,  // CANNOT_PARSE_DATE
    41,  // CANNOT_PARSE_DATETIME
    53,  // TYPE_MISMATCH
    69,  // ARGUMENT_OUT_OF_BOUND
    72,  // CANNOT_PARSE_NUMBER
    117, // INCORRECT_DATA
    130, // CANNOT_READ_ARRAY_FROM_TEXT
    349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    469, // VIOLATED_CONSTRAINT
];

/// What somebody has to change: users, rights, databases, a table of another shape.
const OPERATOR: [u32; 19] = [
    16,  // NO_SUCH_COLUMN_IN_TABLE
    36,  // BAD_ARGUMENTS
    44,  // ILLEGAL_COLUMN
    47,  // UNKNOWN_IDENTIFIER
    48,  // NOT_IMPLEMENTED
    62,  // SYNTAX_ERROR
    73,  // UNKNOWN_FORMAT
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    164, // READONLY
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    195, // IP_ADDRESS_NOT_ALLOWED
    291, // DATABASE_ACCESS_DENIED
    392, // QUERY_IS_PROHIBITED
    452, // SETTING_CONSTRAINT_VIOLATION
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];

const UNKNOWN_TABLE: u32 = 60;

/// Both a batch of too many days, which passes in parts, and a server that cannot keep up.
const TOO_MANY_PARTS: u32 = 252;

/// Everything else may pass: too many queries, no memory, no leader, a truncated request.
pub(super) fn judge(answer: &Answer) -> Result<(), Problem> {
    let Answer { status, headers, text, cut } = answer;
    let Some(code) = code(answer) else {
        // Something that stands before the server has answered.
        let said = problem(*status, text);
        return match status.as_u16() {
            // An error may stand behind the status, where nothing has arrived.
            200..=299 => match cut {
                Some(cut) => Err(Problem::Other(Failure::transient(cut.as_str()))),
                None => Ok(()),
            },
            413 => Err(Problem::Other(Failure::Rejected(said))),
            401 | 403 | 404 | 407 => Err(Problem::Other(Failure::Refused(said))),
            _ => Err(Problem::Other(Failure::Transient { problem: said, after: retry_after(headers) })),
        };
    };
    let said = format!("ClickHouse says: {}", text.trim());
    Err(match code {
        UNKNOWN_TABLE => Problem::NoTable(said),
        TOO_MANY_PARTS if text.contains("single INSERT block") => Problem::Other(Failure::Rejected(said)),
        code if ROWS.contains(&code) => Problem::Other(Failure::Rejected(said)),
        code if OPERATOR.contains(&code) => Problem::Other(Failure::Refused(said)),
        _ => Problem::Other(Failure::Transient { problem: said, after: retry_after(headers) }),
    })
}

/// The error's code; `None` where the query succeeded or it was not ClickHouse that answered.
fn code(answer: &Answer) -> Option<u32> {
    let header = answer.headers.get("x-clickhouse-exception-code");
    if let Some(code) = header.and_then(|value| value.to_str().ok()?.parse().ok()).filter(|code| *code != 0) {
        return Some(code);
    }
    if !answer.text.contains("DB::Exception") {
        return None;
    }
    let digits = answer.text.split_once("Code: ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, code: Option<&'static str>, text: &str) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(code) = code {
            headers.insert("x-clickhouse-exception-code", HeaderValue::from_static(code));
        }
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            text: text.to_owned(),
            cut: None,
        }
    }

    fn kind(answer: &Answer) -> &'static str {
        match judge(answer) {
            Ok(()) => "taken",
            Err(Problem::NoTable(_)) => "no table",
            Err(Problem::Other(Failure::Transient { .. })) => "again",
            Err(Problem::Other(Failure::Rejected(_))) => "never",
            Err(Problem::Other(Failure::Refused(_))) => "operator",
            Err(Problem::Other(Failure::Ended(_))) => "ended",
        }
    }

    #[test]
    fn the_code_decides_and_not_the_status() {
        // As 18.16 and 26.9 have answered.
        let old = |code: u32, text: &str| {
            format!("Code: {code}, e.displayText() = DB::Exception: {text}, e.what() = DB::Exception")
        };
        let new = |code: u32, text: &str| format!("Code: {code}. DB::Exception: {text}");
        for (status, code, text, expected) in [
            (200, None, String::new(), "taken"),
            (200, Some("0"), String::new(), "taken"),
            (404, None, old(60, "Table default.nix doesn't exist."), "no table"),
            (500, Some("60"), String::new(), "no table"),
            (500, None, old(27, "Cannot parse input: expected \" before: x\"}"), "never"),
            (400, Some("117"), new(117, "Unknown field found"), "never"),
            (500, None, old(193, "Wrong password for user writer"), "operator"),
            (403, Some("516"), new(516, "default: Authentication failed"), "operator"),
            (404, Some("81"), new(81, "Database nix does not exist"), "operator"),
            (500, Some("241"), new(241, "Memory limit exceeded"), "again"),
            (400, None, old(33, "Unexpected end of stream"), "again"),
            (500, Some("252"), new(252, "Too many parts (300). Merges are processing slower"), "again"),
            (
                500,
                Some("252"),
                new(252, "Too many partitions for single INSERT block (more than 100)"),
                "never",
            ),
            (200, None, new(241, "Memory limit exceeded"), "again"),
            (502, None, "<html>Bad Gateway</html>".into(), "again"),
            (413, None, "<html>too large</html>".into(), "never"),
            (401, None, String::new(), "operator"),
        ] {
            assert_eq!(kind(&answer(status, code, &text)), expected, "{status} {code:?} {text}");
        }
        let cut = Some("no whole answer".to_owned());
        assert_eq!(kind(&Answer { cut, ..answer(200, None, "") }), "again");
    }
}
