"""load-balancer.py SERVER CA CERTIFICATE KEY NETWORK: plays the part of a cloud's load balancer controller.

Gives each Service of type LoadBalancer an address of NETWORK, whose first is the node's own; kube-proxy does the rest.
It lists Services once and then watches them, and begins again whenever the API server goes away.
"""
import http.client
import ipaddress
import json
import ssl
import sys
import time
import urllib.parse

server, ca, certificate, key, network = sys.argv[1:]
ADDRESSES = [str(address) for address in ipaddress.ip_network(network).hosts()][1:]
SERVICES = "/api/v1/services"
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)


def request(method, path, body=None, kind="application/json"):
    """Sends one request on a connection of its own, and returns the answer, still unread."""
    connection = http.client.HTTPSConnection(urllib.parse.urlsplit(server).netloc, context=context, timeout=60)
    connection.request(method, path, body and json.dumps(body), {"content-type": kind})
    answer = connection.getresponse()
    if answer.status >= 300:
        raise OSError(f"{method} {path}: {answer.status} {answer.read(500)!r}")
    return answer


def name_of(service):
    return service["metadata"]["namespace"], service["metadata"]["name"]


def address_of(service):
    given = service["status"].get("loadBalancer", {}).get("ingress") or [{}]
    return given[0].get("ip")


def balance():
    """Serves what is there and what comes, until the connection ends."""
    listed = json.load(request("GET", SERVICES))
    used = {name_of(service): address_of(service) for service in listed["items"] if address_of(service)}
    for service in listed["items"]:
        serve(service, used)
    version = listed["metadata"]["resourceVersion"]
    for line in request("GET", f"{SERVICES}?watch=true&timeoutSeconds=50&resourceVersion={version}"):
        event = json.loads(line)
        if event["type"] == "DELETED":
            used.pop(name_of(event["object"]), None)
        elif event["type"] in ("ADDED", "MODIFIED"):
            serve(event["object"], used)
        else:
            return


def serve(service, used):
    name = name_of(service)
    if service["spec"]["type"] != "LoadBalancer":
        used.pop(name, None)
        return
    if address_of(service):
        return
    address = used.get(name) or next((address for address in ADDRESSES if address not in used.values()), None)
    if not address:
        raise OSError(f"no address is left of {network}")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    path = f"/api/v1/namespaces/{name[0]}/services/{name[1]}/status"
    try:
        request("PATCH", path, status, "application/merge-patch+json").read()
    except OSError as error:
        if ": 404 " not in str(error):
            raise
        return  # gone in the meantime
    used[name] = address
    print(f"{name[0]}/{name[1]} has {address}", flush=True)


while True:
    try:
        balance()
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"beginning again: {error}", flush=True)
        time.sleep(0.5)
