//! From what an object was, what the run set and what it is now, to what gives it back: pure.

use serde_json::{Map, Value, json};

/// What to do to an object so that it is what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Restoration {
    /// A JSON merge patch; an empty map if there is nothing to do.
    pub patch: Value,
    /// What somebody else changed since, and so stays.
    pub conflicts: Vec<Conflict>,
}

/// One field that is neither what the run set nor what it was before. Values that are absent are null.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Keys from the object's root.
    pub path: Vec<String>,
    pub now: Value,
    pub set: Value,
    pub before: Value,
}

impl Conflict {
    /// The innermost places in which what is there differs from what the run set, items of lists as long as each other among them.
    pub fn innermost(self) -> Vec<Self> {
        let Self { path, now, set, before } = self;
        let keys: Vec<String> = match (&now, &set) {
            (Value::Object(now), Value::Object(set)) => {
                now.keys().chain(set.keys().filter(|key| !now.contains_key(*key))).cloned().collect()
            }
            (Value::Array(now), Value::Array(set)) if now.len() == set.len() => {
                (0..now.len()).map(|place| place.to_string()).collect()
            }
            _ => return vec![Self { path, now, set, before }],
        };
        let of = |value: &Value, key: &str| match value {
            Value::Array(items) => {
                key.parse().ok().and_then(|place: usize| items.get(place)).cloned().unwrap_or_default()
            }
            other => other.get(key).cloned().unwrap_or_default(),
        };
        keys.iter()
            .map(|key| Self {
                path: path.iter().chain([key]).cloned().collect(),
                now: of(&now, key),
                set: of(&set, key),
                before: of(&before, key),
            })
            .filter(|inner| inner.now != inner.set)
            .flat_map(Self::innermost)
            .collect()
    }
}

/// The part of an object by which a change asks for something, rather than says which object it is.
pub fn intent(object: &Value) -> Value {
    let mut intent = object.clone();
    if let Some(fields) = intent.as_object_mut() {
        for field in ["apiVersion", "kind", "status"] {
            fields.remove(field);
        }
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|field, _| ["labels", "annotations", "finalizers", "ownerReferences"].contains(&&**field));
        }
    }
    intent
}

/// `earlier` with everything of `later` laid over it.
pub(super) fn overlay(earlier: &mut Value, later: &Value) {
    match (earlier, later) {
        (Value::Object(earlier), Value::Object(later)) => {
            for (key, value) in later {
                overlay(earlier.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (earlier, later) => *earlier = later.clone(),
    }
}

/// What `object` has in the places of `asked`: the server may have written values in another way, or refused to keep them.
pub(super) fn as_answered(asked: &Value, object: &Value) -> Value {
    match (asked, object) {
        (Value::Object(asked), Value::Object(fields)) => Value::Object(
            asked
                .iter()
                .map(|(key, value)| (key.clone(), as_answered(value, fields.get(key).unwrap_or(&Value::Null))))
                .collect(),
        ),
        (_, object) => object.clone(),
    }
}

/// Compares only the places of `set`; lists are taken as a whole. What stands in one of `earlier` is the run's, too.
pub fn restoration(before: &Value, set: &Value, earlier: &[Value], now: &Value) -> Restoration {
    let (mut conflicts, mut path) = (Vec::new(), Vec::new());
    let earlier: Vec<&Value> = earlier.iter().collect();
    let patch = restore(before, set, &earlier, now, &mut path, &mut conflicts).unwrap_or_else(|| json!({}));
    Restoration { patch, conflicts }
}

fn restore(
    before: &Value,
    set: &Value,
    earlier: &[&Value],
    now: &Value,
    path: &mut Vec<String>,
    conflicts: &mut Vec<Conflict>,
) -> Option<Value> {
    if now == before {
        return None;
    }
    if (now == set || earlier.contains(&now)) && !(before.is_object() && set.is_object()) {
        return Some(before.clone());
    }
    let Value::Object(fields) = set else {
        conflicts.push(Conflict { path: path.clone(), now: now.clone(), set: set.clone(), before: before.clone() });
        return None;
    };
    let mut patch = Map::new();
    for (key, value) in fields {
        let of = |object: &Value| object.get(key).cloned().unwrap_or_default();
        let earlier: Vec<&Value> = earlier.iter().filter_map(|earlier| earlier.get(key)).collect();
        path.push(key.clone());
        if let Some(change) = restore(&of(before), value, &earlier, &of(now), path, conflicts) {
            patch.insert(key.clone(), change);
        }
        path.pop();
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_the_run_left_it(json!({"a": 1}), json!({"a": 2}), json!({"a": 2}), json!({"a": 1}))]
    #[case::given_back_already(json!({"a": 1}), json!({"a": 2}), json!({"a": 1}), json!({}))]
    #[case::added(json!({"b": 1}), json!({"a": 2}), json!({"a": 2, "b": 1}), json!({"a": null}))]
    #[case::removed(json!({"a": 1}), json!({"a": null}), json!({}), json!({"a": 1}))]
    #[case::others_fields_stay(json!({"a": 1}), json!({"a": 2}), json!({"a": 2, "b": 3}), json!({"a": 1}))]
    #[case::inner(json!({"m": {"a": 1, "z": 0}}), json!({"m": {"a": 2}}), json!({"m": {"a": 2, "z": 9}}), json!({"m": {"a": 1}}))]
    #[case::a_map_of_its_own(json!({}), json!({"m": {"a": 2}}), json!({"m": {"a": 2}}), json!({"m": null}))]
    #[case::a_map_that_others_use_too(json!({}), json!({"m": {"a": 2}}), json!({"m": {"a": 2, "b": 1}}), json!({"m": {"a": null}}))]
    #[case::lists(json!({"l": [1]}), json!({"l": [1, 2]}), json!({"l": [1, 2]}), json!({"l": [1]}))]
    fn gives_back(#[case] before: Value, #[case] set: Value, #[case] now: Value, #[case] patch: Value) {
        assert_eq!(restoration(&before, &set, &[], &now), Restoration { patch, conflicts: Vec::new() });
    }

    #[test]
    fn what_an_earlier_change_of_the_run_set_is_the_runs() {
        let (before, set) = (json!({"a": 1, "b": 1}), json!({"a": 3, "b": 3}));
        let found = restoration(&before, &set, &[json!({"a": 2})], &json!({"a": 2, "b": 3}));
        assert_eq!(found, Restoration { patch: before, conflicts: Vec::new() });
    }

    #[test]
    fn what_somebody_changed_since_stays_and_is_told() {
        let found = restoration(
            &json!({"m": {"a": 1, "b": 1}}),
            &json!({"m": {"a": 2, "b": 2}}),
            &[json!({"m": {"b": 3}})],
            &json!({"m": {"a": 3, "b": 2}}),
        );
        assert_eq!(found.patch, json!({"m": {"b": 1}}));
        let conflict = Conflict { path: vec!["m".into(), "a".into()], now: json!(3), set: json!(2), before: json!(1) };
        assert_eq!(found.conflicts, [conflict]);
    }

    #[test]
    fn a_conflict_in_a_list_is_told_by_its_innermost_place() {
        let webhooks = |bundle: &str| json!([{"name": "a", "ca": "same"}, {"name": "b", "ca": bundle}]);
        let found = restoration(
            &json!({"webhooks": webhooks("x")}),
            &json!({"webhooks": webhooks("y")}),
            &[],
            &json!({"webhooks": webhooks("z")}),
        );
        let inner: Vec<Conflict> = found.conflicts.into_iter().flat_map(Conflict::innermost).collect();
        let path = ["webhooks", "1", "ca"].map(str::to_owned).to_vec();
        assert_eq!(inner, [Conflict { path, now: json!("z"), set: json!("y"), before: json!("x") }]);
    }

    #[test]
    fn an_answer_is_read_in_the_places_that_were_asked_for() {
        let asked = json!({"cpu": "1000m", "gone": 1, "ports": [{"port": 80}]});
        let answer = json!({"cpu": "1", "ports": [{"port": 80, "protocol": "TCP"}], "more": 1});
        let expected = json!({"cpu": "1", "gone": null, "ports": [{"port": 80, "protocol": "TCP"}]});
        assert_eq!(as_answered(&asked, &answer), expected);
    }

    #[test]
    fn identity_and_status_are_no_intent() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "labels": {"a": "b"}},
            "data": {"k": "v"}, "status": {"x": 1}});
        assert_eq!(intent(&object), json!({"metadata": {"labels": {"a": "b"}}, "data": {"k": "v"}}));
    }

    fn maps() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!(2)), Just(json!([1])), Just(json!("x"))];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 1..4).prop_map(|map| json!(map))
        })
        .prop_map(|value| json!({"spec": value}))
    }

    /// RFC 7386.
    fn patched(target: &mut Value, patch: &Value) {
        match patch {
            Value::Object(changes) => {
                if !target.is_object() {
                    *target = json!({});
                }
                let fields = target.as_object_mut().unwrap();
                for (key, change) in changes {
                    if change.is_null() {
                        fields.remove(key);
                    } else {
                        patched(fields.entry(key.clone()).or_insert(Value::Null), change);
                    }
                }
            }
            other => *target = other.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_the_run_alone_changed_is_given_back_whole(before in maps(), asked in maps()) {
            let mut now = before.clone();
            overlay(&mut now, &asked);
            let set = as_answered(&asked, &now);
            let found = restoration(&before, &set, &[], &now);
            prop_assert_eq!(&found.conflicts, &[]);
            patched(&mut now, &found.patch);
            prop_assert_eq!(now, before);
        }
    }
}
