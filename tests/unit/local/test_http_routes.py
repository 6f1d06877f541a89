"""The routes that SAM writes into an OpenAPI body are created one by one."""

from typing import Any

import pytest

from local.http_routes import import_routes

ARNS = {"ApiFunction": "arn:api", "SearchFunction": "arn:search"}


class RecordingGateway:
    """Stands for boto3's apigatewayv2; numbers the integrations."""

    def __init__(self) -> None:
        self.routes: dict[str, str] = {}
        self.integrations: list[str] = []
        self.cors: dict[str, Any] = {}

    def update_api(self, *, ApiId: str, CorsConfiguration: dict[str, Any]) -> None:  # noqa: N803
        self.cors = CorsConfiguration

    def create_integration(self, **given: str) -> dict[str, str]:
        self.integrations.append(given["IntegrationUri"])
        return {"IntegrationId": given["IntegrationUri"]}

    def create_route(self, *, ApiId: str, RouteKey: str, Target: str) -> None:  # noqa: N803
        self.routes[RouteKey] = Target


def an_operation(function: str) -> dict[str, Any]:
    uri = {"Fn::Sub": f"arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations"}
    return {"x-amazon-apigateway-integration": {"uri": uri, "payloadFormatVersion": "2.0"}}


def test_each_operation_becomes_a_route_to_its_function() -> None:
    gateway = RecordingGateway()
    body = {
        "paths": {
            "/search": {"post": an_operation("SearchFunction")},
            "/jobs/{id}": {"x-amazon-apigateway-any-method": an_operation("ApiFunction")},
            "$default": {"x-amazon-apigateway-any-method": an_operation("ApiFunction")},
        }
    }

    count = import_routes(gateway, "api", body, ARNS)

    assert count == 3
    assert gateway.routes == {
        "POST /search": "integrations/arn:search",
        "ANY /jobs/{id}": "integrations/arn:api",
        "$default": "integrations/arn:api",
    }
    assert sorted(gateway.integrations) == ["arn:api", "arn:search"]


def test_cors_of_the_body_is_set() -> None:
    gateway = RecordingGateway()

    import_routes(gateway, "api", {"paths": {}, "x-amazon-apigateway-cors": {"allowOrigins": ["*"]}}, ARNS)

    assert gateway.cors == {"AllowOrigins": ["*"]}


def test_a_route_to_something_else_than_a_function_is_an_error() -> None:
    body = {"paths": {"/x": {"get": {"x-amazon-apigateway-integration": {"uri": "http://elsewhere"}}}}}

    with pytest.raises(ValueError, match="no function"):
        import_routes(RecordingGateway(), "api", body, ARNS)
