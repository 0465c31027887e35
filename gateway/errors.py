"""The one tree of errors that reach a person.

    FaxgateError
      Refused                    the request is wrong and stays wrong
        UnknownDomain            550 5.1.2   404   no account or faxbox owns the domain
        BadNumber                550 5.1.3   400   the local part is no telephone number
        BadAddress               553 5.1.7   400   the sender address is malformed
        NotPermitted             550 5.7.1   403   this sender may not use the faxbox
        NoDocument               554 5.6.1   400   nothing in the mail can be faxed
        DocumentRefused          554 5.6.1   400   a document cannot be opened, or not within the limits
        TooLarge                 552 5.3.4   413
        MailLoop                 554 5.4.6   400   passed on, this mail could come back
        NotFound                             404
        Conflict                             409   the state or a revision does not allow it
        BadField                             400   a field of a request, named
      Unavailable                the request may succeed later
        OurTrouble               451 4.3.0   503   a store or a worker of ours failed
        Unproven                 451 4.4.3   503   the DNS cannot say now who a sender is
        Busy                     452 4.5.3   429
        OverLimit                450 4.7.1   429   what may be spent in a time has been spent

Each class says once what it means to SMTP (`smtp`: reply code and enhanced status code, RFC 3463) and to HTTP
(`http`); `smtp.replies` and `admin_api.envelope` only write it down. The text of an instance is for the public: plain,
without internals. `detail` is for the log and the smtplog.
"""


class FaxgateError(Exception):
    """Base of the tree. `str(error)` is the public text."""

    smtp = "451 4.3.0"
    http = 500
    code = "error"
    """A stable word for programs: the code of the API's error object."""

    def __init__(self, text: str, *, detail: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:
        # The default drops keyword arguments, and errors come back from worker processes pickled.
        return _revive, (type(self), self.args, self.__dict__)

    @property
    def temporary(self) -> bool:
        return self.smtp.startswith("4")


def _revive(cls: type[FaxgateError], args: tuple[object, ...], state: dict[str, object]) -> FaxgateError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class Refused(FaxgateError):
    """Wrong, and wrong again if it is sent again."""

    smtp = "550 5.0.0"
    http = 400
    code = "refused"


class UnknownDomain(Refused):
    smtp, http, code = "550 5.1.2", 404, "unknown_domain"


class BadNumber(Refused):
    smtp, http, code = "550 5.1.3", 400, "bad_number"


class BadAddress(Refused):
    smtp, http, code = "553 5.1.7", 400, "bad_address"


class NotPermitted(Refused):
    smtp, http, code = "550 5.7.1", 403, "not_permitted"


class NoDocument(Refused):
    smtp, http, code = "554 5.6.1", 400, "no_document"


class DocumentRefused(Refused):
    smtp, http, code = "554 5.6.1", 400, "document_refused"


class TooLarge(Refused):
    smtp, http, code = "552 5.3.4", 413, "too_large"


class MailLoop(Refused):
    smtp, http, code = "554 5.4.6", 400, "mail_loop"


class NotFound(Refused):
    smtp, http, code = "550 5.1.1", 404, "not_found"


class Conflict(Refused):
    smtp, http, code = "550 5.0.0", 409, "conflict"


class BadField(Refused):
    """`field` names the offending field of a request, dotted."""

    smtp, http, code = "550 5.0.0", 400, "invalid"

    def __init__(self, field: str, text: str, *, detail: str = "") -> None:
        super().__init__(text, detail=detail)
        self.field = field


class Unavailable(FaxgateError):
    """Not now; the same request may succeed later."""

    smtp, http, code = "451 4.3.0", 503, "unavailable"


class OurTrouble(Unavailable):
    smtp, http, code = "451 4.3.0", 503, "our_trouble"


class Unproven(Unavailable):
    smtp, http, code = "451 4.4.3", 503, "unproven"


class Busy(Unavailable):
    smtp, http, code = "452 4.5.3", 429, "busy"


class OverLimit(Unavailable):
    """`retry_after` says in how many seconds there is room again."""

    smtp, http, code = "450 4.7.1", 429, "over_limit"

    def __init__(self, text: str, *, retry_after: int = 0, detail: str = "") -> None:
        super().__init__(text, detail=detail)
        self.retry_after = retry_after
