//! There and back, and what is none of ours.

use std::fs::File;
use std::io::{Read, Seek, Write};

use proptest::prelude::*;

use super::*;

/// A file without a name.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("it is written");
    file
}

fn to_parquet(text: &str) -> Vec<u8> {
    let mut columns = Columns::new(Vec::new()).expect("memory");
    // In pieces that end anywhere.
    text.as_bytes().chunks(7).for_each(|piece| columns.write_all(piece).expect("lines"));
    columns.finish().expect("it is whole")
}

fn to_text(parquet: &[u8]) -> String {
    let mut text = String::new();
    Lines::open(file(parquet)).expect("ours").read_to_string(&mut text).expect("whole");
    text
}

fn row(workload: &str, name: &str) -> Row {
    Row {
        workload: workload.into(),
        kind: "exec".into(),
        state: "held".into(),
        name: name.into(),
        parent: "sh".into(),
        grandparent: String::new(),
        uid: u32::MAX,
        args: vec![name.into(), String::new(), "\u{1b}[2J\0\"日\n".into()],
        context: vec!["tty".into()],
        for_context: true,
        count: u64::MAX,
        first_seen: -1,
        last_seen: 1_700_000_000_123_456,
        first_day: i32::MIN,
        days: vec![i32::MIN, 0, i32::MAX],
        distance: 0.1,
    }
}

fn line(row: &Row) -> String {
    format!("{{\"row\":{}}}\n", serde_json::to_string(row).expect("JSON"))
}

fn export(rows: &[Row]) -> String {
    let mut text = "{\"baseline\":{\"format\":1}}\n".to_owned();
    let mut current = None;
    for row in rows {
        if current.replace(&row.workload) != Some(&row.workload) {
            let workload = serde_json::to_string(&row.workload).expect("JSON");
            text += &format!("{{\"workload\":{{\"workload\":{workload},\"executions\":3}}}}\n");
        }
        text += &line(row);
    }
    text + "{\"end\":{\"workloads\":2,\"rows\":9}}\n"
}

#[test]
fn lines_come_back_word_for_word() {
    let rows = [row("nginx", "a"), row("nginx", "b"), row("web\u{7f}\"", "a")];
    for rows in [&rows[..], &rows[..1], &[]] {
        let text = export(rows);
        assert_eq!(to_text(&to_parquet(&text)), text);
    }
    let many: Vec<_> = (0..3000).map(|number| row("nginx", &number.to_string())).collect();
    assert_eq!(to_text(&to_parquet(&export(&many))), export(&many));
}

#[test]
fn rows_are_read_alone_and_small() {
    let rows: Vec<_> = (0..3000).map(|number| row("nginx", &format!("tool-{number}"))).collect();
    let parquet = to_parquet(&export(&rows));
    assert!(parquet.starts_with(MAGIC));
    assert!(parquet.len() * 10 < export(&rows).len(), "{} bytes", parquet.len());
    let read: Result<Vec<_>, _> = Rows::open(file(&parquet)).expect("Parquet").collect();
    assert_eq!(read.expect("ours"), rows);
}

#[test]
fn a_key_that_the_columns_do_not_have_is_not_dropped_in_silence() {
    let text = line(&row("nginx", "a")).replace("\"uid\":", "\"colour\":\"red\",\"uid\":");
    let error = Columns::new(Vec::new()).expect("memory").write_all(text.as_bytes()).expect_err("unknown");
    assert!(error.to_string().contains("unknown field `colour`"), "{error}");
    let mut cut = Columns::new(Vec::new()).expect("memory");
    cut.write_all(b"{\"row\":").expect("it waits for more");
    assert!(cut.finish().is_err());
}

#[test]
fn what_is_none_of_ours_is_said() {
    let said = |bytes: &[u8]| Lines::open(file(bytes)).err().expect("not ours").to_string();
    assert!(said(b"").starts_with("it is damaged, or no Parquet: "));
    assert!(said(b"PAR1 and nothing else, for all that it says").starts_with("it is damaged"));
    let other = {
        use arrow::array::{RecordBatch, UInt64Array};
        let column = std::sync::Arc::new(UInt64Array::from(vec![1])) as _;
        let batch = RecordBatch::try_from_iter([("workload", column)]).expect("a column");
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("it");
        writer.write(&batch).expect("it is written");
        writer.into_inner().expect("it ends")
    };
    assert!(said(&other).contains("no whole baseline"));
    let error = Rows::open(file(&other)).expect("Parquet").next().expect("a row").expect_err("of others");
    assert!(matches!(error, Error::Column { column: "workload" }), "{error}");
}

#[test]
fn a_manifest_comes_back_and_leads_nowhere_else() {
    let mut manifest = Manifest::new(1_700_000_000_000_000, "default", "hashed", 3);
    manifest.count("nginx", 5, 9);
    manifest.count("nginx", 2, 3);
    manifest.count("web", 4, 4);
    let part = |name: &str| Part { name: name.into(), sha256: "00".into(), bytes: 4, rows: 3 };
    manifest.files.push(part("a.parquet"));
    assert_eq!((manifest.rows, manifest.first_seen, manifest.last_seen), (3, 2, 9));
    assert_eq!(manifest.workloads.iter().map(|portion| portion.rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(Manifest::from_json(&manifest.to_json()), Ok(manifest.clone()));
    manifest.files.push(part("../../etc/shadow"));
    assert!(Manifest::from_json(&manifest.to_json()).is_err());
    assert!(Manifest::from_json("{}").is_err());
    let newer = manifest.to_json().replace("\"format\": 1", "\"format\": 2");
    assert!(Manifest::from_json(&newer).expect_err("newer").contains("reads up to 1"));
}

proptest! {
    #[test]
    fn whatever_is_flipped_or_cut_is_read_or_refused(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let rows: Vec<_> = (0..20).map(|number| row("nginx", &format!("tool-{number}"))).collect();
        let mut parquet = to_parquet(&export(&rows));
        for (at, bit) in flips {
            let at = at.index(parquet.len());
            parquet[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            parquet.truncate(cut.index(parquet.len()));
        }
        if let Ok(mut lines) = Lines::open(file(&parquet)) {
            let mut text = Vec::new();
            let _ = lines.read_to_end(&mut text);
        }
        if let Ok(rows) = Rows::open(file(&parquet)) {
            let _: Vec<_> = rows.take(100).collect();
        }
    }
}
