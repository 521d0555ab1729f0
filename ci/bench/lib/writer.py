"""Makes ConfigMaps at their times, in a process of its own so that nothing else delays it.

Reads one line of JSON, makes its connections, says `ready`, reads the time from which the moments count, in nanoseconds since
the epoch, and says at the end when each request was sent and answered.
"""
import json
import queue
import sys
import threading
import time

from api import Api

CONNECTIONS = 32  # enough that no write waits for another


def main():
    order = json.loads(sys.stdin.readline())
    first = Api()
    connections = [first] + [first.another() for _ in range(min(CONNECTIONS, len(order["writes"])) - 1)]
    for api in connections:
        api.connect()
    print("ready", flush=True)
    begin = int(sys.stdin.readline())
    waiting = queue.SimpleQueue()
    for write in sorted(order["writes"], key=lambda write: write["after"]):
        waiting.put(write)
    written, troubles = {}, []

    def work(api):
        while True:
            try:
                write = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                written[write["name"]] = make(api, order["namespace"], write["name"], begin + write["after"])
            except (OSError, RuntimeError) as trouble:
                troubles.append(str(trouble))

    threads = [threading.Thread(target=work, args=(api,)) for api in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"written": written, "troubles": troubles}, sys.stdout)


def make(api, namespace, name, at):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"state": "ready"}}
    time.sleep(max(0, at - time.time_ns()) / 1e9)
    sent = time.time_ns()
    api.ask("POST", f"/api/v1/namespaces/{namespace}/configmaps", body, expect=(201,))
    return {"sent": sent, "answered": time.time_ns()}


main()
