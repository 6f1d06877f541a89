"""Make an API key, for the operator: `python -m forebay.entrypoints.keys TABLE TENANT SCOPE...`.

Prints the key once; the table keeps only its hash. AWS credentials and region come from where boto3 finds them.
"""

import argparse
import sys
from collections.abc import Sequence

from forebay.bootstrap.operator import operator_engine
from forebay.domain.errors import TransientError
from forebay.service.authenticate import SCOPES, create_key


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one key. 0, 1 where the table does not answer, or 2 where the arguments do not fit."""
    parser = argparse.ArgumentParser(prog="python -m forebay.entrypoints.keys", description="Make an API key.")
    parser.add_argument("table", help="the stack's table (its output TableName)")
    parser.add_argument("tenant", help="whom the key belongs to")
    parser.add_argument("scopes", nargs="+", choices=sorted(SCOPES), help="what it may do")
    parser.add_argument("--expires", default="", metavar="TIME", help="RFC 3339 UTC, e.g. 2027-01-31T00:00:00Z")
    given = parser.parse_args(arguments)
    try:
        key = create_key(operator_engine(given.table), given.tenant, given.scopes, given.expires)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except TransientError as error:
        sys.stderr.write(f"error: {error.message}; are AWS credentials, region and table right?\n")
        return 1
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
