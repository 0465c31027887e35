"""URLs as they may be logged and shown: without what opens doors. Pure."""


def shown(url: str) -> str:
    """Without user and password, query and fragment, where programs are given keys; anything else stays as it is.

    >>> shown("https://user:p@ss@example.com:1/in?key=1"), shown("alice@example.com"), shown("https://example.com/")
    ('https://...@example.com:1/in?...', 'alice@example.com', 'https://example.com/')
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    rest, mark, _ = rest.partition("?")
    rest = rest.partition("#")[0]
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at and "@" in path:  # a slash in a password that should have been encoded
        host, path, slash = path.rpartition("@")[2], "", ""
        user = "..."
    return f"{scheme}://{'...@' if user else ''}{host}{slash}{path}{'?...' if mark else ''}"
