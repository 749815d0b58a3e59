"""Which names are public: what documents tell others to import, and what those things need."""

#: Public modules. Of a module without ``__all__`` these names count; all of a module with it do.
PUBLIC: dict[str, tuple[str, ...]] = {
    "api.client": ("LicenseReader", "PartnerCenterClient", "QueryArguments"),
    "api.entra.auth": ("AccessTokenCredentials", "AppOnlyCredentials", "AppUserCredentials"),
    "api.wire.network": ("Network",),
    "api.wire.retrying": ("RetryPolicy",),
    "emulator": (),
    "emulator.pytest_plugin": ("partner_center_emulator",),
    "exceptions": (),
    "hooks.partner_center": ("PartnerCenterHook", "failing_fast"),
    "links.partner_center": ("FileLink", "PartnerCenterLink", "ResourceDocumentationLink"),
    "operators.partner_center": (
        "PartnerCenterLicensesToObjectStorageOperator",
        "PartnerCenterListLicensesOperator",
    ),
    "reports": (),
    "retry_policies.partner_center": ("PartnerCenterRetryPolicy",),
    "sensors.partner_center": ("PartnerCenterLicensesSensor",),
    "storage": ("filesystem_of", "open_path", "read_snapshots", "write_whole"),
    "triggers.partner_center": (),
}
#: These come from calls of ours; nobody makes them.
GIVEN = {"LicenseReader", "LicenseReport", "Request"}
#: What Airflow reads of every operator, for its pages.
FOR_AIRFLOW = {"operator_extra_links", "template_fields", "ui_color"}
