"""How a document is refused, in words for the person who sent it."""

from gateway.errors import DocumentRefused


def called(name: str) -> str:
    """How a document is named in a sentence."""
    return f'The document "{name}"' if name else "The document"


def broken(name: str, detail: object = "") -> DocumentRefused:
    return DocumentRefused(f"{called(name)} is damaged and cannot be opened.", detail=str(detail))


def encrypted(name: str) -> DocumentRefused:
    return DocumentRefused(f"{called(name)} is protected by a password. Send it without one.")


def empty(name: str) -> DocumentRefused:
    return DocumentRefused(f"{called(name)} has no pages.")


def too_long(name: str, max_pages: int) -> DocumentRefused:
    return DocumentRefused(f"{called(name)} has more than {max_pages} pages.")


def too_large(name: str, detail: str) -> DocumentRefused:
    return DocumentRefused(f"{called(name)} is too large to be faxed: {detail}.")


def dynamic_form(name: str) -> DocumentRefused:
    return DocumentRefused(
        f"{called(name)} is an interactive (XFA) form without printable pages. Print it to a PDF and send that."
    )


def not_taken(name: str, kind: str, taken: str) -> DocumentRefused:
    return DocumentRefused(f"{called(name)} ({kind}) cannot be faxed. What can: {taken}.")
