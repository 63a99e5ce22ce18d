"""HTTP requests to an API server with deadlines, their refusals turned into typed errors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
import msgspec

from .access import Access
from .errors import ApiUnavailable, refusal

_WATCH_TIMEOUT = 240
"""Seconds after which the server ends a watch, so that a dead connection is noticed."""


class _Status(msgspec.Struct):
    """The API server's own words for a failure."""

    message: str = ""


class Transport:
    """A connection to one API server; an async context manager."""

    def __init__(self, access: Access, timeout: float) -> None:
        self._access = access
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def __aenter__(self) -> Self:
        """Open the pool of connections; none is made yet."""
        self._session = aiohttp.ClientSession(headers={"Accept": "application/json"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        asked: str,
        *,
        params: Mapping[str, str] = {},
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Make a request and return the body of the answer; `asked` names it in errors."""
        headers = {"Content-Type": content_type} if body is not None else {}
        async with self._answer(method, path, asked, params, body, self._timeout, headers) as response:
            return await response.read()

    async def watch(self, path: str, asked: str, *, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yield the lines of a watch until the server ends it."""
        params = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_TIMEOUT)}
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout.total, sock_read=_WATCH_TIMEOUT + 15)
        async with self._answer("GET", path, asked, params, None, limits) as response:
            # Not response.content.readline(): a slice of 128 devices is longer than its limit.
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        asked: str,
        params: Mapping[str, str],
        body: bytes | None,
        limits: aiohttp.ClientTimeout,
        headers: Mapping[str, str] = {},
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if token := self._access.token():
            headers = {**headers, "Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(
                method,
                self._access.url + path,
                params=params,
                data=body,
                headers=headers,
                timeout=limits,
                ssl=self._access.tls or True,
            ) as response:
                if response.status >= 400:
                    raise refusal(response.status, asked, _message(await response.read()))
                yield response
        except TimeoutError as error:
            raise ApiUnavailable(f"{asked}: {self._access.url} did not answer in time") from error
        except (
            aiohttp.ClientError,
            UnicodeError,
        ) as error:  # the latter of a name that the resolver cannot be asked for
            raise ApiUnavailable(f"{asked}: {self._access.url} cannot be reached: {_cause(error)}") from error


def _cause(error: Exception) -> Exception:
    """What made a connection fail, where aiohttp's own error names the address once more, in words of its own."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


def _message(body: bytes) -> str:
    """Return the server's own words, or the start of what a proxy in between says."""
    try:
        return msgspec.json.decode(body, type=_Status).message
    except msgspec.DecodeError:
        return body[:200].decode(errors="replace")
