#!/usr/bin/env python3
"""run.py MESHPROOF [NAME...]: the gate of scenarios/nks-registry against real registries, whole and broken on purpose.

Starts Debian's docker-registry (`apt-get install docker-registry`, openssl and htpasswd beside it) for two regions, one with basic
authentication and one with tokens, and fills both over the protocol. The gate must pass; then each breakage must be seen as it should
be: failed where a registry has something else than it should, errored where it could not be asked, with registry, repository, tag, what
was expected and what was seen. Then everything is carried to an empty registry and proved there, with nothing else contacted. ORAS, if
it is on the path, must read what Meshproof writes. At last images are signed by cosign, and each way in which a signature is none must be
seen, if Meshproof has the feature; `run.py MESHPROOF signatures` does that alone. Exit code 1 if anything is not as it should be.
"""
import http.server, json, os, re, shutil, socket, ssl, subprocess, sys, tempfile, threading, time, urllib.request

from content import Registry
from signatures import signatures
from tokens import PASSWORD, USER, TokenService

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.path.join(HERE, "..", "..", "scenarios", "nks-registry")
MESHPROOF = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
ONLY = sys.argv[2:]
VERSION = "1.20.0"
PATH = "container_service/istio"


def free_port():
    with socket.socket() as one:
        one.bind(("", 0))
        return one.getsockname()[1]


def self_signed(folder, address):
    """The files of a certificate for `address` that nobody vouches for, and of its key."""
    certificate, key = os.path.join(folder, "tls.pem"), os.path.join(folder, "tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=registry", "-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE"],
                   check=True, capture_output=True)
    return certificate, key


class Server:
    """A docker-registry with a folder of its own."""

    def __init__(self, work, name, auth=None, host="127.0.0.1", tls=None):
        self.folder = os.path.join(work, name)
        self.storage = os.path.join(self.folder, "storage")
        os.makedirs(self.storage)
        self.port, self.host = free_port(), host
        self.address = f"{host}:{self.port}"
        self.origin = f"{'https' if tls else 'http'}://{self.address}"
        config = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": f"{host}:{self.port}"},
                  "storage": {"filesystem": {"rootdirectory": self.storage}, "delete": {"enabled": True}}}
        if auth:
            config["auth"] = auth
        if tls:
            config["http"]["tls"] = {"certificate": tls[0], "key": tls[1]}
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(config, file)
        self.start()

    def start(self):
        with open(os.path.join(self.folder, "log"), "a") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", os.path.join(self.folder, "config.json")], stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection((self.host, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"docker-registry does not start: see {self.folder}/log")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def keep(self):
        shutil.rmtree(self.storage + ".kept", ignore_errors=True)
        shutil.copytree(self.storage, self.storage + ".kept")

    def mend(self):
        shutil.rmtree(self.storage)
        shutil.copytree(self.storage + ".kept", self.storage)

    def remove_tag(self, repository, tag):
        shutil.rmtree(os.path.join(self.storage, "docker/registry/v2/repositories", repository, "_manifests/tags", tag))

    def blob(self, digest):
        algorithm, hexadecimal = digest.split(":")
        return os.path.join(self.storage, "docker/registry/v2/blobs", algorithm, hexadecimal[:2], hexadecimal, "data")


class Storm:
    """Asks everybody to come back later, in a registry's place."""

    def __init__(self, port):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(429)
                self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Bench:
    def __init__(self, work):
        self.work, self.wrong, self.skipped = work, [], []
        htpasswd = os.path.join(work, "htpasswd")
        subprocess.run(["htpasswd", "-Bbc", htpasswd, USER, PASSWORD], check=True, capture_output=True)
        self.tokens = TokenService(work)
        self.kr1 = Server(work, "kr1", {"htpasswd": {"realm": "kr1", "path": htpasswd}})
        token = {"realm": self.tokens.realm, "service": "kr2", "issuer": "meshproof-ci", "rootcertbundle": self.tokens.certificate}
        self.kr2 = Server(work, "kr2", {"token": token})
        self.docker = os.path.join(work, "docker")
        os.makedirs(self.docker)
        self.log_in(PASSWORD)
        self.writers = [Registry(one.origin, USER, PASSWORD) for one in (self.kr1, self.kr2)]
        for writer in self.writers:
            writer.artifact(f"{PATH}/istioctl-tool", VERSION)
            for name in ("pilot", "proxyv2"):
                writer.image(f"{PATH}/{name}", VERSION)
        for one in (self.kr1, self.kr2):
            one.keep()
        self.values = os.path.join(work, "values.yaml")
        closed = f"private.invalid/{PATH}"
        with open(self.values, "w") as file:
            json.dump({"registries": {region: {"internet": f"{one.address}/{PATH}", "closed": closed}
                                      for region, one in (("kr1", self.kr1), ("kr2", self.kr2))},
                       "platforms": ["linux/amd64", "linux/arm64"]}, file)
        self.lock = os.path.join(work, "images.lock.yaml")

    def server(self, name):
        return Server(self.work, name)

    def log_in(self, password):
        entry = {"username": USER, "password": password}
        with open(os.path.join(self.docker, "config.json"), "w") as file:
            json.dump({"auths": {one.address: entry for one in (self.kr1, self.kr2)}}, file)

    def meshproof(self, *arguments, **more):
        environment = {**os.environ, "DOCKER_CONFIG": self.docker, "MESHPROOF_STATE_DIR": os.path.join(self.work, "state"),
                       "MESHPROOF_CACHE_DIR": os.path.join(self.work, "cache"), "TMPDIR": self.work, **more}
        return subprocess.run([MESHPROOF, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

    def gate(self, *arguments, suite=SUITE):
        """Runs the gate for the second region; gives its exit code, its report and what it said."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            ended = self.meshproof("run", suite, "--cluster", "none", "--env-file", self.values, "--set", f"istioVersion={VERSION}",
                                   "--report-dir", folder, *arguments)
            path = os.path.join(folder, "report.json")
            report = json.load(open(path)) if os.path.exists(path) else {"cases": []}
            return ended.returncode, report, ended.stdout

    def say(self, name, problems, detail=""):
        print(f"  {'seen' if not problems else 'WRONG':6} {name}{': ' + detail if detail else ''}", flush=True)
        self.wrong += [f"{name}: {problem}" for problem in problems]
        for problem in problems:
            print(f"         {problem}", flush=True)

    def check(self, name, code, verdict, patterns, *arguments):
        """The gate must end with `code`, with a case of that verdict whose reason has every one of `patterns`."""
        started = time.monotonic()
        seen, report, said = self.gate("--set", "region=kr2", *arguments)
        took = time.monotonic() - started
        problems = [] if seen == code else [f"expected exit code {code}, saw {seen}: {said}"]
        reasons = [case["reason"] or "" for case in report["cases"] if case["verdict"] == verdict]
        for pattern in patterns:
            if not any(re.search(pattern, reason) for reason in reasons):
                problems.append(f"expected /{pattern}/ of a case that {verdict}, saw {reasons or said}")
        self.say(name, problems, f"exit code {seen} in {took:.1f} s" + (f"; {reasons[0][:300]}" if reasons and verdict != "passed" else ""))
        return report


def breakages(bench):
    """Name, what breaks it, what is expected of the gate, and what mends it."""
    kr2, writer = bench.kr2, bench.writers[1]
    pilot = re.escape(f"{kr2.address}/{PATH}/pilot:{VERSION}")
    lock = ["--set", f"lock={bench.lock}"]

    def digests(repository):
        headers = {"Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
        index = json.load(writer.request("GET", f"/v2/{repository}/manifests/{VERSION}", headers=headers, repository=repository))
        one = index["manifests"][0]["digest"]
        return json.load(writer.request("GET", f"/v2/{repository}/manifests/{one}", headers=headers, repository=repository))["layers"][0]["digest"]

    def damage(digest):
        with open(kr2.blob(digest), "r+b") as file:
            file.seek(10)
            file.write(b"\0\0\0\0")

    def storm():
        kr2.stop()
        bench.storm = Storm(kr2.port)

    def calm():
        bench.storm.stop()
        kr2.start()

    def set_lifetime(seconds):
        bench.tokens.lifetime = seconds

    yield ("an image is missing in one region", lambda: kr2.remove_tag(f"{PATH}/pilot", VERSION),
           1, "failed", [pilot + ": expected its manifest, the registry answered 404 Not Found \\(MANIFEST_UNKNOWN"], [], kr2.mend)
    yield ("the artifact is missing in one region", lambda: kr2.remove_tag(f"{PATH}/istioctl-tool", VERSION),
           1, "failed", [f"{re.escape(kr2.address)}/{PATH}/istioctl-tool:{VERSION}: expected its manifest"], [], kr2.mend)
    yield ("another digest in one region", lambda: writer.image(f"{PATH}/pilot", VERSION, build="2"),
           1, "failed", [pilot + f": expected the digest that {re.escape(bench.kr1.address)}/{PATH}/pilot:{VERSION} has, sha256:\\w+, saw sha256:"], [], kr2.mend)
    yield ("a platform is missing", lambda: [one.image(f"{PATH}/pilot", VERSION, platforms=["amd64"]) for one in bench.writers],
           1, "failed", [pilot + ": expected the platform linux/arm64, saw linux/amd64"], [], lambda: [kr2.mend(), bench.kr1.mend()])
    layer = digests(f"{PATH}/pilot")
    yield ("a layer is missing behind a manifest", lambda: os.remove(kr2.blob(layer)),
           1, "failed", [pilot + f": expected its layer {layer}, the registry answered 404"], [], kr2.mend)
    yield ("a layer is damaged, which only all of it shows", lambda: damage(layer),
           1, "failed", [pilot + f": expected its layer with digest {layer}, saw sha256:"], ["--set", "deep=true"], kr2.mend)
    yield ("a tag was moved since the lock file", lambda: [one.image(f"{PATH}/proxyv2", VERSION, build="2") for one in bench.writers],
           1, "failed", [f"{re.escape(kr2.address)}/{PATH}/proxyv2:{VERSION}: expected the digest of the lock file, sha256:\\w+, saw sha256:\\w+: it was moved"],
           lock, lambda: [kr2.mend(), bench.kr1.mend()])
    yield ("tokens are expired", lambda: set_lifetime(-90),
           2, "errored", [f"{re.escape(kr2.address)}/{PATH}/istioctl-tool:{VERSION}: expected leave to read it as `{USER}`, the registry answered 401"],
           [], lambda: set_lifetime(300))
    yield ("the password is another", lambda: bench.log_in("wrong"),
           2, "errored", ["expected leave to read it as `ci`, the registry answered (at its token service )?401"], [], lambda: bench.log_in(PASSWORD))
    yield ("a region is down", kr2.stop,
           2, "errored", [f"{re.escape(kr2.address)}/{PATH}/istioctl-tool:{VERSION}: expected an answer from http://{re.escape(kr2.address)}/v2/.*, saw none in 5 attempts"],
           [], kr2.start)
    yield ("a storm of 429 outlasts the deadline", storm,
           2, "errored", [f"{re.escape(kr2.address)}/{PATH}/istioctl-tool:{VERSION}: expected its manifest, the registry still answered 429"],
           ["--set", "answer=4s"], calm)


def token_expires(bench):
    """One run that asks the same repository on either side of its token's end: with a token service that goes on, and with one that
    gives no more from then on. The registry allows for a minute between clocks, so that these tokens are good for two seconds."""
    reference = f"{bench.kr2.address}/{PATH}/pilot:{VERSION}"
    suite = os.path.join(bench.work, "expiry.yaml")

    def run(between, pause=4):
        there = {"image": {"images": [reference], "platforms": ["linux/amd64"]}, "within": "10s"}
        wait = {"run": {"program": "sh", "args": ["-c", f"{between} sleep {pause}"]}, "touches": []}
        with open(suite, "w") as file:
            json.dump({"apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "expiry"}, "cases": [
                {"name": "before", "expect": [there]}, {"name": "after", "needs": ["before"], "do": [wait], "expect": [there]}]}, file)
        before = bench.tokens.count
        with tempfile.TemporaryDirectory(dir=bench.work) as folder:
            ended = bench.meshproof("run", suite, "--cluster", "none", "--report-dir", folder)
            path = os.path.join(folder, "report.json")
            if not os.path.exists(path):
                return ended, {}, "", 0
            with open(path) as file:
                cases = {case["id"].split("/")[-1]: case for case in json.load(file)["cases"]}
        return ended, {name: case["verdict"] for name, case in cases.items()}, cases["after"]["reason"] or "", bench.tokens.count - before

    ended, verdicts, reason, fetched = run("", pause=0)
    problems = [] if ended.returncode == 0 and fetched == 1 else [f"expected it to pass with one token, saw {fetched}: {ended.stdout}"]
    bench.say("one token is enough as long as it is good", problems, f"{verdicts}, {fetched} token")
    bench.tokens.lifetime = -58
    try:
        ended, verdicts, reason, fetched = run("")
        problems = [] if ended.returncode == 0 and fetched >= 2 else [f"expected it to pass with a second token, saw {fetched}: {ended.stdout}"]
        bench.say("a token ends in mid-run and is renewed", problems, f"{verdicts}, {fetched} tokens")
        ended, verdicts, reason, fetched = run(f"touch {bench.tokens.closed};")
        problems = []
        if ended.returncode != 2 or verdicts != {"before": "passed", "after": "errored"}:
            problems.append(f"expected that only what comes later is errored, saw {verdicts}: {ended.stdout}")
        pattern = f"{re.escape(reference)}: expected leave to read it as `{USER}`, the registry answered at its token service 403"
        if not re.search(pattern, reason):
            problems.append(f"expected /{pattern}/, saw {reason}")
        bench.say("a token ends in mid-run and there is no other", problems, f"{verdicts}; {reason[:300]}")
    finally:
        bench.tokens.lifetime = 300
        if os.path.exists(bench.tokens.closed):
            os.remove(bench.tokens.closed)


def green(bench):
    code, report, said = bench.gate("--matrix")
    verdicts = {case["id"]: (case["verdict"], case["reason"]) for case in report["cases"]}
    problems = []
    for cell, (verdict, reason) in verdicts.items():
        if f"istioVersion={VERSION}" not in cell:
            continue
        if "network=closed" in cell and cell.endswith(("artifact", "images")):
            if verdict != "skipped" or "cannot be reached from here" not in (reason or ""):
                problems.append(f"{cell}: expected it skipped because it cannot be reached, saw {verdict}: {reason}")
        elif not cell.endswith("lock") and verdict != "passed":
            problems.append(f"{cell}: {verdict}: {reason}")
    return problems, f"{len(verdicts)} cases"


def tls(bench):
    """A registry whose certificate only --registry-ca vouches for, at an address that is not this machine's own."""
    address = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    address = next((one for one in address if ":" not in one), None)
    if not address:
        bench.skipped.append("TLS: this machine has no address but loopback")
        return
    certificate, key = self_signed(bench.work, address)
    server = Server(bench.work, "tls", host=address, tls=(certificate, key))
    try:
        writer = Registry(server.origin, context=ssl.create_default_context(cafile=certificate))
        writer.artifact(f"{PATH}/istioctl-tool", VERSION)
        for name in ("pilot", "proxyv2"):
            writer.image(f"{PATH}/{name}", VERSION)
        there = ["--set", f"registry={server.address}/{PATH}"]
        pattern = f"{re.escape(server.address)}/{PATH}/istioctl-tool:{VERSION}: expected an answer .*invalid peer certificate.*--registry-ca"
        bench.check("TLS is not trusted", 2, "errored", [pattern], *there)
        bench.check("its authority is named", 0, "passed", [], *there, "--registry-ca", certificate)
    finally:
        server.stop()


def air_gap(bench):
    bundle, problems = os.path.join(bench.work, "bundle"), []
    values = ["--env-file", bench.values, "--set", f"istioVersion={VERSION}"]

    def must(what, ended):
        if ended.returncode != 0:
            problems.append(f"{what}: exit code {ended.returncode}: {ended.stdout}")
        return ended.stdout

    said = must("images --mirror", bench.meshproof("images", SUITE, *values, "--mirror", "mirror.example/x"))
    for name in ("istioctl-tool", "pilot", "proxyv2"):
        line = f"{bench.kr1.address}/{PATH}/{name}:{VERSION} mirror.example/x/{PATH}/{name}:{VERSION}"
        if line not in said.splitlines():
            problems.append(f"expected the line `{line}`, saw {said}")
    print(must("bundle create", bench.meshproof("bundle", "create", bundle, SUITE, *values)), end="")
    again = must("bundle create, once more", bench.meshproof("bundle", "create", bundle, SUITE, *values))
    if "of which 0 are new" not in again:
        problems.append(f"expected nothing new the second time, saw {again}")
    bench.kr1.stop(), bench.kr2.stop()
    mirror = Server(bench.work, "mirror")
    try:
        rule = f"{bench.kr1.address}={mirror.address}/all"
        said = must("bundle load", bench.meshproof("bundle", "load", bundle, f"{mirror.address}/all"))
        print(said, end="")
        if f"--registry-map {rule}" not in said:
            problems.append(f"expected the rule {rule}, saw {said}")
        code, report, said = bench.gate("--registry-map", rule, "--set", f"lock={bundle}/images.lock.yaml", suite=os.path.join(bundle, "suite"))
        if code != 0:
            problems.append(f"expected the gate to pass with the map alone, saw {code}: {said}")
        contacted = [one["address"] for one in report.get("run", {}).get("contacted", [])]
        if contacted != [mirror.origin]:
            problems.append(f"expected only {mirror.origin} contacted, saw {contacted}")
        must("images verify", bench.meshproof("images", "verify", SUITE, *values, "--registry-map", rule, "--lock", f"{bundle}/images.lock.yaml", "--deep"))
        bench.say("everything is carried to an empty registry, and proved there", problems, f"contacted {contacted}")
        oras(bench, mirror, bundle)
    finally:
        mirror.stop()
        bench.kr1.start(), bench.kr2.start()


def oras(bench, mirror, bundle):
    program = shutil.which("oras")
    if not program:
        bench.skipped.append("ORAS: it is not on the path")
        return
    problems = []
    theirs, ours = os.path.join(bench.work, "theirs"), os.path.join(bench.work, "ours")
    os.makedirs(theirs), os.makedirs(ours)
    reference = f"{mirror.address}/all/{PATH}/istioctl-tool:{VERSION}"
    subprocess.run([program, "pull", "--plain-http", reference], cwd=theirs, check=True, capture_output=True)
    suite = os.path.join(bench.work, "pull.yaml")
    with open(suite, "w") as file:
        json.dump({"apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "pull"}, "cases": [{"name": "same", "do": [
            {"pull": {"artifact": reference, "as": "release"}},
            {"run": {"program": "cp", "args": ["-r", "{{ release }}/..", ours]}, "touches": []}]}]}, file)
    ended = bench.meshproof("run", suite, "--cluster", "none")
    release = f"istio-{VERSION}-linux-amd64.tar.gz"
    found = [os.path.join(folder, release) for folder, _, files in os.walk(ours) if release in files]
    if not found or open(found[0], "rb").read() != open(os.path.join(theirs, release), "rb").read():
        problems.append(f"expected the file that ORAS pulls, saw {found}: {ended.stdout}")
    for one in json.load(open(os.path.join(bundle, "index.json")))["manifests"]:
        read = subprocess.run([program, "manifest", "fetch", "--oci-layout", f"{bundle}@{one['digest']}"], capture_output=True)
        if read.returncode != 0 or len(read.stdout) != one["size"]:
            problems.append(f"ORAS does not read {one} in the layout: {read.stderr.decode()}")
        name = one["annotations"]["org.opencontainers.image.ref.name"]
        copied = subprocess.run([program, "copy", "--from-oci-layout", f"{bundle}:{name}", "--to-plain-http", f"{mirror.address}/by-name/{name}:1"],
                                capture_output=True, text=True)
        if copied.returncode != 0 or f"Digest: {one['digest']}" not in copied.stdout:
            problems.append(f"ORAS does not copy {name} from the layout: {copied.stdout}{copied.stderr}")
    named = os.path.join(bench.work, "named")
    os.makedirs(named)
    pulled = subprocess.run([program, "pull", "--oci-layout", f"{bundle}:istioctl-tool-{VERSION}"], cwd=named, capture_output=True, text=True)
    if pulled.returncode != 0 or open(os.path.join(named, release), "rb").read() != open(os.path.join(theirs, release), "rb").read():
        problems.append(f"ORAS does not pull istioctl-tool-{VERSION} from the layout: {pulled.stdout}{pulled.stderr}")
    bench.say("ORAS pulls the same file, and reads the bundle by digest and by name", problems)


def main():
    for program in ("docker-registry", "htpasswd", "openssl"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is needed: apt-get install docker-registry apache2-utils openssl")
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(work)
        try:
            if ONLY == ["signatures"]:
                signatures(bench, PATH, VERSION)
                return end(bench)
            problems, detail = green(bench)
            bench.say("the gate passes", problems, detail)
            locked = bench.meshproof("images", "lock", SUITE, "--env-file", bench.values, "--set", f"istioVersion={VERSION}", "--lock", bench.lock)
            bench.say("a lock file is made", [] if locked.returncode == 0 else [locked.stdout], locked.stdout.strip())
            bench.check("the gate passes with the lock file", 0, "passed", [], "--set", f"lock={bench.lock}", "--set", "deep=true")
            for name, broken, code, verdict, patterns, arguments, mended in breakages(bench):
                if ONLY and not any(word in name for word in ONLY):
                    continue
                broken()
                try:
                    bench.check(name, code, verdict, patterns, *arguments)
                finally:
                    mended()
            token_expires(bench)
            tls(bench)
            air_gap(bench)
            signatures(bench, PATH, VERSION)
            bench.check("all is mended", 0, "passed", [], "--set", f"lock={bench.lock}")
        finally:
            for one in (bench.kr1, bench.kr2):
                one.stop()
    end(bench)


def end(bench):
    for reason in bench.skipped:
        print(f"skipped: {reason}")
    print(f"{len(bench.wrong)} not as they should be" if bench.wrong else "all as it should be")
    sys.exit(1 if bench.wrong else 0)


if __name__ == "__main__":
    main()
