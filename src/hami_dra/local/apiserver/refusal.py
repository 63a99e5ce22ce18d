"""What an API server answers instead of an object."""

from typing import Any


class Refusal(Exception):
    """An HTTP status, the machine-readable reason and the message for people."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    def as_object(self) -> dict[str, Any]:
        """Return the `Status` object that goes over the wire."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.status,
        }
