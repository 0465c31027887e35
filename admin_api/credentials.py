"""The credentials of an account, with which mail programs log in: made, listed, given another password, deleted.

A password that was made here is shown once; one that was given is never shown.
"""

from dataclasses import dataclass
from typing import Annotated, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from admin_api import paging
from admin_api.auth import account_of, actor
from admin_api.changes import given, of_fields
from admin_api.envelope import revision_of, success
from admin_api.ids import is_id
from admin_api.operations import ACCOUNT, Operation
from admin_api.representation import gregorian
from admin_api.revisions import check_if_match, not_modified
from gateway.accounts import Credential
from gateway.credentials import Credentials as Desk
from gateway.errors import NotFound
from gateway.passwords import LEAST_PASSWORD, MOST_NAME, MOST_PASSWORD
from gateway.store import credentials
from gateway.store.engine import Store
from gateway.store.listing import Place

PATH = f"{ACCOUNT}/credentials"
REVISION = "1"
"""Nothing of a credential changes that is shown."""

Password = Annotated[
    str,
    Field(
        min_length=LEAST_PASSWORD,
        max_length=MOST_PASSWORD,
        description="If none is given, one is made and shown once.",
    ),
]


class CredentialFields(BaseModel):
    """A credential to make."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(
        min_length=1, max_length=MOST_NAME, description="To log in with; nobody else may have it. Case does not matter."
    )
    faxbox_id: str | None = Field(
        default=None, pattern="^[0-9a-f]{32}$", description="The faxbox that it sends through; any if not given."
    )
    password: Password | None = None


class PasswordFields(BaseModel):
    """Another password."""

    model_config = ConfigDict(extra="forbid", strict=True)

    password: Password | None = None


class CredentialDetail(TypedDict):
    """What is known of a credential."""

    id: str
    created: Annotated[int, Field(description="Gregorian seconds.")]
    name: str
    faxbox_id: str | None


class NewCredential(CredentialDetail):
    """A credential with a password that has just been set."""

    password: NotRequired[Annotated[str, Field(description="The password, where it was made here; shown this once.")]]


@dataclass(frozen=True, slots=True)
class Credentials:
    store: Store
    desk: Desk

    def operations(self) -> list[Operation]:
        item = f"{PATH}/{{credential_id}}"
        return [
            Operation(
                method="GET",
                path=PATH,
                answer=self.get_list,
                summary="Credentials of the account with which mail programs log in",
                scope="admin",
                query=paging.ListQuery,
                gives=list[CredentialDetail],
            ),
            Operation(
                method="PUT",
                path=PATH,
                answer=self.put,
                summary="Make a credential",
                scope="admin",
                body=CredentialFields,
                gives=NewCredential,
                status=201,
            ),
            Operation(
                method="GET",
                path=item,
                answer=self.get,
                summary="A credential, without its password",
                scope="admin",
                gives=CredentialDetail,
            ),
            Operation(
                method="POST",
                path=item,
                answer=self.post,
                summary="Give a credential another password",
                scope="admin",
                body=PasswordFields,
                gives=NewCredential,
            ),
            Operation(
                method="DELETE",
                path=item,
                answer=self.delete,
                summary="Delete a credential",
                scope="admin",
                gives=CredentialDetail,
            ),
        ]

    async def get_list(self, request: Request) -> Response:
        """GET /accounts/{account_id}/credentials"""
        query = paging.asked(paging.ListQuery, request)
        async with self.store.read() as connection:
            found = await credentials.page(connection, account_of(request), query.window())
        page = paging.page(query, found, lambda one: Place(one.created_at, one.id))
        revision = revision_of([(one.id, 1) for one in page.items])
        listed = [shown(one) for one in page.items]
        return not_modified(request, revision) or success(request, listed, revision=revision, paging=page.envelope)

    async def get(self, request: Request) -> Response:
        """GET /accounts/{account_id}/credentials/{credential_id}"""
        async with self.store.read() as connection:
            found = await credentials.find(connection, _id(request), account_of(request))
        return not_modified(request, REVISION) or success(request, shown(found), revision=REVISION)

    async def put(self, request: Request) -> Response:
        """PUT /accounts/{account_id}/credentials"""
        fields = of_fields(CredentialFields, await given(request), {}, ())
        made, secret = await self.desk.by(actor(request)).add(
            account_of(request), fields.name, faxbox_id=fields.faxbox_id, password=fields.password
        )
        return success(request, _with(made, secret, fields.password), revision=REVISION, status=201)

    async def post(self, request: Request) -> Response:
        """POST /accounts/{account_id}/credentials/{credential_id}"""
        fields = of_fields(PasswordFields, await given(request), {}, ())
        changed, secret = await self.desk.by(actor(request)).change_password(
            account_of(request), _id(request), lambda _: check_if_match(request, REVISION), fields.password
        )
        return success(request, _with(changed, secret, fields.password), revision=REVISION)

    async def delete(self, request: Request) -> Response:
        """DELETE /accounts/{account_id}/credentials/{credential_id}"""
        gone = await self.desk.by(actor(request)).delete(
            account_of(request), _id(request), lambda _: check_if_match(request, REVISION)
        )
        return success(request, shown(gone))


def shown(credential: Credential) -> dict[str, object]:
    """What is known of a credential, as the API has it. Pure."""
    return {
        "id": credential.id,
        "created": gregorian(credential.created_at),
        "name": credential.name,
        "faxbox_id": credential.faxbox_id,
    }


def _with(credential: Credential, secret: str, asked: str | None) -> dict[str, object]:
    return {**shown(credential), **({"password": secret} if asked is None else {})}


def _id(request: Request) -> str:
    credential_id = str(request.path_params["credential_id"])
    if not is_id(credential_id):
        raise NotFound("There is no such credential.")
    return credential_id
