//! Whether the run's account has the rights that the plan takes.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use super::{AT_ONCE, Findings};
use crate::{
    cluster::{Cluster, Trouble, patiently},
    effect::{ApiVerb, Right, Rule, Rules},
};

/// So many rules that are missing are told one by one; of more, so many.
const TOLD: usize = 10;

const HINT: &str = "`meshproof plan --rbac` prints an account that has the rights, for `kubectl apply -f -`";

/// Asks for each right of the rules, one SelfSubjectAccessReview each; only one altogether where everything is allowed.
pub async fn ask(cluster: &Cluster, rules: &Rules) -> Findings {
    let mut findings = Findings::default();
    match missing(cluster, rules).await {
        Ok(missing) => judge(&missing, rules, &mut findings),
        Err(trouble) => {
            // Everybody may ask this, unless somebody took it away.
            findings.problem(
                format!("failed to ask for the account's rights: {trouble}"),
                Some("everybody has the cluster role system:basic-user by default".to_owned()),
            );
        }
    }
    findings
}

async fn missing(cluster: &Cluster, rules: &Rules) -> Result<Vec<Right>, Trouble> {
    let everything = attributes("*", "*", "*", None, None);
    if allowed(cluster, everything).await? {
        return Ok(Vec::new());
    }
    let asked = rules.rights().into_iter().map(|right| async move {
        let Right { namespace, group, resource, name, verb } = &right;
        let wanted = attributes(verb.as_str(), group, resource, namespace.as_deref(), name.as_deref());
        Ok::<_, Trouble>((!allowed(cluster, wanted).await?).then_some(right))
    });
    let asked: Vec<Option<Right>> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(asked.into_iter().flatten().collect())
}

async fn allowed(cluster: &Cluster, resource_attributes: ResourceAttributes) -> Result<bool, Trouble> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(resource_attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let answer = patiently(|| async { Ok(reviews.create(&PostParams::default(), &review).await?) }).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

fn attributes(
    verb: &str,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: Option<&str>,
) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (resource, None),
    };
    ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        ..Default::default()
    }
}

fn judge(missing: &[Right], rules: &Rules, findings: &mut Findings) {
    // Those of one rule are told together.
    let told: Vec<String> = rules.0.iter().filter_map(|rule| lacks(rule, missing)).collect();
    if told.len() > TOLD {
        let (count, all) = (told.len(), rules.0.len());
        let some = told[..TOLD].join("; ");
        findings.problem(format!("{count} of {all} rights are missing, among them: {some}"), Some(HINT.to_owned()));
        return;
    }
    for right in told {
        findings.problem(format!("not allowed: {right}"), Some(HINT.to_owned()));
    }
}

/// What of a rule is missing: `create, patch deployments.apps a, b in shop`.
fn lacks(rule: &Rule, missing: &[Right]) -> Option<String> {
    let of_rule = |right: &&Right| {
        right.namespace == rule.namespace
            && right.group == rule.group
            && right.resource == rule.resource
            && rule.verbs.contains(&right.verb)
            && right.name.as_ref().map_or(rule.names.is_empty(), |name| rule.names.contains(name))
    };
    let lacking: Vec<&Right> = missing.iter().filter(of_rule).collect();
    let first = lacking.first()?;
    let mut verbs: Vec<ApiVerb> = lacking.iter().map(|right| right.verb).collect();
    verbs.sort_unstable();
    verbs.dedup();
    let mut names: Vec<&str> = lacking.iter().filter_map(|right| right.name.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let verbs: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    let one = Right { name: Some(names.join(", ")).filter(|names| !names.is_empty()), ..(*first).clone() };
    let told = one.to_string();
    Some(format!("{}{}", verbs.join(", "), told.trim_start_matches(first.verb.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(verb: ApiVerb, name: Option<&str>) -> Right {
        Right {
            namespace: Some("shop".to_owned()),
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            name: name.map(str::to_owned),
            verb,
        }
    }

    #[test]
    fn what_is_missing_of_a_rule_is_told_together() {
        let all = [
            right(ApiVerb::Get, Some("a")),
            right(ApiVerb::Patch, Some("a")),
            right(ApiVerb::Get, Some("b")),
            right(ApiVerb::Patch, Some("b")),
            right(ApiVerb::List, None),
        ];
        let rules = Rules::of(&all, |_| true);
        let mut findings = Findings::default();
        judge(&[all[1].clone(), all[3].clone(), all[4].clone()], &rules, &mut findings);
        let told: Vec<&str> = findings.problems.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            told,
            ["not allowed: list deployments.apps in shop", "not allowed: patch deployments.apps a, b in shop"]
        );
        assert!(findings.problems.iter().all(|finding| finding.hint.is_some()));
    }

    #[test]
    fn of_many_some_are_told_and_all_are_counted() {
        let all: Vec<Right> =
            (0..30).map(|number| Right { resource: format!("kind{number}"), ..right(ApiVerb::List, None) }).collect();
        let rules = Rules::of(&all, |_| true);
        let mut findings = Findings::default();
        judge(&all[..20], &rules, &mut findings);
        let [finding] = &findings.problems[..] else { panic!("{findings:?}") };
        assert!(finding.what.starts_with("20 of 30 rights are missing, among them: list "), "{}", finding.what);
    }
}
