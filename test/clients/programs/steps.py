"""Does the steps that a test tells: a line of JSON in, a line of JSON out."""

import json
import sys


def serve(steps):
    """Ends with its input. `steps` are functions by name; what they return must be JSON. The step `start` does nothing."""
    out = sys.stdout
    sys.stdout = sys.stderr  # libraries may print
    for line in sys.stdin:
        told = json.loads(line)
        try:
            answer = {"returned": {**steps, "start": lambda: None}[told["step"]](**told["args"])}
        except Exception as error:  # the test decides whether it should have been raised
            answer = {"raised": describe(error)}
        out.write(json.dumps({"id": told["id"], **answer}) + "\n")
        out.flush()


def describe(error):
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    sent = getattr(getattr(error, "request", None), "headers", None) or {}
    code = getattr(error, "code", None)
    return {
        "classes": [each.__name__ for each in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "code": code if isinstance(code, str) else None,
        "requestId": getattr(error, "request_id", None),
        "retryAfter": headers.get("retry-after"),
        "retries": sent.get("x-stainless-retry-count"),
        "message": str(error),
    }
