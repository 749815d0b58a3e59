"""What Airflow shows of this package. Called at every start of Airflow, so it imports nothing heavy."""

from copy import deepcopy
from typing import Any

from airflow_partnercenter.connection import CONNECTION_NAME, CONNECTION_TYPE, form_fields

#: Standard fields of a connection, as they are called here; shared with the hook for Airflow 2.
FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden_fields": ["port", "schema"],
    "relabeling": {
        "login": "Application (client) ID",
        "password": "Client secret",
        "host": "Address override",
    },
    "placeholders": {
        "login": "00000000-0000-0000-0000-000000000000",
        "host": "https://api.partnercenter.microsoft.com",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata.

    Source: https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
    (read 2026-11-20)
    """
    integration = CONNECTION_NAME
    # A copy, as Airflow may change what it gets.
    behaviour = deepcopy(FIELD_BEHAVIOUR)
    return {
        "package-name": "airflow-provider-partnercenter",
        "name": integration,
        "description": "Licence analytics of Microsoft Partner Center: licences sold, deployed and used.",
        "integrations": [
            {
                "integration-name": integration,
                "external-doc-url": "https://learn.microsoft.com/en-us/partner-center/developer/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules(integration, "hooks")],
        "operators": [_modules(integration, "operators")],
        "sensors": [_modules(integration, "sensors")],
        "triggers": [_modules(integration, "triggers")],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-name": integration,
                "hook-class-name": "airflow_partnercenter.hooks.partner_center.PartnerCenterHook",
                "ui-field-behaviour": {name.replace("_", "-"): value for name, value in behaviour.items()},
                "conn-fields": form_fields(),
            }
        ],
    }


def _modules(integration: str, kind: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": [f"airflow_partnercenter.{kind}.partner_center"]}
