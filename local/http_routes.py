"""Give the emulator's HTTP API the routes of the template; called by `local.deploy` after the stack is up.

SAM writes the routes into the OpenAPI body of `AWS::ApiGatewayV2::Api`, and the emulator's CloudFormation ignores
that body (ministack 1.5.33; remove this module when it no longer does).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

ANY: Final = "x-amazon-apigateway-any-method"
DEFAULT_ROUTE: Final = "$default"
# `${ApiFunction.Arn}` inside a Fn::Sub, or a Fn::GetAtt of it.
FUNCTION_IN_URI: Final = re.compile(r'\$\{(\w+)\.Arn\}|"Fn::GetAtt": \["(\w+)"')


def import_routes(client: Any, api_id: str, body: Mapping[str, Any], function_arns: Mapping[str, str]) -> int:
    """Create integrations, routes and CORS of one API; returns the number of routes.

    `client` is boto3's apigatewayv2, `function_arns` maps logical ids to ARNs.
    """
    if cors := body.get("x-amazon-apigateway-cors"):
        client.update_api(ApiId=api_id, CorsConfiguration=_cors(cors))
    integrations: dict[str, str] = {}
    count = 0
    for route_key, operation in _operations(body):
        arn = function_arns[_function_of(operation["x-amazon-apigateway-integration"]["uri"])]
        if arn not in integrations:
            integrations[arn] = client.create_integration(
                ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )["IntegrationId"]
        client.create_route(ApiId=api_id, RouteKey=route_key, Target=f"integrations/{integrations[arn]}")
        count += 1
    return count


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            if "x-amazon-apigateway-integration" in operation:
                name = "ANY" if method == ANY else method.upper()
                yield (DEFAULT_ROUTE if path.lstrip("/") == DEFAULT_ROUTE else f"{name} {path}"), operation


def _function_of(uri: object) -> str:
    found = FUNCTION_IN_URI.search(json.dumps(uri))
    if found is None:
        raise ValueError(f"no function of this template in the integration {uri!r}")
    return found.group(1) or found.group(2)


def _cors(openapi: Mapping[str, Any]) -> dict[str, Any]:
    """`allowOrigins` of the OpenAPI extension is `AllowOrigins` of the API."""
    return {name[0].upper() + name[1:]: value for name, value in openapi.items()}
