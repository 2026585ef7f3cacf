"""What can go wrong at the token endpoint."""


class TokenRefused(Exception):
    """The server's answer: `error` and `description` as RFC 6749 section 5.2 has them, and the HTTP status."""

    def __init__(self, error: str, description: str, status: int) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
