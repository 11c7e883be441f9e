from pathlib import Path

from typer.testing import CliRunner

from include.config.__main__ import app
from tests.config.folder import SERVICES, write_config

runner = CliRunner()


def test_check_sums_up_a_sound_configuration(tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", "--dir", str(write_config(tmp_path))])
    assert result.exit_code == 0
    assert result.output.startswith(
        "OK: 2 services, 1 source, 5 queries, 0 feeds, 0 limits, 0 SLOs; mail is off. Fingerprint "
    )


def test_check_prints_every_problem_and_exits_1(tmp_path: Path) -> None:
    folder = write_config(tmp_path, services=SERVICES.replace("owner", "ownr"))
    result = runner.invoke(app, ["check", "--dir", str(folder)])
    assert result.exit_code == 1
    assert "has 2 problems" in result.stderr
    assert "services.yaml:3: services.cart.ownr" in result.stderr
    assert "services.yaml:6: services.checkout.ownr" in result.stderr


def test_check_lists_names_that_no_service_has(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("prometheus,shop/cart\nprometheus,shop/garage\n")
    folder = write_config(tmp_path / "config")
    result = runner.invoke(app, ["check", "--dir", str(folder), "--names", str(names)])
    assert result.exit_code == 1
    assert "prometheus: 'shop/garage' is no service" in result.stderr
    assert "1 name unresolved. Add aliases in" in result.stderr
    fine = runner.invoke(app, ["check", "--dir", str(folder), "--names", "-"], input="prometheus,cart-5\n")
    assert fine.exit_code == 0
