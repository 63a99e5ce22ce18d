"""What a role must allow for a request, as the API server's authorizer sees it."""

from collections.abc import Iterator
from typing import NamedTuple

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Permission(NamedTuple):
    """A verb on a resource (`resourceclaims`, or a part of it, `resourceclaims/status`) of an API group."""

    verb: str
    group: str
    resource: str


def permissions_for(method: str, path: str, *, is_watch: bool) -> Iterator[Permission]:
    """All that a request needs."""
    _, root, *rest = path.split("/")
    group, *rest = rest[:1] + rest[2:] if root == "apis" else ["", *rest[1:]]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    plural, name, subresource, *_ = [*rest, "", ""]
    resource = "/".join(filter(None, (plural, subresource)))
    verb = _VERBS.get(method) or ("get" if name else "watch" if is_watch else "list")
    yield Permission(verb, group, resource)
    if resource == "resourceclaims/status" and verb == "patch":
        # From 1.36 on, for drivers on the node that the claim is allocated to; asked for by `status.devices`.
        yield Permission(f"associated-node:{verb}", group, "resourceclaims/driver")
