import time

from include.config import Service
from include.config.aliases import AliasResolver
from include.config.configuration import Config
from include.config.names import check_names, parse_names
from include.config.source import SourceConfig

SERVICES = [
    Service.model_validate({"name": "cart", "aliases": {"prometheus": ["shop/cart", "/cart-[0-9]+/"]}}),
    Service.model_validate({"name": "auth", "aliases": {"prometheus": ["cart-7", "/(?i)auth.*/"], "pager": ["Login"]}}),
    Service.model_validate({"name": "old-auth", "aliases": {"prometheus": "/auth-[0-9]+/"}}),
]
PROMETHEUS = SourceConfig.model_validate({"name": "prometheus", "type": "prometheus", "url": "http://localhost:9090"})


def test_exact_names_win_over_patterns_and_patterns_match_whole_names() -> None:
    resolver = AliasResolver.of("prometheus", SERVICES)
    names = ["shop/cart", "cart", "cart-12", "cart-7", "AUTH-x", "my-cart-1", "auth-1"]
    assert resolver.resolve_many(names) == ["cart", "cart", "cart", "auth", "auth", "unresolved:my-cart-1", "auth"]


def test_aliases_of_one_source_say_nothing_about_another() -> None:
    resolver = AliasResolver.of("pager", SERVICES)
    assert resolver.resolve_many(["Login", "shop/cart", "auth"]) == ["auth", "unresolved:shop/cart", "auth"]


def test_a_hundred_thousand_names_over_two_hundred_patterns_resolve_in_seconds() -> None:
    services = [
        Service.model_validate({"name": f"s{n}", "aliases": {"prometheus": [f"a{n}", f"/pod-{n}-.*/"]}})
        for n in range(200)
    ]
    resolver = AliasResolver.of("prometheus", services)
    names = [f"a{n % 200}" for n in range(100_000)] + [f"pod-{n % 200}-{n % 1000}" for n in range(10_000)]
    started = time.monotonic()
    resolved = resolver.resolve_many(names)
    assert time.monotonic() - started < 5
    assert resolved[199] == "s199"
    assert resolved[-1] == "s199"


def test_unresolved_and_ambiguous_names_are_listed_once() -> None:
    config = Config(services={service.name: service for service in SERVICES}, sources={"prometheus": PROMETHEUS})
    names = ["prometheus,shop/cart", "prometheus,shop/crt", "prometheus,shop/crt", "", 'prometheus,"auth-1"', "x,y"]
    text = "\n".join(["source,service_alias", *names])
    assert [str(problem) for problem in check_names(config, parse_names(text))] == [
        "prometheus: 'auth-1' means several services: auth, old-auth",
        "prometheus: 'shop/crt' is no service; perhaps an alias of 'cart'",
        "x: 'y' comes from a source that sources.yaml does not have",
    ]
