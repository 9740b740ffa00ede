// Pull requests, asked of a server that answers as GitHub's REST API does.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Secret } from "@dagger.io/dagger";
import { afterEach, describe, expect, it } from "vitest";
import { apiOf, openBranchOf, openPullRequest, openPullRequestOf } from "../../pipeline/src/pullRequest.js";

const TOKEN = "ghp_0123456789abcdef";
const remote = {
  url: "https://github.com/damekarv/helloworld-infrastructure.git",
  branch: "main",
  password: { plaintext: async () => `${TOKEN}\n` } as Secret,
};
const request = { branch: "release/prod-v0.3.0", title: "clusters/prod/release.yaml: v0.3.0", body: "Tag: v0.3.0" };
const address = "https://github.com/damekarv/helloworld-infrastructure/pull/7";

let server: Server | undefined;
afterEach(() => void server?.close());

type Answer = [status: number, body: unknown];

/** Answers in their order; keeps what was asked. */
async function github(...answers: Answer[]) {
  const asked: { line: string; headers: Record<string, unknown>; body: unknown }[] = [];
  server = createServer(async (incoming, response) => {
    let text = "";
    for await (const chunk of incoming) text += chunk;
    asked.push({
      line: `${incoming.method} ${incoming.url}`,
      headers: incoming.headers,
      body: text ? JSON.parse(text) : undefined,
    });
    const [status, body] = answers.shift() ?? [500, {}];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const find = () => openPullRequestOf(remote, request.branch, api);
  return { asked, api, open: () => openPullRequest(remote, request, api), find };
}

describe("a pull request", () => {
  it("is opened into the branch that Flux follows", async () => {
    const { asked, open } = await github([201, { html_url: address }]);
    expect(await open()).toBe(address);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      line: "POST /repos/damekarv/helloworld-infrastructure/pulls",
      headers: { authorization: `Bearer ${TOKEN}`, "x-github-api-version": "2022-11-28" },
      body: { title: request.title, body: request.body, head: request.branch, base: "main" },
    });
  });

  it("is opened once: the one that is there is found", async () => {
    const exists = {
      message: "Validation Failed",
      errors: [{ message: "A pull request already exists for damekarv:x." }],
    };
    const { asked, open } = await github([422, exists], [200, [{ html_url: address }]]);
    expect(await open()).toBe(address);
    expect(asked[1]?.line).toBe(
      "GET /repos/damekarv/helloworld-infrastructure/pulls?head=damekarv%3Arelease%2Fprod-v0.3.0&base=main&state=open",
    );
  });

  it.each<[string, Answer[], RegExp]>([
    [
      "a wrong token",
      [[401, { message: "Bad credentials" }]],
      /\(401\): the token is wrong or has expired \(Bad credentials\)/,
    ],
    ["a token without the right", [[403, { message: "Resource not accessible" }]], /\(403\): .*pull-requests: write/],
    ["no such repository", [[404, {}]], /\(404\): there is no such repository/],
    [
      "nothing to merge",
      [
        [422, { message: "Validation Failed", errors: [{ message: "No commits between main and x" }] }],
        [200, []],
      ],
      /\(422\): Validation Failed; No commits between/,
    ],
    ["a fault of the server", [[502, "bad gateway"]], /\(502\)/],
  ])("is not opened with %s, and can be by hand", async (_, answers, message) => {
    const { open } = await github(...answers);
    const error = await open().then(String, (failed) => failed.message as string);
    expect(error).toMatch(message);
    expect(error).toContain("compare/main...release/prod-v0.3.0");
    expect(error).not.toContain(TOKEN);
  });

  it("tells a branch that has been merged from other refusals", async () => {
    const refusedFor = async (message: string) => {
      const { open } = await github([422, { message: "Validation Failed", errors: [{ message }] }], [200, []]);
      return await open().then(String, ({ nothingToMerge }) => nothingToMerge);
    };
    expect(await refusedFor("No commits between main and release/prod-v0.3.0")).toBe(true);
    expect(await refusedFor("base is invalid")).toBe(false);
  });

  it("is found while it is open; where GitHub does not tell, none is", async () => {
    const { find } = await github([200, [{ html_url: address }]], [200, []], [404, {}]);
    expect([await find(), await find(), await find()]).toEqual([address, undefined, undefined]);
  });

  it("goes on by its branch, also by one that has a number, for want of the name; and not by another's", async () => {
    const from = (ref: string, full_name = "DamekarV/helloworld-infrastructure") => ({
      head: { ref, repo: { full_name } },
    });
    const found = async (...open: unknown[]) => {
      const { asked, api } = await github([200, open]);
      const branch = await openBranchOf(remote, request.branch, api);
      expect(asked[0]?.line).toMatch(/\/pulls\?base=main&state=open&per_page=100$/);
      return branch;
    };
    expect(await found(from("other"), from(`${request.branch}-1764000000000`))).toBe(`${request.branch}-1764000000000`);
    expect(await found(from(request.branch))).toBe(request.branch);
    expect(await found(from(`${request.branch}-rc`), from(request.branch, "somebody/fork"))).toBeUndefined();
    const { api } = await github([404, {}]);
    expect(await openBranchOf(remote, request.branch, api)).toBeUndefined();
  });

  it("is not opened when nobody answers, and the branch is named", async () => {
    const { open } = await github();
    server?.close();
    server?.closeAllConnections();
    await expect(open()).rejects.toThrow(/does not answer at 127\.0\.0\.1:\d+: .*release\/prod-v0\.3\.0 is pushed/);
  });

  it("is asked for where the repository is", () => {
    expect(apiOf(remote.url)).toBe("https://api.github.com");
    expect(apiOf("https://git.example.com/a/b")).toBe("https://git.example.com/api/v3");
  });
});
