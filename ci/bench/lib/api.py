"""The API server of the current kubeconfig, in as much as the benchmark asks it for anything."""
import base64
import collections
import http.client
import json
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.parse


class Api:
    """One connection, made at the first request and kept."""

    def __init__(self):
        view = ["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
        shown = subprocess.run(view, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if shown.returncode != 0:
            sys.exit(f"no kubeconfig names an API server: {shown.stderr.strip()}\n"
                     '    start a cluster: ci/cluster/up 1.28.15 && eval "$(ci/cluster/env)"')
        config = json.loads(shown.stdout)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = urllib.parse.urlsplit(cluster["server"])
        self._tls = ssl.create_default_context()
        if "certificate-authority-data" in cluster:
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
            self._tls = ssl.create_default_context(cadata=authority)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as pair:
                for part in ("client-certificate-data", "client-key-data"):
                    pair.write(base64.b64decode(user[part]) + b"\n")
                pair.flush()
                self._tls.load_cert_chain(pair.name)
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._connection = None

    def another(self):
        """The same server by a connection of its own."""
        other = object.__new__(Api)
        other.__dict__.update(self.__dict__, _connection=None)
        return other

    def connect(self):
        if self._connection is None:
            server = self._server
            self._connection = http.client.HTTPSConnection(server.hostname, server.port or 443, context=self._tls)
            self._connection.connect()

    def ask(self, method, path, body=None, expect=(200, 201, 202)):
        """The answer's status and text."""
        self.connect()
        self._connection.request(method, path, body and json.dumps(body), self._headers)
        response = self._connection.getresponse()
        status, text = response.status, response.read().decode()
        if status not in expect:
            raise RuntimeError(f"{method} {path}: {status} {text.strip()}")
        return status, text

    def config_map_requests(self):
        """How many requests about ConfigMaps the API server has answered since it started, by verb. A watch is counted when
        it ends."""
        counted = collections.Counter()
        for line in self.ask("GET", "/metrics")[1].splitlines():
            if line.startswith("apiserver_request_total{") and 'resource="configmaps"' in line:
                counted[re.search(r'verb="(\w+)"', line)[1]] += int(float(line.rsplit(" ", 1)[1]))
        return counted
