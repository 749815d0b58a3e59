"""Our code uses nothing of any Airflow or library that is on its way out: not in this suite, and not at import."""

import json
import os
import subprocess
import sys
import warnings
from typing import Any

import pytest

from airflow_partnercenter.connection.fields import CONNECTION_FIELDS
from tests.support.airflow_versions import AIRFLOW
from tests.support.patience import PATIENCE

#: Categories of warnings that say so; those of Airflow and pandas are kinds of them.
CATEGORIES = [DeprecationWarning, PendingDeprecationWarning, FutureWarning]
OURS = [
    "airflow_partnercenter",
    "airflow_partnercenter.hooks.partner_center",
    # as Airflow names the module of a DAG file
    "unusual_prefix_0123456789abcdef0123456789abcdef01234567_partner_center_licenses_to_xcom",
]
#: They warn of themselves and of each other while they are imported, which is no matter of ours.
OTHERS = """
airflow airflow.models airflow.providers_manager airflow.triggers.base airflow.providers.common.compat.sdk
fastapi.responses flask_appbuilder.fieldwidgets matplotlib.figure msal msgspec numpy openlineage.client pandas psutil
pyarrow.compute pyarrow.json pyarrow.parquet pytest requests rich.console rich.progress sqlalchemy
starlette.staticfiles tenacity trustme uvicorn wtforms.validators
"""
#: Modules for which the Airflows before this one lack something; only who asks for it there imports them.
NEEDED = {
    "airflow_partnercenter.retry_policies.partner_center": (3, 3),
    "airflow_partnercenter.triggers.confirmed": (3, 3),
    "airflow_partnercenter.triggers.new_data": (3, 0),
}
CODE = """
import builtins, importlib, json, pkgutil, sys, warnings
categories = [getattr(builtins, name) for name in json.loads(sys.argv[1])]
warnings.simplefilter("ignore")
for name in sys.argv[2].split():
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # not needed on this Airflow
# These names are found when they are first asked for.
from airflow.providers.common.compat.sdk import (
    AirflowFailException, AirflowNotFoundException, AirflowSensorTimeout, AirflowSkipException, Asset, AssetAlias,
    BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator, Context, ObjectStoragePath, PokeReturnValue, conf)

told = {"errors": [], "imported": [], "refused": []}
with warnings.catch_warnings():
    for category in categories:
        warnings.simplefilter("error", category)
        try:
            warnings.warn("a proof that it is one", category)
        except category:
            told["errors"].append(category.__name__)
    import airflow_partnercenter
    for module in pkgutil.walk_packages(airflow_partnercenter.__path__, "airflow_partnercenter."):
        try:
            importlib.import_module(module.name)
            told["imported"].append(module.name)
        except ImportError:
            told["refused"].append(module.name)
    from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
    PartnerCenterHook().get_conn()
    told["behaviour"] = sorted(PartnerCenterHook.get_ui_field_behaviour())
    try:
        told["form"] = list(PartnerCenterHook.get_connection_form_widgets())
    except ModuleNotFoundError as missing:
        told["form"] = missing.name
print(json.dumps(told))
"""


def _told() -> dict[str, Any]:
    """Run the code above in a Python of its own and return the JSON that it prints last."""
    extra = {"auth_mode": "access_token", "access_token": "a-token-of-a-script"}
    connection = json.dumps({"conn_type": "partner_center", "extra": extra})
    words = [json.dumps([category.__name__ for category in CATEGORIES]), OTHERS]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        env=os.environ | {"AIRFLOW_CONN_PARTNER_CENTER_DEFAULT": connection},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _use_of_something_deprecated(category: type[Warning], module: str) -> None:
    """Let a module call a function that warns whoever calls it."""

    def deprecated() -> None:
        warnings.warn("use another one", category, stacklevel=2)

    exec("deprecated()", {"__name__": module, "deprecated": deprecated})  # noqa: S102 - our own


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("module", OURS)
def test_deprecated_use_by_our_code_fails_a_test(module: str, category: type[Warning]) -> None:
    """In whatever test it happens."""
    with pytest.raises(category, match="use another one"):
        _use_of_something_deprecated(category, module)


def test_deprecated_use_by_others_fails_no_test() -> None:
    """A new release of a library of Airflow's would stop us."""
    # pytest.warns would have filters of its own.
    with warnings.catch_warnings(record=True) as warned:
        _use_of_something_deprecated(DeprecationWarning, "airflow.models.somewhere")
    assert [str(warning.message) for warning in warned] == ["use another one"]


def test_every_module_hook_and_form_use_nothing_deprecated() -> None:
    """On any Airflow, whose old names warn where they are imported; all warnings are errors here."""
    told = _told()
    assert told["errors"] == [category.__name__ for category in CATEGORIES]
    assert told["refused"] == [name for name, least in NEEDED.items() if AIRFLOW.release < least]
    assert len(told["imported"]) > 100
    assert told["behaviour"] == ["hidden_fields", "placeholders", "relabeling"]
    names = [field.name for field in CONNECTION_FIELDS]
    # Airflow 3 makes the form without that library.
    assert told["form"] == names or (AIRFLOW.major > 2 and told["form"] == "flask_appbuilder")
