"""What Airflow shows of this package. Called at every start of Airflow, so it imports nothing heavy."""

from copy import deepcopy
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from airflow_partnercenter.connection.settings import CONNECTION_NAME, CONNECTION_TYPE, form_fields

#: What the metadata database of any Airflow takes without harm; ``[partner_center] max_xcom_bytes`` is another limit.
MAX_XCOM_BYTES = 49_152
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

#: The Test button of these answers 400 for every connection that is stored without a port, before it asks any provider
#: (https://github.com/apache/airflow/pull/73298). So there, the form has the field, and its label says what to enter.
_TEST_BUTTON_NEEDS_PORT = ("3.3.1", "3.3.2")
#: What to store then: what an address without a port means anyway.
HTTPS_PORT = 443


def field_behaviour() -> dict[str, Any]:
    """Return how the standard fields are shown by the Airflow that is installed."""
    # A copy, as Airflow may change what it gets.
    behaviour = deepcopy(FIELD_BEHAVIOUR)
    if port_is_needed_for_test():
        behaviour["hidden_fields"].remove("port")
        behaviour["relabeling"]["port"] = f"Port (enter {HTTPS_PORT}, for Test)"
        behaviour["placeholders"]["port"] = str(HTTPS_PORT)
    return behaviour


def port_is_needed_for_test() -> bool:
    """Return whether the Test button of the installed Airflow fails for connections without a port."""
    try:
        return version("apache-airflow-core") in _TEST_BUTTON_NEEDS_PORT
    except PackageNotFoundError:  # Airflow 2
        return False


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata.

    Source: https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
    (read 2026-11-20)
    """
    integration = CONNECTION_NAME
    behaviour = field_behaviour()
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
        # read by Airflow 3 only
        "cli": ["airflow_partnercenter.cli.airflow_commands.get_partner_center_commands"],
        "extra-links": [
            f"airflow_partnercenter.links.partner_center.{link}"
            for link in ("FileLink", "ReportLink", "ResourceDocumentationLink", "PartnerCenterLink")
        ],
        # Airflow 3 reads the first, Airflow 2 the second.
        "asset-uris": [_asset_scheme()],
        "dataset-uris": [_asset_scheme()],
        "config": {
            "partner_center": {
                "description": "Settings of the Partner Center provider.",
                "options": {
                    "max_xcom_bytes": {
                        "description": (
                            "Most bytes of UTF-8 JSON that PartnerCenterListLicensesOperator pushes to XCom, unless "
                            "the task sets max_xcom_bytes itself. Raise it where XComs live in object storage."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "10000000",
                        "default": str(MAX_XCOM_BYTES),
                    },
                    "file_web_addresses": {
                        "description": (
                            "Where people find the files of a folder in a browser, as a JSON object. Links of tasks "
                            "lead there; by default to the console of the file's cloud, and nowhere for local files."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"s3://bucket/partner_center": "https://reports.example"}',
                        "default": "",
                    },
                },
            }
        },
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


def _asset_scheme() -> dict[str, Any]:
    return {
        "schemes": ["partnercenter"],
        "handler": "airflow_partnercenter.assets.sanitize_uri",
        "factory": "airflow_partnercenter.assets.create_asset",
        "to_openlineage_converter": "airflow_partnercenter.assets.convert_asset_to_openlineage",
    }


def _modules(integration: str, kind: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": [f"airflow_partnercenter.{kind}.partner_center"]}
