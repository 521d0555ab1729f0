"""Signatures by cosign itself, under its tag and as a bundle: as they should be, and wrong in each way. What is moved or changed is put
there over the protocol."""
import json, os, re, shutil, subprocess, tempfile

from content import MANIFEST

HERE = os.path.dirname(os.path.abspath(__file__))
SIGNATURE = "dev.cosignproject.cosign/signature"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"


def cosign():
    """The program's path; else why there is none."""
    there = shutil.which("cosign")
    if there:
        return there, None
    built = subprocess.run([os.path.join(HERE, "cosign")], stdout=subprocess.PIPE, text=True)
    return (built.stdout.strip(), None) if built.returncode == 0 else (None, "cosign is not on the path, and could not be built")


class Signer:
    """A key pair of cosign's."""

    def __init__(self, bench, program, name):
        self.program, self.folder = program, os.path.join(bench.work, "keys", name)
        self.environment = {**os.environ, "DOCKER_CONFIG": bench.docker, "COSIGN_PASSWORD": "secret", "HOME": bench.work}
        os.makedirs(self.folder)
        self.run("generate-key-pair")
        self.public = os.path.join(self.folder, "cosign.pub")

    def run(self, *arguments):
        ended = subprocess.run([self.program, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"cosign {' '.join(arguments)}: {ended.stderr}")
        return ended.stdout

    def sign(self, reference, *more):
        self.run("sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", *more, reference)

    def sign_content(self, content):
        """The signature, in Base64, of what is no payload of cosign's."""
        with open(os.path.join(self.folder, "content"), "wb") as file:
            file.write(content)
        return self.run("sign-blob", "--yes", "--key", "cosign.key", "--tlog-upload=false", "content").strip()


class Place:
    """A repository of one registry, with the digest of what its tag names."""

    def __init__(self, server, writer, repository, tag):
        self.server, self.writer, self.repository = server, writer, repository
        self.digest = self.get("manifests/" + tag).headers["Docker-Content-Digest"]
        self.signed = self.digest.replace(":", "-") + ".sig"

    @property
    def name(self):
        return f"{self.server.address}/{self.repository}@{self.digest}"

    def get(self, path):
        headers = {"Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
        return self.writer.request("GET", f"/v2/{self.repository}/{path}", headers=headers, repository=self.repository)

    def unsign(self):
        self.server.remove_tag(self.repository, self.signed)

    def layer(self):
        """The first signature: its payload, and what signs it."""
        layer = json.load(self.get("manifests/" + self.signed))["layers"][0]
        return self.get("blobs/" + layer["digest"]).read(), layer["annotations"]

    def attach(self, content, annotations):
        """Puts a payload where the signatures are, in place of what is there."""
        layer = {"mediaType": PAYLOAD, **self.writer.blob(self.repository, content), "annotations": annotations}
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.writer.blob(self.repository, b"{}")}
        self.writer.manifest(self.repository, self.signed, MANIFEST, {"config": config, "layers": [layer]})


def run(bench, verb, fields, key, *arguments, annotations=None):
    """A scenario that expects a signature by `key`; gives its exit code, its cases and what was said."""
    signature = {"keys": key if isinstance(key, list) else [key], "annotations": annotations or {}}
    with tempfile.TemporaryDirectory(dir=bench.work) as folder:
        suite = os.path.join(folder, "signed.yaml")
        with open(suite, "w") as file:
            json.dump({"apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "signed"}, "cases": [
                {"name": "one", "expect": [{verb: {**fields, "signature": signature}, "within": "20s"}]}]}, file)
        ended = bench.meshproof("run", suite, "--cluster", "none", "--report-dir", folder, *arguments)
        path = os.path.join(folder, "report.json")
        cases = json.load(open(path))["cases"] if os.path.exists(path) else []
        return ended.returncode, cases, ended.stdout


def signatures(bench, path, version):
    """All of it. Skipped, with the reason, where Meshproof has not the feature or there is no cosign."""
    places = {name: [Place(server, writer, f"{path}/{name}", version) for server, writer in zip((bench.kr1, bench.kr2), bench.writers)]
              for name in ("pilot", "proxyv2", "istioctl-tool")}
    both = {"registries": [f"{server.address}/{path}" for server in (bench.kr1, bench.kr2)]}
    pilot = {"images": [f"pilot:{version}"], **both}
    with open(os.path.join(HERE, "..", "..", "fixtures", "signatures", "valid", "cosign.pub")) as file:
        _, _, said = run(bench, "image", pilot, file.read())
    if "--features signatures" in said:
        bench.skipped.append("signatures: this build of Meshproof has not the feature: cargo build -p meshproof --features signatures")
        return
    program, reason = cosign()
    if not program:
        bench.skipped.append(f"signatures: {reason}")
        return
    ours, theirs = Signer(bench, program, "ours"), Signer(bench, program, "theirs")
    for place in places["pilot"] + places["proxyv2"]:
        ours.sign(place.name, "--annotations", "stage=test")
    for place in places["istioctl-tool"]:
        ours.sign(place.name, "--new-bundle-format")
    for server in (bench.kr1, bench.kr2):
        server.keep()
    kr2 = places["pilot"][1]
    reference = re.escape(f"{kr2.server.address}/{path}/pilot:{version}")
    tagged = re.escape(f"{kr2.server.address}/{path}/pilot:{kr2.signed}")
    wanted = f"{reference}: expected a signature of {kr2.digest} by `{re.escape(ours.public)}`"

    def check(name, code, verdict, pattern, verb="image", fields=pilot, key=ours.public, **more):
        seen, cases, said = run(bench, verb, fields, key, **more)
        told = [(case["verdict"], case["reason"] or "") for case in cases]
        right = seen == code and [one for one, _ in told] == [verdict] and re.search(pattern, told[0][1])
        bench.say(name, [] if right else [f"expected exit code {code} and /{pattern}/ of what {verdict}, saw {seen}: {told or said}"],
                  f"exit code {seen}" + (f"; {told[0][1][:400]}" if told and verdict != "passed" else ""))

    def mend():
        for server in (bench.kr1, bench.kr2):
            server.mend()

    def broken(name, breaks, pattern, **more):
        breaks()
        try:
            check(name, 1, "failed", pattern, **more)
        finally:
            mend()

    artifact = {"artifacts": [f"istioctl-tool:{version}"], **both}
    check("images signed by cosign are", 0, "passed", "")
    check("either of two keys is enough", 0, "passed", "", key=[theirs.public, ours.public])
    check("what was signed besides is proved too", 0, "passed", "", annotations={"stage": "test"})
    check("an artifact with a bundle as newer ones write it is signed", 0, "passed", "", verb="artifact", fields=artifact)
    check("something else was signed besides", 1, "failed", "that states stage=test, not stage=release", annotations={"stage": "release"})
    check("a bundle by another key", 1, "failed", f"by `{re.escape(theirs.public)}`, saw in its referrer sha256:\\w+ one that was made by another key",
          verb="artifact", fields=artifact, key=theirs.public)
    broken("the signature is missing in one region", kr2.unsign, f"{wanted}, saw none: {tagged} is not there")
    broken("it was signed by another key", lambda: [kr2.unsign(), theirs.sign(kr2.name)],
           f"{wanted}, saw in {tagged} one that was made by another key")
    other = places["proxyv2"][1]
    broken("the signature is that of another image", lambda: kr2.attach(*other.layer()),
           f"{wanted}, saw in {tagged} one of another digest, {other.digest}")
    content, annotations = kr2.layer()
    broken("the payload was changed", lambda: kr2.attach(content + b" ", annotations),
           f"{wanted}, saw in {tagged} one that was made by another key, or of other content than stands there now")
    vote = b'{"critical": {"type": "vote"}}'
    broken("something else than an image was signed", lambda: kr2.attach(vote, {SIGNATURE: ours.sign_content(vote)}),
           f"{wanted}, saw in {tagged} one whose payload cannot be read: missing field `image`")
    broken("the payload is missing", lambda: os.remove(bench.kr2.blob(json.load(kr2.get("manifests/" + kr2.signed))["layers"][0]["digest"])),
           f"{wanted}, saw {tagged}: expected the payload of its signature sha256:\\w+, the registry answered 404")
    broken("the image was built again and not signed again", lambda: [one.image(f"{path}/pilot", version, build="2") for one in bench.writers],
           f"{reference}: expected a signature of (?!{kr2.digest})sha256:\\w+ by .*, saw none: ")
    carried(bench, path, version, ours)
    bench.kr2.stop()
    try:
        check("a region is down that has the signature", 2, "errored", f"{reference}: expected an answer from .*, saw none in 5 attempts")
    finally:
        bench.kr2.start()


def carried(bench, path, version, signer):
    """A bundle of a suite that asks for signatures has them, and they hold in an empty registry, with nothing else contacted."""
    suite, bundle, problems = os.path.join(bench.work, "signed"), os.path.join(bench.work, "signed-bundle"), []
    contacted = []
    os.makedirs(suite)
    shutil.copy(signer.public, suite)
    image, artifact = f"{bench.kr1.address}/{path}/pilot:{version}", f"{bench.kr1.address}/{path}/istioctl-tool:{version}"
    api, signature = {"apiVersion": "meshproof.dev/v1alpha1"}, {"keys": ["cosign.pub"]}
    with open(os.path.join(suite, "suite.yaml"), "w") as file:
        json.dump({**api, "kind": "Suite", "metadata": {"name": "signed"}, "images": [{"references": [image, artifact]}]}, file)
    with open(os.path.join(suite, "signed.yaml"), "w") as file:
        json.dump({**api, "kind": "Scenario", "metadata": {"name": "signed"}, "cases": [
            {"name": "image", "expect": [{"image": {"images": [image], "signature": signature}}]},
            {"name": "artifact", "expect": [{"artifact": {"artifacts": [artifact], "signature": signature}}]}]}, file)

    def must(what, *arguments):
        ended = bench.meshproof(*arguments)
        if ended.returncode != 0:
            problems.append(f"{what}: exit code {ended.returncode}: {ended.stdout}")

    must("bundle create", "bundle", "create", bundle, suite)
    bench.kr1.stop(), bench.kr2.stop()
    mirror = bench.server("signed-mirror")
    try:
        must("bundle load", "bundle", "load", bundle, f"{mirror.address}/all")
        must("run", "run", os.path.join(bundle, "suite"), "--cluster", "none", "--registry-map", f"{bench.kr1.address}={mirror.address}/all",
             "--report-dir", bench.work)
        with open(os.path.join(bench.work, "report.json")) as file:
            contacted = [one["address"] for one in json.load(file)["run"]["contacted"]]
        if contacted != [mirror.origin]:
            problems.append(f"expected only {mirror.origin} contacted, saw {contacted}")
    finally:
        mirror.stop()
        bench.kr1.start(), bench.kr2.start()
    bench.say("a bundle carries the signatures, and they hold in an empty registry", problems, f"contacted {contacted}")
