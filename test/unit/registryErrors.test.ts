import { describe, expect, it } from "vitest";
import { requireTag } from "../../pipeline/src/registry.js";
import { explainCraneError, retryAfter } from "../../pipeline/src/registryErrors.js";

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

it("another registry's refusal does not ask for a log-in that would be refused, too", () => {
  const elsewhere = { host: "quay.io", repository: "quay.io/acme/helloworld", tag: "v0.2.0" };
  const { message } = explainCraneError(said.unauthorized, elsewhere);
  expect(message).toMatch(/^quay\.io refuses .*401 .*logs in to ghcr\.io only/);
  expect(message).not.toContain("--registry-password");
});

it("an image of another registry than the log-in's is refused before that one is asked", async () => {
  await expect(requireTag({ host: "ghcr.io" }, "quay.io/acme/helloworld", "v1.0.0")).rejects.toThrow(
    /^The log-in is for ghcr\.io, and image\.repository is quay\.io\/acme\/helloworld/,
  );
});

// Recorded from crane v0.22.1.
const detailed = { host: "ghcr.io", repository: "ghcr.io/damekarv/helloworld", tag: "v0.401.403", loggedIn: true };
const url = "https://ghcr.io/v2/damekarv/helloworld/manifests/v0.401.403";

describe("explainCraneError, where crane's words are easily misread", () => {
  it.each([
    ["unauthorized", `GET ${url}: unexpected status code 401 Unauthorized: <html>log in</html>`],
    ["forbidden", `GET ${url}: unexpected status code 403 Forbidden: <html>no</html>`],
    ["unreachable", 'Get "https://ghcr.io/v2/": dial tcp 192.0.2.1:443: i/o timeout'],
    ["busy", `GET ${url}: TOOMANYREQUESTS: retry-after: 418.293µs, allowed: 44000/minute`],
    // The numbers in the tag are no status, and what was tried before doesn't count.
    ["other", `GET ${url}: unexpected status code 500 Internal Server Error`],
    [
      "other",
      'Get "https://ghcr.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
  ])("is %s: %s", (problem, said) => {
    const warning = `2026/01/01 10:00:00 HEAD request failed, falling back on GET: HEAD ${url}: unexpected status code 401 Unauthorized`;
    expect(explainCraneError(`${warning}\nError: ${said}\nTerminated\n`, detailed).problem).toBe(problem);
  });

  it("shows the host for its stand-in, and not the try with TLS before the one without", () => {
    const said =
      'Error: Get "https://registry:5000/v2/": http: server gave HTTP response to HTTPS client; GET http://registry:5000/v2/: UNAVAILABLE: down\n';
    expect(explainCraneError(said, detailed, "registry:5000").message).toBe(
      "Asking ghcr.io for ghcr.io/damekarv/helloworld:v0.401.403 failed: GET http://ghcr.io/v2/: UNAVAILABLE: down",
    );
  });

  it("shortens a page of text", () => {
    const { message } = explainCraneError(`Error: ${"<p>nonsense</p>\n".repeat(200)}`, detailed);
    expect(message.length).toBeLessThan(700);
    expect(message).toContain("<p>nonsense</p> <p>nonsense</p>");
  });
});

describe("how long a busy registry wants to be left alone", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  it.each([
    ["Retry-After: 7\r\nError: GET x: TOOMANYREQUESTS", 7],
    ["retry-after: Tue, 24 Nov 2026 12:00:30 GMT", 30],
    ["Retry-After: Tue, 24 Nov 2026 11:00:00 GMT", 0],
    ["Error: GET x: TOOMANYREQUESTS: retry-after: 418.293µs, allowed: 44000/minute", 1],
    ["Error: GET x: TOOMANYREQUESTS: retry-after: 2.5s, allowed: 44000/minute", 3],
    ["Retry-After: soon", undefined],
    ["Error: GET x: unexpected status code 429 Too Many Requests", undefined],
  ])("%j: %s s", (text, seconds) => {
    expect(retryAfter(text, now)).toBe(seconds);
  });

  it("is in the message", () => {
    const error = explainCraneError(
      "Retry-After: 90\nError: GET x: unexpected status code 429 Too Many Requests",
      asked,
    );
    expect(error.message).toMatch(/too many requests \(429; .*try again in 1 min 30 s/);
    expect(error.retryAfterSeconds).toBe(90);
  });
});
