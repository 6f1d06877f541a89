"""The built template becomes one that the emulator can run, and stays the same template otherwise."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.localise import CODE_BUCKET, LocalTemplate, Places, TemplateError, localise


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for folder in ("build/ApiFunction", "build/CodeLayer/python/forebay", "build/ModelLayer/model"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "build/ApiFunction/handler.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "build/CodeLayer/python/forebay/__init__.py").write_text("")
    return Places(
        build=tmp_path / "build",
        worker_python=Path("/venv with space/bin/python"),
        settings=tmp_path / "settings",
        logs=tmp_path / "logs",
        scratch=tmp_path / "scratch",
    )


def a_template(**more: Any) -> dict[str, Any]:
    return {
        "Globals": {
            "Function": {
                "Runtime": "python3.13",
                "Handler": "handler.handler",
                "Layers": [{"Ref": "CodeLayer"}],
                "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}},
            }
        },
        "Resources": {
            "CodeLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "CodeLayer"}},
            "ModelLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "ModelLayer"}},
            "ApiFunction": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "CodeUri": "ApiFunction",
                    "Layers": [{"Ref": "ModelLayer"}],
                    "Environment": {"Variables": {"FOREBAY_MODEL": "/opt/model", "OTHER": "/opt/nowhere"}},
                },
            },
            **more,
        },
        "Outputs": {"Model": {"Value": {"Ref": "ModelLayer"}}, "Api": {"Value": {"Ref": "ApiFunction"}}},
    }


def settings_of(local: LocalTemplate, function: str = "ApiFunction") -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(local.settings[function])
    return settings


def test_a_function_becomes_a_bootstrap_that_starts_the_worker(places: Places) -> None:
    local = localise(a_template(), places, {}, {})

    properties = local.template["Resources"]["ApiFunction"]["Properties"]
    key = properties["CodeUri"].removeprefix(f"s3://{CODE_BUCKET}/")
    with zipfile.ZipFile(io.BytesIO(local.archives[key])) as archive:
        script = archive.read("bootstrap").decode()
        mode = archive.getinfo("bootstrap").external_attr >> 16
    assert properties["Runtime"] == "provided.al2023"
    assert "Layers" not in properties
    assert "exec '/venv with space/bin/python' -I -S " in script
    assert mode & 0o111


def test_code_and_layers_are_on_the_path_in_lambdas_order(places: Places) -> None:
    local = localise(a_template(), places, {}, {})

    path = settings_of(local)["set"]["PYTHONPATH"].split(":")
    assert path == [str(places.build / folder) for folder in ("ApiFunction", "CodeLayer/python", "ModelLayer/python")]


def test_only_the_templates_variables_are_let_through(places: Places) -> None:
    local = localise(a_template(), places, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, {})

    settings = settings_of(local)
    assert settings["keep"] == ["FOREBAY_MODEL", "OTHER", "TABLE"]
    assert settings["set"]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


def test_a_variable_that_names_a_layers_folder_points_into_the_build(places: Places) -> None:
    local = localise(a_template(), places, {}, {})

    settings = settings_of(local)
    assert settings["set"]["FOREBAY_MODEL"] == str(places.build / "ModelLayer/model")
    assert "OTHER" not in settings["set"]


def test_layers_go_and_with_them_the_outputs_that_name_them(places: Places) -> None:
    local = localise(a_template(), places, {}, {})

    assert "ModelLayer" not in local.template["Resources"]
    assert set(local.template["Outputs"]) == {"Api"}


def test_changed_code_changes_the_archive_and_unchanged_code_does_not(places: Places) -> None:
    before = localise(a_template(), places, {}, {})
    again = localise(a_template(), places, {}, {})
    (places.build / "CodeLayer/python/forebay/new.py").write_text("ANSWER = 42\n")
    after = localise(a_template(), places, {}, {})

    assert before.archives.keys() == again.archives.keys()
    assert before.archives.keys() != after.archives.keys()


def test_what_the_emulator_refuses_is_left_out_with_a_reason_and_so_are_targets_at_it(places: Places) -> None:
    queue = {"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}
    template = a_template(
        Destination={"Type": "AWS::Events::ApiDestination", "Properties": {}},
        Rule={
            "Type": "AWS::Events::Rule",
            "Properties": {"Targets": [queue, {"Id": "web", "Arn": {"Fn::GetAtt": "Destination.Arn"}}]},
        },
    )

    local = localise(template, places, {}, {})

    assert list(local.left_out) == ["Destination"]
    assert local.template["Resources"]["Rule"]["Properties"]["Targets"] == [queue]


def test_functions_with_a_schedule_are_named_with_its_input(places: Places) -> None:
    template = a_template()
    template["Resources"]["ApiFunction"]["Properties"]["Events"] = {
        "Minute": {"Type": "ScheduleV2", "Properties": {"ScheduleExpression": "rate(1 minute)", "Input": '{"a": 1}'}},
        "Queue": {"Type": "SQS", "Properties": {}},
    }

    assert localise(template, places, {}, {}).scheduled == {"ApiFunction": '{"a": 1}'}


def test_number_parameters_are_numbers_but_for_variables(places: Places) -> None:
    template = a_template(Queue={"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}})
    template["Parameters"] = {"Seconds": {"Type": "Number", "Default": 300}}
    template["Resources"]["ApiFunction"]["Properties"]["Timeout"] = {"Ref": "Seconds"}
    template["Globals"]["Function"]["Environment"]["Variables"]["SECONDS"] = {"Ref": "Seconds"}

    local = localise(template, places, {}, {"Seconds": "40"}).template

    assert local["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] == 40
    assert local["Resources"]["ApiFunction"]["Properties"]["Timeout"] == 40
    assert local["Globals"]["Function"]["Environment"]["Variables"]["SECONDS"] == {"Ref": "Seconds"}


def test_who_may_send_a_message_may_send_many(places: Places) -> None:
    template = a_template()
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    template["Resources"]["ApiFunction"]["Properties"]["Policies"] = [{"Statement": [statement]}]

    policies = localise(template, places, {}, {}).template["Resources"]["ApiFunction"]["Properties"]["Policies"]
    assert policies[0]["Statement"][0]["Action"] == ["sqs:SendMessage", "sqs:SendMessageBatch"]


def test_a_function_keeps_the_shared_log_format_when_it_names_a_log_group(places: Places) -> None:
    template = a_template()
    template["Globals"]["Function"]["LoggingConfig"] = {"LogFormat": "JSON"}
    template["Resources"]["ApiFunction"]["Properties"]["LoggingConfig"] = {"LogGroup": {"Ref": "Logs"}}

    assert settings_of(localise(template, places, {}, {}))["set"]["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


def test_the_given_template_is_not_changed(places: Places) -> None:
    template = a_template()

    localise(template, places, {}, {})

    assert template == a_template()


@pytest.mark.parametrize(
    "layer", [{"Fn::If": ["A", "B", "C"]}, "arn:aws:lambda:eu-west-1:1:layer:x:1", {"Ref": "Table"}]
)
def test_a_layer_that_is_not_of_this_template_is_refused(places: Places, layer: object) -> None:
    template = a_template()
    template["Resources"]["ApiFunction"]["Properties"]["Layers"] = [layer]

    with pytest.raises(TemplateError, match="layers must be"):
        localise(template, places, {}, {})


def test_code_that_was_not_built_is_refused_with_the_mend(places: Places) -> None:
    template = a_template()
    template["Resources"]["ApiFunction"]["Properties"]["CodeUri"] = "Missing"

    with pytest.raises(TemplateError, match="make build-local"):
        localise(template, places, {}, {})
