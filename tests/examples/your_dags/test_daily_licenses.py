"""Tests of a user's own DAG."""

from datetime import date

import pandas as pd
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_partnercenter.emulator import Answer
from airflow_partnercenter.hooks.partner_center import PartnerCenterHook
from airflow_partnercenter.operators.partner_center import PartnerCenterLicensesToObjectStorageOperator
from airflow_partnercenter.sensors.partner_center import PartnerCenterLicensesSensor


# --8<-- [start:dag_test]
def test_dag_writes_the_file_and_counts_the_seats(dags, partner_center, tmp_path):
    """The whole DAG, in Airflow's own runner."""
    run = dags["daily_licenses"].test(run_conf={"lake": tmp_path.as_uri()})

    assert run.state == "success"
    [file] = tmp_path.glob("*.parquet")
    licenses = pd.read_parquet(file)
    unused = run.get_task_instance("unused_seats").xcom_pull(task_ids="unused_seats")
    assert unused == (licenses["licenses_sold"] - licenses["licenses_deployed"]).sum()


# --8<-- [end:dag_test]


# --8<-- [start:fault]
def test_dag_fails_and_keeps_the_old_file_when_the_sign_in_has_expired(dags, partner_center, tmp_path):
    """Nobody reads half a file, and the log says who must sign in."""
    dags["daily_licenses"].test(run_conf={"lake": tmp_path.as_uri()})
    [file] = tmp_path.iterdir()
    before = file.read_bytes()

    partner_center.inject("entra_refusal", times=1)
    run = dags["daily_licenses"].test(run_conf={"lake": tmp_path.as_uri()})

    assert run.state == "failed"
    assert file.read_bytes() == before


# --8<-- [end:fault]


# --8<-- [start:heals]
def test_throttling_heals_within_the_task(partner_center):
    """One answer 429 with Retry-After: the same rows come, a second later."""
    partner_center.inject("throttled_seconds")
    rows = PartnerCenterHook().list_licenses("partner_licenses_deployment")

    assert len(rows) == 2
    assert len(partner_center.api_requests) == 2


# --8<-- [end:heals]


# --8<-- [start:operator]
def test_operator_asks_for_what_it_should(partner_center, tmp_path):
    """An operator alone needs no database."""
    operator = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store",
        resource="licenses_deployment",
        filter_expression="serviceCode eq 'o365'",
        destination=f"{tmp_path.as_uri()}/office.csv",
    )
    written = operator.execute({})

    assert written["row_count"] > 0
    [request] = partner_center.api_requests
    assert request.query["filter"] == "serviceCode eq 'o365'"


# --8<-- [end:operator]


# --8<-- [start:arguments]
@pytest.mark.parametrize("partner_center_emulator", [{"customers": 3, "max_page_size": 2}], indirect=True)
def test_many_pages(partner_center):
    """Three customers, and two rows on a page at most: paging, with few rows."""
    rows = PartnerCenterHook().list_licenses("licenses_deployment")

    assert len(partner_center.api_requests) > 1
    assert len({row["customer_tenant_id"] for row in rows}) == 3


# --8<-- [end:arguments]


# --8<-- [start:documented]
@pytest.mark.parametrize("partner_center_emulator", [{"data": "documented"}], indirect=True)
def test_microsofts_own_example(partner_center):
    """The bodies of Microsoft's pages, byte for byte."""
    [crm, office] = PartnerCenterHook().list_licenses("partner_licenses_deployment")

    assert (crm["service_name"], crm["licenses_sold"]) == ("crm", 343)
    assert office["processed_date_time"] == "2017-03-14T03:25:16.360000Z"


# --8<-- [end:documented]


# --8<-- [start:scripted]
def test_answer_of_your_own(partner_center):
    """What Partner Center may say next, in your words."""
    partner_center.answer_next(Answer(403, {"code": "900150", "description": "No role"}), "/v1/analytics")
    operator = PartnerCenterLicensesToObjectStorageOperator(
        task_id="store", resource="partner_licenses_usage", destination="file:///tmp/never.parquet"
    )

    with pytest.raises(AirflowFailException, match="an agent role"):
        operator.execute({})


# --8<-- [end:scripted]


# --8<-- [start:sensor]
def test_sensor_waits_for_the_day(partner_center):
    """The emulator's date can be set: its data are some days behind it, as Microsoft's are."""
    sensor = PartnerCenterLicensesSensor(task_id="wait", resource="licenses_deployment", newer_than="2026-11-20")

    partner_center.today = date(2026, 11, 20)
    assert not sensor.poke({}).is_done
    partner_center.today = date(2026, 11, 30)
    assert sensor.poke({}).is_done


# --8<-- [end:sensor]
