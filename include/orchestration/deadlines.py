"""What happens when a DAG run misses its deadline: the triggerer logs it and mails the people who run Almanac."""

import asyncio
import logging
from email.message import EmailMessage
from typing import Any

log = logging.getLogger(__name__)


async def tell_missed(context: dict[str, Any] | None = None, **_: Any) -> None:
    """Say in the log, and by mail where mail is enabled, that a run is late."""
    run = (context or {}).get("dag_run") or {}
    dag_id, run_id = run.get("dag_id", "a DAG"), run.get("dag_run_id") or run.get("run_id", "?")
    log.warning("Deadline missed: %s, run %s", dag_id, run_id)
    await asyncio.to_thread(_mail, dag_id, run_id)


def _mail(dag_id: str, run_id: str) -> None:
    from include.config import load_config
    from include.config.mail import EVERYONE
    from include.orchestration.connections import mailer
    from include.settings import settings

    here = settings()
    mail = load_config(here.config_dir).mail
    readers = mail.audiences.get(EVERYONE)
    if not mail.enabled or readers is None:
        return
    message = EmailMessage()
    message["Subject"] = f"Almanac: {dag_id} missed its deadline"
    message["From"] = mail.sender
    message["To"] = ", ".join(readers.addresses)
    message.set_content(
        f"The run {run_id} of {dag_id} has not finished in time.\n\n"
        f"Look at it: {here.ui}/dags/{dag_id}/runs/{run_id}\n"
        "Its reports keep their last state until it ends; nothing has been lost.\n"
    )
    with mailer() as send:
        send(message)
