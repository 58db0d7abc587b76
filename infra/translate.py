"""Translates template.yaml as CloudFormation would, without a network.

    python infra/translate.py TEMPLATE > TRANSLATED
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")  # the translator asks; nothing is called

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoPolicies:
    """The translator's list of AWS's own policies, which comes from AWS and which we do not use."""

    def load(self) -> dict:
        return {}


def source(template: Path) -> dict:
    """The template as it is written."""
    return yaml_parse(template.read_text(encoding="utf-8"))


def translated(template: Path) -> dict:
    """The template as CloudFormation carries it out. Where the code lies is made up: it is not built here."""
    document = source(template)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "key"}
    return transform(document, {}, NoPolicies())


if __name__ == "__main__":
    print(json.dumps(translated(Path(sys.argv[1])), indent=1))
