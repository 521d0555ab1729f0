//! Captures, and programs that scenarios run.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use meshproof_reports::Verdict::{Errored, Failed};
use serde_json::{Value, json};

use crate::support::{Api, Suite};

#[tokio::test]
async fn a_capture_has_its_value_in_the_cases_that_need_it() {
    let api = Api::start();
    api.put(
        json!({"kind": "Service", "metadata": {"name": "s", "namespace": "ns"}, "spec": {"ports": [{"port": 8080}]}}),
    );
    let going = Suite::of(
        &api,
        "cases:
- name: address
  do: [{capture: {name: host, of: {kind: Service, name: s}, value: 'object.status.loadBalancer.ingress[0].ip'}, within: 1m}]
- name: port
  do:
    - capture: {name: port, type: integer, of: {kind: Service, name: s}, value: 'object.spec.ports[0].port'}
    - run: {program: echo, args: ['{\"a\": [\"from the output\"]}']}
    - capture: {name: said, value: 'json.a[0]'}
- name: used
  needs: [address, port]
  do: [{run: {program: echo, args: ['http://{{ host }}:{{ port }}/', '{{ said }}']}}]
  expect: [{output: {stdout: {contains: ['http://10.0.0.1:8080/ from the output']}}}]",
    )
    .go()
    .await;
    api.requested("WATCH services", 1).await;
    api.patch("Service", "ns", "s", &json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}));
    going.end().await.passed(&["address", "port", "used"]);
}

#[tokio::test]
async fn a_capture_without_a_value_fails() {
    let api = Api::start();
    api.put(json!({"kind": "Service", "metadata": {"name": "s", "namespace": "ns"}, "spec": {}}));
    let ended = Suite::of(
        &api,
        "cases:
- name: object
  do: [{capture: {name: a, of: {kind: Service, name: s}, value: object.spec.clusterIP}, within: 500ms}]
- name: missing
  do: [{capture: {name: b, of: {kind: Service, name: none}, value: object.spec.clusterIP}, within: 500ms}]
- name: output
  do: [{run: {program: echo}}, {capture: {name: c, value: json.a}}]
- {name: uses, needs: [object], do: [{run: {program: echo, args: ['{{ a }}']}}]}",
    )
    .run()
    .await;
    ended.told("object", Failed, &["Service s: object.spec.clusterIP has a value"]);
    ended.told("missing", Failed, &["no such object"]);
    ended.told("output", Failed, &["json.a has no value"]);
    ended.told("uses", meshproof_reports::Verdict::Blocked, &["blocked by s/object"]);
}

#[tokio::test]
async fn a_program_is_given_what_the_scenario_says() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- name: input
  do: [{run: {program: cat, stdin: 'what is written to it'}}]
  expect: [{output: {stdout: {equals: 'what is written to it'}}}]
- name: none
  do: [{run: {program: cat}}]
  expect: [{output: {stdout: {equals: ''}, exitCode: 0}}]
- name: environment
  do: [{run: {program: sh, args: [-c, 'echo $GREETING $#', sh, 'one; two'], env: {GREETING: hello}}}]
  expect: [{output: {stdout: {contains: [hello 1]}}}]
- name: file
  do:
    - run: {program: echo, args: [kept], stdoutFile: '{{ run.directory }}/kept'}
    - run: {program: cat, args: [kept], directory: '{{ run.directory }}'}
  expect: [{output: {stdout: {contains: [kept]}}}]
- name: folder
  do: [{run: {program: pwd, directory: /}}]
  expect: [{output: {stdout: {equals: \"/\\n\"}}}]
- name: code
  do: [{run: {program: sh, args: [-c, 'echo why >&2; exit 3'], exitCodes: [0, 3]}}]
  expect: [{output: {exitCode: 3, stderr: {contains: [why]}}}]
- name: any-code
  do: [{run: {program: sh, args: [-c, 'exit 9'], exitCodes: []}}]
- name: wrong-code
  do: [{run: {program: sh, args: [-c, 'echo why >&2; exit 3']}}]
- name: nowhere
  do: [{run: {program: /there/is/no/such}}]
- name: nowhere-in-path
  do: [{run: {program: there-is-no-such}}]
- name: not-a-program
  do: [{run: {program: /etc/passwd}}]
- name: again
  do: [{run: {program: sh, args: [-c, 'echo x >> count; wc -l < count']}}]
  expect: [{output: {stdout: {contains: ['3']}}, within: 30s}]",
    )
    .go()
    .await;
    let ended = going.end().await;
    ended.passed(&["input", "none", "environment", "file", "folder", "code", "any-code", "again"]);
    ended.told("wrong-code", Failed, &["sh ended with exit status: 3: why"]);
    ended.told("nowhere", Errored, &["failed to start /there/is/no/such"]);
    ended.told("not-a-program", Errored, &["failed to start /etc/passwd", "mounted noexec"]);
    ended.told("nowhere-in-path", Errored, &["failed to start there-is-no-such"]);
    assert_eq!(ended.case("again").steps[1].attempts, 3);
}

#[tokio::test]
async fn programs_can_only_reach_the_cluster_that_was_chosen() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - run: {program: sh, args: [-c, 'cat \"$KUBECONFIG\"; stat -c %a \"$KUBECONFIG\" > mode']}
    # It is a secret, and left out of what is told.
    - run: {program: sh, args: [-c, 'grep -q of-the-test \"$KUBECONFIG\"']}
    - run: {program: cat, args: [mode]}
  expect: [{output: {stdout: {equals: \"600\\n\"}}}]",
    )
    .run()
    .await;
    ended.passed(&["a"]);
    let text = ended.case("a").steps[0].output.clone().unwrap();
    assert!(text.contains("current-context: double") && !text.contains("of-the-test"), "{text}");
    assert!(!text.contains("production"), "another cluster can be reached: {text}");
    let mode = std::fs::metadata(&ended.suite.prepared.run.directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn an_output_without_end_is_not_kept_whole() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        "cases:
- {name: much, do: [{run: {program: head, args: [-c, '100000000', /dev/zero]}}]}
- {name: errors, do: [{run: {program: sh, args: [-c, 'head -c 100000000 /dev/zero >&2']}}]}
- {name: without-end, do: [{run: {program: 'yes'}, within: 1s}]}",
    )
    .run()
    .await;
    ended.passed(&["much", "errors"]);
    ended.told("without-end", Failed, &["yes had not ended by the deadline"]);
    let kept = |case: &str| ended.case(case).steps[0].output.as_ref().map_or(0, String::len);
    assert!(["much", "errors", "without-end"].iter().all(|case| kept(case) <= 8 << 10));
    assert!(ended.took < Duration::from_secs(40), "{:?}", ended.took);
}

/// It reads none of it, and there is more than a pipe holds.
#[tokio::test]
async fn a_program_that_does_not_read_its_input_keeps_to_its_deadline() {
    let api = Api::start();
    let folder = tempfile::tempdir().unwrap();
    let text = "x".repeat(1 << 20);
    let scenario = format!(
        "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: s}}\ncases:\n\
         - {{name: a, do: [{{run: {{program: sleep, args: ['30'], stdin: {text}}}, within: 1s}}]}}\n"
    );
    std::fs::write(folder.path().join("s.yaml"), scenario).unwrap();
    let ended = Suite::at(&api, folder).run().await;
    ended.told("a", Failed, &["sleep had not ended by the deadline"]);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

/// A daemon that has left the group still holds the pipe.
#[tokio::test]
async fn a_program_that_leaves_a_daemon_behind_has_ended() {
    let api = Api::start();
    let cases = "cases: [{name: a, do: [{run: {program: sh, args: [-c, 'setsid sleep 25 & echo begun']}}]}]";
    let ended = Suite::of(&api, cases).run().await;
    ended.passed(&["a"]);
    assert_eq!(ended.case("a").steps[0].output, Some("begun".to_owned()));
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

#[tokio::test]
async fn images_of_pods_that_were_waited_for_are_told() {
    let api = Api::start();
    let status: Value = json!({"phase": "Running", "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0,
        "state": {"running": {}}, "image": "r/a:1", "imageID": "r/a@sha256:abc"}]});
    api.put(
        json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "ns"}, "spec": {"containers": [{"name": "main"}]},
        "status": status}),
    );
    let ended = Suite::of(&api, "cases: [{name: a, expect: [{pods: {ready: 1/1}}]}]").run().await;
    ended.passed(&["a"]);
    assert_eq!(ended.outcome.images.len(), 1);
    assert_eq!(
        (ended.outcome.images[0].image.as_str(), ended.outcome.images[0].digest.as_str()),
        ("r/a:1", "sha256:abc")
    );
}
