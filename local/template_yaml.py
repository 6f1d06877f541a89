"""Read a CloudFormation template in YAML, short forms (`!Ref`, `!GetAtt`) included; called by `local.deploy`."""

from pathlib import Path
from typing import Any, Final

import yaml

# Short forms whose long form has no `Fn::` before the name.
BARE: Final = frozenset({"Ref", "Condition"})


class _Loader(yaml.SafeLoader):
    """SafeLoader, and `!Name value` as `{"Fn::Name": value}`."""


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in BARE else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _long_form)


def read_template(file: Path) -> dict[str, Any]:
    """The template as plain dicts and lists, all functions in their long form."""
    content: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    return content
