"""Fills a registry over the protocol itself, without the help of what is tested: an artifact as ORAS pushes one, and images for two
platforms. The same name has the same bytes everywhere, unless it is asked for another build."""
import base64, gzip, hashlib, io, json, tarfile, urllib.error, urllib.parse, urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def packed(files):
    """A tar.gz of (path, content, mode), the same each time."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content, mode in files:
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def istioctl(version):
    """Stands in for istioctl: writes the manifests that name an installation's images, in each of the ways that real ones do."""
    return f"""#!/bin/sh
hub=$(printf '%s\\n' "$@" | sed -n 's/^hub=//p')
[ "$1" = version ] && echo "client version: {version}" && exit
cat <<END
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istiod, namespace: istio-system}}
spec: {{template: {{spec: {{containers: [{{name: discovery, image: "$hub/pilot:{version}"}}]}}}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio-sidecar-injector, namespace: istio-system}}
data: {{values: '{{"global": {{"hub": "$hub", "tag": "{version}", "proxy": {{"image": "proxyv2"}}}}}}'}}
END
""".encode()


class Registry:
    """Speaks to one registry as somebody who may write."""

    def __init__(self, origin, user=None, password=None, context=None):
        self.origin, self.user, self.password, self.context, self.tokens = origin, user, password, context, {}

    def request(self, method, path, body=None, headers=None, repository=None):
        url = path if "://" in path else self.origin + path
        headers = dict(headers or {})
        if self.user and repository in self.tokens:
            headers["Authorization"] = self.tokens[repository]
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            return urllib.request.urlopen(request, context=self.context)
        except urllib.error.HTTPError as error:
            if error.code != 401 or "Authorization" in headers or not self.user:
                raise
            self.tokens[repository] = self.authorize(error.headers["WWW-Authenticate"], repository)
            return self.request(method, path, body, headers, repository)

    def authorize(self, challenge, repository):
        basic = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if challenge.startswith("Basic"):
            return basic
        fields = dict(part.split("=", 1) for part in challenge[len("Bearer "):].split('",'))
        fields = {name.strip(): value.strip('"') for name, value in fields.items()}
        query = urllib.parse.urlencode({"service": fields["service"], "scope": f"repository:{repository}:pull,push"})
        request = urllib.request.Request(f"{fields['realm']}?{query}", headers={"Authorization": basic})
        return "Bearer " + json.load(urllib.request.urlopen(request, context=self.context))["token"]

    def blob(self, repository, content):
        begun = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"", repository=repository)
        place = urllib.parse.urljoin(self.origin, begun.headers["Location"])
        place += ("&" if "?" in place else "?") + "digest=" + digest(content)
        self.request("PUT", place, content, {"Content-Type": "application/octet-stream"}, repository)
        return {"digest": digest(content), "size": len(content)}

    def manifest(self, repository, name, media_type, value):
        body = json.dumps({"schemaVersion": 2, "mediaType": media_type, **value}).encode()
        self.request("PUT", f"/v2/{repository}/manifests/{name or digest(body)}", body, {"Content-Type": media_type}, repository)
        return {"mediaType": media_type, "digest": digest(body), "size": len(body)}

    def delete(self, repository, digest):
        self.request("DELETE", f"/v2/{repository}/manifests/{digest}", repository=repository)

    def artifact(self, repository, version):
        folder = f"istio-{version}"
        archive = packed([(f"{folder}/bin/istioctl", istioctl(version), 0o755), (f"{folder}/README.md", b"A release.\n", 0o644)])
        layer = self.blob(repository, archive)
        config = self.blob(repository, b"{}")
        title = f"{folder}-linux-amd64.tar.gz"
        return self.manifest(repository, version, MANIFEST, {
            "artifactType": "application/vnd.unknown.artifact.v1",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer,
                        "annotations": {"org.opencontainers.image.title": title}}],
        })

    def image(self, repository, tag, build="1", platforms=("amd64", "arm64")):
        manifests = []
        for architecture in platforms:
            layer = packed([("bin/program", f"{repository} {build} {architecture}\n".encode() * 4000, 0o755)])
            config = {"architecture": architecture, "os": "linux", "created": "2024-05-01T00:00:00Z",
                      "config": {"User": "1337", "Entrypoint": ["/bin/program"]},
                      "rootfs": {"type": "layers", "diff_ids": [digest(gzip.decompress(layer))]}}
            config = self.blob(repository, json.dumps(config).encode())
            layer = self.blob(repository, layer)
            one = self.manifest(repository, None, MANIFEST, {
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer}]})
            manifests.append({**one, "platform": {"os": "linux", "architecture": architecture}})
        return self.manifest(repository, tag, INDEX, {"manifests": manifests})
