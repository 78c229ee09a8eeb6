//! Conditions of every shape that rules have.

use super::{Expr, Leaf, Right, SyntaxError, parse};
use crate::text::Text;
use crate::yaml::Tree;

fn parsed(condition: &str) -> Result<Expr, SyntaxError> {
    let quoted = format!("'{}'", condition.replace('\'', "''"));
    let tree = Tree::parse("test", &quoted).expect("YAML");
    parse(&Text::of(&tree, tree.roots[0]).expect("a scalar"))
}

/// The leaves of a condition, as text, with `!` before what an odd number of nots turns round.
fn leaves(condition: &str) -> Vec<String> {
    let mut leaves = Vec::new();
    parsed(condition).unwrap_or_else(|error| panic!("{condition}: {error:?}")).walk(&mut |leaf, negated| {
        let sign = if negated.is_some() { "!" } else { "" };
        leaves.push(match leaf {
            Leaf::Macro(name) => format!("{sign}{}", name.text),
            Leaf::Compare(compare) => {
                let right = match &compare.right {
                    Right::Nothing => String::new(),
                    Right::Value(word) => word.text.clone(),
                    Right::Field(word) => format!("<{}>", word.text),
                    Right::Values(words) => {
                        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join("|")
                    }
                };
                format!("{sign}{} {} {right}", compare.field.text, compare.operator.text)
            }
        });
    });
    leaves
}

#[test]
fn what_rules_have() {
    for (condition, expected) in [
        ("evt.type=execve and evt.dir=<", vec!["evt.type = execve", "evt.dir = <"]),
        ("spawned_process and not container", vec!["spawned_process", "!container"]),
        ("proc.name in (sh, \"a b\", bash)", vec!["proc.name in sh|a b|bash"]),
        ("proc.name in (shells)", vec!["proc.name in shells"]),
        ("proc.args contains '-e \"x\"'", vec!["proc.args contains -e \"x\""]),
        ("not(a or not (b and not c))", vec!["!a", "b", "!c"]),
        ("anomaly.score>=val( anomaly.threshold )", vec!["anomaly.score >= <anomaly.threshold>"]),
        ("toupper(proc.name) = X and len(anomaly.reason) > 3", vec!["proc.name = X", "anomaly.reason > 3"]),
        ("tolower(toupper(proc.name)) = toupper(proc.pname)", vec!["proc.name = <proc.pname>"]),
        ("proc.aname[2] exists or fd.name[\"a]b\"] exists", vec!["proc.aname exists ", "fd.name exists "]),
        ("fd.sip in (rfc) or fd.net = 10.0.0.0/8", vec!["fd.sip in rfc", "fd.net = 10.0.0.0/8"]),
        (
            "proc.name != <NA> and evt.arg[0] startswith /dev/",
            vec!["proc.name != <NA>", "evt.arg startswith /dev/"],
        ),
        (
            "proc.name pmatch (a, b) and android_x and order",
            vec!["proc.name pmatch a|b", "android_x", "order"],
        ),
        ("a.b in ()", vec!["a.b in "]),
        ("and not anomaly.score < 0.2", vec!["!anomaly.score < 0.2"]),
        ("or never_true", vec!["never_true"]),
    ] {
        assert_eq!(leaves(condition), expected, "{condition}");
    }
}

#[test]
fn and_binds_stronger_than_or() {
    let Ok(Expr::Any(parts)) = parsed("a and b or c") else { panic!() };
    assert!(matches!(parts[0], Expr::All(_)) && matches!(parts[1], Expr::Macro(_)));
    let Ok(Expr::All(parts)) = parsed("and (a or b)") else { panic!() };
    assert!(matches!(parts[0], Expr::Base) && matches!(parts[1], Expr::Any(_)));
}

#[test]
fn what_cannot_be_read_says_where() {
    for (condition, column) in [
        ("", 2),
        ("a and", 7),
        ("(a", 4),
        ("a b", 4),
        ("a.b", 5),
        ("a.b >=", 8),
        ("a.b in (c", 11),
        ("a.b = \"c", 8),
        ("a.b[c", 7),
        ("len(a.b = 3", 10),
    ] {
        let error = parsed(condition).expect_err(condition);
        assert_eq!(error.at.column, column, "{condition}: {error:?}");
    }
}

#[test]
fn nesting_ends_where_falcos_ends() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parsed(&nested(90)).is_ok());
    assert!(parsed(&nested(100_000)).is_err());
    assert!(parsed(&"not ".repeat(100_000)).is_err());
    assert!(parsed(&"tolower(".repeat(100_000)).is_err());
}
