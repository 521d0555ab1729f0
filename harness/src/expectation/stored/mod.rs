//! What `image` and `artifact` have in common: what is wanted, what is found, and how the two differ.

mod judge;
mod look;
#[cfg(test)]
mod tests;

pub use judge::{Verdict, judge};
pub use look::{Seen, look};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    effect::{Effect, Scene},
    images::images_in_text,
    language::formats::Quantity,
    registry::{host_of, is_loopback},
    signature::Signature,
};

/// All that is wanted of what is in registries.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the language")]
pub struct Wanted<'a> {
    pub names: &'a [String],
    pub in_output: bool,
    pub registries: &'a [String],
    pub same_digest: bool,
    pub digest: Option<&'a str>,
    pub lock: Option<&'a str>,
    pub media_types: &'a [String],
    pub size: Option<&'a Sizes>,
    pub layers: bool,
    pub signature: Option<&'a Signature>,
    pub deep: bool,
    pub kind: Kind<'a>,
}

/// What is wanted of one kind alone.
#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Image {
        platforms: &'a [String],
        created: Option<&'a Period>,
        user: Option<&'a str>,
        entrypoint: Option<&'a [String]>,
    },
    Artifact {
        artifact_type: Option<&'a str>,
        files: &'a [String],
    },
    /// Either, with its platforms.
    Any,
}

/// A range of sizes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sizes {
    pub at_least: Option<Quantity>,
    pub at_most: Option<Quantity>,
}

/// A range of days.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Period {
    /// The first day, `2026-01-31`.
    #[schemars(extend("format" = "day"))]
    pub from: Option<String>,
    /// The last day.
    #[schemars(extend("format" = "day"))]
    pub until: Option<String>,
}

/// One name, wherever it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// As written.
    pub name: String,
    /// Full references.
    pub references: Vec<String>,
}

impl Wanted<'_> {
    /// What is looked at, `output` being what the case's last program wrote. `Err` says why that cannot be known.
    pub fn items(&self, output: Option<&str>) -> Result<Vec<Item>, String> {
        let mut items: Vec<Item> = self.names.iter().map(|name| self.item(name)).collect();
        if self.in_output {
            let found = images_in_text(output.unwrap_or_default())?;
            if found.is_empty() {
                return Err("the output names no images".to_owned());
            }
            for image in found {
                let own = self.registries.iter().find_map(|registry| image.strip_prefix(registry)?.strip_prefix('/'));
                let item = match own {
                    Some(name) => self.item(name),
                    None => Item { name: image.clone(), references: vec![image] },
                };
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        Ok(items)
    }

    fn item(&self, name: &str) -> Item {
        let references = match self.registries {
            [] => vec![name.to_owned()],
            registries => {
                let all = registries.iter().map(|registry| format!("{registry}/{name}"));
                all.collect::<indexmap::IndexSet<_>>().into_iter().collect()
            }
        };
        Item { name: name.to_owned(), references }
    }

    /// What is expected, in a phrase.
    pub fn describe(&self) -> String {
        let noun = match self.kind {
            Kind::Image { .. } => "image",
            Kind::Artifact { .. } | Kind::Any => "artifact",
        };
        let mut names: Vec<String> = self.names.iter().take(3).cloned().collect();
        if self.names.len() > 3 {
            names.push(format!("{} more", self.names.len() - 3));
        }
        if self.in_output {
            names.push(format!("{noun}s of the output"));
        }
        let place = match self.registries {
            [] => String::new(),
            [one] => format!(" in {one}"),
            several => format!(" in {} registries", several.len()),
        };
        let signed = if self.signature.is_some() { ", signed" } else { "" };
        format!("{noun} {}{place}{signed}", super::enumerate(&names))
    }

    /// A command by which a person sees one of them.
    pub fn look(&self) -> Option<String> {
        let item = self.item(self.names.first()?);
        // The last registry is the one that is held against the others.
        Some(format!("oras manifest fetch {}", item.references.last()?))
    }

    /// The addresses that are asked.
    pub fn effects(&self, scene: &mut Scene<'_>) {
        for item in self.items(None).unwrap_or_else(|_| self.names.iter().map(|name| self.item(name)).collect()) {
            for reference in item.references {
                let registry = reference.split('/').next().unwrap_or_default();
                let scheme = if is_loopback(host_of(registry)) { "http" } else { "https" };
                scene.effects.push(Effect::Contacts(format!("{scheme}://{registry}")));
            }
        }
    }
}
