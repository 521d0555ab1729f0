#!/usr/bin/env python3
"""run.py MESHPROOF [NAME...]: breaks a real installation on purpose, in every way listed, and shows what the suite says.

Needs a cluster with nothing of Istio on it: `ci/cluster/up 1.28.15 1.24.0`, then `eval "$(ci/cluster/env)"`. Installs Istio and
Bookinfo once, by the suite itself with --keep; then, for each breakage: breaks, runs the suite, compares the cases that are red and
their reasons with what is to be expected, mends. Takes everything away in the end. Exit code 1 if any breakage was not seen as
it should be.

A breakage says which cases must be red (and no others may), what their reasons and findings must say, and within how many seconds of its
start the run must be over: far below the deadlines in the suite, for a person should not wait for what cannot happen.
"""
import json, os, re, subprocess, sys, tempfile, time

NAMESPACE = "bookinfo"
SUITE = os.path.join(os.path.dirname(__file__), "..", "..", "scenarios", "nks-istio")
MESHPROOF = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2:]
HERE = os.path.dirname(os.path.abspath(__file__))
ARGS = os.environ["ISTIOCTL_ARGS"].split()
# By ci/breakages/simulated: the same on a simulated cluster, but for what is done to the registry, which is not this machine's.
SIMULATED = "MESHPROOF_SIMULATED" in os.environ
# What --keep keeps on disk goes with this.
WORK = tempfile.TemporaryDirectory()


def istioctl_args(*more):
    return "istioctlArgs=" + json.dumps([*ARGS, *more])


COMMON = ["--cluster", "kubeconfig", "--set", f"istioVersion={os.environ['ISTIO_VERSION']}",
          "--set", f"registry={os.environ['REGISTRY']}", "--set", f"namespace={NAMESPACE}",
          "--set", f"registryIsPlainHttp={str(SIMULATED).lower()}"]
EXISTING = ["--set", "install=existing", "--set", "bookinfo=existing"]


def meshproof(*arguments):
    """Runs the suite; gives its report, its exit code and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        ended = subprocess.run([MESHPROOF, "run", SUITE, *COMMON, "--report-dir", folder, *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, 
                               env={**os.environ, "TMPDIR": WORK.name, "MESHPROOF_STATE_DIR": os.path.join(WORK.name, "state")})
        took = time.monotonic() - started
        with open(os.path.join(folder, "report.json")) as file:
            return json.load(file), ended.returncode, took, ended.stdout


def kubectl(*arguments, **options):
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def in_namespace(*arguments):
    return kubectl("-n", NAMESPACE, *arguments)


def rolled_out():
    """Everything is up again, and pods of before are gone."""
    for namespace in ("istio-system", NAMESPACE):
        for deployment in kubectl("-n", namespace, "get", "deployments", "-o", "name").split():
            kubectl("-n", namespace, "rollout", "status", deployment, "--timeout=120s")
    for _ in range(600):
        pods = json.loads(in_namespace("get", "pods", "-o", "json"))["items"]
        if not any("deletionTimestamp" in pod["metadata"] for pod in pods):
            return
        time.sleep(0.1)


def fault(*arguments):
    subprocess.run([os.path.join(HERE, "..", "cluster", "registry-fault"), *arguments], check=True, stdout=subprocess.DEVNULL)


def restart(deployment):
    in_namespace("rollout", "restart", f"deployment/{deployment}")


def crash(deployment):
    """A container that ends at once: an image made for it, or a command in one that the simulated registry has."""
    container = {"name": "details", "image": "localhost/crash:1"}
    if SIMULATED:
        container |= {"image": "busybox", "command": ["sh", "-c", "exit 3"]}
    patch = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None},
                      "template": {"spec": {"containers": [container]}}}}
    in_namespace("patch", f"deployment/{deployment}", "-p", json.dumps(patch))


def broken_port():
    service = json.loads(kubectl("-n", "istio-system", "get", "service", "istio-ingressgateway", "-o", "json"))
    place = [port["port"] for port in service["spec"]["ports"]].index(443)
    kubectl("-n", "istio-system", "patch", "service", "istio-ingressgateway", "--type=json",
            "-p", json.dumps([{"op": "remove", "path": f"/spec/ports/{place}"}]))
    return service["spec"]["ports"][place]


def mended_port(port):
    kubectl("-n", "istio-system", "patch", "service", "istio-ingressgateway", "--type=json",
            "-p", json.dumps([{"op": "add", "path": "/spec/ports/2", "value": port}]))


def saved(kind, name):
    """An object as it can be made again."""
    manifest = json.loads(in_namespace("get", kind, name, "-o", "json"))
    for key in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
        manifest["metadata"].pop(key, None)
    return json.dumps(manifest)


def restored(manifest):
    kubectl("apply", "-f", "-", input=manifest)


def replace_pods(deployment):
    """New pods without waiting for them, the old ones gone: so that it is their making that is proved."""
    in_namespace("delete", "pods", "-l", f"app={deployment}", "--wait=true")


class Breakage:
    """name; the cases that must be red, with a pattern for the reason and one for the finding of each; seconds; arguments; how to break and to mend."""

    def __init__(self, name, red, seconds, arguments=EXISTING, on=lambda: None, off=lambda state: None):
        self.name, self.red, self.seconds, self.arguments, self.on, self.off = name, red, seconds, arguments, on, off


PODS = "bookinfo/six-pods-are-ready"
TITLE = "gateway/title-through-the-gateway"
BREAKAGES = [
    Breakage("ratings scaled to zero", {PODS: (r"deployment/ratings-v1: scaled to zero", r"deployment ratings-v1 in bookinfo is scaled to zero")}, 20,
             on=lambda: in_namespace("scale", "deployment/ratings-v1", "--replicas=0"),
             off=lambda _: in_namespace("scale", "deployment/ratings-v1", "--replicas=1")),
    Breakage("an image that does not exist", {PODS: (r"(ErrImagePull|ImagePullBackOff).*", r"image 127.0.0.1:5000/nowhere/details:1 of container details in pod details-v1-\S+ cannot be pulled")}, 25,
             on=lambda: (in_namespace("patch", "deployment/details-v1", "-p", '{"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}'),
                         in_namespace("set", "image", "deployment/details-v1", "details=127.0.0.1:5000/nowhere/details:1")),
             off=lambda _: (in_namespace("rollout", "undo", "deployment/details-v1"))),
    Breakage("an image whose container crashes", {PODS: (r"CrashLoopBackOff|has restarted", r"container details of pod details-v1-\S+ crashes with exit code 3")}, 45,
             on=lambda: crash("details-v1"),
             off=lambda _: in_namespace("rollout", "undo", "deployment/details-v1")),
    Breakage("injection label absent", {PODS: (r"istio-injection", r"Namespace bookinfo lacks the label istio-injection=enabled"),
             "gateway/analyze": (r"IST0102", r"istioctl analyze -n bookinfo says: .*IST0102")}, 20,
             on=lambda: (kubectl("label", "namespace", NAMESPACE, "istio-injection-"), replace_pods("ratings")),
             off=lambda _: (kubectl("label", "namespace", NAMESPACE, "istio-injection=enabled"), replace_pods("ratings"))),
    Breakage("VirtualService to a service that does not exist",
             {case: (reason, r"VirtualService bookinfo refers to the Service nowhere")
              for case, reason in (("gateway/routes", r"productpage"), ("gateway/analyze", r"IST0101"))}, 25,
             on=lambda: in_namespace("patch", "virtualservice/bookinfo", "--type=json", "-p",
                                     '[{"op": "replace", "path": "/spec/http/0/route/0/destination/host", "value": "nowhere"}]'),
             off=lambda _: in_namespace("patch", "virtualservice/bookinfo", "--type=json", "-p",
                                        '[{"op": "replace", "path": "/spec/http/0/route/0/destination/host", "value": "productpage"}]')),
    Breakage("Gateway deleted", {
                 "gateway/routes": (r"Gateway bookinfo-gateway is there", r"no Gateway bookinfo-gateway in bookinfo, to which VirtualService bookinfo refers"),
                 "gateway/analyze": (r"IST0101", r"VirtualService bookinfo refers to the Gateway bookinfo-gateway")}, 25,
             on=lambda: (saved("gateway.networking.istio.io", "bookinfo-gateway"),
                         in_namespace("delete", "gateway.networking.istio.io", "bookinfo-gateway"))[0],
             off=restored),
    Breakage("istiod scaled to zero before Bookinfo",
             {case: (r"istiod: scaled to zero", r"deployment istiod in istio-system is scaled to zero")
              for case in ("components/deployments", "components/pods")}, 25,
             on=lambda: (kubectl("-n", "istio-system", "scale", "deployment/istiod", "--replicas=0"), replace_pods("ratings")),
             off=lambda _: (kubectl("-n", "istio-system", "scale", "deployment/istiod", "--replicas=1"),
                            kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod"), restart("ratings-v1"))),
    Breakage("a wrong title",
             {TITLE: (r"Simple Bookstore App", r"GET http://\S+ brings other content: expected .*Another Bookstore.*, saw `Simple Bookstore App`"),
              "bookinfo/title-through-ratings": (r"Simple Bookstore App", r"curl -sS productpage:9080/productpage brings other content")}, 30,
             arguments=[*EXISTING, "--set", "title=Another Bookstore"]),
    Breakage("a port missing on the ingress service", {
                 "components/services": (r"istio-ingressgateway lacks port 443/TCP", r"Service istio-ingressgateway in istio-system has no port 443/TCP")}, 25,
             on=broken_port, off=mended_port),
    *([] if SIMULATED else [Breakage("registry without the artifact", {
                 "istioctl/artifact-is-pulled": (r"(?i)manifest.?unknown|not.found|no such", r"registry does not have the artifact \S+/istioctl-tool:")}, 15,
             on=lambda: fault("delete-tag"), off=lambda _: fault("restore")),
        Breakage("registry with a damaged layer", {
            "istioctl/artifact-is-pulled": (r"digest|sha256", r"artifact \S+/istioctl-tool:\S+ is damaged: .*digest")}, 15,
             on=lambda: fault("damage-layer"), off=lambda _: fault("restore"))]),
]

# These are broken from the start: they are installed anew, on an empty cluster.
FROM_NOTHING = [
    Breakage("hub wrong", {
        "install/with-istioctl": (r"istiod.*(ErrImagePull|ImagePullBackOff).*nowhere",
                                  r"image 127.0.0.1:5000/nowhere/pilot\S+ .* cannot be pulled: .*is that registry path right")}, 40,
             arguments=["--set", istioctl_args("--set", "hub=127.0.0.1:5000/nowhere")]),
]


def judge(breakage, report, code, took):
    """What is not as it should be; nothing if all is."""
    problems = []
    red = {case["id"]: case["reason"] or "" for case in report["cases"] if case["verdict"] in ("failed", "errored")}
    findings = {case["id"]: case["diagnosis"]["finding"] for case in report["cases"] if case.get("diagnosis")}
    for case, (pattern, finding) in breakage.red.items():
        if case not in red:
            problems.append(f"{case} is not red")
        elif not re.search(pattern, red[case], re.S):
            problems.append(f"{case} says: {red[case]}")
        elif not re.search(finding, findings.get(case, ""), re.S):
            problems.append(f"{case} is found to fail because {findings.get(case, 'of nothing')}")
    for case in set(red) - set(breakage.red):
        problems.append(f"{case} is red too: {red[case]}")
    if code != 1:
        problems.append(f"exit code {code}")
    if took > breakage.seconds:
        problems.append(f"took {took:.0f} s, more than {breakage.seconds}")
    return problems, red, findings


def prove(breakage):
    state = breakage.on()
    try:
        report, code, took, output = meshproof(*breakage.arguments)
    finally:
        breakage.off(state)
    problems, red, findings = judge(breakage, report, code, took)
    print(f"{'ok  ' if not problems else 'BAD '} {breakage.name}  ({took:.1f} s, {len(red)} red, "
          f"{report['summary']['blocked']} blocked)")
    for case, reason in red.items():
        print(f"       {case}: {' '.join(reason.split())[:230]}")
        print(f"         finding: {findings.get(case, 'none')[:330]}")
    for problem in problems:
        print(f"     ! {problem}")
    sys.stdout.flush()
    return not problems


def main():
    wanted = [breakage for breakage in BREAKAGES if not ONLY or breakage.name in ONLY]
    good = True
    for breakage in FROM_NOTHING:
        if not ONLY or breakage.name in ONLY:
            good &= prove(breakage)
    if not wanted:
        return good
    print("installing, to be kept", flush=True)
    try:
        _, code, took, output = meshproof("--keep", "--set", istioctl_args(), "--filter", TITLE, "--exact")
        if code != 0:
            print(f"the installation itself failed:\n{output}")
            return False
        rolled_out()
        report, code, took, output = meshproof(*EXISTING)
        print(f"{'ok  ' if code == 0 else 'BAD '} unbroken  ({took:.1f} s)", flush=True)
        if code != 0:
            print(output)
        good &= code == 0
        for breakage in wanted:
            good &= prove(breakage)
            rolled_out()
    finally:
        if not SIMULATED:  # There, the cluster goes as a whole.
            taken_away()
    return good


def taken_away():
    """Bookinfo and Istio, however far they came."""
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--ignore-not-found")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["sh", "-c", 'oras pull --plain-http "$REGISTRY/istioctl-tool:$ISTIO_VERSION" >/dev/null && tar -xzf istio-*.tar.gz && '
                        './istio-*/bin/istioctl uninstall --purge -y >/dev/null 2>&1; kubectl delete namespace istio-system --ignore-not-found; '
                        'kubectl delete configmaps -A -l istio.io/config=true'], cwd=folder, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
