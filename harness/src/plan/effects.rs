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
        let touches = touches.map(|touches| if verb == "delete" { without_gains(touches) } else { touches });
        let Ok(step) = ActionStep::read(filled) else { return self.waits(filled, &verb) };
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
                    let stated = self.plain(&filled, &verbs, says_verbs);
                    let makes = verbs.iter().any(|verb| verb.is_write());
                    touches.extend(if verbs.is_empty() || makes { stated } else { without_gains(stated) });
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

/// What is stated but for what comes of making it: nothing is pulled, and nothing appears, where it is deleted.
fn without_gains(mut touches: Vec<Touch>) -> Vec<Touch> {
    touches.retain(|touch| match touch {
        Touch::Images(_) => false,
        Touch::Objects(objects) => !objects.indirect,
        Touch::Addresses(_) | Touch::List(_) => true,
    });
    touches
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::{
        effect::Effect,
        plan::testing::{scenario, sound, suite},
    };

    /// Effects but for rights, in phrases.
    fn told(text: &str) -> Vec<String> {
        let plan = sound(text);
        let effects = plan.cases.iter().flat_map(|case| &case.effects).filter_map(|effect| match effect {
            Effect::Makes(thing) => Some(format!("makes {thing}")),
            Effect::Changes(thing) => Some(format!("changes {thing}")),
            Effect::Deletes(thing) => Some(format!("deletes {thing}")),
            Effect::PullsArtifact(text) => Some(format!("artifact {text}")),
            Effect::PullsImage(text) => Some(format!("image {text}")),
            Effect::Contacts(text) => Some(format!("contacts {text}")),
            Effect::Unknown(text) => Some(format!("unknown: {text}")),
            Effect::Needs(_) => None,
        });
        effects.collect()
    }

    /// The rights of one case, as `verb resource`.
    fn rights(text: &str) -> Vec<String> {
        let plan = sound(text);
        let needs = plan.cases[0].effects.iter().filter_map(|effect| match effect {
            Effect::Needs(right) => Some(right.to_string()),
            _ => None,
        });
        needs.collect()
    }

    const LISTS: &str = "namespace: ns\ntouches:
  shop:
    - objects: {kinds: [Service], names: [a, b]}
    - objects: {kinds: [ConfigMap], names: [c], indirect: true}
    - images: ['i:1']\n";

    #[rstest]
    #[case::of_a_program("run: {program: p}, touches: [{list: {name: shop, verbs: [create]}}]",
        &["makes Service a in ns", "makes Service b in ns", "makes ConfigMap c in ns", "image i:1"])]
    #[case::deleted_by_a_program("run: {program: p}, touches: [{list: {name: shop, verbs: [list, delete]}}]",
        &["deletes Service a in ns", "deletes Service b in ns"])]
    #[case::of_a_file("apply: {file: '{{ run.directory }}/a.yaml'}, touches: [{list: {name: shop}}]",
        &["makes Service a in ns", "makes Service b in ns", "makes ConfigMap c in ns", "image i:1"])]
    #[case::of_a_deleted_file("delete: {file: '{{ run.directory }}/a.yaml'}, touches: [{list: {name: shop}}]",
        &["deletes Service a in ns", "deletes Service b in ns"])]
    #[case::in_a_namespace_of_its_own("apply: {file: none.yaml, namespace: own}, touches: [{objects: {kinds: [Secret]}}]",
        &["makes Secret in own"])]
    #[case::only_read("run: {program: p}, touches: [{objects: {kinds: [Pod], verbs: [get, list]}}]", &[])]
    #[case::changed("run: {program: p}, touches: [{objects: {kinds: [Pod], allNamespaces: true, selector: a=b, verbs: [patch]}}]",
        &["changes Pod with a=b in any namespace"])]
    #[case::not_stated("run: {program: /bin/p, args: [x]}", &["unknown: what `p x` changes is not stated (`touches`)"])]
    #[case::not_stated_of_a_file("apply: {file: none.yaml}", &["unknown: what none.yaml holds is not stated (`touches`)"])]
    #[case::nothing("run: {program: p}, touches: []", &[])]
    #[case::known_objects("apply: {objects: [{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: 'i:2'}]}}]}",
        &["makes Pod p in ns", "image i:2"])]
    #[case::an_artifact("pull: {artifact: 'r.example/a:1', plainHttp: true}", &["artifact r.example/a:1", "contacts http://r.example"])]
    #[case::a_kind_of_an_unknown_group("label: {kind: Gateway, name: g, set: {a: b}}",
        &["unknown: which group has the kind Gateway is known only to the cluster: name its `apiVersion`"])]
    #[case::its_undoing("run: {program: p}, touches: [], undo: {do: [{delete: {of: {kind: Namespace, name: n}}}]}",
        &["deletes Namespace n"])]
    fn effects_follow_from_a_step(#[case] step: &str, #[case] expected: &[&str]) {
        assert_eq!(told(&(suite(LISTS) + &scenario("a", &[&format!("one, do: [{{{step}}}]")]))), expected);
    }

    #[test]
    fn a_step_over_a_capture_that_cannot_be_read_yet_is_unknown() {
        let cases = [
            "one, do: [{capture: {name: n, of: {kind: Pod}, value: object.a}}]",
            "two, needs: [one], do: [{exec: {selector: 'a={{ n }}', namespace: x, command: [c]}}]",
        ];
        let told = told(&(suite("namespace: ns\n") + &scenario("a", &cases)));
        assert_eq!(told, ["unknown: what `exec` does is known only in the run: it waits for n"]);
    }

    #[rstest]
    #[case::scale("do: [{scale: {kind: Deployment, name: d, replicas: 2}}]",
        &["get deployments.apps/scale d in ns", "patch deployments.apps/scale d in ns"])]
    #[case::label("do: [{label: {kind: Namespace, name: n, set: {a: b}}}]", &["get namespaces n", "patch namespaces n"])]
    #[case::watch("expect: [{object: {of: {kind: Service, name: s}}}]", &["list services in ns", "watch services in ns"])]
    #[case::binding(
        "do: [{apply: {objects: [{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b}, roleRef: {kind: Role, name: r}}]}}]",
        &["get rolebindings.rbac.authorization.k8s.io b in ns", "patch rolebindings.rbac.authorization.k8s.io b in ns",
          "create rolebindings.rbac.authorization.k8s.io b in ns", "delete rolebindings.rbac.authorization.k8s.io b in ns",
          "list rolebindings.rbac.authorization.k8s.io in ns", "watch rolebindings.rbac.authorization.k8s.io in ns",
          "bind roles.rbac.authorization.k8s.io r in ns"])]
    fn rights_are_those_of_the_requests(#[case] step: &str, #[case] expected: &[&str]) {
        assert_eq!(rights(&(suite("namespace: ns\n") + &scenario("a", &[&format!("one, {step}")]))), expected);
    }
}
