"""A Variable as each Airflow shows it."""

from types import SimpleNamespace
from typing import Any


def shown_variable(variable: Any) -> str:
    """Return a Variable of the database as the UI of this Airflow shows it, on 3 through its REST API."""
    try:
        from airflow.api_fastapi.core_api.datamodels.variables import VariableResponse
    except ImportError:
        from airflow.www.views import VariableModelView

        value = VariableModelView.hidden_field_formatter(SimpleNamespace(get=lambda name: getattr(variable, name)))
        return f"key={variable.key!r} description={variable.description!r} value={value}"
    return str(VariableResponse.model_validate(variable, from_attributes=True))
