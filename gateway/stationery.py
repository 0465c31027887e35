"""The templates of cover pages and mails: those of an account, then of the installation, then our own, file by file.

An installation overrides ours in `FAXGATE_TEMPLATES_DIR`: `cover/cover.html` and `mail/receipt.html` for all accounts,
`accounts/ID/cover/cover.html` and `accounts/ID/mail/receipt.html` for one; a `logo.png` or `logo.jpg` beside the
template of a cover stands on it. Texts alone are overridden, and languages added, by catalogues: `languages/de.po`,
`accounts/ID/languages/de.po` (`gateway.languages`).

Foreign templates must not lose a mail: one that cannot be used is logged, and ours is taken. They are filled in a
sandbox, with bounds for the file, for the numbers of a `range` and for what comes out. That keeps mistakes small; it is
no prison, since loops within loops cannot be bounded in our own process: templates are files of the operator.
"""

import base64
import functools
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2.loaders import split_template_path
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.errors import OurTrouble
from gateway.languages import ENGLISH, OWN, BadCatalogueError, Language, language, languages

log = logging.getLogger(__name__)

MAX_FILE = 200_000
"""Characters of a template."""
MAX_RESULT = 1_000_000
"""Characters of what it makes: the largest of our own letters have some 10 000."""
MAX_LOGO = 2_000_000
"""Bytes."""
LOGOS = {"logo.png": "image/png", "logo.jpg": "image/jpeg"}


class BadTemplateError(Exception):
    """A template cannot be used; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Stationery:
    """What letters are written on: folders of templates, the first that has a file before the others, ours the last."""

    folders: tuple[Path, ...] = ()
    """Those that go before our own."""
    strict: bool = False
    """Whether a foreign template that cannot be used is an error; else it is logged, and ours is taken."""
    language: Language = ENGLISH

    def fill(self, name: str, facts: Mapping[str, object]) -> str:
        """The template of this name, filled in. Blocks. Raises BadTemplateError where `strict`, and never otherwise."""
        if not self.folders and not self.language.foreign:
            return _environment((), self.language).get_template(name).render(facts)
        try:
            return _filled(_environment(self.folders, self.language), name, facts)
        except BadTemplateError as error:
            if self.strict:
                raise
            log.error("our own template is used in place of one that cannot be: %s", error)
            return _environment((), language(self.language.code)).get_template(name).render(facts)


OURS = Stationery()


@dataclass(frozen=True, slots=True)
class Templates:
    """Where templates are: those of the installation, if it has any, before our own."""

    own: Path = OWN
    override: Path | None = None

    def cover(self, account_id: str) -> tuple[str, str]:
        """The cover's template and its logo as a `data:` URL, empty where there is none. Blocks. Raises OurTrouble."""
        folders = self._folders(account_id, "cover")
        folder = next((one for one in folders if (one / "cover.html").is_file()), self.own / "cover")
        try:
            template = (folder / "cover.html").read_text()
            return template, next(filter(None, (_logo(one) for one in [folder, *folders])), "")
        except (OSError, UnicodeDecodeError) as error:
            raise OurTrouble("The cover page cannot be made right now.", detail=str(error)) from error

    def mail(self, account_id: str = "", code: str = "en", *, strict: bool = False) -> Stationery:
        """What the letters of an account are written on; those of none where it is not given. Blocks. Raises
        BadTemplateError where `strict` and a catalogue cannot be used."""
        folders = tuple(one for one in self._folders(account_id, "mail") if one.is_dir())
        try:
            return Stationery(folders, strict, self.language(account_id, code, strict=strict))
        except BadCatalogueError as error:
            raise BadTemplateError(str(error)) from error

    def languages(self) -> list[str]:
        """The codes of the languages that accounts can have. Blocks."""
        return languages(self.override)

    def language(self, account_id: str, code: str, *, strict: bool = False) -> Language:
        """The language of this code, as the account has it. Blocks. Raises BadCatalogueError where `strict`."""
        return language(code, self._folders(account_id, "languages"), strict=strict)

    def _folders(self, account_id: str, kind: str) -> list[Path]:
        if self.override is None:
            return []
        return [*([self.override / "accounts" / account_id / kind] if account_id else []), self.override / kind]


def _logo(folder: Path) -> str:
    for name, kind in LOGOS.items():
        file = folder / name
        if file.is_file() and file.stat().st_size <= MAX_LOGO:
            return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return ""


# How a template is found and filled in


@functools.lru_cache(maxsize=64)
def _environment(folders: tuple[Path, ...], say: Language) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        extensions=["jinja2.ext.i18n"],
        loader=jinja2.ChoiceLoader(
            # By `own/` an override builds on the very file that it overrides.
            [_Files((*folders, OWN / "mail")), jinja2.PrefixLoader({"own": _Files((OWN / "mail",))})]
        ),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    # What the extension adds to an environment; newstyle escapes the values that are put into a text.
    environment.install_gettext_translations(say.catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["language"] = say.tag
    return environment


class _Files(jinja2.BaseLoader):
    """Files of bounded size from the first folder that has them; a change of them is seen at once."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        file = self._file(template)
        if file is None:
            raise jinja2.TemplateNotFound(template)
        stamp = self._stamp(template)
        try:
            with file.open() as opened:
                source = opened.read(MAX_FILE + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise jinja2.TemplateSyntaxError(str(error), 1, template, str(file)) from error
        if len(source) > MAX_FILE:
            raise jinja2.TemplateSyntaxError(f"more than {MAX_FILE} characters", 1, template, str(file))
        return source, str(file), lambda: self._stamp(template) == stamp

    def _file(self, template: str) -> Path | None:
        parts = split_template_path(template)
        return next((found for folder in self._folders if (found := folder.joinpath(*parts)).is_file()), None)

    def _stamp(self, template: str) -> tuple[Path, int, int] | None:
        try:
            if (file := self._file(template)) is None:
                return None
            state = file.stat()
            return file, state.st_mtime_ns, state.st_size
        except OSError:
            return None


def _filled(environment: jinja2.Environment, name: str, facts: Mapping[str, object]) -> str:
    """Raises BadTemplateError, whatever went wrong."""
    try:
        text = "".join(_bounded(environment.get_template(name).generate(facts)))
        text.encode()  # an escape in a template can make what no mail can carry
    except Exception as error:  # a foreign template divides by nothing, calls itself, fails in ways of its own
        raise BadTemplateError(f"{_place(error, name)}: {type(error).__name__}: {error}") from error
    return text


def _bounded(chunks: Iterator[str]) -> Iterator[str]:
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if length > MAX_RESULT:
            raise OverflowError(f"it makes more than {MAX_RESULT} characters")
        yield chunk


def _place(error: Exception, name: str) -> str:
    """File and line of what is wrong in a template, as well as they are known."""
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    # Jinja2 rewrites the traceback so that its frames name the templates.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(".py")]
    return next((f"{frame.filename}, line {frame.lineno}" for frame in reversed(frames)), name)
