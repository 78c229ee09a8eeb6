use std::collections::BTreeMap;

use anomaly_baseline::{DaySet, RowState, StoredRow, key_in_surroundings};
use anomaly_vectorizer::{Hashed, Seen, scrub::Scrubber};
use proptest::prelude::*;

use crate::testing::{any_row, portion, row};
use crate::*;

fn written(portions: &[Portion]) -> Vec<u8> {
    let embedder = Hashed::default();
    let mut writer = Writer::new(Vec::new(), &embedder).expect("memory can be written");
    portions.iter().for_each(|portion| writer.write(portion).expect("memory can be written"));
    writer.finish().expect("memory can be written")
}

fn read(bytes: &[u8]) -> Result<Vec<Portion>, ReadError> {
    Reader::new(bytes, &Hashed::default(), Scrubber::default())?.collect()
}

fn one(rows: Vec<StoredRow>) -> Portion {
    let record = WorkloadRecord { executions: 9, ..WorkloadRecord::default() };
    Portion { workload: "web".into(), record, rows }
}

/// What a workload has after a merge.
fn applied(ours: &Portion, merged: Merged) -> BTreeMap<u128, StoredRow> {
    let mut rows: BTreeMap<_, _> = ours.rows.iter().map(|row| (row.key, row.clone())).collect();
    rows.retain(|key, _| !merged.deleted.contains(&(anomaly_vectorizer::Kind::Exec, *key)));
    rows.extend(merged.rows.into_iter().map(|row| (row.key, row)));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_read_and_the_order_of_rows_does_not_matter(mut portion in portion()) {
        let bytes = written(std::slice::from_ref(&portion));
        portion.rows.reverse();
        prop_assert_eq!(&written(std::slice::from_ref(&portion)), &bytes);
        let text = std::str::from_utf8(&bytes).expect("JSON is text");
        prop_assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{}", text);
        let mut back = read(&bytes).expect("what was written");
        prop_assert_eq!(back.len(), 1);
        portion.rows.sort_by_key(|row| row.key);
        back[0].rows.sort_by_key(|row| row.key);
        prop_assert_eq!(&back[0], &portion);
    }

    #[test]
    fn merging_again_changes_nothing_and_any_order_gives_the_same(
        a in portion(), b in portion(), c in portion(),
    ) {
        let ab = applied(&a, merge(&a, b.clone()));
        prop_assert_eq!(&ab, &applied(&b, merge(&b, a.clone())));
        let after = Portion { rows: ab.into_values().collect(), ..a.clone() };
        let bc = Portion { rows: applied(&b, merge(&b, c.clone())).into_values().collect(), ..b.clone() };
        prop_assert_eq!(applied(&after, merge(&after, c)), applied(&a, merge(&a, bc)));
        let again = merge(&after, b.clone());
        prop_assert_eq!((again.rows.len(), again.added, again.unchanged), (0, 0, b.rows.len()));
    }

    #[test]
    fn what_is_denied_stays_denied(a in portion(), b in portion()) {
        let denied = |row: &&StoredRow| row.state == RowState::Denied;
        for merged in [merge(&a, b.clone()), replace(&a, b.clone())] {
            let after = applied(&a, merged);
            for row in a.rows.iter().filter(denied) {
                prop_assert_eq!(after[&row.key].state, RowState::Denied);
            }
        }
    }

    #[test]
    fn replacing_leaves_what_was_brought_and_what_is_denied(a in portion(), b in portion()) {
        let merged = replace(&a, b.clone());
        let known = b.rows.iter().filter(|row| a.rows.iter().any(|ours| ours.key == row.key)).count();
        prop_assert_eq!(merged.added, b.rows.len() - known);
        let after = applied(&a, merged);
        for key in after.keys() {
            let ours = a.rows.iter().any(|row| row.key == *key && row.state == RowState::Denied);
            prop_assert!(ours || b.rows.iter().any(|row| row.key == *key));
        }
        prop_assert!(b.rows.iter().all(|row| after.contains_key(&row.key)));
    }

    #[test]
    fn any_bytes_are_refused_in_words(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let error = read(&bytes).expect_err("no baseline").to_string();
        prop_assert!(error.chars().all(|letter| !letter.is_control()), "{}", error);
    }

    #[test]
    fn a_cut_file_is_refused(row in any_row(), keep in 0.0..1.0f64) {
        let bytes = written(&[one(vec![row])]);
        let cut = (bytes.len() as f64 * keep) as usize;
        // The last line end alone may be missing.
        prop_assume!(cut < bytes.len() - 1);
        prop_assert!(read(&bytes[..cut]).is_err());
    }
}

#[test]
fn an_export_is_the_same_bytes_in_every_release() {
    let mut held = row("curl");
    held.state = RowState::Held;
    held.seen = Seen::from_bits([1, 0, 0, 16]);
    held.key = key_in_surroundings(held.key, held.seen);
    held.days = DaySet { last: 20, bits: 0b101 };
    let expected = concat!(
        r#"{"baseline":{"format":1,"scheme":"hashed","feature_version":1}}"#,
        "\n",
        r#"{"workload":{"workload":"web","executions":9,"first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:00Z","first_day":0,"learned_at":null,"days":[]}}"#,
        "\n",
        r#"{"row":{"workload":"web","kind":"exec","state":"held","name":"curl","parent":"sh","grandparent":"nginx","uid":33,"args":["curl","--flag"],"context":["no terminal","a public connection on 0-2"],"for_context":true,"count":1,"first_seen":"1970-01-01T00:00:01Z","last_seen":"1970-01-01T00:00:02Z","first_day":20,"days":[18,20],"distance":0.25}}"#,
        "\n",
        r#"{"row":{"workload":"web","kind":"exec","state":"learned","name":"id","parent":"sh","grandparent":"nginx","uid":33,"args":["id","--flag"],"count":1,"first_seen":"1970-01-01T00:00:01Z","last_seen":"1970-01-01T00:00:02Z","first_day":20,"days":[20],"distance":0.25}}"#,
        "\n",
        r#"{"end":{"workloads":1,"rows":2}}"#,
        "\n",
    );
    assert_eq!(String::from_utf8(written(&[one(vec![row("id"), held])])).expect("text"), expected);
}

#[test]
fn secrets_that_somebody_wrote_in_are_scrubbed() {
    let text = String::from_utf8(written(&[one(vec![row("curl")])])).expect("text");
    let text = text.replace(r#""--flag""#, r#""--password","hunter2""#);
    let portions = read(text.as_bytes()).expect("a baseline");
    assert!(!portions[0].rows[0].execution.arguments.text().contains("hunter2"));
}

#[test]
fn what_is_wrong_is_told_by_line_and_reason() {
    let good = String::from_utf8(written(&[one(vec![row("id")])])).expect("text");
    let lines: Vec<_> = good.lines().collect();
    for (change, to, says) in [
        (r#"{"baseline":{"format":1"#, r#"{"baseline":{"format":2"#, "its format is 2"),
        (lines[0], "", "line 1: this is no exported baseline"),
        (lines[1], "", "line 2: EOF while parsing a value"),
        (lines[3], "", "cut off after line 3"),
        (lines[3], "{", "line 4: EOF while parsing"),
        (r#""rows":1"#, r#""rows":2"#, "line 4: it had 1 workloads with 2 rows, and 1 with 1 are left"),
        (r#""state":"learned""#, r#""state":"good""#, "line 3: unknown variant `good`"),
        (r#""distance":0.25"#, r#""distance":1.5"#, "line 3: a distance is between 0 and 1"),
        (r#""days":[20]"#, r#""days":[20,20]"#, "line 3: days must differ"),
        (r#""days":[20]"#, r#""days":[20,200]"#, "line 3: days must differ and lie within 64"),
        (r#""kind":"exec""#, r#""kind":".workload""#, "line 3: no kind of act is called .workload"),
        (r#""args":["#, r#""context":["a window"],"args":["#, "line 3: no context is called a window"),
        (r#"{"row":{"workload":"web""#, r#"{"row":{"workload":"db""#, "line 3: a row stands behind its own"),
        (lines[2], &format!("{}\n{}", lines[2], lines[2]), "line 4: this execution is here a second time"),
        (lines[2], lines[1], "line 3: workload web is here a second time"),
    ] {
        assert!(good.contains(change), "{change}");
        let error = read(good.replacen(change, to, 1).trim_end_matches("\n\n").as_bytes());
        let error = error.expect_err(says).to_string();
        assert!(error.contains(says), "{error} is not {says}");
    }
}

#[test]
fn a_line_without_end_costs_bounded_memory() {
    let embedder = Hashed::default();
    let header = written(&[]);
    let header = &header[..=header.iter().position(|&byte| byte == b'\n').expect("a line")];
    let endless = std::io::Read::chain(header, std::io::Read::take(std::io::repeat(b'x'), 64 << 20));
    let input = std::io::BufReader::new(endless);
    let mut reader = Reader::new(input, &embedder, Scrubber::default()).expect("a header");
    let error = reader.next().expect("an item").expect_err("too long").to_string();
    assert_eq!(error, "line 2: it is longer than 1 MiB");
    assert!(reader.next().is_none());
}

#[test]
fn an_old_baseline_is_moved_to_today_by_whole_days() {
    let mut portion = one(vec![row("a"), StoredRow { days: DaySet { last: 18, bits: 1 }, ..row("b") }]);
    portion.record.days = DaySet::of(19);
    shift(&mut portion, 100);
    let day = 86_400_000_000;
    assert_eq!(portion.rows[0].days.last, 100);
    assert_eq!(portion.rows[1].days.last, 98);
    assert_eq!(portion.rows[0].last_seen, 2_000_000 + 80 * day);
    assert_eq!((portion.record.days.last, portion.record.first_day), (99, 80));
    let mut empty = one(vec![]);
    shift(&mut empty, 100);
    assert_eq!(empty, one(vec![]));
}
