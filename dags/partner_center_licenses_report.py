"""### A licence report from daily snapshots.

1. Four `store_…` tasks write the latest licence data to the lake, one Parquet file per processed date: deployment and
   usage, and the older resources' percents where Microsoft still serves them. Running twice on one day replaces a file
   by the same rows. The first one updates the asset `partner_center_licenses_deployment`, on which
   `partner_center_on_new_snapshot` runs.
2. `write_report` reads all snapshots with pandas and writes one self-contained HTML page, with CSV files of the exact
   numbers beside it: seats sold, deployed and used per service, product and customer, what changed since the last
   snapshot and in 30 days, and which customers to act on. It returns the headline numbers.
   The task's log and its link *Report*, under *Details*, lead to the page if `lake` has a web address.
3. `alert` runs only if a service or a customer lost more than `fall_percent` of its seats since the last snapshot: it
   warns in its log, and by e-mail if `alert_email` is set (Airflow's connection `smtp_default` then leads to the mail
   server). `choose_notifiers` in this file is the place for a chat, or for any other notifier of Airflow's.

`lake` may be any folder Airflow can reach, such as `s3://connection@bucket/partner_center`. Nothing depends on a
logical date, so the DAG may be started from the UI or the command line at any time.
"""

import logging
import os
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, Asset, Param, task

from airflow_partnercenter.links.partner_center import ReportLink
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator

#: The lake of runs that name none: set this variable where all of Airflow's processes see it, or write yours here.
LAKE = os.environ.get("PARTNER_CENTER_LAKE", "file:///tmp/partner_center")

# Rendered by the notifier, once, from what write_report returned: what a customer calls itself is never a template, nor
# markup. Chats read some of it in angle brackets, such as Slack's <!channel>.
SUBJECT = "Partner Center licences: {{ ti.xcom_pull(task_ids='write_report')['fall_count'] }} fell"
ALERT_TEXT = """{% set report = ti.xcom_pull(task_ids='write_report') %}
Services and customers that lost seats: {{ report['fall_count'] }}
{% for fall in report['falls'] %}- {{ fall | replace('<', '(') | replace('>', ')') }}
{% endfor %}The report: {{ report['web_address'] or report['uri'] }}
"""
ALERT_HTML = """{% set report = ti.xcom_pull(task_ids='write_report') %}
<ul>{% for fall in report['falls'] %}<li>{{ fall | e }}</li>{% endfor %}</ul>
<p>The report: {{ (report['web_address'] or report['uri']) | e }}</p>
"""


# --8<-- [start:notifiers]
def choose_notifiers(params: dict) -> list:
    """Return whom `alert` tells beside its log, as notifiers of Airflow's; the one place to change that."""
    notifiers = []
    if params["alert_email"]:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        notifiers.append(SmtpNotifier(to=params["alert_email"], subject=SUBJECT, html_content=ALERT_HTML))
    # A chat, with Slack's provider and its connection; Apprise's does the same for Teams and others:
    # from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
    # notifiers.append(SlackWebhookNotifier(slack_webhook_conn_id="slack_default", text=ALERT_TEXT))
    return notifiers


# --8<-- [end:notifiers]
with DAG(
    "partner_center_licenses_report",
    description="Store today's licence data; report seats sold, deployed and used; alert where they fell",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3},
    doc_md=__doc__,
    tags=["partner_center"],
    params={
        "lake": Param(
            LAKE,
            type="string",
            title="Folder of the snapshots and of the report",
            description="An ObjectStoragePath URI, such as s3://connection@bucket/partner_center.",
        ),
        "fall_percent": Param(
            10,
            type="number",
            minimum=0,
            title="Alert on falls of more than this percent",
            description="Seats sold or deployed of a service or a customer, compared with the last snapshot.",
        ),
        "fall_seats": Param(
            5,
            type="integer",
            minimum=1,
            title="... and of at least this many seats",
            description="A customer of three seats loses a third of them with one: smaller falls raise no alert.",
        ),
        "alert_email": Param(
            None,
            type=["null", "string"],  # Airflow's form takes nothing for a text that may be null, and for no other
            title="Send the alert to",
            description="An e-mail address; needs the connection smtp_default. Empty: the alert is in the log only.",
        ),
    },
):
    # --8<-- [start:store]
    commercial = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store_licenses_deployment",
        resource="licenses_deployment",
        destination="{{ params.lake }}/licenses_deployment/{processed_date}.parquet",
        on_empty="fail",
        expectations={"fail": {"no_null_keys": True}, "warn": {"processed_within_days": 7}},
        outlets=[Asset("partner_center_licenses_deployment")],
    )
    # --8<-- [end:store]
    # An older resource has been seen empty since 2021, and usage lags: the report does without them then.
    others = [
        PartnerCenterLicensesToObjectStorageOperator(
            task_id=f"store_{resource}",
            resource=resource,
            destination=f"{{{{ params.lake }}}}/{resource}/{{processed_date}}.parquet",
            on_empty="skip",
        )
        for resource in ("licenses_usage", "partner_licenses_deployment", "partner_licenses_usage")
    ]
    # --8<-- [start:report]

    # One XCom, as an alert reads all of it; and Airflow 3.0 refuses entries that are None.
    @task(trigger_rule="none_failed", multiple_outputs=False)
    def write_report(lake: str, params: dict) -> dict:
        """Write the page and the CSV files; return where they are, the headline numbers and what fell."""
        from airflow_partnercenter.reports import build_license_report, describe_falls, find_falls
        from airflow_partnercenter.storage import file_web_address, read_snapshots, write_whole

        report = build_license_report(
            read_snapshots(f"{lake}/licenses_deployment"),
            read_snapshots(f"{lake}/partner_licenses_deployment"),
            read_snapshots(f"{lake}/licenses_usage"),
            read_snapshots(f"{lake}/partner_licenses_usage"),
        )
        names = {}
        for table, content in report.to_csv().items():
            names[table] = f"licenses_report_{table}.csv"
            write_whole(f"{lake}/{names[table]}", content)
        uri = f"{lake}/licenses_report.html"
        write_whole(uri, report.to_html(csv_names=names).encode())
        falls = find_falls(
            report, more_than_percent=params["fall_percent"], at_least_seats=params["fall_seats"], since="previous"
        )
        web_address = file_web_address(uri)
        logging.getLogger("airflow.task").info("The report: %s", web_address or uri)
        # The first ones only: XCom is no place for ten thousand customers, and the CSV files have them all.
        return {
            "uri": uri,
            "web_address": web_address,
            **report.summary(),
            "fall_count": len(falls),
            "falls": describe_falls(falls.head(20)),
        }

    # --8<-- [end:report]
    @task
    def alert(report: dict, params: dict, **context: object) -> str:
        """Tell of each service and customer that lost too many seats; skipped if there is none."""
        if not report["falls"]:
            raise AirflowSkipException("No service and no customer lost more seats than the thresholds allow.")
        for fall in report["falls"]:
            logging.getLogger("airflow.task").warning(fall)
        # Called here and not by Airflow after the task: if one does not go out, the task fails.
        for notifier in choose_notifiers(params):
            notifier({**context, "params": params})
        return f"{report['fall_count']} fell; the report is {report['web_address'] or report['uri']}"

    # --8<-- [start:order]
    summary = write_report("{{ params.lake }}")
    summary.operator.operator_extra_links = [ReportLink()]
    [commercial, *others] >> summary
    alert(summary)
    # --8<-- [end:order]
