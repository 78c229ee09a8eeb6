//! From arguments to features: what kind of thing an argument is, and what of it stays from run to run.

use crate::{
    FeatureClass,
    context::AddressClass,
    hashed::{
        address::{self, Host, Kind},
        collect::{Collector, Words},
        kinds::Kinds,
        path, random,
        shape::Shapes,
        tools::{self, Tool},
    },
};

/// How many values may hide in one another (`--a=b=c`): no input may choose how deep we go.
const MAX_DEPTH: usize = 4;

/// How deep the words of a script are.
const SCRIPT_DEPTH: usize = 2;

/// Bytes of a word that count; longer ones are data.
const MAX_WORD_BYTES: usize = 64;

/// Goes through the arguments of one execution.
pub(super) struct Walker<'f, 's, W> {
    pub(super) out: Collector<'f, W>,
    pub(super) shapes: Shapes<'s>,
    /// Whose numbers the next ones are.
    pub(super) tool: Tool,
    /// The flag right before; empty where something else is.
    pub(super) flag: &'s str,
    /// What the next token makes a bigram with.
    pub(super) previous: Option<u64>,
    /// Whether the words are a script that a shell was handed.
    pub(super) is_program: bool,
    /// Whether the next word is what a command runs.
    pub(super) expects_command: bool,
    /// Whether a line ended since the last word.
    pub(super) line_ended: bool,
    /// Whether the next word is what a redirection reads or writes.
    pub(super) is_redirected: bool,
    /// Whether a backtick is open.
    pub(super) in_backticks: bool,
    /// Whether `-c` hands a program over even if it is one word.
    pub(super) is_shell: bool,
}

impl<'f, 's, W: Words> Walker<'f, 's, W> {
    pub(super) fn new(out: Collector<'f, W>, shapes: Shapes<'s>, name: &str) -> Self {
        let tool = Tool::named(name).unwrap_or(Tool::Other);
        Self {
            out,
            shapes,
            tool,
            flag: "",
            previous: None,
            is_program: false,
            expects_command: false,
            line_ended: false,
            is_redirected: false,
            in_backticks: false,
            is_shell: tools::is_shell(name),
        }
    }

    /// Whether further arguments change nothing.
    pub(super) fn is_full(&self) -> bool {
        self.out.is_full()
    }

    pub(super) fn finish(self) -> W {
        self.out.into_words()
    }

    /// One argument; `args[0]` says something only when it is a path.
    pub(super) fn argument(&mut self, position: usize, text: &'s str) {
        if position == 0 {
            if text.contains('/') {
                path::write(&mut self.out, self.shapes, text);
            }
            return;
        }
        self.token(text, 0);
    }

    /// A word of a script.
    pub(super) fn word_of_script(&mut self, text: &'s str) {
        self.token(text, SCRIPT_DEPTH);
    }

    /// A flag or a value. `depth` counts what is around it.
    fn token(&mut self, text: &'s str, depth: usize) {
        if text.len() > 1 && text.starts_with('-') && depth < MAX_DEPTH {
            self.flagged(text, depth);
        } else {
            self.value(text, depth);
        }
    }

    /// A flag, and what is attached to it.
    fn flagged(&mut self, text: &'s str, depth: usize) {
        if self.tool.keeps_number(text, self.flag) {
            return self.number(text);
        }
        let long = text.starts_with("--");
        let ends = |c: char| {
            c == '=' || c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '$') || (c == '/' && !long)
        };
        let end = text.find(ends).unwrap_or(text.len());
        let (flag, rest) = text.split_at(end);
        self.out.open(FeatureClass::Flag);
        if self.tool.keeps_flags() {
            self.out.write(flag);
        } else {
            self.shapes.write(flag, |piece| self.out.write(piece));
        }
        let token = self.out.close();
        self.chain(token);
        self.flag = flag;
        let value = rest.strip_prefix('=').unwrap_or(rest);
        if !value.is_empty() {
            self.token(value, depth + 1);
        }
    }

    /// Anything but a flag.
    fn value(&mut self, text: &'s str, depth: usize) {
        if text.is_empty() {
            return;
        }
        let kinds = Kinds::of(text);
        if kinds.has(Kinds::COLON)
            && kinds.has(Kinds::SLASH)
            && let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
        {
            return self.url(scheme, rest);
        }
        let is_program = self.is_shell && depth < SCRIPT_DEPTH && tools::takes_program(self.flag);
        if is_program || (depth < SCRIPT_DEPTH && kinds.has(Kinds::SCRIPT)) {
            return self.script(text);
        }
        if self.tool.keeps_number(text, self.flag) {
            return self.number(text);
        }
        if self.tool == Tool::Relay && text.contains([':', ',']) && depth < MAX_DEPTH {
            for part in text.split([':', ',']) {
                self.value(part, MAX_DEPTH);
            }
            return;
        }
        if kinds.has(Kinds::EQUALS)
            && depth < MAX_DEPTH
            && let Some((name, value)) = text.split_once('=')
            && is_name(name)
        {
            self.out.open(FeatureClass::Variable);
            self.shapes.write(name, |piece| self.out.write(piece));
            let token = self.out.close();
            self.chain(token);
            self.flag = "";
            return self.token(value, depth + 1);
        }
        let is_dotted = kinds.has(Kinds::DOT);
        if (is_dotted || kinds.has(Kinds::COLON))
            && let Some(host) = address::literal(text)
        {
            return self.host(host);
        }
        if kinds.has(Kinds::DIGIT) && random::is_base64(text) {
            return self.plain("<base64>");
        }
        if kinds.has(Kinds::SLASH) {
            return self.paths(text, kinds);
        }
        if is_dotted && self.tool.keeps_ports() && address::is_domain(text) {
            return self.host(address::authority(text));
        }
        self.plain(&text[..text.floor_char_boundary(MAX_WORD_BYTES)]);
        if let Some(tool) = Tool::named(text) {
            self.tool = tool;
        }
    }

    /// A word by its shape.
    fn plain(&mut self, text: &str) {
        self.out.open(FeatureClass::Word);
        self.shapes.write(text, |piece| self.out.write(piece));
        let token = self.out.close();
        self.chain(token);
        self.flag = "";
    }

    /// A number that stays as it is.
    fn number(&mut self, text: &str) {
        let token = self.out.feature(FeatureClass::Number, text);
        self.chain(token);
        self.flag = "";
    }

    /// One path or several with `:` between them, the first of which may be a host (`host:/path`).
    fn paths(&mut self, text: &'s str, kinds: Kinds) {
        let mut rest = text;
        while kinds.has(Kinds::COLON)
            && let Some(colon) = rest.find(":/")
        {
            let (piece, after) = rest.split_at(colon);
            rest = &after[1..];
            if piece.contains('/') {
                self.path(piece);
            } else if !piece.is_empty() {
                self.host(address::authority(piece));
            }
        }
        self.path(rest);
    }

    fn path(&mut self, path: &'s str) {
        for device in ["/dev/tcp", "/dev/udp"] {
            if let Some(target) = path.strip_prefix(device).and_then(|rest| rest.strip_prefix('/')) {
                self.out.feature(FeatureClass::Operator, device);
                let (host, port) = target.split_once('/').unwrap_or((target, ""));
                self.host(address::authority(host));
                if !port.is_empty() {
                    self.number(port);
                }
                return;
            }
        }
        let token = path::write(&mut self.out, self.shapes, path);
        self.chain(token);
        self.flag = "";
        if let Some(tool) = path.rsplit('/').next().and_then(Tool::named) {
            self.tool = tool;
        }
    }

    /// A URL without what is behind its host, but for the extension of what it names.
    fn url(&mut self, scheme: &str, rest: &'s str) {
        if scheme.eq_ignore_ascii_case("file") {
            return self.paths(rest, Kinds::of(rest));
        }
        self.out.feature(FeatureClass::Scheme, scheme);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        self.host(address::authority(authority));
        let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
        let basename = path.rsplit('/').next().unwrap_or_default();
        if let Some(extension) = path::extension(basename) {
            self.out.feature(FeatureClass::Extension, extension);
        }
    }

    /// A host: the class of its address or the shape of its name, and its port where the tool's ports stay.
    fn host(&mut self, Host { kind, port }: Host<'_>) {
        self.out.open(FeatureClass::Host);
        match kind {
            Kind::Class(class) => {
                self.out.write("class ");
                self.out.write(AddressClass::as_str(class));
            }
            Kind::Name(name) => self.shapes.write(name, |piece| self.out.write(piece)),
        }
        let token = self.out.close();
        self.chain(token);
        self.flag = "";
        if !port.is_empty() && self.tool.keeps_ports() {
            self.out.feature(FeatureClass::Number, port);
        }
    }

    /// Makes a bigram of the token before and this one.
    pub(super) fn chain(&mut self, token: u64) {
        if let Some(previous) = self.previous.replace(token) {
            self.out.pair(previous, token);
        }
    }
}

/// `https`, `git+ssh`, `jdbc:mysql`.
fn is_scheme(text: &str) -> bool {
    (1..=24).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b':'))
}

/// What may stand before `=` as a name: `FOO`, `if`, `extra-filename`.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_WORD_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}
