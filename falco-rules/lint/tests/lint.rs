//! What is found in rules, where, and what is suggested.

use anomaly_lint::{Check, File, Finding, LintError, lint};

fn findings(text: &str) -> Vec<Finding> {
    lint(&[File { name: "rules.yaml", text }]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The only finding about a condition of a rule of one's own.
fn in_rule(condition: &str) -> Option<(Check, usize, String)> {
    let found = findings(&format!("- rule: Mine\n  condition: >\n    {condition}\n  output: x\n"));
    assert!(found.len() <= 1, "{condition}: {found:?}");
    found.into_iter().next().map(|finding| {
        assert_eq!((finding.line, finding.entry.as_str()), (3, "rule Mine"), "{condition}");
        (finding.check, finding.column - 4, finding.correction)
    })
}

/// Conditions with the check, the column within the condition, and the correction.
const MISUSES: &[(&str, Check, usize, &str)] = &[
    // Literals that no score looks like.
    ("evt.type = execve and anomaly.score > 85", Check::Literal, 39, "anomaly.score >= 0.85"),
    ("anomaly.score >= 85", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= 8.5e-1", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score > 8.5e-1", Check::Literal, 17, "anomaly.score >= 0.85"),
    ("anomaly.score >= .85", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= +0.85", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score < -1", Check::Literal, 17, "anomaly.score < 0"),
    ("anomaly.score >= 0.85001", Check::Literal, 18, "anomaly.score >= 0.8501"),
    ("anomaly.score >= 00.85", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= 0x1", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= 1.5", Check::Literal, 18, "anomaly.score >= 1"),
    ("anomaly.score >= 850", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= 85%", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= \"0.85\"", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= high", Check::Literal, 18, "anomaly.score >= 0.85"),
    ("anomaly.score >= anomaly.threshold", Check::Literal, 18, "anomaly.score >= val(anomaly.threshold)"),
    ("anomaly.score >= val(anomaly.level)", Check::Literal, 22, "anomaly.score >= val(anomaly.threshold)"),
    ("anomaly.distance >= 85", Check::Literal, 21, "anomaly.distance >= 0.85"),
    ("anomaly.event_score < 20", Check::Literal, 23, "anomaly.event_score < 0.20"),
    ("anomaly.smoothed >= 60", Check::Literal, 21, "anomaly.smoothed >= 0.60"),
    ("anomaly.score_permille >= 0.85", Check::Literal, 27, "anomaly.score_permille >= 850"),
    ("anomaly.score_permille >= 8500", Check::Literal, 27, "anomaly.score_permille >= 850"),
    // Operators that scores are not made for.
    ("anomaly.score > 0.85", Check::Operator, 15, "anomaly.score >= 0.85"),
    ("anomaly.score>0.85", Check::Operator, 14, "anomaly.score >= 0.85"),
    ("anomaly.score > 0", Check::Operator, 15, "anomaly.score > 0.0000"),
    (
        "anomaly.score > val(anomaly.threshold)",
        Check::Operator,
        15,
        "anomaly.score >= val(anomaly.threshold)",
    ),
    ("anomaly.score <= 0.2", Check::Operator, 15, "anomaly.score <= 0.2000"),
    ("anomaly.score = 0.85", Check::Operator, 15, "anomaly.score >= 0.85"),
    ("anomaly.score == 1", Check::Operator, 15, "anomaly.score >= 1"),
    ("anomaly.score = 0", Check::Operator, 15, "anomaly.score < 0.0001"),
    ("anomaly.score = 0.0000", Check::Operator, 15, "anomaly.score < 0.0001"),
    ("anomaly.score != 0", Check::Operator, 15, "anomaly.score >= 0.0001"),
    ("anomaly.score != 0.85", Check::Operator, 15, "anomaly.score < 0.85"),
    ("anomaly.score in (0.9, 0.85)", Check::Operator, 15, "anomaly.score >= 0.85"),
    ("anomaly.score startswith 0.9", Check::Operator, 15, "anomaly.score >= 0.9"),
    (
        "anomaly.score = val(anomaly.threshold)",
        Check::Operator,
        15,
        "anomaly.score >= val(anomaly.threshold)",
    ),
    // Nots that hold while there is no score.
    ("not anomaly.score >= 0.85", Check::Negation, 1, "anomaly.score < 0.85"),
    ("proc.name = x and not (anomaly.score >= 0.85)", Check::Negation, 19, "anomaly.score < 0.85"),
    ("not (proc.name = x and anomaly.score >= 0.85)", Check::Negation, 1, "anomaly.score < 0.85"),
    ("not anomaly.score > 0.8500", Check::Negation, 1, "anomaly.score <= 0.8500"),
    (
        "not anomaly.score >= val(anomaly.threshold)",
        Check::Negation,
        1,
        "anomaly.score < val(anomaly.threshold)",
    ),
    ("not anomaly.novel = true", Check::Negation, 1, "anomaly.novel = false"),
    ("not (proc.name = x or not not anomaly.score >= 0.5)", Check::Negation, 27, "anomaly.score < 0.5"),
    // Levels.
    ("anomaly.level >= warn", Check::Level, 15, "anomaly.level in (warn, critical)"),
    ("anomaly.level > warn", Check::Level, 15, "anomaly.level = critical"),
    ("anomaly.level > 1", Check::Level, 15, "anomaly.level in (warn, critical)"),
    ("anomaly.level < critical", Check::Level, 15, "anomaly.level in (normal, warn)"),
    ("anomaly.level = high", Check::Level, 17, "anomaly.level = critical"),
    ("anomaly.level = WARN", Check::Level, 17, "anomaly.level = warn"),
    ("anomaly.level in (warning, critical)", Check::Level, 19, "anomaly.level in (warn, critical)"),
    ("anomaly.level != normal", Check::Level, 15, "anomaly.level in (warn, critical)"),
    // Fields.
    ("anomaly.scor >= 0.85", Check::UnknownField, 1, "anomaly.score >= 0.85"),
    (
        "anomaly.score >= val(anomaly.treshold)",
        Check::UnknownField,
        22,
        "anomaly.score >= val(anomaly.threshold)",
    ),
    ("anomaly.proc.name = sh", Check::UnknownField, 1, "anomaly.proc_name = sh"),
    ("tolower(anomaly.reasons) contains nc", Check::UnknownField, 9, "anomaly.reason contains nc"),
    // What cannot be read.
    ("anomaly.score >=", Check::Syntax, 17, "a condition that Falco can read"),
    ("(anomaly.score >= 0.85", Check::Syntax, 23, "a condition that Falco can read"),
];

#[test]
fn misuses_are_found_where_they_are() {
    for (condition, check, column, correction) in MISUSES {
        let found = in_rule(condition);
        assert_eq!(found, Some((*check, *column, (*correction).to_owned())), "{condition}");
    }
}

#[test]
fn corrections_are_right() {
    for (condition, check, _, correction) in MISUSES.iter().filter(|(_, check, ..)| *check != Check::Syntax) {
        let (_, rest) = condition.split_at(condition.find("anomaly.").expect("our field"));
        assert_eq!(in_rule(correction), None, "{check:?} {rest}");
    }
}

#[test]
fn right_uses_pass() {
    for condition in [
        "anomaly.score >= 0.85",
        "anomaly.score>=0.85",
        "anomaly.score < 0.2",
        "anomaly.score >= 1",
        "anomaly.score >= 1.0000",
        "anomaly.score > 0.0000",
        "anomaly.score > 0.8500",
        "anomaly.score <= 0.2000",
        "anomaly.score >= val(anomaly.threshold)",
        "anomaly.score exists",
        "not anomaly.score exists",
        "not anomaly.score < 0.2",
        "not (proc.name = x or anomaly.score < 0.2)",
        "not (not anomaly.score >= 0.85)",
        "anomaly.novel = true and anomaly.first = true",
        "anomaly.level = learning",
        "anomaly.level in (warn, critical)",
        "anomaly.level in my_levels",
        "anomaly.score_permille >= 850",
        "anomaly.seen <= 2 and anomaly.workload != nginx",
        "anomaly.reason contains \"new: name \"",
        "anomaly.count_min_sketch > 100 and anomaly.profile = x",
        "len(anomaly.score) > 5",
        "proc.name = sh and evt.type = anomaly_exec",
        "proc.args contains \"anomaly.score > 85\"",
        "something that falco may understand ~ 1",
    ] {
        assert_eq!(in_rule(condition), None, "{condition}");
    }
}

/// Gates on a rule that this file does not define.
#[test]
fn gates_that_fall_silent_are_found() {
    for (gate, found, column, correction) in [
        ("and anomaly.score >= 0.85", "anomaly.score >= 0.85", 5, "not anomaly.score < 0.85"),
        (
            "and anomaly.event_score >= 0.85",
            "anomaly.event_score >= 0.85",
            5,
            "not anomaly.event_score < 0.85",
        ),
        ("and (anomaly.score >= 0.85)", "anomaly.score >= 0.85", 6, "not anomaly.score < 0.85"),
        ("and anomaly.score < 0.2", "anomaly.score < 0.2", 5, "not anomaly.score < 0.2"),
        (
            "and proc.name != x and anomaly.score >= val(anomaly.threshold)",
            "anomaly.score >= val(anomaly.threshold)",
            24,
            "not anomaly.score < val(anomaly.threshold)",
        ),
        ("and anomaly.novel = true", "anomaly.novel = true", 5, "not anomaly.score < val(anomaly.threshold)"),
        (
            "and anomaly.level in (warn, critical)",
            "anomaly.level in (warn, critical)",
            5,
            "not anomaly.level = normal",
        ),
        (
            "and anomaly.level = critical",
            "anomaly.level = critical",
            5,
            "not anomaly.level in (normal, warn)",
        ),
        ("and anomaly.score exists", "anomaly.score exists", 5, ""),
        (
            "and anomaly.first = true",
            "anomaly.first = true",
            5,
            "(anomaly.first = true or not anomaly.score exists)",
        ),
        (
            "and (proc.name = nc or anomaly.score >= 0.85)",
            "anomaly.score >= 0.85",
            24,
            "not anomaly.score < 0.85",
        ),
        (
            "and (anomaly.level = learning or anomaly.score >= 0.85)",
            "anomaly.level = learning",
            6,
            "not anomaly.level in (normal, warn, critical)",
        ),
        ("and novel_here", "novel_here", 5, "not anomaly.score < 0.85"),
    ] {
        for (override_, gate) in
            [("append", gate.to_owned()), ("replace", format!("evt.type = execve {gate}"))]
        {
            let text = format!(
                "- macro: novel_here\n  condition: (anomaly.score >= 0.85)\n- rule: Theirs\n  condition: {gate}\n  override: {{condition: {override_}}}\n"
            );
            let shift =
                "  condition: ".len() + if override_ == "replace" { "evt.type = execve ".len() } else { 0 };
            let all = findings(&text);
            let [finding] = &all[..] else { panic!("{gate}: {all:?}") };
            assert_eq!(
                (
                    finding.check,
                    finding.line,
                    finding.column - shift,
                    finding.found.as_str(),
                    finding.correction.as_str()
                ),
                (Check::FailsClosed, 4, column, found, correction),
                "{gate}"
            );
        }
    }
}

#[test]
fn gates_that_fail_open_pass() {
    for gate in [
        "and not anomaly.score < 0.85",
        "and not anomaly.event_score < 0.85",
        "and (proc.name = nc or not anomaly.score < 0.85)",
        "and not (proc.name = nc and anomaly.score < 0.2)",
        "and (anomaly.score >= 0.85 or not anomaly.score exists)",
        "and not anomaly.level = normal",
        "and proc.name != nc",
        "and anomaly.workload != ci",
        "or anomaly.score >= 0.95",
    ] {
        let text = format!("- rule: Theirs\n  condition: {gate}\n  override: {{condition: append}}\n");
        assert_eq!(findings(&text), [], "{gate}");
        let old = format!("- rule: Theirs\n  condition: {gate}\n  append: true\n");
        assert_eq!(findings(&old), [], "{gate}");
    }
}

#[test]
fn a_gate_with_two_mistakes_has_one_right_correction() {
    let all = findings("- rule: Theirs\n  condition: and anomaly.score > 85\n  append: true\n");
    let checks: Vec<_> = all.iter().map(|finding| (finding.check, finding.correction.as_str())).collect();
    let right = "not anomaly.score < 0.85";
    assert_eq!(checks, [(Check::FailsClosed, right), (Check::Literal, right)]);
    let all = findings("- rule: Theirs\n  condition: and not anomaly.score >= 0.85\n  append: true\n");
    let checks: Vec<_> = all.iter().map(|finding| (finding.check, finding.correction.as_str())).collect();
    assert_eq!(checks, [(Check::Negation, right)]);
}

#[test]
fn whose_a_rule_is_decides() {
    let gate = "- rule: R\n  condition: and anomaly.score >= 0.85\n  override: {condition: append}\n";
    let count = |texts: &[&str]| {
        let files: Vec<_> = texts.iter().map(|&text| File { name: "f", text }).collect();
        lint(&files).expect("rules").len()
    };
    let plain = "- rule: R\n  condition: evt.type = execve\n  output: x\n";
    let of_ours =
        "- macro: m\n  condition: anomaly.score exists\n- rule: R\n  condition: evt.type = execve and m\n";
    assert_eq!(count(&[gate]), 1, "nobody here defines it");
    assert_eq!(count(&[plain, gate]), 1, "another file's, which knows nothing of scores");
    assert_eq!(count(&[&format!("{plain}{gate}")]), 0, "this very file's");
    assert_eq!(count(&[of_ours, gate]), 0, "a rule on novelty");
}

#[test]
fn a_macro_under_a_not_is_seen_through() {
    let text = "\
- macro: inner
  condition: (evt.type = execve and anomaly.score >= 0.85)
- macro: novel
  condition: inner
- rule: Mine
  condition: proc.name = x and not novel
";
    let all = findings(text);
    let [finding] = &all[..] else { panic!("{all:?}") };
    assert_eq!((finding.check, finding.line, finding.column), (Check::Negation, 6, 32));
    assert_eq!((finding.found.as_str(), finding.correction.as_str()), ("not novel", "anomaly.score < 0.85"));
    // The last definition counts, as it does for Falco.
    let redefined = format!(
        "{text}- macro: novel\n  condition: (anomaly.score < 0.2)\n  override: {{condition: replace}}\n"
    );
    assert_eq!(findings(&redefined), []);
}

/// Places in every way to write a scalar.
#[test]
fn positions_survive_folding_quoting_and_escapes() {
    for (text, line, column) in [
        ("- rule: R\n  condition: >\n    evt.type = execve\n    and anomaly.score\n      > 85\n", 5, 9),
        (
            "- rule: R\n  condition: >-  # why\n\n\n    evt.type = execve and\n\n    anomaly.score > 85\n",
            7,
            21,
        ),
        ("- rule: R\n  condition: |\n    proc.name = é☃\n    and anomaly.score > 85\n", 4, 25),
        ("- rule: R\n  condition: evt.type = execve\n    and   anomaly.score > 85\n", 3, 27),
        ("- rule: R\n  condition: 'evt.type = ''x'' and\n    anomaly.score > 85'\n", 3, 21),
        (
            "- rule: R\n  condition: \"evt.type = \\\"x\\\" and\\\n    \\ anomaly.score\\t>\\u002085\"\n",
            3,
            29,
        ),
        ("- {rule: R, condition: anomaly.score > 85, output: x}\n", 1, 40),
        ("[{\"rule\": \"R\", \"condition\": \"anomaly.score > 85\"}]", 1, 46),
        ("- rule: R\r\n  condition: >\r\n    evt.type = execve\r\n    and anomaly.score > 85\r\n", 4, 25),
        ("\u{feff}- rule: R\n  condition: anomaly.score > 85\n", 2, 30),
        ("---\n- list: x\n---\n- rule: R\n  condition: &c anomaly.score > 85\n- rule: S\n", 5, 33),
        ("- rule: R\n  condition: !!str anomaly.score > 85\n", 2, 36),
        (
            "- rule: R\n  condition: &c !!str >- # why\n    evt.type = execve\n    and anomaly.score > 85\n",
            4,
            25,
        ),
        ("- rule: R\n  condition: !!str 'anomaly.score > 85'\n", 2, 37),
    ] {
        let all = findings(text);
        let [finding] = &all[..] else { panic!("{text}: {all:?}") };
        assert_eq!((finding.line, finding.column), (line, column), "{text}");
        assert_eq!(finding.correction, "anomaly.score >= 0.85");
    }
}

#[test]
fn outputs_and_exceptions_are_read_too() {
    let text = "\
- rule: Mine
  condition: anomaly.score >= 0.85
  output: >
    Novel (score %anomaly.score, %anomaly.levle)
    %toupper(anomaly.reasn) anomaly.nothing %anomaly.falco.duration_ns.
  exceptions:
    - name: a
      fields: anomaly.scoer
    - name: b
      fields: [proc.name, anomaly.score]
      comps: [in, '>']
      values:
        - [[sh, bash], 0.95]
        - [zsh, 95]
    - name: c
      fields: [anomaly.score]
      comps: [<]
      values: [[0.2]]
";
    let found: Vec<_> = findings(text)
        .into_iter()
        .map(|finding| (finding.line, finding.column, finding.check, finding.correction))
        .collect();
    let expected = [
        (4, 35, Check::UnknownField, "%anomaly.level"),
        (5, 14, Check::UnknownField, "%anomaly.reason"),
        (8, 15, Check::UnknownField, "anomaly.score in"),
        (11, 19, Check::Operator, "anomaly.score < 0.95"),
        (11, 19, Check::Negation, "anomaly.score < 0.95"),
        (14, 17, Check::Literal, "anomaly.score < 0.95"),
    ];
    let expected: Vec<_> =
        expected.map(|(line, column, check, correction)| (line, column, check, correction.to_owned())).into();
    let missing: Vec<_> = expected.iter().filter(|finding| !found.contains(finding)).collect();
    assert!(missing.is_empty(), "missing {missing:#?} in {found:#?}");
}

#[test]
fn our_own_rules_are_clean() {
    let text = include_str!("../../anomaly_rules.yaml");
    assert_eq!(findings(text), []);
    // And not because nothing is read: the same file with a mistake in it.
    let broken = text.replace("anomaly.score >= val(anomaly.threshold)", "anomaly.score >= 85");
    assert_eq!(findings(&broken).len(), 1);
}

#[test]
fn a_finding_reads_as_a_sentence_and_as_json() {
    let all = findings("- rule: \"a\\eb\"\n  condition: anomaly.score > 85\n");
    assert_eq!(
        all[0].to_string(),
        "rules.yaml:2:30: literal: rule a b: `anomaly.score > 85` is never true: Falco compares text, and scores look \
         like 0.8500; write `anomaly.score >= 0.85`"
            .replace("a b", "a\u{fffd}b")
    );
    let json = serde_json::to_value(&all[0]).expect("JSON");
    assert_eq!(json["check"], "literal");
    assert_eq!((json["line"].as_u64(), json["column"].as_u64()), (Some(2), Some(30)));
    assert_eq!(json["correction"], "anomaly.score >= 0.85");
}

#[test]
fn what_is_no_rules_file_is_an_error_with_its_place() {
    let fails = |text: &str| lint(&[File { name: "f.yaml", text }]).expect_err(text);
    assert!(matches!(fails("- a\n- rule: b: c\n"), LintError::Yaml { line: 2, column: 10, .. }));
    assert!(matches!(fails("a: b\n"), LintError::NotRules { line: 1, column: 1, .. }));
    assert!(matches!(fails("- *nothing\n"), LintError::Yaml { .. }));
    assert!(matches!(fails("- &a [*a]\n"), LintError::Yaml { .. }));
    assert_eq!(findings(""), []);
    assert_eq!(findings("# nothing\n---\n---\n- list: l\n  items: [1]\n- 7\n- [x]\n- rule: {a: b}\n"), []);
}

/// Falco's own sandbox rules have brackets like these.
#[test]
fn a_bracket_that_closes_too_far_to_the_left_is_read_as_falco_reads_it() {
    let text = "- list: l\n  items: [\n    a,\n    b\n  ]\n- rule: R\n  condition: anomaly.score > 85\n  tags: [\n  ]\n";
    let all = findings(text);
    let [finding] = &all[..] else { panic!("{all:?}") };
    assert_eq!((finding.check, finding.line, finding.column), (Check::Literal, 7, 30));
    let broken = lint(&[File { name: "f.yaml", text: "- list: l\n  items: [\n  ]\n- rule: b: c\n" }]);
    assert!(matches!(broken, Err(LintError::Yaml { .. })), "{broken:?}");
}

/// Each of these took, or might take, far more time or memory than its size: all end at once, one way or another.
#[test]
fn hostile_files_are_bounded() {
    let repeated = |text: &str, count: usize| text.repeat(count);
    let aliases = {
        let mut text = "- &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let previous = format!("*a{}, ", level - 1);
            text += &format!("- &a{level} [{}]\n", repeated(&previous, 9).trim_end_matches(", "));
        }
        text
    };
    let long = format!("anomaly.score >= 0.85 {}", repeated("and anomaly.score >= 0.85 ", 20_000));
    let macros = {
        let mut text = String::from("- macro: m0\n  condition: anomaly.score >= 0.85\n");
        for level in 1..2000 {
            let previous = level - 1;
            text +=
                &format!("- macro: m{level}\n  condition: m{previous} and m{previous} or not m{previous}\n");
        }
        text
    };
    for (name, text) in [
        ("aliases of aliases", aliases),
        ("one condition, aliased", format!("- rule: a\n  condition: &c {long}\n{}", repeated("- {rule: a, condition: *c}\n", 100_000))),
        ("one rule, aliased", format!("- &r\n  rule: a\n  condition: {long}\n{}", repeated("- *r\n", 500_000))),
        ("exceptions, aliased", format!("- rule: a\n  exceptions: &e [{{fields: anomaly.score, values: &v [{}0]}}]\n{}", repeated("0,", 50_000), repeated("- {rule: a, exceptions: *e}\n", 50_000))),
        ("deep in brackets", repeated("[", 4_000_000)),
        ("deep in dashes", repeated("- ", 1_000_000)),
        ("deep in braces", repeated("{a: ", 1_000_000)),
        ("questions", repeated("? ", 1_000_000)),
        ("one long word", repeated("x", 4_000_000)),
        ("one long quote", format!("- rule: \"{}", repeated("\\\"", 2_000_000))),
        ("anchors", repeated("- &a x\n", 500_000)),
        ("macros of macros", macros),
        ("a macro of itself", "- macro: m\n  condition: m and not n\n- macro: n\n  condition: m\n- rule: r\n  condition: not n\n".to_owned()),
        ("nots", format!("- rule: r\n  condition: {}anomaly.score >= 1\n", repeated("not ", 900_000))),
        ("findings", repeated("- rule: r\n  condition: anomaly.score > 85\n", 50_000)),
        ("percent signs", format!("- rule: r\n  output: \"{}\"\n", repeated("%anomaly.x", 50_000))),
        ("too large", repeated("#", anomaly_lint::MAX_BYTES + 1)),
        ("control characters", "- rule: \u{1}\u{7f}\u{85}\n".to_owned()),
        ("no characters", "- rule: \0\n".to_owned()),
    ] {
        let start = std::time::Instant::now();
        let result = lint(&[File { name: "f", text: &text }]);
        let took = start.elapsed();
        assert!(!name.ends_with(", aliased") || matches!(result, Err(LintError::Repeats { .. })), "{name}");
        assert!(took < std::time::Duration::from_secs(10), "{name}: {took:?}");
    }
}
