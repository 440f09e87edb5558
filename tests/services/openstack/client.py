"""Raw HTTP to the APIs, with a token: what Keystone, Nova and Glance answer, status, headers and all."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from .config import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    """What a service answered; status 0 when nobody did."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def checked(self) -> Self:
        """Return it, if it is a success."""
        assert 200 <= self.status < 300, f"{self.status} {self.body}"
        return self


def request(
    method: str, url: str, *, body: Any = None, headers: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> Answer:
    """Ask once. A body that is no bytes goes as JSON. Names of headers in the answer are in lower case."""
    parts = urlsplit(url)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Accept": "application/json"} | dict(headers or {})
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        connection.request(method, f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", data, sent)
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException):
        return Answer(0, {}, None)
    finally:
        connection.close()
    parsed = json.loads(text) if text.strip().startswith((b"{", b"[")) else text.decode(errors="replace")
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, parsed)


def token(keystone: str, user: str, project: str) -> str:
    """Log in, and return the token; empty when Keystone does not give one."""
    domain = {"domain": {"id": "default"}}
    identity = {"methods": ["password"], "password": {"user": {"name": user, "password": PASSWORD} | domain}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": project} | domain}}}
    return request("POST", f"{keystone}/auth/tokens", body=body).headers.get("x-subject-token", "")
