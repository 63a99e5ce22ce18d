"""What can go wrong between us and an API server."""


class KubeError(Exception):
    """An API server's refusal, or the lack of an answer; the text says what was asked and what to do."""


class AccessError(KubeError):
    """How to reach the API server is not known: a kubeconfig or service account that cannot be used."""


class ApiUnavailable(KubeError):
    """No answer in time, no connection, or a server that cannot answer now (429, 5xx): try again later."""


class Conflict(KubeError):
    """The object exists already or was changed by another in between (409): read it and try again."""


class Expired(KubeError):
    """The version to continue from is gone (410): list again."""


class Forbidden(KubeError):
    """We are not allowed to do this (401, 403); the text names what a role must allow."""


class Invalid(KubeError):
    """The API server refuses the object itself (400, 422); the text has the path of the field."""


class NotFound(KubeError):
    """The object does not exist (404)."""


class FieldsDropped(KubeError):
    """The API server silently drops `fields` of ResourceSlices, so none is published."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        super().__init__(
            f"the API server drops {', '.join(fields)} from ResourceSlices. Devices without them would be handed out "
            "whole, so none is published: enable the feature gate DRAConsumableCapacity in kube-apiserver, "
            "kube-scheduler, kube-controller-manager and kubelet"
        )


class TaintsDropped(KubeError):
    """The API server silently drops the taints of devices, so nothing was written: publish without them."""

    def __init__(self) -> None:
        super().__init__(
            "the API server drops the taints of devices: enable the feature gate DRADeviceTaints in kube-apiserver, "
            "kube-scheduler and kube-controller-manager"
        )


_BY_STATUS: dict[int, type[KubeError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: ApiUnavailable,
}


def refusal(status: int, asked: str, message: str) -> KubeError:
    """Return the error for an HTTP status; `asked` says what was asked, `message` is the server's own."""
    kind = ApiUnavailable if status >= 500 else _BY_STATUS.get(status, KubeError)
    advice = "; let the role of this account allow it" if kind is Forbidden else ""
    return kind(f"{asked}: {message} (HTTP {status}){advice}")
