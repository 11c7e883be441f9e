"""What training is told of incidents."""

import pandas as pd

from include.orchestration.train import incidents_in
from tests.orchestration.shop import EIGHT, Shop

SOURCES = """
    sources:
      shop:
        type: files
        path: shop
        feeds:
          incidents:
            dataset: incident
            layout:
              files: incidents.csv
              time: at
              columns: {incident_id: id, title: id, service: job, opened_at: opened, resolved_at: resolved,
                        status: status, updated_at: at}
              defaults: {severity: SEV2}
"""
INCIDENTS = """id,job,opened,resolved,status,at
lasts,Shop: Checkout,2026-11-05T08:01:00Z,,open,2026-11-05T08:01:00Z
told,Shop: Checkout,2026-11-05T08:02:00Z,2026-11-05T08:20:00Z,resolved,2026-11-05T08:30:00Z
not told,Shop: Checkout,2026-11-05T08:03:00Z,,resolved,2026-11-05T08:40:00Z
"""


def test_an_incident_that_is_resolved_without_a_time_ended_when_it_was_last_heard_of(shop: Shop):
    shop.files.joinpath("incidents.csv").write_text(INCIDENTS)
    for unused in ("queries.yaml", "limits.yaml", "slos/all.yaml"):
        shop.rt.settings.config_dir.joinpath(unused).unlink()
    here = shop.configure("sources.yaml", SOURCES)
    here.ingest(EIGHT, "incident")
    found = incidents_in(here.rt, EIGHT).sort_values("opened_at")
    assert pd.isna(found["resolved_at"].iloc[0])
    assert found["resolved_at"].dt.minute.tolist()[1:] == [20, 40]
