"""Our own rules of the template: queues, dead letters, times that fit together, rights, logs, and the environment."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

import pytest

from forebay.adapters.http_webhooks import WALL_SECONDS
from forebay.config import MissingSettings, Settings
from forebay.domain.commands import COMMANDS, DeliverEvent
from forebay.domain.document import TenantId
from forebay.domain.events import Event
from forebay.domain.limits import ExtractionLimits
from forebay.service.engine import Limits
from local.template_yaml import read_template

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = read_template(ROOT / "template.yaml")
PARAMETERS: Final[Mapping[str, Any]] = TEMPLATE["Parameters"]
FUNCTIONS: Final = sorted(
    name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function"
)
RECEIVES_LEAST: Final = 5  # a throttled function returns messages, which counts as received
GIVEN_BY_LAMBDA: Final = frozenset({"AWS_REGION"})


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id."""
    return {name: each.get("Properties", {}) for name, each in TEMPLATE["Resources"].items() if each["Type"] == kind}


def settled(value: Any) -> Any:
    """The value with a reference to a parameter replaced by the parameter's default."""
    if isinstance(value, dict) and value.get("Ref") in PARAMETERS:
        return PARAMETERS[value["Ref"]]["Default"]
    return value


def seconds(value: Any) -> int:
    return int(settled(value))


def target(value: Any) -> str:
    """The logical id behind `!GetAtt Name.Arn` or `!Ref Name`."""
    name: str = value["Fn::GetAtt"][0] if "Fn::GetAtt" in value else value["Ref"]
    return name


def timeout(function: str) -> int:
    shared = TEMPLATE["Globals"]["Function"]["Timeout"]
    return seconds(resources("AWS::Serverless::Function")[function].get("Timeout", shared))


def mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Function, queue and properties of each event source mapping."""
    for name, function in resources("AWS::Serverless::Function").items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS":
                yield name, target(event["Properties"]["Queue"]), event["Properties"]


def dead_letter_queues() -> dict[str, str]:
    """Source queue → its dead letters."""
    queues = resources("AWS::SQS::Queue")
    return {
        name: target(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for name, queue in queues.items()
        if "RedrivePolicy" in queue
    }


def statements(function: str) -> Iterator[dict[str, Any]]:
    for policy in resources("AWS::Serverless::Function")[function].get("Policies", []):
        for statement in policy["Statement"]:
            if "Fn::If" in statement:
                yield from (branch for branch in statement["Fn::If"][1:] if "Action" in branch)
            else:
                yield statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# -- queues ------------------------------------------------------------------------------------------------------------


def test_every_mapping_reports_failures_one_by_one_and_is_bounded() -> None:
    unbounded = {
        (function, queue)
        for function, queue, properties in mappings()
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
        or seconds(properties["ScalingConfig"]["MaximumConcurrency"]) < 2
    }

    assert len(list(mappings())) >= 8
    assert unbounded == set()


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take() -> None:
    """AWS Lambda developer guide, "Using Lambda with Amazon SQS": at least six times the function's timeout."""
    queues = resources("AWS::SQS::Queue")
    short = {
        (function, queue): seconds(queues[queue]["VisibilityTimeout"])
        for function, queue, _ in mappings()
        if seconds(queues[queue]["VisibilityTimeout"]) < 6 * timeout(function)
    }

    assert short == {}


def test_every_queue_is_read_or_holds_dead_letters_that_are_read() -> None:
    read = {queue for _, queue, _ in mappings()}

    assert set(resources("AWS::SQS::Queue")) == read


def test_every_source_queue_has_dead_letters_after_enough_tries() -> None:
    queues = resources("AWS::SQS::Queue")
    sources = {name for name in queues if name.endswith("Queue")}

    assert set(dead_letter_queues()) == sources
    assert all(queues[name]["RedrivePolicy"]["maxReceiveCount"] >= RECEIVES_LEAST for name in sources)


def test_both_lanes_of_a_verb_have_its_function_and_its_dead_letters_and_no_other_verb_has() -> None:
    verbs = {queue: re.sub(r"(Interactive)?Queue$", "", queue) for queue in dead_letter_queues()}

    assert dead_letter_queues() == {queue: f"{verb}DeadLetters" for queue, verb in verbs.items()}
    readers = {queue: function for function, queue, _ in mappings() if queue in verbs}
    assert readers == {queue: f"{verb}Function" for queue, verb in verbs.items()}


def test_every_dead_letter_is_buried() -> None:
    buried = {queue for function, queue, _ in mappings() if function == "BuryFunction"}

    assert buried == set(dead_letter_queues().values())


def test_dead_letters_are_kept_longer_than_any_message_lives() -> None:
    queues = resources("AWS::SQS::Queue")
    usual = 345_600  # SQS keeps a message for four days

    assert all(queues[dead]["MessageRetentionPeriod"] > usual for dead in dead_letter_queues().values())


def test_every_rule_targets_a_queue() -> None:
    queues = resources("AWS::SQS::Queue")
    targets = [each for rule in resources("AWS::Events::Rule").values() for each in rule["Targets"]]

    assert targets
    assert all(target(each["Arn"]) in queues for each in targets)


def test_a_rules_queue_takes_messages_from_that_rule_only() -> None:
    targets = {
        name: [target(each["Arn"]) for each in rule["Targets"]] for name, rule in resources("AWS::Events::Rule").items()
    }
    let_in = {
        target(statement["Condition"]["ArnEquals"]["aws:SourceArn"]): [target(each) for each in policy["Queues"]]
        for policy in resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"} and statement["Action"] == "sqs:SendMessage"
    }

    assert let_in == targets


def test_an_event_that_callbacks_wait_for_becomes_the_command_to_deliver_it() -> None:
    rule = resources("AWS::Events::Rule")["DeliverRule"]
    transformer = rule["Targets"][0]["InputTransformer"]
    event: Any = {"detail": {"id": "evt_1_2_3", "data": {"tenant": "acme", "callbacks": 1}}}

    command = transformer["InputTemplate"]
    for variable, path in transformer["InputPathsMap"].items():
        value = reduce(lambda found, name: found[name], path.removeprefix("$.").split("."), event)
        command = command.replace(f"<{variable}>", value)

    assert COMMANDS.validate_json(command) == DeliverEvent(tenant=TenantId("acme"), event="evt_1_2_3")
    assert rule["EventPattern"]["source"] == [Event.bus_source]


def test_only_the_sweep_is_started_by_the_clock() -> None:
    kinds = {
        (name, event["Type"])
        for name, function in resources("AWS::Serverless::Function").items()
        for event in function["Events"].values()
    }

    assert {name for name, kind in kinds if kind not in ("SQS", "HttpApi")} == {"SweepFunction"}


# -- times -------------------------------------------------------------------------------------------------------------


def test_nobody_with_a_dead_run_is_alive_when_its_grace_is_over() -> None:
    assert seconds({"Ref": "GraceSeconds"}) >= max(timeout(function) for function in FUNCTIONS) + 120


def test_nobody_who_began_to_deliver_is_alive_when_the_attempt_counts_as_over() -> None:
    assert seconds({"Ref": "DeliverySeconds"}) >= timeout("DeliverFunction") + 15


def test_a_redrive_comes_later_than_any_redelivery() -> None:
    visibilities = [seconds(queue["VisibilityTimeout"]) for queue in resources("AWS::SQS::Queue").values()]

    assert seconds({"Ref": "RedriveSeconds"}) > max(visibilities)


def test_an_http_function_answers_before_the_gateway_gives_up() -> None:
    assert max(timeout("ApiFunction"), timeout("SearchFunction")) <= 30


def test_sweeps_do_not_overlap() -> None:
    assert timeout("SweepFunction") < 60


# -- rights and logs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_only_what_is_named_to_what_is_named(function: str) -> None:
    wide = [
        statement.get("Sid")
        for statement in statements(function)
        if any("*" in action for action in listed(statement["Action"]))
        or any(resource == "*" for resource in listed(statement["Resource"]))
        or statement["Effect"] != "Allow"
    ]

    assert list(statements(function))
    assert wide == []


def test_the_function_that_meets_foreign_servers_may_touch_sources_and_commands_only() -> None:
    allowed = [
        (action, next(iter(each.values())) if isinstance(each, dict) else each)
        for statement in statements("FetchFunction")
        for action in listed(statement["Action"])
        for each in listed(statement["Resource"])
    ]
    content = {(f"s3:{verb}Object", "${DataBucket.Arn}/sources/*") for verb in ("Get", "Put", "Delete")}

    assert {pair for pair in allowed if isinstance(pair[1], str)} == content
    assert {(action, resource[0]) for action, resource in allowed if isinstance(resource, list)} == {
        ("s3:ListBucket", "DataBucket"),
        ("sqs:SendMessage", "FetchQueue"),
        ("sqs:SendMessage", "FetchInteractiveQueue"),
        ("sqs:SendMessage", "ExtractQueue"),
        ("sqs:SendMessage", "ExtractInteractiveQueue"),
    }
    assert "VpcConfig" not in resources("AWS::Serverless::Function")["FetchFunction"]


def test_secrets_are_sealed_by_one_function_and_opened_by_another() -> None:
    keys = {
        (action, function)
        for function in FUNCTIONS
        for statement in statements(function)
        for action in listed(statement["Action"])
        if action.startswith("kms:")
    }

    assert keys == {("kms:Encrypt", "ApiFunction"), ("kms:Decrypt", "DeliverFunction")}


def test_the_key_of_the_secrets_rotates_and_outlives_the_stack_like_the_table() -> None:
    key = TEMPLATE["Resources"]["SecretsKey"]

    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == TEMPLATE["Resources"]["Table"]["DeletionPolicy"] == "Retain"


def test_who_tells_callbacks_reaches_neither_the_bus_nor_other_queues_nor_a_document() -> None:
    actions = {action for statement in statements("DeliverFunction") for action in listed(statement["Action"])}
    queues = {
        target(each)
        for statement in statements("DeliverFunction")
        if statement["Action"] == "sqs:SendMessage"
        for each in listed(statement["Resource"])
    }

    assert actions == {
        "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem", "s3:GetObject",
        "s3:ListBucket", "sqs:SendMessage", "kms:Decrypt", "ssm:GetParameter",
    }  # fmt: skip
    assert queues == {"DeliverQueue"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_log_group_of_its_own_that_forgets(function: str) -> None:
    group = target(resources("AWS::Serverless::Function")[function]["LoggingConfig"]["LogGroup"])

    assert group == function.removesuffix("Function") + "Logs"
    assert seconds(resources("AWS::Logs::LogGroup")[group]["RetentionInDays"]) > 0


def test_every_function_has_its_folder_and_every_folder_its_function() -> None:
    verbs = {name.removesuffix("Function").lower() for name in FUNCTIONS}
    code = {properties["CodeUri"] for properties in resources("AWS::Serverless::Function").values()}

    assert verbs == {folder.parent.name for folder in ROOT.glob("functions/*/handler.py")}
    assert code == {f"functions/{verb}/" for verb in verbs}


@pytest.mark.parametrize("bucket", sorted(resources("AWS::S3::Bucket")))
def test_a_bucket_is_encrypted_private_and_outlives_the_stack(bucket: str) -> None:
    properties = resources("AWS::S3::Bucket")[bucket]

    assert "BucketEncryption" in properties
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert TEMPLATE["Resources"][bucket]["DeletionPolicy"] == "Retain"


# -- the environment and the parameters --------------------------------------------------------------------------------


def needed() -> set[str]:
    """The names without which the settings cannot be read, by their own word."""
    with pytest.raises(MissingSettings) as raised:
        Settings.from_environment({})
    return set(re.findall(r"(\w+) is missing", str(raised.value)))


def known() -> set[str]:
    """All names that the settings look at."""
    source = (ROOT / "shared/forebay/config.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(FOREBAY_[A-Z_]+)"', source)) | needed()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_everything_that_its_settings_need_and_nothing_else(function: str) -> None:
    everyone = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = resources("AWS::Serverless::Function")[function].get("Environment", {}).get("Variables", {})
    told = {*everyone, *own}

    assert needed() - told - GIVEN_BY_LAMBDA == set()
    assert {name for name in told if name.startswith("FOREBAY_")} - known() == set()


@pytest.mark.parametrize("function", ["FetchFunction", "DeliverFunction"])
def test_names_of_foreign_hosts_are_looked_up_in_time(function: str) -> None:
    own = resources("AWS::Serverless::Function")[function].get("Environment", {}).get("Variables", {})
    options = dict(option.split(":") for option in own.get("RES_OPTIONS", "timeout:5 attempts:2").split())

    lookup = int(options["timeout"]) * int(options["attempts"])
    assert 2 * lookup < WALL_SECONDS  # the C library tries a name as it is, then below the machine's own domain


@pytest.mark.parametrize("place", ["default", "local"])
def test_a_deployment_sets_only_parameters_that_exist(place: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    overrides = settings[place]["deploy"]["parameters"]["parameter_overrides"]

    assert {override.partition("=")[0] for override in overrides} - set(PARAMETERS) == set()


def test_on_a_laptop_a_killed_workers_document_is_done_again_within_two_minutes() -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    overrides = settings["local"]["deploy"]["parameters"]["parameter_overrides"]
    given = {name: int(value) for name, _, value in (each.partition("=") for each in overrides) if value.isdecimal()}

    hidden = max(value for name, value in given.items() if name.endswith("Visibility"))
    slowest = max(value for name, value in given.items() if name.endswith("Timeout"))
    assert hidden > slowest  # a message is not redelivered while its worker may be alive
    assert hidden + slowest < 120
    assert given["GraceSeconds"] > slowest
    assert given["DeliverySeconds"] > given["DeliverTimeout"]


def test_every_parameter_is_used() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    _, _, body = text.partition("\nConditions:")

    assert {name for name in PARAMETERS if not re.search(rf"!Ref {name}\b|\${{{name}}}", body)} == set()


# -- what a document may cost ------------------------------------------------------------------------------------------


def test_a_reader_at_its_limits_leaves_half_of_the_functions_memory_and_disk() -> None:
    extract = resources("AWS::Serverless::Function")["ExtractFunction"]
    disk_megabytes = extract.get("EphemeralStorage", {"Size": 512})["Size"]

    assert ExtractionLimits().memory_bytes * 2 <= extract["MemorySize"] << 20
    assert ExtractionLimits().file_bytes * 2 <= disk_megabytes << 20
    assert Limits().file_bytes == ExtractionLimits().file_bytes


def test_a_document_has_fewer_parts_than_messages_by_which_lambda_suspects_a_loop() -> None:
    assert Limits().parts < 16
