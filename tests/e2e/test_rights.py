"""Each function may do what it needs and no more: its own credentials are taken from its worker and tried."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.cloud import Cloud


def _clients(cloud: Cloud, function: str) -> Callable[[str], Any]:
    """Clients with the credentials of the function's role."""
    cloud.call("GET", "/health")
    cloud.call("POST", "/search", {"collection": "rights", "query": "anything"})
    return partial(cloud.client_of, function)


def _of_type(cloud: Cloud, suffix: str) -> str:
    return next(physical for logical, physical in cloud.resources.items() if logical.endswith(suffix))


def _tries(cloud: Cloud) -> dict[str, Callable[[Callable[[str], Any]], Any]]:
    queue = cloud.resources["ExtractQueue"]
    table = cloud.endpoint.client("dynamodb").list_tables()["TableNames"][0]
    bucket = _of_type(cloud, "Bucket")
    key = {"pk": {"S": "x"}, "sk": {"S": "x"}}
    secret_key = cloud.resources["SecretsKey"]
    sealed = cloud.endpoint.client("kms").encrypt(KeyId=secret_key, Plaintext=b"secret")["CiphertextBlob"]
    return {
        "takes messages of another": lambda client: client("sqs").receive_message(QueueUrl=queue),
        "deletes the table": lambda client: client("dynamodb").delete_table(TableName=table),
        "deletes the bucket": lambda client: client("s3").delete_bucket(Bucket=bucket),
        "gives itself rights": lambda client: client("iam").list_roles(),
        "opens webhook secrets": lambda client: client("kms").decrypt(KeyId=secret_key, CiphertextBlob=sealed),
        "writes records": lambda client: client("dynamodb").put_item(TableName=table, Item=key),
        "writes objects": lambda client: client("s3").put_object(Bucket=bucket, Key="x", Body=b""),
    }


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("ApiFunction", "takes messages of another"),
        ("ApiFunction", "deletes the table"),
        ("ApiFunction", "deletes the bucket"),
        ("ApiFunction", "gives itself rights"),
        ("ApiFunction", "opens webhook secrets"),
        ("SearchFunction", "takes messages of another"),
        ("SearchFunction", "writes records"),
        ("SearchFunction", "writes objects"),
    ],
)
def test_a_function_is_denied_what_it_does_not_need(cloud: Cloud, function: str, what: str) -> None:
    with pytest.raises(ClientError) as denied:
        _tries(cloud)[what](_clients(cloud, function))

    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
