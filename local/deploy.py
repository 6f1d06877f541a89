"""Put the built template into a running emulator; called by `local.stack`."""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.http_routes import import_routes
from local.localise import CODE_BUCKET, LocalTemplate, Places, localise
from local.parameters import BROKER_URL_PARAMETER, Wishes, local_parameters
from local.template_yaml import read_template

STACK: Final = "forebay"
REGION: Final = "eu-west-1"
# The emulator's administrator; every function has a role and keys of its own.
ADMINISTRATOR: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
DEADLINE_SECONDS: Final = 120


class DeployError(Exception):
    """CloudFormation refused the template; the message has its reasons."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is known of the stack once it is up."""

    api_id: str
    resources: Mapping[str, str]  # logical id -> physical id
    scheduled: Mapping[str, str]  # physical name of a function -> JSON input of its schedule
    left_out: Mapping[str, str]  # logical id -> reason
    routes: int


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the emulator's administrator."""
    settings = Config(retries={"mode": "standard", "max_attempts": 3}, read_timeout=60, connect_timeout=5)
    make: Any = boto3.client  # typed by service name, which is a variable here
    return make(service, endpoint_url=endpoint, config=settings, **ADMINISTRATOR)


def run_scheduled(endpoint: str, deployed: Deployed) -> None:
    """Run what has a schedule, once, and wait for it; an emulator that ends meanwhile is for others to tell of."""
    functions = client("lambda", endpoint)
    with contextlib.suppress(BotoCoreError, ClientError):
        for name, given in deployed.scheduled.items():
            functions.invoke(FunctionName=name, Payload=given.encode())


def deploy(endpoint: str, index_url: str, places: Places, samconfig: Path, wishes: Wishes) -> Deployed:
    """Localise the build, create the stack, import the routes. Raises DeployError, TemplateError, ParameterError."""
    built = read_template(places.build / "template.yaml")
    parameters = local_parameters(built.get("Parameters", {}), samconfig, index_url, wishes)
    local = localise(built, places, {"AWS_ENDPOINT_URL": endpoint}, parameters)
    _write_settings(local, places)
    _upload_code(endpoint, local)
    if wishes.broker_url:
        _keep_secret(endpoint, BROKER_URL_PARAMETER, wishes.broker_url)
    formation = client("cloudformation", endpoint)
    _create_stack(formation, local.template, parameters)
    resources = _resources(formation)
    return _open_gateway(endpoint, formation, local, resources)


def _write_settings(local: LocalTemplate, places: Places) -> None:
    for folder in (places.settings, places.logs, places.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in local.settings.items():
        (places.settings / f"{name}.json").write_text(content, encoding="utf-8")


def _upload_code(endpoint: str, local: LocalTemplate) -> None:
    storage = client("s3", endpoint)
    storage.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key, archive in local.archives.items():
        storage.put_object(Bucket=CODE_BUCKET, Key=key, Body=archive)


def _keep_secret(endpoint: str, name: str, value: str) -> None:
    client("ssm", endpoint).put_parameter(Name=name, Value=value, Type="SecureString")


def _create_stack(formation: Any, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
    formation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(template, default=str),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (stack := formation.describe_stacks(StackName=STACK)["Stacks"][0])["StackStatus"] == "CREATE_IN_PROGRESS":
        if time.monotonic() > deadline:
            raise DeployError(f"the stack is not up after {DEADLINE_SECONDS} s")
        time.sleep(0.05)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise DeployError("\n".join([stack.get("StackStatusReason", stack["StackStatus"]), *_failures(formation)]))


def _failures(formation: Any) -> list[str]:
    events = formation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed]


def _resources(formation: Any) -> dict[str, str]:
    listed = formation.describe_stack_resources(StackName=STACK)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}


def _open_gateway(endpoint: str, formation: Any, local: LocalTemplate, resources: Mapping[str, str]) -> Deployed:
    processed = formation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    processed = json.loads(processed) if isinstance(processed, str) else processed
    apis = {n: r for n, r in processed["Resources"].items() if r["Type"] == "AWS::ApiGatewayV2::Api"}
    if len(apis) != 1:
        raise DeployError(f"the template must have one HTTP API, it has {len(apis)}")
    logical, api = next(iter(apis.items()))
    account = client("sts", endpoint).get_caller_identity()["Account"]
    arns = {name: f"arn:aws:lambda:{REGION}:{account}:function:{resources[name]}" for name in local.settings}
    routes = import_routes(client("apigatewayv2", endpoint), resources[logical], api["Properties"]["Body"], arns)
    scheduled = {resources[name]: given for name, given in local.scheduled.items()}
    return Deployed(resources[logical], resources, scheduled, local.left_out, routes)
