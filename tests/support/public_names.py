"""Which names are public: what documents tell others to import, and what those things need."""

#: Public modules. Of a module without ``__all__`` these names count; all of a module with it do.
PUBLIC: dict[str, tuple[str, ...]] = {
    "api.client": ("LicenseReader", "PartnerCenterClient", "QueryArguments"),
    "api.entra.auth": (
        *("AccessTokenCredentials", "AppOnlyCredentials", "AppUserCredentials"),
        *("Certificate", "FederatedTokenFile", "ManagedIdentity", "TokenStore", "TokenStoreError"),
    ),
    "api.entra.certificates": ("read_certificate",),
    "api.entra.claims": ("TokenClaims",),
    "api.query": ("build_query",),
    "api.wire.network": ("Network",),
    "api.wire.retrying": ("RetryPolicy",),
    "assets": ("EVENT_KEYS", "convert_asset_to_openlineage", "create_asset", "resource_uri", "sanitize_uri"),
    "emulator": (),
    "emulator.pytest_plugin": ("partner_center_emulator",),
    "exceptions": (),
    "expectations": ("EXPECTATIONS", "ExpectedRows", "QualityGate", "require"),
    "hooks.partner_center": ("PartnerCenterHook", "failing_fast"),
    "links.partner_center": ("FileLink", "PartnerCenterLink", "ReportLink", "ResourceDocumentationLink"),
    "operators.base": ("PartnerCenterLicensesOperator",),
    "operators.partner_center": (
        "PartnerCenterLicensesToObjectStorageOperator",
        "PartnerCenterListLicensesOperator",
    ),
    "reports": (),
    "retry_policies.partner_center": ("PartnerCenterRetryPolicy",),
    "sensors.partner_center": ("PartnerCenterLicensesSensor",),
    "storage": ("file_web_address", "filesystem_of", "open_path", "read_snapshots", "write_whole"),
    "triggers.partner_center": (),
}
#: These come from calls of ours; nobody makes them.
GIVEN = {"LicenseReader", "LicenseReport", "Request", "TokenClaims"}
#: What Airflow reads of every operator, for its pages, and calls when a wait is over.
FOR_AIRFLOW = {"operator_extra_links", "resume_execution", "template_fields", "ui_color"}
