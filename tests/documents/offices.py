"""Office documents for the tests: OpenDocument by hand, the others made of these by LibreOffice."""

import subprocess
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from gateway.documents.installed import office
from gateway.documents.kinds import SUFFIXES, Kind
from gateway.documents.office import make_profile

_NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("svg", "svg-compatible"),
        ("style", "style"), ("fo", "xsl-fo-compatible"), ("script", "script"), ("presentation", "presentation"),
    )
) + ' xmlns:dom="http://www.w3.org/2001/xml-events" xmlns:ooo="http://openoffice.org/2004/office"'  # fmt: skip
_BODIES = {Kind.ODT: "text", Kind.ODS: "spreadsheet", Kind.ODP: "presentation"}
_ENTRY = '<manifest:file-entry manifest:full-path="{}" manifest:media-type="text/xml"/>'
_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="{}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{}</manifest:file-entry>'
    "{}</manifest:manifest>"
)


def opendocument(
    kind: Kind, body: str, *, head: str = "", encryption: str = "", parts: Mapping[str, str] | None = None
) -> bytes:
    """`parts` are further files in it."""
    file = BytesIO()
    element = _BODIES[kind]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind.value, zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMES} '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2">{head}'
            f"<office:body><office:{element}>{body}</office:{element}></office:body></office:document-content>",
        )
        for name, text in (parts or {}).items():
            archive.writestr(name, text)
        entries = "".join(_ENTRY.format(name) for name in parts or {})
        archive.writestr("META-INF/manifest.xml", _MANIFEST.format(kind.value, encryption, entries))
    return file.getvalue()


def letter(*paragraphs: str) -> bytes:
    return opendocument(Kind.ODT, "".join(f"<text:p>{one}</text:p>" for one in paragraphs))


def sheet(*rows: tuple[str, ...]) -> bytes:
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    return opendocument(Kind.ODS, f'<table:table table:name="Sheet">{cells}</table:table>')


def slides(*texts: str) -> bytes:
    pages = "".join(
        f'<draw:page draw:name="{number}"><draw:frame svg:x="2cm" svg:y="2cm" svg:width="20cm" svg:height="5cm">'
        f"<draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>"
        for number, text in enumerate(texts)
    )
    return opendocument(Kind.ODP, pages)


def with_macro(basic: str) -> bytes:
    """A text that runs this when it is opened, where it may."""
    head = (
        '<office:scripts><office:event-listeners><script:event-listener script:language="ooo:script" '
        'script:event-name="dom:load" xlink:href="vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;'
        'location=document" xlink:type="simple"/></office:event-listeners></office:scripts>'
    )
    names = 'xmlns:library="http://openoffice.org/2000/library" library:name="Standard"'
    parts = {
        "Basic/script-lc.xml": '<library:libraries xmlns:library="http://openoffice.org/2000/library" '
        'xmlns:xlink="http://www.w3.org/1999/xlink"><library:library library:name="Standard" library:link="false"/>'
        "</library:libraries>",
        "Basic/Standard/script-lb.xml": f'<library:library {names} library:readonly="false" '
        'library:passwordprotected="false"><library:element library:name="Module1"/></library:library>',
        "Basic/Standard/Module1.xml": '<script:module xmlns:script="http://openoffice.org/2000/script" '
        f'script:name="Module1" script:language="StarBasic">Sub Main\n{basic}\nEnd Sub</script:module>',
    }
    return opendocument(Kind.ODT, "<text:p>Hello</text:p>", head=head, parts=parts)


def saved_as(kind: Kind, document: bytes, folder: Path) -> bytes:
    """An OpenDocument file as LibreOffice saves it in another format. `folder` holds its profile, made once."""
    source = folder / "document.odf"
    source.write_bytes(document)
    program = office()
    assert program is not None
    suffix = SUFFIXES[kind].removeprefix(".")
    command = [
        str(program),
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--headless",
        "--convert-to",
        suffix,
    ]
    made = folder / f"document.{suffix}"
    if not (folder / "profile").exists():
        make_profile(folder / "profile")
    for _ in range(2):  # the first start makes the profile
        if not made.exists():
            subprocess.run([*command, "--outdir", str(folder), str(source)], check=False, capture_output=True)
    return made.read_bytes()
