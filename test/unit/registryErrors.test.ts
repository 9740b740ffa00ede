import { describe, expect, it } from "vitest";
import { explainCraneError } from "../../pipeline/src/registryErrors.js";

const asked = { host: "ghcr.io", repository: "ghcr.io/damekarv/helloworld", tag: "v0.2.0" };

// As crane prints them, for registries of distribution and GitHub.
const said = {
  tag: "Error: HEAD http://registry:5000/v2/damekarv/helloworld/manifests/v0.2.0: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)",
  unknown: "Error: GET https://ghcr.io/v2/damekarv/helloworld/manifests/v0.2.0: MANIFEST_UNKNOWN: manifest unknown",
  repository:
    "Error: reading tags for registry:5000/damekarv/none: GET http://registry:5000/v2/damekarv/none/tags/list: NAME_UNKNOWN: repository name not known to registry; map[name:damekarv/none]",
  unauthorized:
    "Error: GET http://registry:5000/v2/damekarv/helloworld/manifests/v0.2.0: UNAUTHORIZED: authentication required; [map[Type:repository]]",
  head401:
    "Error: HEAD http://registry:5000/v2/x/manifests/v0.2.0: unexpected status code 401 Unauthorized (HEAD responses have no body, use GET for details)",
  denied: "Error: GET https://ghcr.io/token?scope=repository: DENIED: denied",
  dns: 'Error: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 10.87.0.1:53: no such host',
  refused: 'Error: Get "http://registry:5000/v2/": dial tcp 10.87.0.9:5000: connect: connection refused',
};

describe("explainCraneError", () => {
  it.each([
    [said.tag, "tag", "ghcr.io has no ghcr.io/damekarv/helloworld:v0.2.0"],
    [said.unknown, "tag", "there is no such tag"],
    [said.repository, "repository", "ghcr.io has no repository ghcr.io/damekarv/helloworld"],
    [said.unauthorized, "unauthorized", "ghcr-secret"],
    [said.head401, "unauthorized", "401"],
    [said.denied, "forbidden", "GHCR_PAT with read:packages"],
    [said.dns, "unreachable", "ghcr.io does not answer"],
    [said.refused, "unreachable", "connection refused"],
    ["Error: something new", "other", "something new"],
  ])("of %s", (stderr, problem, message) => {
    const error = explainCraneError(stderr, asked);
    expect(error.problem).toBe(problem);
    expect(error.message).toContain(message);
  });
});
