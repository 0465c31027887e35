"""The telephone numbers of an account, and which of its faxboxes answers each.

A number belongs to one account of the installation (409). The superuser assigns and takes it; the account's admins bind
it to a faxbox of theirs, or to none. An address names it as E.164 (`%2B15551230001`, or `+15551230001`) or as people
dial it in the account's country.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from admin_api.auth import account_of, actor
from admin_api.changes import decided, given, of_fields, partial_of
from admin_api.envelope import revision_of, success
from admin_api.operations import ACCOUNT, Operation
from admin_api.revisions import check_if_match, not_modified
from gateway.accounts import Number
from gateway.administration import Administration
from gateway.checks import sought_number
from gateway.store import accounts
from gateway.store.engine import Store

PATH = f"{ACCOUNT}/numbers"
FIXED = ("id", "number")


class NumberFields(BaseModel):
    """What of a number can be set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    faxbox_id: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="The faxbox that answers it; without one nobody does."
    )


class NewNumber(NumberFields):
    """A number to assign."""

    number: str = Field(max_length=64, description="E.164, or as people dial it in the account's country.")


class NumberDetail(TypedDict):
    """A number."""

    id: str
    number: Annotated[str, Field(description="E.164.")]
    faxbox_id: str | None


@dataclass(frozen=True, slots=True)
class Numbers:
    store: Store
    administration: Administration

    def operations(self) -> list[Operation]:
        item = f"{PATH}/{{number}}"
        return [
            Operation(method="GET", path=PATH, answer=self.get_list, summary="All numbers", gives=list[NumberDetail]),
            Operation(
                method="PUT",
                path=PATH,
                answer=self.put,
                summary="Assign a number to the account",
                scope="superuser",
                body=NewNumber,
                gives=NumberDetail,
                status=201,
            ),
            Operation(method="GET", path=item, answer=self.get, summary="A number", gives=NumberDetail),
            Operation(
                method="PUT",
                path=item,
                answer=self.put_item,
                summary="Assign this number to the account",
                scope="superuser",
                body=NumberFields,
                gives=NumberDetail,
                status=201,
            ),
            Operation(
                method="POST",
                path=item,
                answer=self.change,
                summary="Bind a number to a faxbox, or to none",
                scope="admin",
                body=NumberFields,
                gives=NumberDetail,
            ),
            Operation(
                method="PATCH",
                path=item,
                answer=self.change,
                summary="Bind a number to a faxbox, or to none",
                scope="admin",
                body=partial_of(NumberFields),
                gives=NumberDetail,
            ),
            Operation(
                method="DELETE",
                path=item,
                answer=self.delete,
                summary="Take a number from the account",
                scope="superuser",
                gives=NumberDetail,
            ),
        ]

    def _acting(self, request: Request) -> Administration:
        return self.administration.by(actor(request))

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/numbers"""
        async with self.store.read() as connection:
            found = await accounts.numbers(connection, account_of(request))
        revision = revision_of([(f"{number.id} {number.faxbox_id}", 1) for number in found])
        listed = [shown(number) for number in found]
        whole = {"page_size": len(listed), "start_key": []}
        return not_modified(request, revision) or success(request, listed, revision=revision, paging=whole)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/numbers/{number}"""
        async with self.store.read() as connection:
            account = await accounts.account(connection, account_of(request))
            sought = sought_number(_written(request), account.country)
            number = await accounts.number(connection, sought, account.id)
        return not_modified(request, _revision(number)) or _answer(request, number)

    async def put(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/numbers"""
        fields = of_fields(NewNumber, await given(request), {}, ("id",))
        return await self._assign(request, fields.number, fields.faxbox_id)

    async def put_item(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/numbers/{number}"""
        data = await given(request)
        fields = of_fields(NumberFields, data, data, FIXED)
        return await self._assign(request, _written(request), fields.faxbox_id)

    async def _assign(self, request: Request, written: str, faxbox_id: str | None) -> Response:
        number = await self._acting(request).add_number(account_of(request), written, faxbox_id)
        return _answer(request, number, status=201)

    async def change(self, request: Request) -> Response:
        """POST and PATCH /accounts/{account_id}/numbers/{number}"""
        data = await given(request)

        def decide(number: Number) -> Number:
            check_if_match(request, _revision(number))
            fields = decided(request, NumberFields, data, shown(number), FIXED)
            return replace(number, faxbox_id=fields.faxbox_id)

        number = await self._acting(request).bind_number(account_of(request), _written(request), decide)
        return _answer(request, number)

    async def delete(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}/numbers/{number}"""
        deleted: list[Number] = []

        def check(number: Number) -> None:
            check_if_match(request, _revision(number))
            deleted.append(number)

        await self._acting(request).release_number(account_of(request), _written(request), check)
        return success(request, shown(deleted[0]))


def shown(number: Number) -> dict[str, object]:
    """A number as the API has it. Pure."""
    return {"id": number.id, "number": number.id, "faxbox_id": number.faxbox_id}


def _revision(number: Number) -> str:
    """Nothing of a number changes but what is seen: its revision is a digest of that."""
    return revision_of([(f"{number.id} {number.account_id} {number.faxbox_id}", 1)])


def _answer(request: Request, number: Number, status: int = 200) -> Response:
    return success(request, shown(number), revision=_revision(number), status=status)


def _written(request: Request) -> str:
    return str(request.path_params["number"])
