"""The faults of Partner Center, by the names the emulator's code uses.

A fault's body is ``{"code", "description", "data", "source"}``. ``code`` is a string in Microsoft's documentation, but
faults of the front door, source ``PartnerFD``, have been seen with a JSON integer. Here ``code`` is an integer for the
faults of that source (``NOT_FOUND`` 1000, ``MFA_REQUIRED`` 900421) and a string for all others.

Source: https://learn.microsoft.com/en-us/partner-center/developer/error-codes
"""

from dataclasses import dataclass

FRONT_DOOR = "PartnerFD"
CONTROLLERS = "PartnerApiServiceControllers"


@dataclass(frozen=True)
class Fault:
    """A kind of failure: HTTP status, Partner Center's code and its sentence."""

    status: int
    code: str
    description: str
    source: str = CONTROLLERS

    def body(self, detail: str = "") -> dict[str, object]:
        """Return the JSON body.

        :param detail: what exactly is wrong, appended to the description.
        """
        code = int(self.code) if self.source == FRONT_DOOR else self.code
        description = f"{self.description}: {detail}" if detail else self.description
        return {"code": code, "description": description, "data": [], "source": self.source}


class FaultError(Exception):
    """Ends a request with a fault."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or fault.description)
        self.fault = fault
        self.detail = detail


TOKEN_MISSING = Fault(401, "800001", "Partner Token missing in request context.")
ACCESS_DENIED = Fault(401, "400", "Access denied.")
WRONG_AUDIENCE = Fault(401, "900420", "The audience of the token is invalid or no longer supported.")
MFA_REQUIRED = Fault(401, "900421", "Authentication failed. MFA required.", FRONT_DOOR)
APP_ONLY_REFUSED = Fault(403, "900329", "The resource doesn't support application-only authentication.")
NOT_FOUND = Fault(404, "1000", "Not found.", FRONT_DOOR)
TENANT_NOT_FOUND = Fault(404, "60003", "Tenant not found.")
METHOD_NOT_ALLOWED = Fault(405, "405", "Method not allowed.")
INVALID_PROPERTY = Fault(400, "3000", "Invalid property")
INVALID_INPUT = Fault(400, "800002", "Invalid request input")
INVALID_CUSTOMER_ID = Fault(400, "900118", "Invalid Customer Id.")
