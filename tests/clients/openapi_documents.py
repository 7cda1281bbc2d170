# The OpenAPI documents, read by the validator of the OpenAPI project's own schema; run by openapi_documents.
import json
import urllib.request

from harness.cases import BASE, case, run
from openapi_spec_validator import OpenAPIV31SpecValidator

ROOT = BASE.removesuffix("/v1")


def check(path: str) -> None:
    with urllib.request.urlopen(ROOT + path, timeout=15) as answer:
        document = json.load(answer)
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not errors, "\n".join(errors[:10])
    # One that would take anything has not looked.
    broken = {**document, "paths": {"no-slash": {"get": {"responses": []}}}}
    assert not OpenAPIV31SpecValidator(broken).is_valid()


@case
def data():
    check("/openapi.json")


@case
def admin():
    check("/admin/api/openapi.json")


run()
