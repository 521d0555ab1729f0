//! Which objects an expectation is about.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    cluster::Object,
    language::formats::{self, Selector},
};

/// The objects of one kind that an expectation is about.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub api_version: Option<&'a str>,
    pub kind: &'a str,
    pub namespace: Namespaces<'a>,
    pub name: Option<&'a str>,
    pub selector: Option<&'a Selector>,
    pub name_matches: Option<&'a Regex>,
}

/// Where to look for objects of a namespaced kind; without meaning for a cluster-wide one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespaces<'a> {
    /// The scenario's.
    Default,
    Named(&'a str),
    All,
}

/// The fields by which `object`, `absent` and `capture` name objects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selection {
    /// Needed only where several groups have the kind.
    pub api_version: Option<String>,
    pub kind: String,
    /// One object. Give this, or `selector`, or `nameMatches`, or none of them for all objects.
    pub name: Option<String>,
    pub selector: Option<Selector>,
    pub name_matches: Option<formats::Regex>,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// Look in every namespace.
    #[serde(default)]
    pub all_namespaces: bool,
}

impl Selection {
    pub fn target(&self) -> Target<'_> {
        Target {
            api_version: self.api_version.as_deref(),
            kind: &self.kind,
            namespace: Namespaces::of(self.namespace.as_deref(), self.all_namespaces),
            name: self.name.as_deref(),
            selector: self.selector.as_ref(),
            name_matches: self.name_matches.as_ref().map(|regex| &regex.0),
        }
    }
}

impl<'a> Target<'a> {
    /// All objects of a kind of Kubernetes' own.
    pub fn of(kind: &'static str, namespace: Option<&'a str>) -> Self {
        let namespace = Namespaces::of(namespace, false);
        Self { api_version: None, kind, namespace, name: None, selector: None, name_matches: None }
    }

    pub fn includes(&self, object: &Object) -> bool {
        self.name.is_none_or(|name| object.name == name)
            && self.selector.is_none_or(|selector| selector.matches(&object.labels))
            && self.name_matches.is_none_or(|regex| regex.is_match(&object.name))
    }

    /// `Service istio-ingressgateway`, `Pods with app=ratings`.
    pub fn describe(&self) -> String {
        let plural = format!("{}s", self.kind);
        match (self.name, self.selector, self.name_matches) {
            (Some(name), _, _) => format!("{} {name}", self.kind),
            (None, Some(selector), _) => format!("{plural} with {}", selector.as_str()),
            (None, None, Some(regex)) => format!("{plural} called {}", regex.as_str()),
            (None, None, None) => plural,
        }
    }
}

impl<'a> Namespaces<'a> {
    pub fn of(namespace: Option<&'a str>, all: bool) -> Self {
        match namespace {
            _ if all => Self::All,
            Some(namespace) => Self::Named(namespace),
            None => Self::Default,
        }
    }
}
