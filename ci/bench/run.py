#!/usr/bin/env python3
"""run.py MESHPROOF [CHAINSAW]: measures Meshproof, and beside it Chainsaw, on the API server of the current kubeconfig.

50 tests at once, each waiting for one ConfigMap that appears 5 to 10 s later (at seeded moments). Told for each: requests for
ConfigMaps that reached the API server (by its own metrics, the writer's left out), the time from a write to the verdict, CPU
seconds and peak memory of the whole process. Then, for Meshproof alone: `check` of 1,000 files, start-up, and the size of the
binary. Nothing is asserted: figures of a machine that does other things too are read, not judged. The last line is JSON.
"""
import json, os, random, re, resource, shutil, ssl, statistics, subprocess, sys, tempfile, threading, time, urllib.request

COUNT = 50
MESHPROOF = os.path.abspath(sys.argv[1])
CHAINSAW = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None


def kubectl(*arguments, **options):
    return subprocess.run(["kubectl", *arguments], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def configmap_requests():
    """Requests for ConfigMaps so far, by verb."""
    counts = {}
    for line in kubectl("get", "--raw", "/metrics").splitlines():
        found = re.match(r'apiserver_request_total\{(.*)\} (\S+)', line)
        if found and 'resource="configmaps"' in found[1]:
            verb = re.search(r'verb="(\w+)"', found[1])[1]
            counts[verb] = counts.get(verb, 0) + float(found[2])
    return counts


def watches():
    """Watches are counted only when they end: those open now."""
    total = 0
    for line in kubectl("get", "--raw", "/metrics").splitlines():
        found = re.match(r'apiserver_longrunning_requests\{(.*)\} (\S+)', line)
        if found and 'resource="configmaps"' in found[1] and 'verb="WATCH"' in found[1]:
            total += float(found[2])
    return total


class Writer(threading.Thread):
    """Makes the ConfigMaps, each at its moment, and keeps when."""

    def __init__(self, namespace, begin):
        super().__init__()
        self.namespace, self.begin, self.written = namespace, begin, {}
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        self.server = config["clusters"][0]["cluster"]["server"]
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        user = config["users"][0]["user"]
        self.headers = {"content-type": "application/json"}
        if "token" in user:
            self.headers["authorization"] = "Bearer " + user["token"]
        else:
            self.load_certificate(user)

    def load_certificate(self, user):
        import base64
        paths = []
        for name in ("client-certificate", "client-key"):
            if name in user:
                paths.append(user[name])
            else:
                file = tempfile.NamedTemporaryFile(delete=False)
                file.write(base64.b64decode(user[name + "-data"]))
                file.close()
                paths.append(file.name)
        self.context.load_cert_chain(*paths)

    def run(self):
        random.seed(50)
        moments = sorted((random.uniform(5, 10), index) for index in range(COUNT))
        for moment, index in moments:
            time.sleep(max(0, self.begin + moment - time.time()))
            body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"bench-{index}"}, "data": {"ready": "true"}})
            request = urllib.request.Request(f"{self.server}/api/v1/namespaces/{self.namespace}/configmaps", body.encode(), self.headers)
            urllib.request.urlopen(request, context=self.context).read()
            # The moment at which the API server has answered: it has told the watches a little before.
            self.written[index] = time.time()


def measured(command, verdict):
    """Runs a command beside the writer. `verdict` finds the number of the test in a line that tells that it passed."""
    namespace = f"meshproof-bench-{os.getpid()}"
    kubectl("create", "namespace", namespace)
    try:
        before, open_before = configmap_requests(), watches()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command(namespace), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        writer = Writer(namespace, time.time())
        writer.start()
        delays, output, peak = [], [], 0
        for line in process.stdout:
            now = time.time()
            output.append(line)
            index = verdict(line)
            if index is not None and index in writer.written:
                delays.append((now - writer.written[index]) * 1000)
        _, status, usage = os.wait4(process.pid, 0)
        writer.join()
        del used
        after = configmap_requests()
        requests = {verb: after.get(verb, 0) - before.get(verb, 0) for verb in after}
        requests["POST"] = requests.get("POST", 0) - COUNT
        total = sum(requests.values())
        if status != 0 or not delays:
            sys.exit("".join(output[-40:]))
        return {"requests": int(total), "verdicts": len(delays), "median_ms": round(statistics.median(delays), 1),
                "p99_ms": round(sorted(delays)[max(0, round(len(delays) * 0.99) - 1)], 1), "max_ms": round(max(delays), 1),
                "cpu_s": round(usage.ru_utime + usage.ru_stime, 2), "peak_mb": round(usage.ru_maxrss / 1024)}
    finally:
        kubectl("delete", "namespace", namespace, "--wait=true")


def meshproof_suite(folder, namespace):
    cases = "".join(f"  - name: bench-{i}\n    expect:\n      - object: {{of: {{kind: ConfigMap, name: bench-{i}}}, match: {{data: {{ready: 'true'}}}}}}\n"
                    "        within: 1m\n" for i in range(COUNT))
    with open(os.path.join(folder, "bench.yaml"), "w") as file:
        file.write("apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: bench}\n"
                   f"namespace: {namespace}\ncases:\n{cases}")
    # Chainsaw asks nothing beforehand, either.
    return [MESHPROOF, "run", folder, "--cluster", "kubeconfig", "--no-preflight", "--no-inventory"]


def chainsaw_suite(folder, namespace):
    for i in range(COUNT):
        os.makedirs(os.path.join(folder, f"bench-{i}"))
        with open(os.path.join(folder, f"bench-{i}", "chainsaw-test.yaml"), "w") as file:
            file.write("apiVersion: chainsaw.kyverno.io/v1alpha1\nkind: Test\n"
                       f"metadata: {{name: bench-{i}}}\nspec:\n  namespace: {namespace}\n  timeouts: {{assert: 1m}}\n  steps:\n"
                       "  - try:\n    - assert:\n        resource:\n          apiVersion: v1\n          kind: ConfigMap\n"
                       f"          metadata: {{name: bench-{i}}}\n          data: {{ready: 'true'}}\n")
    return [CHAINSAW, "test", folder, "--parallel", str(COUNT), "--no-color"]


def number(pattern):
    def find(line):
        found = re.search(pattern, line)
        return int(found[1]) if found else None
    return find


def timed(*command, runs=7):
    times = []
    for _ in range(runs):
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.monotonic() - begin) * 1000)
    return round(statistics.median(times))


def alone(folder):
    for i in range(1000):
        with open(os.path.join(folder, f"s{i}.yaml"), "w") as file:
            file.write(f"apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: s{i}}}\nnamespace: n\ncases:\n"
                       "  - name: pods\n    expect:\n      - pods: {selector: app=a, count: 2, ready: 1/1}\n        within: 5m\n"
                       "  - name: map\n    needs: [pods]\n    expect:\n      - object: {of: {kind: ConfigMap, name: a}, cel: [object.data.a == 'b']}\n")
    flagship = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scenarios", "nks-istio")
    return {"check_1000_ms": timed(MESHPROOF, "check", folder, runs=5), "version_ms": timed(MESHPROOF, "--version"),
            "list_ms": timed(MESHPROOF, "list", flagship), "binary_mb": round(os.path.getsize(MESHPROOF) / 1e6, 1)}


def main():
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        results["meshproof"] = measured(lambda namespace: meshproof_suite(folder, namespace), number(r"passed +\S+ .*bench/bench-(\d+)"))
    if CHAINSAW:
        with tempfile.TemporaryDirectory() as folder:
            results["chainsaw"] = measured(lambda namespace: chainsaw_suite(folder, namespace), number(r"bench-(\d+) .*ASSERT.*DONE"))
    with tempfile.TemporaryDirectory() as folder:
        results["alone"] = alone(folder)
    for who in ("meshproof", "chainsaw"):
        if who in results:
            r = results[who]
            print(f"{who:10} {r['requests']:6} requests   {r['median_ms']:6} ms median  {r['p99_ms']:6} ms p99  {r['max_ms']:6} ms max   "
                  f"{r['cpu_s']:5} s CPU  {r['peak_mb']:4} MB")
    if CHAINSAW:
        m, c = results["meshproof"], results["chainsaw"]
        print(f"ratio      {m['requests'] / c['requests']:.4f} of the requests, {m['median_ms'] / c['median_ms']:.2f} of the median delay, "
              f"{m['cpu_s'] / c['cpu_s']:.3f} of the CPU, {m['peak_mb'] / c['peak_mb']:.2f} of the memory")
    print("check of 1,000 files {check_1000_ms} ms; --version {version_ms} ms; list of the flagship {list_ms} ms; binary {binary_mb} MB"
          .format(**results["alone"]))
    print(json.dumps(results))


main()
