from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from include.config import Config, ConfigError, Problem, load_config
from tests.config.folder import QUERIES, SERVICES, SOURCES, write_config


def problems_of(folder: Path, **texts: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(folder, **texts))
    return list(caught.value.problems)


def test_a_yaml_typo_names_file_line_key_and_the_allowed_keys(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, services=SERVICES.replace("owner: storefront", "ownr: storefront"))
    assert problem == Problem(
        file="services.yaml",
        line=3,
        key="services.cart.ownr",
        found="unknown key 'ownr'",
        allowed=("owner, tier, dependencies, labels, time_zone, holidays, aliases; did you mean 'owner'?"),
    )
    assert str(problem).startswith("services.yaml:3: services.cart.ownr: found unknown key 'ownr'; allowed: owner, ")


def test_all_problems_of_all_files_come_in_one_error(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        services="""
            services:
              cart: {tier: 7, dependencies: [checkot], time_zone: Europe/Berln}
              checkout: {holidays: Germany}
        """,
        sources=SOURCES.replace("http://localhost:9090", "http://me:secret@localhost:9090"),
        queries=QUERIES.replace("kind: traffic", "kind: trafic"),
        limits="limits:\n  disk: {resource: disk, query: disk_usd, value: 5}\n",
        mail="audiences: {storfront: [a@example.org]}\nenabled: perhaps\n",
        calendar="business_hours: {days: [mon, tus], start: 17:30, end: 09:00}\n",
    )
    assert [(problem.file, problem.line, problem.key) for problem in found] == [
        ("calendar.yaml", 1, "business_hours.days[1]"),
        ("limits.yaml", 2, "limits.disk.query"),
        ("mail.yaml", 2, "enabled"),
        ("queries.yaml", 3, "queries.requests.kind"),
        ("services.yaml", 2, "services.cart.dependencies[0]"),
        ("services.yaml", 2, "services.cart.tier"),
        ("services.yaml", 2, "services.cart.time_zone"),
        ("services.yaml", 3, "services.checkout.holidays"),
        ("sources.yaml", 2, "sources.prometheus.url"),
    ]
    assert "did you mean 'disk_used'?" in found[1].allowed
    assert "did you mean 'traffic'?" in found[3].allowed
    assert "did you mean 'checkout'?" in found[4].allowed
    assert "did you mean 'Europe/Berlin'?" in found[6].allowed
    assert not any("secret" in str(problem) for problem in found)


@pytest.mark.parametrize(
    ("texts", "key", "found"),
    [
        ({"queries": QUERIES.replace("prometheus", "promtheus")}, "defaults.sources", "'promtheus'"),
        ({"limits": "limits: {d: {resource: d, query: disk_used}}"}, "limits.d", "the keys resource, query"),
        (
            {"limits": "limits: {d: {resource: d, query: disk_used, limit_query: latency_p95}}"},
            "limits.d.limit_query",
            "seconds, the unit of latency_p95",
        ),
        ({"limits": "limits: {d: {resource: d, query: disk_used, value: .inf}}"}, "limits.d.value", "inf"),
        ({"sources": "sources: {prometheus: {type: prometheus}}"}, "sources.prometheus", "the keys type"),
        ({"calendar": "freezes: {f: {start: 2026-01-02, end: 2026-01-01}}"}, "freezes.f", "the keys start, end"),
        ({"calendar": "freezes: {f: {start: soon, end: 2026-01-01}}"}, "freezes.f.start", "'soon'"),
        ({"services": SERVICES + "  cart: {}\n"}, "services.cart", "the same key twice"),
        (
            {"services": SERVICES.replace("owner: payments", "name: other")},
            "services.checkout.name",
            "unknown key 'name'",
        ),
        ({"services": SERVICES.replace("[cart]", "[cart, 5]")}, "services.checkout.dependencies[1]", "5"),
        ({"servces": "a: 1", "services": "cart: {}"}, "cart", "unknown key 'cart'"),
        ({"mail": "audiences: {everyone: nobody}"}, "audiences.everyone.addresses[0]", "'nobody'"),
    ],
)
def test_what_does_not_fit_is_told_at_its_key(tmp_path: Path, texts: dict[str, str], key: str, found: str) -> None:
    problems = problems_of(tmp_path, **texts)
    assert (key, found) in [(problem.key, problem.found) for problem in problems]


def test_one_alias_of_one_source_means_one_service(tmp_path: Path) -> None:
    services = """
        services:
          cart: {aliases: {prometheus: [shop, checkout]}}
          checkout: {aliases: {prometheus: [shop]}}
    """
    found = [(problem.key, problem.found) for problem in problems_of(tmp_path, services=services)]
    assert found == [
        ("services.cart.aliases.prometheus[1]", "'checkout'"),
        ("services.checkout.aliases.prometheus[0]", "'shop'"),
    ]


def test_services_may_depend_on_each_other_in_a_circle(tmp_path: Path) -> None:
    services = SERVICES.replace("owner: storefront", "dependencies: [checkout]")
    assert load_config(write_config(tmp_path, services=services)).services["cart"].dependencies == ("checkout",)


def test_files_that_are_absent_are_empty(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    assert (config.limits, config.slos, config.maintenance, config.freezes) == ((), (), (), ())
    assert not config.mail.enabled
    assert config.business_hours.weekdays == (0, 1, 2, 3, 4)


def test_a_folder_without_any_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder without configuration"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        load_config(tmp_path / "nowhere")


def test_norway_and_half_past_five_are_what_they_say(tmp_path: Path) -> None:
    services = SERVICES.replace("owner: payments", "holidays: NO")
    config = load_config(
        write_config(tmp_path, services=services, calendar="business_hours: {start: 10:30, end: 17:30}")
    )
    assert config.services["checkout"].holidays == "NO"
    assert (config.business_hours.start, config.business_hours.end) == (time(10, 30), time(17, 30))


def test_planned_times_are_utc_and_half_open(tmp_path: Path) -> None:
    calendar = """
        maintenance:
          move: {services: [cart], start: "2026-03-01T22:00+01:00", end: 2026-03-02, reason: new racks}
    """
    (move,) = load_config(write_config(tmp_path, calendar=calendar)).maintenance
    assert move.start == datetime(2026, 3, 1, 21, tzinfo=UTC)
    assert move.end == datetime(2026, 3, 2, tzinfo=UTC)
    assert move.services == ("cart",)


def test_defaults_fill_in_what_an_entry_leaves_out(tmp_path: Path) -> None:
    queries = QUERIES.replace("unit: seconds}", "unit: seconds, step: 15s}")
    config = load_config(write_config(tmp_path, queries=queries))
    assert config.queries["latency_p95"].step_seconds == 15
    assert config.queries["requests"].step == timedelta(minutes=1)
    assert config.queries["requests"].sources == ("prometheus",)


def test_a_limit_takes_the_unit_of_its_query_and_the_narrowest_is_the_most_specific(tmp_path: Path) -> None:
    limits = """
        limits:
          disk: {resource: disk, query: disk_used, limit_query: disk_size}
          cart: {resource: disk, query: disk_used, service: cart, match: {device: sda}, value: 5}
    """
    wide, narrow = load_config(write_config(tmp_path, limits=limits)).limits
    assert (wide.unit, wide.specificity, narrow.specificity) == ("bytes", 0, 2)


def test_tasks_are_the_queries_and_feeds_of_enabled_sources(tmp_path: Path) -> None:
    sources = """
        sources:
          prometheus: {type: prometheus, url: "http://localhost:9090"}
          pager: {type: alertmanager, url: "http://localhost:9093", history_from: prometheus}
          old: {type: files, path: /data, enabled: false, feeds: {faults: {dataset: incident}}}
    """
    config = load_config(write_config(tmp_path, sources=sources))
    tasks = [(source.name, query, dataset) for source, query, dataset in config.tasks()]
    assert tasks == [
        ("prometheus", "requests", "metric_point"),
        ("prometheus", "errors", "metric_point"),
        ("prometheus", "latency_p95", "metric_point"),
        ("prometheus", "disk_used", "metric_point"),
        ("prometheus", "disk_size", "metric_point"),
        ("pager", "alerts", "alert"),
    ]
    assert list(config.feeds) == ["pager/alerts", "old/faults"]
    assert config.query_of("prometheus", "errors") is config.queries["errors"]
    assert config.query_of("pager", "alerts").name == "alerts"
    with pytest.raises(Exception, match="did you mean 'errors'"):
        config.query_of("prometheus", "eror")


def test_the_fingerprint_changes_with_the_meaning_and_not_with_the_writing(tmp_path: Path) -> None:
    def fingerprint(name: str, **texts: str) -> str:
        return load_config(write_config(tmp_path / name, **texts)).fingerprint

    plain = fingerprint("plain")
    reordered = SERVICES.replace("    tier: 1\n", "").replace("owner: payments", "tier: 1\n    owner: payments")
    assert fingerprint("reordered", services=f"# words\n{reordered}") == plain
    assert fingerprint("changed", services=SERVICES.replace("tier: 1", "tier: 2")) != plain


def test_relative_paths_lie_below_home_and_others_are_left_alone(tmp_path: Path) -> None:
    sources = SOURCES + "".join(
        f"  {name}: {{type: files, path: '{path}'}}\n"
        for name, path in {"a": "fleet", "b": "/data", "c": "s3://bucket/x"}.items()
    )
    config = load_config(write_config(tmp_path, sources=sources))
    assert [config.sources[name].location(Path("/home")) for name in "abc"] == ["/home/fleet", "/data", "s3://bucket/x"]


FLEET = Path(__file__).parents[2] / "include" / "config" / "fleet"


@pytest.fixture(scope="module")
def fleet() -> Config:
    return load_config(FLEET)


def test_the_fleet_has_its_eighteen_services_and_every_name_finds_one(fleet: Config) -> None:
    assert len(fleet.services) == 18
    for name in fleet.services:
        title = name.replace("-", " ").title()
        said = [f"shop/{name}", f"Shop: {title}", f"k8s://shop/{name}", name]
        assert fleet.resolver("fleet").resolve_many(said) == [name] * 4
    assert fleet.services["checkout"].dependencies == ("cart", "payments", "inventory", "shipping", "notification")
    assert fleet.services["checkout"].tier == 1
    assert fleet.resolve_service("fleet", "Shop: Garage") == "unresolved:Shop: Garage"


def test_the_fleet_measures_limits_and_promises(fleet: Config) -> None:
    assert set(fleet.queries) == {
        *("requests", "errors", "request_rate", "error_rate", "latency_p50", "latency_p95", "latency_p99"),
        *("cpu_utilisation", "memory_bytes", "memory_limit_bytes", "disk_used_bytes", "disk_size_bytes"),
        *("connections_used", "queue_depth", "network_bytes", "db_time", "cache_hit_ratio"),
        *("active_users", "revenue_per_request", "peak_traffic"),
    }
    assert {query.step_seconds for query in fleet.queries.values()} == {60}
    assert {limit.resource for limit in fleet.limits} == {"disk", "memory", "CPU", "queue", "connections"}
    assert len(fleet.slos) == 8
    assert {slo.service for slo in fleet.slos} >= {"web-frontend", "checkout", "payments", "cart", "search"}
    assert set(fleet.mail.audiences) == {*fleet.owners, "everyone"}
    assert [task[2] for task in fleet.tasks()][-5:] == ["alert", "incident", "change_event", "log_event", "span"]
