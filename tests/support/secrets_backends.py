"""Where each Airflow has the base class of secrets backends, and how it forgets the ones it made."""

from contextlib import suppress

try:
    from airflow.sdk.bases.secrets_backend import BaseSecretsBackend
except ImportError:
    from airflow.secrets import BaseSecretsBackend

__all__ = ["BaseSecretsBackend", "forget_secrets_backends"]


def forget_secrets_backends() -> None:
    """Let Airflow make its secrets backends anew; the versions that make them at each read have nothing to forget."""
    with suppress(ImportError):
        from airflow.sdk.configuration import clear_secrets_backends_cache

        clear_secrets_backends_cache()
