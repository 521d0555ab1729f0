//! What the content of a layout is called in it.
//!
//! A layout's names are not references: ORAS splits `FOLDER:NAME` at its last colon, so that a name with one cannot be asked for.

use crate::registry::Reference;

/// For each of `references`, the shortest of `TAG`, `NAME-TAG`, `PATH/NAME-TAG` and so on that no other has. One without a tag, or that
/// nothing sets apart, keeps its own text.
pub(super) fn names(references: &[&str]) -> Vec<String> {
    let all: Vec<Vec<String>> = references.iter().map(|reference| candidates(reference)).collect();
    let is_free =
        |name: &String, at: usize| all.iter().enumerate().all(|(other, others)| other == at || !others.contains(name));
    let named = references.iter().enumerate().map(|(at, reference)| {
        all[at].iter().find(|name| is_free(name, at)).cloned().unwrap_or_else(|| (*reference).to_owned())
    });
    named.collect()
}

/// The names that something may have, the shortest first.
fn candidates(reference: &str) -> Vec<String> {
    let Ok(Reference { repository, tag: Some(tag), .. }) = Reference::parse(reference, None, false) else {
        return Vec::new();
    };
    let suffixes = repository.rmatch_indices('/').map(|(slash, _)| &repository[slash + 1..]);
    let paths = suffixes.chain([repository.as_str()]).map(|path| format!("{path}-{tag}"));
    std::iter::once(tag.clone()).chain(paths).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone(&["a.example:5000/istio/pilot:1.24.0"], &["1.24.0"])]
    #[case::one_tag_twice(
        &["a.example/istio/pilot:1.24.0", "a.example/istio/proxyv2:1.24.0", "a.example/istio/tool:1"],
        &["pilot-1.24.0", "proxyv2-1.24.0", "1"],
    )]
    #[case::one_name_twice(&["a.example/x/pilot:1", "a.example/y/pilot:1"], &["x/pilot-1", "y/pilot-1"])]
    #[case::two_registries(&["a.example/pilot:1", "b.example/pilot:1"], &["a.example/pilot:1", "b.example/pilot:1"])]
    #[case::a_hyphen_on_either_side(&["a.example/x/a-1:2", "a.example/y/a:1-2"], &["2", "1-2"])]
    #[case::no_tag(
        &["a.example/pilot@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
        &["a.example/pilot@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    )]
    fn a_name_is_the_shortest_that_no_other_has(#[case] references: &[&str], #[case] expected: &[&str]) {
        assert_eq!(names(references), expected);
    }
}
