// Details of crane's words (recorded from v0.22.1) that are easily misread; registryErrors.test.ts has the common ones.
import { describe, expect, it } from "vitest";
import { explainCraneError } from "../../pipeline/src/registryErrors.js";

const asked = { host: "ghcr.io", repository: "ghcr.io/damekarv/helloworld", tag: "v0.401.403", loggedIn: true };
const url = "https://ghcr.io/v2/damekarv/helloworld/manifests/v0.401.403";

describe("explainCraneError", () => {
  it.each([
    ["unauthorized", `GET ${url}: unexpected status code 401 Unauthorized: <html>log in</html>`],
    ["forbidden", `GET ${url}: unexpected status code 403 Forbidden: <html>no</html>`],
    ["unreachable", 'Get "https://ghcr.io/v2/": dial tcp 192.0.2.1:443: i/o timeout'],
    ["other", `GET ${url}: TOOMANYREQUESTS: retry-after: 418.293µs, allowed: 44000/minute`],
    // The numbers in the tag are no status, and what was tried before doesn't count.
    ["other", `GET ${url}: unexpected status code 500 Internal Server Error`],
    [
      "other",
      'Get "https://ghcr.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
  ])("is %s: %s", (problem, said) => {
    const warning = `2026/01/01 10:00:00 HEAD request failed, falling back on GET: HEAD ${url}: unexpected status code 401 Unauthorized`;
    expect(explainCraneError(`${warning}\nError: ${said}\nTerminated\n`, asked).problem).toBe(problem);
  });

  it("shows the host for its stand-in, and not the try with TLS before the one without", () => {
    const said =
      'Error: Get "https://registry:5000/v2/": http: server gave HTTP response to HTTPS client; GET http://registry:5000/v2/: UNAVAILABLE: down\n';
    expect(explainCraneError(said, asked, "registry:5000").message).toBe(
      "Asking ghcr.io for ghcr.io/damekarv/helloworld:v0.401.403 failed: GET http://ghcr.io/v2/: UNAVAILABLE: down",
    );
  });

  it("shortens a page of text", () => {
    const { message } = explainCraneError(`Error: ${"<p>nonsense</p>\n".repeat(200)}`, asked);
    expect(message.length).toBeLessThan(700);
    expect(message).toContain("<p>nonsense</p> <p>nonsense</p>");
  });
});
