"""What only a source of type opsgenie knows: which of the two APIs it speaks."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.config.values import Model, Name


class OpsgenieOptions(Model):
    """Options of a source: Jira Service Management operations, or Opsgenie until it ends in April 2027."""

    api: Literal["jsm", "opsgenie"] = Field(default="jsm", description="jsm or opsgenie, which ends in April 2027")
    cloud_id: Name | None = Field(
        default=None, description="for jsm: the id of the site, from https://SITE.atlassian.net/_edge/tenant_info"
    )

    @model_validator(mode="after")
    def _jsm_has_its_site(self) -> Self:
        if (self.api == "jsm") != (self.cloud_id is not None):
            raise ValueError("api jsm needs cloud_id, and api opsgenie takes none")
        return self
