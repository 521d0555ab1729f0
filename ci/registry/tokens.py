"""A token service for Debian's docker-registry: signs what it is asked for, for who knows the password, and for how long it is told."""
import base64, hashlib, http.server, json, os, subprocess, threading, time, urllib.parse

USER, PASSWORD = "ci", "a-password"


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenService:
    """`lifetime` may be changed at any time. `anonymous` ones may pull. Nobody gets a token while the file `closed` is there."""

    def __init__(self, folder, lifetime=300, anonymous=False):
        self.folder, self.lifetime, self.anonymous, self.count = folder, lifetime, anonymous, 0
        self.closed = os.path.join(folder, "no-tokens")
        self.key, self.certificate = os.path.join(folder, "token.key"), os.path.join(folder, "token.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                        "-subj", "/CN=token", "-days", "2"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "der"], check=True, capture_output=True)
        self.chain = [base64.b64encode(der.stdout).decode()]
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if os.path.exists(service.closed):
                    self.answer(403, {"errors": [{"code": "DENIED", "message": "no more tokens today"}]})
                    return
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                given = self.headers.get("Authorization")
                if given != known and not (service.anonymous and given is None):
                    self.answer(401, {"errors": [{"code": "DENIED", "message": "no token for you"}]})
                    return
                actions = ["pull", "push", "delete"] if given else ["pull"]
                scopes = [scope.split(":") for scope in query.get("scope", [])]
                access = [{"type": "repository", "name": ":".join(scope[1:-1]),
                           "actions": [action for action in scope[-1].split(",") if action in actions]} for scope in scopes]
                self.answer(200, {"token": service.token(query["service"][0], access)})

            def answer(self, status, body):
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, audience, access):
        self.count += 1
        now = int(time.time())
        # The registry allows for a minute between clocks.
        begin = now - 120 if self.lifetime < 0 else now
        claims = {"iss": "meshproof-ci", "sub": USER, "aud": audience, "iat": begin, "nbf": begin,
                  "exp": now + self.lifetime, "jti": f"{now}-{self.count}", "access": access}
        head = {"typ": "JWT", "alg": "RS256", "x5c": self.chain}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims)).encode()
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed, check=True, capture_output=True)
        return signed.decode() + "." + encoded(signature.stdout)
