"""bookinfo.py SERVICE-VERSION: one of Bookinfo's six programs (details-v1, ratings-v1, reviews-v1, -v2, -v3, productpage-v1).

Istio's samples name images that only a registry on the internet holds. This program stands in for them, with the same
addresses, answers and calls: productpage asks details and reviews; reviews asks ratings, except for its first version,
which shows no stars; its second has black stars and its third red ones. What cannot be reached is an error on the page,
which is still served.
"""
import html
import json
import os
import signal
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVICE, VERSION = sys.argv[1].rsplit("-", 1)
PORT = 9080
STARS = {"v1": None, "v2": "black", "v3": "red"}
TITLE = "The Comedy of Errors"
# What a service hands on to those that it calls, so that a trace holds together and routing by user works.
HANDED_ON = ("end-user", "user-agent", "x-request-id", "traceparent", "tracestate", "b3", "x-ot-span-context",
             "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags")


class Unreachable(Exception):
    """Another service gave no usable answer."""


def ask(service, path, headers, seconds):
    url = f"http://{service}:{PORT}{path}"
    handed_on = {name: headers[name] for name in HANDED_ON if name in headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=handed_on), timeout=seconds) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise Unreachable(f"{service}: {error}") from error


def details(book, _headers):
    return {"id": book, "author": "William Shakespeare", "year": 1595, "type": "paperback", "pages": 200,
            "publisher": "PublisherA", "language": "English", "ISBN-10": "1234567890", "ISBN-13": "123-1234567890"}


def ratings(book, _headers):
    return {"id": book, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}


def reviews(book, headers):
    written = [{"reviewer": "Reviewer1", "text": "Two pairs of twins, one town, no rest: a delight."},
               {"reviewer": "Reviewer2", "text": "Light next to the tragedies, and all the better for it."}]
    color = STARS[VERSION]
    if color:
        try:
            given = ask("ratings", f"/ratings/{book}", headers, 10)["ratings"]
            stars = [{"stars": given[review["reviewer"]], "color": color} for review in written]
        except (Unreachable, KeyError, TypeError):
            stars = [{"error": "Ratings service is currently unavailable"}] * len(written)
        for review, rating in zip(written, stars):
            review["rating"] = rating
    return {"id": str(book), "podname": os.environ.get("HOSTNAME", ""), "clustername": "null", "reviews": written}


ANSWERS = {"details": details, "ratings": ratings, "reviews": reviews}


def page(headers):
    """The product page, as HTML."""
    try:
        book = ask("details", "/details/0", headers, 3)
        about = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(str(value))}</dd>" for key, value in book.items())
        about = f"<h4>Book Details</h4><dl>{about}</dl>"
    except Unreachable as error:
        about = f"<h4>Error fetching product details!</h4><p>{html.escape(str(error))}</p>"
    try:
        found = ask("reviews", "/reviews/0", headers, 3)
        opinions = "".join(map(opinion, found["reviews"]))
        opinions = f"<h4>Book Reviews</h4>{opinions}<p>Reviews served by: <u>{html.escape(found['podname'])}</u></p>"
    except Unreachable as error:
        opinions = f"<h4>Error fetching product reviews!</h4><p>{html.escape(str(error))}</p>"
    return f"""<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Simple Bookstore App</title>
  </head>
  <body>
    <h3>{TITLE}</h3>
    <section id="details">{about}</section>
    <section id="reviews">{opinions}</section>
  </body>
</html>
"""


def opinion(review):
    rating = review.get("rating", {})
    stars = ""
    if "stars" in rating:
        stars = f'<font color="{rating["color"]}">' + "&#9733;" * rating["stars"] + "</font>"
    elif "error" in rating:
        stars = f"<i>{html.escape(rating['error'])}</i>"
    return f"<blockquote>{html.escape(review['text'])} <small>{html.escape(review['reviewer'])}</small>{stars}</blockquote>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/health":
            self.answer_json({"status": f"{SERVICE.capitalize()} is healthy"})
        elif SERVICE == "productpage":
            self.product_page(path)
        else:
            _, service, book = (path.split("/") + ["", ""])[:3]
            if service == SERVICE and book.isdigit():
                self.answer_json(ANSWERS[SERVICE](int(book), self.headers))
            else:
                self.answer_json({"error": f"please provide a numeric product ID: /{SERVICE}/ID"}, 400)

    def product_page(self, path):
        if path in ("/", "/index.html", "/productpage"):
            self.answer(page(self.headers), "text/html; charset=utf-8")
        elif path == "/api/v1/products":
            self.answer_json([{"id": 0, "title": TITLE, "descriptionHtml": f"<i>{TITLE}</i>"}])
        elif path in ("/api/v1/products/0", "/api/v1/products/0/reviews", "/api/v1/products/0/ratings"):
            service = {"0": "details"}.get(path.rsplit("/", 1)[1], path.rsplit("/", 1)[1])
            try:
                self.answer_json(ask(service, f"/{service}/0", self.headers, 3))
            except Unreachable as error:
                self.answer_json({"error": str(error)}, 500)
        else:
            self.answer("not found\n", "text/plain", 404)

    def answer_json(self, value, status=200):
        self.answer(json.dumps(value), "application/json", status)

    def answer(self, text, kind, status=200):
        content = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


# The first process of a container has no default action on signals: without this, ending takes the pod's whole grace period.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"{SERVICE} {VERSION} listens on port {PORT}", flush=True)
Server(("", PORT), Handler).serve_forever()
