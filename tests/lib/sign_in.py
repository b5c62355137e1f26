"""A browser without a window: follows redirects with cookies, fills in the identity provider's login form, and says yes
to the market's question whether the command line may come in."""

import html.parser
import http.cookiejar
import ssl
import urllib.error
import urllib.parse
import urllib.request

MOST_STEPS = 25


class SignInError(RuntimeError):
    """A sign-in that did not reach its end; the message has the last page's address, status and text."""


class _Forms(html.parser.HTMLParser):
    """The first form of a page, and the page's text."""

    def __init__(self):
        super().__init__()
        self.form, self.inside, self.text = None, False, []

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form = {"action": attrs.get("action", ""), "method": attrs.get("method", "get").lower(), "inputs": [], "buttons": []}
            self.inside = True
        elif self.inside and tag == "input":
            self.form["inputs"].append((attrs.get("name", ""), attrs.get("type", "text"), attrs.get("value", "")))
        elif self.inside and tag == "button":
            self.form["buttons"].append((attrs.get("name", ""), attrs.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False

    def handle_data(self, data):
        if data.strip():
            self.text.append(data.strip())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """One browser profile: its cookies live as long as it does."""

    def __init__(self, ca_file=None, timeout_s=20):
        self.timeout_s = timeout_s
        self.cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(strict_ns_domain=0))
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _NoRedirect(), urllib.request.HTTPCookieProcessor(self.cookies),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))

    def open(self, url, form=None, origin=None, headers=None):
        """One request, no redirects. Gives (status, headers, text)."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(url, data=data, headers=dict(headers or {}))
        if origin:
            request.add_header("Origin", origin)
        try:
            with self.opener.open(request, timeout=self.timeout_s) as reply:
                return reply.status, reply.headers, reply.read(1 << 20).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read(1 << 20).decode("utf-8", "replace")

    def cookie(self, name):
        return next((c.value for c in self.cookies if c.name == name), None)

    def sign_in(self, url, name, password, until=None):
        """Goes from `url` on, filling in forms on the way. Ends at the first address for which `until(address)` holds
        (after asking for it), or at a page without a form. Gives (address, status, text) of the last page."""
        form, origin, used_password = None, None, False
        for _ in range(MOST_STEPS):
            status, headers, text = self.open(url, form, origin)
            arrived = until is not None and until(url)
            form = origin = None
            if status in (301, 302, 303, 307, 308) and headers.get("Location"):
                url = urllib.parse.urljoin(url, headers["Location"])
                continue
            page = _Forms()
            page.feed(text)
            if arrived or status == 200 and page.form is None:
                return url, status, text
            if status != 200 or page.form is None:
                raise SignInError(f"{url} answered {status}: {' '.join(page.text)[:500]}")
            asks_password = any(kind == "password" for _, kind, _ in page.form["inputs"])
            if asks_password and used_password:
                raise SignInError(f"{url} asks for the password again: {' '.join(page.text)[:500]}")
            if not asks_password and page.form["action"] == "/auth/logout":
                return url, status, text  # signed in, and the only form is the way out
            used_password = used_password or asks_password
            form = self._fill(page.form, name, password)
            parts = urllib.parse.urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            url = urllib.parse.urljoin(url, page.form["action"]) if page.form["action"] else url
        raise SignInError(f"no end after {MOST_STEPS} steps, at {url}")

    @staticmethod
    def _fill(form, name, password):
        fields, named = [], False
        for field, kind, value in form["inputs"]:
            if not field:
                continue
            if kind == "password":
                value = password
            elif kind in ("text", "email") and not named:
                value, named = name, True
            fields.append((field, value))
        button = next(((n, v) for n, v in form["buttons"] if n), None)  # the first: "Allow"
        return fields + ([button] if button else [])


def sign_in(url, name, password, ca_file=None, timeout_s=20):
    """What a person does with the address that `bourse login --no-browser` prints: signs in at the identity provider, allows
    the command line, and ends at its loopback address. Raises SignInError otherwise. Gives the browser."""
    browser = Browser(ca_file, timeout_s)
    wanted = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).get("redirect_uri", [None])[0]
    if wanted is None:
        raise SignInError(f"{url} has no redirect_uri")
    _, status, text = browser.sign_in(url, name, password, lambda address: address.startswith(wanted + "?"))
    if status != 200:
        raise SignInError(f"the command line answered {status}: {text[:500]}")
    return browser
