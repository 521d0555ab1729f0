"""The tests that are measured: the same for each tool, in its own language."""

MESHPROOF_WAIT = """\
apiVersion: meshproof.dev/v1alpha1
kind: Scenario
metadata: {{name: {name}}}
namespace: {namespace}
cases:
  - name: appears
    expect:
      - object:
          of: {{kind: ConfigMap, name: {name}}}
          match: {{data: {{state: ready}}}}
        within: 60s
"""

CHAINSAW_WAIT = """\
apiVersion: chainsaw.kyverno.io/v1alpha1
kind: Test
metadata: {{name: {name}}}
spec:
  namespace: {namespace}
  timeouts: {{assert: 60s}}
  steps:
    - try:
        - assert:
            resource:
              apiVersion: v1
              kind: ConfigMap
              metadata: {{name: {name}}}
              data: {{state: ready}}
"""

# Of the kind and size of the flagship's files.
MESHPROOF_CHECK = """\
apiVersion: meshproof.dev/v1alpha1
kind: Scenario
metadata: {{name: {name}, title: An application in the mesh}}
namespace: "{{{{ namespace }}}}-{number}"
tags: [generated]
cases:
  - name: applies
    title: Its objects apply
    do:
      - apply:
          objects:
            - {{apiVersion: v1, kind: Namespace, metadata: {{name: "{{{{ namespace }}}}-{number}"}}}}
            - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings}}, data: {{size: "{number}"}}}}
    expect:
      - inventory: {{of: {{kind: ConfigMap}}, names: [settings], ignore: ^kube-root-ca}}
  - name: runs
    title: Three pods are 2/2, Running, not restarted
    needs: [applies]
    expect:
      - pods: {{selector: "app in (web, api)", count: 3, ready: 2/2, phase: Running, restarts: 0}}
        within: "{{{{ startup }}}}"
        hold: 5s
      - object:
          of: {{kind: Deployment, name: web}}
          match: {{spec: {{replicas: 3}}}}
          cel: ["object.status.readyReplicas == object.spec.replicas"]
  - name: is-served
    title: It has a service and answers
    needs: [runs{needs}]
    when:
      - {{kubernetes: ">=1.25"}}
    do:
      - http: {{url: "http://{{{{ address }}}}/{number}", timeout: 5s}}
    expect:
      - services: {{services: [{{name: web, type: ClusterIP, ports: [{{port: 80}}]}}]}}
      - http: {{status: 200}}
        within: 1m
        settle: 10s
      - html: {{select: title, text: "Page {number}"}}
"""

MESHPROOF_SUITE = """\
apiVersion: meshproof.dev/v1alpha1
kind: Suite
metadata: {name: generated}
variables:
  namespace: {type: string, default: "generated-{{ run.id }}"}
  startup: {type: duration, default: 5m}
  address: {type: string, default: 127.0.0.1}
"""


def names(count):
    return [f"waits-{number:05}" for number in range(count)]


def meshproof_waits(folder, namespace, count):
    for name in names(count):
        (folder / f"{name}.yaml").write_text(MESHPROOF_WAIT.format(name=name, namespace=namespace))


def chainsaw_waits(folder, namespace, count):
    for name in names(count):
        (folder / name).mkdir()
        (folder / name / "chainsaw-test.yaml").write_text(CHAINSAW_WAIT.format(name=name, namespace=namespace))


def meshproof_check(folder, count):
    (folder / "suite.yaml").write_text(MESHPROOF_SUITE)
    for number in range(count):
        needs = f", app-{number - 1:05}/runs" if number else ""
        text = MESHPROOF_CHECK.format(name=f"app-{number:05}", number=number, needs=needs)
        (folder / f"app-{number:05}.yaml").write_text(text)
