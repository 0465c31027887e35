"""How a document is refused, in words for the person who sent it."""

from gateway.documents.installed import taken
from gateway.documents.kinds import Kind, in_words, listed, should_be
from gateway.errors import DocumentRefused
from gateway.languages import said


def called(name: str) -> str:
    """How a document is named in a sentence."""
    return said('The document "{name}"', name=name) if name else said("The document")


def broken(name: str, detail: object = "") -> DocumentRefused:
    return DocumentRefused(
        said("{document} is damaged and cannot be opened.", document=called(name)), detail=str(detail)
    )


def encrypted(name: str, password: str = "") -> DocumentRefused:
    """`password` is the one that was tried, of which nothing is told."""
    document = called(name)
    return DocumentRefused(
        said("{document} is protected by a password, which is not the one that was given.", document=document)
        if password
        else said("{document} is protected by a password, without which it cannot be opened.", document=document)
    )


def unknown_compression(name: str, compression: object) -> DocumentRefused:
    return DocumentRefused(
        said(
            "{document} is a TIFF with a compression ({compression}) that cannot be read. Save it with another one.",
            document=called(name),
            compression=compression,
        ),
    )


def locked(name: str) -> DocumentRefused:
    """Of an Office document, which we open with no password."""
    return DocumentRefused(
        said("{document} is protected by a password. Send it without one, or as a PDF.", document=called(name))
    )


def beyond(name: str, detail: str) -> DocumentRefused:
    return DocumentRefused(
        said("{document} could not be opened within the limits of time and memory.", document=called(name)),
        detail=detail,
    )


def empty(name: str) -> DocumentRefused:
    return DocumentRefused(said("{document} has no pages.", document=called(name)))


def too_long(name: str, max_pages: int) -> DocumentRefused:
    return DocumentRefused(said("{document} has more than {pages} pages.", document=called(name), pages=max_pages))


def too_large(name: str, detail: str) -> DocumentRefused:
    return DocumentRefused(said("{document} is too large to be faxed: {detail}.", document=called(name), detail=detail))


def dynamic_form(name: str) -> DocumentRefused:
    return DocumentRefused(
        said(
            "{document} is an interactive (XFA) form without printable pages. Print it to a PDF and send that.",
            document=called(name),
        )
    )


def web_page(name: str) -> DocumentRefused:
    """Of an address that should have given something else: a page to log in at must not be faxed in its place."""
    return DocumentRefused(
        said(
            "{document} cannot be faxed: its server gave a web page in its place, perhaps one that asks for a login.",
            document=called(name),
        )
    )


def not_taken(name: str, kind: Kind, declared: str = "") -> DocumentRefused:
    """A kind of document that cannot be faxed here; `declared` is the type that its sender gave."""
    if kind is Kind.ENCRYPTED:
        return locked(name)
    promised = should_be(kind, name, declared)
    if promised in taken():
        return DocumentRefused(f"{called(name)} is damaged and cannot be opened: it is not {in_words(promised)}.")
    words = in_words(promised or kind)
    shown = declared if kind is Kind.UNKNOWN and declared else kind.value
    what = f" is {words}, which cannot" if words else f" ({shown}) cannot"
    return DocumentRefused(f"{called(name)}{what} be faxed. What can: {listed(taken())}.")
