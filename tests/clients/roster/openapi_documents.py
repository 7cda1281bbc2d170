# The OpenAPI documents under the schema of OpenAPI itself.
from harness.client import Client, Pip, script

CLIENT = Client(name="openapi-documents", needs=Pip(("openapi-spec-validator",)), run=script("openapi_documents.py"))
