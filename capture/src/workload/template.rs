//! How workloads are named.

use std::{fmt, str::FromStr};

/// What a template can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The image's repository.
    Image,
    /// The systemd unit.
    Unit,
    /// The pod's namespace.
    Namespace,
    /// The container's name.
    Container,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 4] = [
        ("image", Self::Image),
        ("unit", Self::Unit),
        ("namespace", Self::Namespace),
        ("container", Self::Container),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A name with placeholders: `{image}`, `{unit}`, `{namespace}/{container}`.
///
/// Where one of them has no value (a process in no container has no image), the template is passed over for the
/// default: image, else unit, else `host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that stands for nothing.
    #[error("no placeholder {{{0}}}; use {{image}}, {{unit}}, {{namespace}} or {{container}}")]
    Unknown(String),
    /// A brace without its counterpart.
    #[error("a brace without its counterpart at byte {0}; placeholders are written {{image}}")]
    Brace(usize),
    /// Nothing at all.
    #[error("an empty template names no workload; leave it out for the default")]
    Empty,
    /// Text that no workload's name may have.
    #[error("control characters cannot be part of a workload's name; take them out of the template")]
    Control,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(TemplateError::Control);
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let literal = rest.find(['{', '}']).unwrap_or(rest.len());
            if literal > 0 {
                parts.push(Part::Text(rest[..literal].to_owned()));
                at += literal;
                continue;
            }
            let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let name = inner.map(|(name, _)| name).filter(|name| !name.contains('{'));
            let name = name.ok_or(TemplateError::Brace(at))?;
            let known = Placeholder::ALL.into_iter().find(|(known, _)| *known == name);
            let (_, placeholder) = known.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
            parts.push(Part::Placeholder(placeholder));
            at += name.len() + 2;
        }
        Ok(Self(parts))
    }
}

impl Template {
    /// The name, or `None` where a placeholder has no value.
    pub(super) fn render<'a>(&self, value: impl Fn(Placeholder) -> Option<&'a str>) -> Option<String> {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Placeholder(placeholder) => name.push_str(value(*placeholder)?),
            }
        }
        Some(name)
    }
}

impl Default for Template {
    fn default() -> Self {
        Self(vec![Part::Placeholder(Placeholder::Image)])
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => formatter.write_str(text),
            Part::Placeholder(wanted) => {
                let known = Placeholder::ALL.into_iter().find(|(_, known)| known == wanted);
                write!(formatter, "{{{}}}", known.map_or("", |(name, _)| name))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(placeholder: Placeholder) -> Option<&'static str> {
        match placeholder {
            Placeholder::Image => Some("docker.io/library/nginx"),
            Placeholder::Namespace => Some("shop"),
            Placeholder::Container => Some("web"),
            Placeholder::Unit => None,
        }
    }

    fn render(template: &str) -> Result<Option<String>, TemplateError> {
        template.parse::<Template>().map(|template| template.render(value))
    }

    #[test]
    fn placeholders_are_replaced_and_the_rest_is_kept() {
        assert_eq!(render("{namespace}/{container}"), Ok(Some("shop/web".into())));
        assert_eq!(render("k8s-{namespace}{container}!"), Ok(Some("k8s-shopweb!".into())));
        assert_eq!(render("everything"), Ok(Some("everything".into())));
        assert_eq!(render("{unit}"), Ok(None));
        for template in ["{image}", "a{unit}b", "{namespace}/{container}"] {
            assert_eq!(template.parse::<Template>().expect("a template").to_string(), template);
        }
        assert_eq!("{image}".parse(), Ok(Template::default()));
    }

    #[test]
    fn what_is_no_template_is_told_with_the_remedy() {
        assert_eq!(render("{pod}"), Err(TemplateError::Unknown("pod".into())));
        assert_eq!(render("{}"), Err(TemplateError::Unknown("".into())));
        assert_eq!(render("a{image"), Err(TemplateError::Brace(1)));
        assert_eq!(render("a}"), Err(TemplateError::Brace(1)));
        assert_eq!(render("{a{image}"), Err(TemplateError::Brace(0)));
        assert_eq!(render(""), Err(TemplateError::Empty));
        assert_eq!(render("a\n"), Err(TemplateError::Control));
        let message = TemplateError::Unknown("pod".into()).to_string();
        assert_eq!(message, "no placeholder {pod}; use {image}, {unit}, {namespace} or {container}");
    }
}
