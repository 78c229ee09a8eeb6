//! Words as features: what the embedder would make of a word in each of the places that it can have in an execution.
//!
//! Nothing here knows how features are hashed. A word is put into an execution where it would be a name, a flag, a
//! file, and the embedder is asked what that gives; so a question and a baseline always speak of the same space.

use anomaly_vectorizer::{Described, Embedder, Execution, FeatureClass, Hashed, Kind};

/// What the embedder marks numbers and random names with: as good as nothing, it is in every other execution.
const MARK: char = '#';

/// An execution with these arguments.
pub(crate) fn of_arguments<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Execution {
    Execution { name: name.into(), arguments: arguments.into_iter().collect(), ..Execution::default() }
}

/// Features of an argument: what it is on its own, not in a sequence and not whose.
pub(crate) fn of_argument(embedder: &Hashed, text: &str) -> Vec<Described> {
    let described = embedder.describe(&of_arguments("", ["", text]));
    described
        .into_iter()
        .filter(|feature| !is_circumstance(feature.class) && says_something(feature))
        .collect()
}

/// Features of a piece of a shell's script: operators and variables as well as words.
pub(crate) fn of_script(embedder: &Hashed, text: &str) -> Vec<Described> {
    let described = embedder.describe(&of_arguments("sh", ["sh", "-c", text]));
    let own = |feature: &Described| !(feature.class == FeatureClass::Flag && feature.text == "flag -c");
    described
        .into_iter()
        .filter(|feature| !is_circumstance(feature.class) && own(feature) && says_something(feature))
        .collect()
}

/// The features of one class that `text` gives where it stands for that class.
pub(crate) fn as_class(embedder: &Hashed, class: FeatureClass, text: &str) -> Vec<Described> {
    let execution = match class {
        FeatureClass::Name => of_arguments(text, []),
        FeatureClass::Parent => Execution { parent: text.into(), ..Execution::default() },
        FeatureClass::Grandparent => Execution { grandparent: text.into(), ..Execution::default() },
        FeatureClass::Command => of_arguments("sh", ["sh", "-c", text]),
        FeatureClass::Operator => of_arguments("sh", ["sh", "-c", &format!("a {text} b")]),
        FeatureClass::Directory => of_arguments("", ["", &format!("{}/x", text.trim_end_matches('/'))]),
        FeatureClass::ParentDirectory => of_arguments("", ["", &format!("/a/b/{text}/x")]),
        FeatureClass::Basename => of_arguments("", ["", &format!("/{text}")]),
        FeatureClass::Extension => of_arguments("", ["", &format!("/x.{}", text.trim_start_matches('.'))]),
        FeatureClass::Variable => of_arguments("", ["", &format!("{text}=x")]),
        FeatureClass::Scheme => of_arguments("", ["", &format!("{text}://h/")]),
        FeatureClass::Host => of_arguments("curl", ["curl", &format!("http://{text}/")]),
        FeatureClass::Number => of_arguments("nc", ["nc", text]),
        _ => of_arguments("", ["", text]),
    };
    let mut described = embedder.describe(&execution);
    if class == FeatureClass::Host {
        // Acts tell of an address without the word `class`.
        let connection = Execution { kind: Kind::Connect, ..of_arguments("", ["/", &format!("{text}:443")]) };
        described.extend(embedder.describe(&connection));
    }
    described.retain(|feature| feature.class == class && says_something(feature));
    described
}

/// Whether a feature tells of what surrounds an argument and not of the argument.
fn is_circumstance(class: FeatureClass) -> bool {
    matches!(class, FeatureClass::Name | FeatureClass::Uid | FeatureClass::Bigram)
}

/// Whether more is left of it than the mark for what changes from run to run.
fn says_something(feature: &Described) -> bool {
    let value = feature.text.split_once(' ').map_or("", |(_, value)| value);
    value.chars().any(|c| c != MARK && (c.is_alphanumeric() || !c.is_ascii() || "|&;<>$/.".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(described: Vec<Described>) -> Vec<String> {
        described.into_iter().map(|feature| feature.text).collect()
    }

    #[test]
    fn a_word_is_read_in_every_place() {
        let hashed = Hashed::default();
        for (class, text, expected) in [
            (FeatureClass::Name, "nc", "name nc"),
            (FeatureClass::Parent, "nginx", "parent nginx"),
            (FeatureClass::Command, "curl", "command curl"),
            (FeatureClass::Operator, "|", "operator |"),
            (FeatureClass::Operator, "0>&1", "operator 0>&1"),
            (FeatureClass::Operator, "/dev/tcp/h/1", "operator /dev/tcp"),
            (FeatureClass::Directory, "/etc/cron.d", "directory /etc/cron.d"),
            (FeatureClass::ParentDirectory, "crontabs", "folder crontabs"),
            (FeatureClass::Basename, "shadow", "file shadow"),
            (FeatureClass::Extension, "timer", "extension .timer"),
            (FeatureClass::Variable, "LD_PRELOAD", "variable LD_PRELOAD"),
            (FeatureClass::Scheme, "https", "scheme https"),
            (FeatureClass::Number, "4444", "number 4444"),
            (FeatureClass::Flag, "--upload-file", "flag --upload-file"),
            (FeatureClass::Word, "passwd", "word passwd"),
        ] {
            assert_eq!(texts(as_class(&hashed, class, text)), [expected]);
        }
        let host = texts(as_class(&hashed, FeatureClass::Host, "198.51.100.7"));
        assert_eq!(host, ["host class public", "host public"]);
    }

    #[test]
    fn an_argument_says_what_it_is_and_a_number_says_nothing() {
        let hashed = Hashed::default();
        assert_eq!(texts(of_argument(&hashed, "/etc/shadow")), ["directory /etc", "file shadow"]);
        let url = texts(of_argument(&hashed, "http://198.51.100.7/a.sh"));
        assert_eq!(url, ["scheme http", "host class public", "extension .sh"]);
        assert!(of_argument(&hashed, "20261121").is_empty());
        assert!(texts(of_script(&hashed, "cat x | sh")).contains(&"operator |".to_owned()));
    }
}
