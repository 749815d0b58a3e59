"""What the many stores raise, as one sentence each that says who must do what."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_partnercenter.exceptions import ConfigurationError, PartnerCenterError, TransportError
from airflow_partnercenter.storage.paths import connection_id

#: The store wants no more of it today, but may take the same request later.
_PASSING_CODES = frozenset(
    {
        # S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (read 2026-11-25)
        *("BadDigest", "ConditionalRequestConflict", "IncompleteBody", "InvalidPart", "NoSuchUpload"),
        *("OperationAborted", "RequestTimeout", "SlowDown", "XAmzContentSHA256Mismatch"),
        # Azure: https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes (read 2026-11-25)
        *("ContainerBeingDeleted", "InvalidBlockList", "Md5Mismatch", "OperationTimedOut", "ServerBusy"),
    }
)
_RACE_CODES = frozenset({"ConditionalRequestConflict", "InvalidBlockList", "NoSuchUpload"})
_EXISTING_CODES = frozenset({"BlobAlreadyExists", "ConditionNotMet", "PreconditionFailed", "conditionNotMet"})
#: Raised by the libraries before anything is sent, as there is nothing to sign a request with.
_NO_CREDENTIALS = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"),
        *("ClientAuthenticationError", "CredentialUnavailableError", "AzureSigningError"),
        *("DefaultCredentialsError", "RefreshError"),
    }
)
#: The service that issues credentials was out of reach, whatever the library calls it.
_NO_ANSWER = frozenset(
    {"ServiceRequestError", "ServiceResponseError", "EndpointConnectionError", "ConnectTimeoutError"}
)
_MISSING, _CONDITION_FAILED, _REFUSED = 404, 412, (401, 403)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What no retry changes of a local path, and Python has no exception of its own for.
_UNWRITABLE = (errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS)
_PASSING_STATUSES = (408, 425, 429)


class AlreadyThereError(Exception):
    """There is an object already, and the request was not to replace one. Never leaves this package."""


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn what a store raises into one of our errors.

    :raises ConfigurationError: a person must change something: the bucket is missing, the keys are wrong.
    :raises TransportError: the store is down, busy or out of reach; the same may work later.
    """
    try:
        yield
    except (PartnerCenterError, AlreadyThereError):
        raise
    except Exception as error:  # every store has its own
        raise _translated(error, uri) from error


def may_heal(error: BaseException) -> bool:
    """Return whether the same request may be answered differently in a moment; one that lost a race may not."""
    if _answer(error)[1] in _RACE_CODES:
        return False
    return isinstance(error, Exception) and isinstance(_translated(error, ""), TransportError)


def _translated(error: Exception, uri: str) -> Exception:
    status, code = _answer(error)
    names = {type(each).__name__ for each in _chain(error)}
    told = " ".join(str(part) for part in (status, code) if part)
    if code in _EXISTING_CODES or (status == _CONDITION_FAILED and not code):
        return AlreadyThereError()
    if code in _RACE_CODES:
        return TransportError(
            f"Another run wrote {uri} at the same time ({told}); what is there now is whole. Run the task again."
        )
    if code in _PASSING_CODES or status in _PASSING_STATUSES or (status or 0) >= 500:
        return TransportError(f"The store of {uri} failed or is busy ({told}): run the task again later.")
    if isinstance(error, FileNotFoundError) or status == _MISSING:
        return ConfigurationError(f"destination {uri}: the bucket, container or folder does not exist: create it.")
    if status in _REFUSED or (names & _NO_CREDENTIALS and not names & _NO_ANSWER) or str(error).startswith("Forbidden"):
        return ConfigurationError(_refusal(uri, told or type(error).__name__))
    if status:
        return ConfigurationError(
            f"The store of {uri} refused the request ({told}): check the name, and region and endpoint of the "
            "connection."
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return TransportError(f"The disk of {uri} is full ({error.strerror}): free space there.")
    unwritable = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
    if isinstance(error, unwritable) or (isinstance(error, OSError) and error.errno in _UNWRITABLE):
        return ConfigurationError(f"destination {uri} cannot be written: {error.strerror or error}.")
    return TransportError(
        f"The store of {uri} failed or is out of reach ({type(error).__name__}: {_shortened(error)}): run the task "
        "again later; if that does not help, check the address in the connection."
    )


def _refusal(uri: str, told: str) -> str:
    conn_id = connection_id(uri) if uri else None
    whose = f"the keys of connection {conn_id!r}" if conn_id else "the worker's own credentials"
    return f"destination {uri}: the store refused {whose} ({told}): correct them, or let them write there."


def _answer(error: BaseException) -> tuple[int | None, str | None]:
    """Return status and error code of the answer that an exception stands for, whatever library it comes from."""
    for each in _chain(error):
        response: Any = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore
            code = response.get("Error", {}).get("Code")
            return response.get("ResponseMetadata", {}).get("HTTPStatusCode"), code
        for name in ("status_code", "status", "code"):  # Azure, aiohttp, gcsfs
            value = getattr(each, name, None)
            if isinstance(value, int | str) and str(value).isdecimal():
                code = getattr(each, "error_code", None)
                return int(value), str(getattr(code, "value", code)) if code else None
    return None, None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _shortened(error: Exception) -> str:
    """Return an exception's text without what stands in query strings, where shared access signatures are."""
    words = " ".join(str(error).split())
    return " ".join(word.split("?", 1)[0] if "://" in word else word for word in words.split(" "))[:200]
