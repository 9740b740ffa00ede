"""AWS as moto simulates it, with the part of EKS that moto lacks: a cluster whose API server is a real one, and what that
API server asks about tokens. Tokens are checked by botocore, so by another implementation of AWS's signatures than the
pipeline's.

PUT /place         {"endpoint", "authority", "status", "entries": {principal's ARN: [group, ...]}}
POST /token-review a TokenReview (authentication.k8s.io/v1), as the API server's webhook sends it
everything else    moto
"""

import base64
import datetime
import hmac
import json
import os
import re
import urllib.parse

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks import models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sts.models import sts_backends
from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

CLUSTER, REGION, PORT = "dev-helloworld", os.environ["REGION"], 5000
STATIC = {"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
KNOWN = {"action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires"} | {
    "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders"}
place = {"status": "CREATING", "entries": {}}

for attribute, value in {
    "endpoint": lambda cluster: place.get("endpoint"),
    "certificate_authority": lambda cluster: {"data": place.get("authority")},
    "status": lambda cluster: place["status"],
}.items():
    setattr(models.Cluster, attribute, property(value, lambda cluster, ignored: None))


def secret_of(key, session_token):
    if key in STATIC:
        return STATIC[key]
    role = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(key)
    if role is None or role.session_token != session_token:
        raise ValueError(f"no such key, or not its session token: {key}")
    return role.secret_access_key


def principal_of(token):
    """Who signed the token, as an access entry names him; or an error that says what is wrong with it."""
    prefix, _, text = token.partition(".")
    if prefix != "k8s-aws-v1":
        raise ValueError("no EKS token")
    url = urllib.parse.urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = dict(urllib.parse.parse_qsl(url.query, strict_parsing=True))
    place_of_call = (url.scheme, url.netloc, url.path)
    if place_of_call != ("https", f"sts.{REGION}.amazonaws.com", "/"):
        raise ValueError(f"signed for {place_of_call}")
    unknown = {name.lower() for name in query} - KNOWN
    if unknown or query["Action"] != "GetCallerIdentity" or int(query["X-Amz-Expires"]) > 900:
        raise ValueError(f"another call: {query['Action']} {unknown}")
    if "x-k8s-aws-id" not in query["X-Amz-SignedHeaders"].split(";"):
        raise ValueError("not signed for a cluster")
    signed = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    age = (datetime.datetime.now(datetime.timezone.utc) - signed).total_seconds()
    if not -60 < age < 15 * 60:
        raise ValueError(f"{age:.0f} s old")
    key = query["X-Amz-Credential"].split("/")[0]
    session_token = query.get("X-Amz-Security-Token")
    if not hmac.compare_digest(signature(key, session_token, query), query["X-Amz-Signature"]):
        raise ValueError("the signature is wrong")
    arn = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].get_caller_identity(key, REGION)[1]
    role = re.match(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/", arn)
    return f"arn:aws:iam::{role[1]}:role/{role[2]}" if role else arn


def signature(key, session_token, query):
    auth = SigV4QueryAuth(
        Credentials(key, secret_of(key, session_token), session_token), "sts", REGION, int(query["X-Amz-Expires"]))
    url = f"https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": CLUSTER})
    request.context["timestamp"] = query["X-Amz-Date"]
    auth._modify_request_before_signing(request)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def review(token):
    try:
        principal = principal_of(token)
        groups = place["entries"].get(principal)
        if groups is None:
            raise ValueError(f"no access entry for {principal}")
        return {"authenticated": True, "user": {"username": principal, "groups": groups}}
    except Exception as error:
        print(f"refused: {error}", flush=True)
        return {"authenticated": False, "error": str(error)}


moto = DomainDispatcherApplication(create_backend_app)


def app(environ, start_response):
    request = Request(environ)
    if request.path == "/token-review":
        asked = request.get_json(force=True)
        answer = {"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": review(asked["spec"]["token"])}
        return Response(json.dumps(answer), content_type="application/json")(environ, start_response)
    if request.path == "/place" and request.method == "PUT":
        place.update(request.get_json(force=True))
        return Response("")(environ, start_response)
    return moto(environ, start_response)


run_simple("0.0.0.0", PORT, app, threaded=True, request_handler=MotoRequestHandler)
