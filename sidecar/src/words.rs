//! Numbers and lists as a person reads them.

/// A number with separated thousands: `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts: `1 execution`, `2,000 executions`.
pub(crate) fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// How often: `once`, `41 times`.
pub(crate) fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{} times", thousands(number)) }
}

/// The first `most` of a list and how many more there are: `a, b, 3 more`.
pub(crate) fn list(items: impl IntoIterator<Item = impl AsRef<str>>, most: usize) -> String {
    let mut items = items.into_iter();
    let mut out: Vec<String> = items.by_ref().take(most).map(|item| item.as_ref().to_owned()).collect();
    let more = items.count() as u64;
    if more > 0 {
        out.push(format!("{} more", thousands(more)));
    }
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (100_000, "100,000")]
        {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(times(1), "once");
        assert_eq!(list(["a", "b", "c"], 2), "a, b, 1 more");
        assert_eq!(list(["a", "b"], 2), "a, b");
    }
}
