"""A small shop with sign-in: a form with a session and a page's token, a token of JSON, orders, and answers that are
slow, cut, too long or no JSON. Says its port, then serves until its standard input ends.

usage: shop.py [CERTIFICATE KEY]
"""

import http.cookies
import http.server
import json
import secrets
import ssl
import sys
import threading
import time
import urllib.parse

PASSWORD = "p&ss w0rd<1>"
log, sessions, pages, tokens, orders = [], {}, {}, set(), {}
numbers = iter(range(17, 1000))


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body="", kind="application/json", **headers):
        body = body if isinstance(body, str) else json.dumps(body)
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, values in headers.items():
            for value in values if isinstance(values, list) else [values]:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def session(self):
        jar = http.cookies.SimpleCookie(self.headers.get("Cookie", ""))
        return sessions.get(jar["session"].value) if "session" in jar else None

    def any(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        log.append({
            "asked": f"{self.command} {self.path}",
            "from": self.client_address[1],
            "cookie": self.headers.get("Cookie"),
            "authorization": self.headers.get("Authorization"),
            "type": self.headers.get("Content-Type"),
            "sent": sent,
        })
        known = self.session() is not None or self.headers.get("Authorization", "")[7:] in tokens
        match (self.command, url.path.split("/")[1:]):
            case ("GET", ["log"]):
                self.answer(200, log)
            case ("GET", ["login"]):
                early = secrets.token_urlsafe(16)
                sessions[early] = None
                csrf = "+" + secrets.token_urlsafe(12) + "=&"
                pages[early] = csrf
                shown = csrf.replace("&", "&amp;").replace("+", "&#x2B;")
                page = f'<form action="/login?flow=1&amp;step=2"><input name="csrf" value="{shown}"></form>'
                self.answer(200, page, "text/html; charset=utf-8", Set_Cookie=f"early={early}; Path=/login")
            case ("POST", ["login"]):
                form = dict(urllib.parse.parse_qsl(sent))
                # Each page has its own: several may sign in at a time.
                early = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get("early")
                csrf = pages.get(early.value) if early else None
                right = csrf is not None and form == {"user": "probe", "password": PASSWORD, "csrf": csrf}
                if not right or self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                    return self.answer(403, f"no: {urllib.parse.unquote_plus(sent)}", "text/plain")
                session = secrets.token_urlsafe(24)
                sessions[session] = "csrf-" + secrets.token_urlsafe(12)
                self.answer(303, Location="/home", Set_Cookie=[
                    f"session={session}; Path=/; HttpOnly; SameSite=Lax", "lang=en; Path=/", "early=; Path=/login; Max-Age=0"])
            case ("POST", ["token"]):
                if json.loads(sent) != {"user": "probe", "password": PASSWORD, "for": ["orders", 3600, True]}:
                    return self.answer(401, {"error": "invalid_grant"})
                token = secrets.token_urlsafe(24)
                tokens.add(token)
                self.answer(200, {"access_token": token, "token_type": "bearer", "none": None, "list": []})
            case ("GET", ["home"]) if known:
                self.answer(200, {"user": "probe", "session": {"valid": True}}, X_Csrf=self.session() or "none")
            case ("GET", ["orders"]) if known:
                self.answer(200, {"orders": list(orders)})
            case ("POST", ["orders"]) if known and self.headers.get("X-Csrf") == self.session():
                number = next(numbers)
                orders[number] = json.loads(sent)
                self.answer(201, {"id": number, "state": "placed"}, Location=f"/orders/{number}?ref=own")
            case ("PUT", ["orders", number]) if known and json.loads(sent) == {"id": int(number), "state": "paid"}:
                self.answer(204)
            case ("GET" | "HEAD", ["orders", number]) if known and int(number) in orders:
                self.answer(200, {"id": int(number), "state": "placed"})
            case ("DELETE", ["orders", number]) if known and int(number) in orders:
                del orders[int(number)]
                self.answer(204)
            case ("GET", ["to"]):
                self.answer(302, Location=query["url"], X_Next=query["url"])
            case ("GET", ["cookies", "set"]):
                self.answer(200, "{}", Set_Cookie=[
                    "all=all-of-it; Path=/", "deep=deep-only; Path=/cookies/deep", "secure=for-tls-only; Path=/; Secure",
                    "foreign=for-another; Domain=other.test", "mine=only-this-host", "old=long-gone; Path=/; Max-Age=0"])
            case ("GET", ["cookies", *_]):
                self.answer(200, {"cookie": self.headers.get("Cookie")})
            case ("GET", ["slow"]):
                time.sleep(int(query["ms"]) / 1000)
                self.answer(200, {"slow": True})
            case ("GET", ["junk"]):
                self.answer(200, "<html>500</html>", "text/html")
            case ("GET", ["big"]):
                self.answer(200, '{"a":"' + "x" * (1 << 20) + '"}')
            case ("GET", ["cut"]):
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"a":')
                self.close_connection = True
            case ("POST", ["echo"]):
                self.answer(200, f"{dict(self.headers)} {sent} {urllib.parse.unquote_plus(sent)}", "text/plain")
            case _:
                self.answer(401 if not known else 404, {"error": "unauthorized" if not known else "not found"})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = any


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
