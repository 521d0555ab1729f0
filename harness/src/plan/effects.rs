//! What follows from the steps of a case, and from those that take them back.

use std::path::Path;

use indexmap::IndexMap;

use crate::{
    diagnostic::Diagnostic,
    effect::{ApiVerb, Effect, Scene},
    language::{
        ActionNode, ActionStep, ExpectationNode, ExpectationStep, Filler, ListReference, Objects, StepError, Touch,
        TouchNode, check_shape, names_in,
    },
    yaml::{Node, Text, Value},
};

/// What all cases of a suite have at hand.
pub struct Stated<'a> {
    /// The suite's lists.
    pub lists: &'a IndexMap<Text, Vec<TouchNode>>,
    pub filler: &'a Filler,
}

/// The effects of a case, in the order of its steps, and the mistakes in what is stated.
pub fn effects(
    stated: &Stated<'_>,
    actions: &[Node],
    expectations: &[Node],
    namespace: Option<&str>,
) -> (Vec<Effect>, Vec<Diagnostic>) {
    let mut deriving = Deriving { stated, namespace, effects: Vec::new(), diagnostics: Vec::new() };
    for node in actions {
        deriving.action(&stated.filler.fill(node).0);
    }
    for node in expectations {
        deriving.expectation(&stated.filler.fill(node).0);
    }
    (deriving.effects, deriving.diagnostics)
}

/// The mistakes in lists that no step refers to: in others they are told where they are used.
pub fn check_lists(stated: &Stated<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for nodes in stated.lists.values() {
        for TouchNode(node) in nodes {
            let (filled, problems) = stated.filler.fill(node);
            let readable = problems.is_empty() && check_shape(node, TouchNode::schema()).is_empty();
            diagnostics.extend(problems);
            if let (true, Err(StepError(problems))) = (readable, Touch::read(&filled, false)) {
                diagnostics.extend(problems);
            }
        }
    }
}

struct Deriving<'a> {
    stated: &'a Stated<'a>,
    namespace: Option<&'a str>,
    effects: Vec<Effect>,
    diagnostics: Vec<Diagnostic>,
}

impl Deriving<'_> {
    /// `filled`: but for captures.
    fn action(&mut self, filled: &Node) {
        let verb = filled.entries().first().map(|entry| entry.key.value.clone()).unwrap_or_default();
        let touches = match filled.get("touches").map(|node| &node.value) {
            Some(Value::List(nodes)) => Some(self.touches(nodes, !["apply", "delete"].contains(&verb.as_str()))),
            _ => None,
        };
        let step = match ActionStep::read(filled) {
            Ok(step) => step,
            Err(_) => return self.waits(filled, &verb),
        };
        let mut scene = self.scene(filled, touches.as_deref());
        step.action.effects(&mut scene);
        let effects = scene.effects;
        self.effects.extend(effects);
        let Some(undo) = &step.options.undo else { return };
        if let Some(ExpectationNode(unless)) = &undo.unless {
            self.expectation(unless);
        }
        for ActionNode(node) in &undo.actions {
            self.action(node);
        }
    }

    fn expectation(&mut self, filled: &Node) {
        match ExpectationStep::read(filled) {
            Ok(step) => {
                let mut scene = self.scene(filled, None);
                step.expectation.effects(&mut scene);
                let effects = scene.effects;
                self.effects.extend(effects);
            }
            Err(_) => {
                let verb = filled.entries().first().map(|entry| entry.key.value.clone()).unwrap_or_default();
                self.waits(filled, &verb);
            }
        }
    }

    fn scene<'a>(&self, node: &'a Node, touches: Option<&'a [Touch]>) -> Scene<'a> {
        let directory = node.span.source.path.parent().unwrap_or(Path::new("."));
        Scene { namespace: self.namespace.map(str::to_owned), directory, touches, effects: Vec::new() }
    }

    /// A step that cannot be read yet: what keeps it from it, if that is no mistake told elsewhere.
    fn waits(&mut self, node: &Node, verb: &str) {
        let names: Vec<String> = names_in(node).into_iter().collect();
        if !names.is_empty() {
            let what = format!("what `{verb}` does is known only in the run: it waits for {}", names.join(", "));
            self.effects.push(Effect::Unknown(what));
        }
    }

    /// The statements, each list of the suite's in its place.
    fn touches(&mut self, nodes: &[Node], says_verbs: bool) -> Vec<Touch> {
        let mut touches = Vec::new();
        for node in nodes {
            match Touch::read(node, says_verbs) {
                Ok(Touch::List(ListReference { name, verbs })) => {
                    let lists = self.stated.lists;
                    let Some(list) = lists.get(name.as_str()) else {
                        let known = lists.keys().map(Text::as_str);
                        let title = format!("the suite's `touches` has no list `{name}`");
                        let diagnostic = Diagnostic::error(title).at(&name.span);
                        self.diagnostics.push(diagnostic.did_you_mean(name.as_str(), known));
                        continue;
                    };
                    let filled: Vec<Node> = list.iter().map(|node| self.stated.filler.fill(&node.0).0).collect();
                    touches.extend(self.plain(&filled, &verbs, says_verbs));
                }
                Ok(touch) => touches.push(touch),
                // That of its shape is told with the step's.
                Err(StepError(problems)) if check_shape(node, TouchNode::schema()).is_empty() => {
                    self.diagnostics.extend(problems);
                }
                Err(_) => {}
            }
        }
        touches
    }

    /// The statements of a list, which has no other lists in it.
    fn plain(&mut self, nodes: &[Node], verbs: &[ApiVerb], says_verbs: bool) -> Vec<Touch> {
        let mut touches = Vec::new();
        for node in nodes {
            match Touch::read(node, says_verbs && verbs.is_empty()) {
                Ok(Touch::List(ListReference { name, .. })) => self.diagnostics.push(
                    Diagnostic::error("a list of `touches` refers to another")
                        .at(&name.span)
                        .help("refer to both where they are used"),
                ),
                Ok(Touch::Objects(objects)) if objects.verbs.is_empty() => {
                    touches.push(Touch::Objects(Objects { verbs: verbs.to_vec(), ..objects }));
                }
                Ok(touch) => touches.push(touch),
                Err(StepError(problems)) => self.diagnostics.extend(problems),
            }
        }
        touches
    }
}
