// A git server over smart HTTP with a password: git's own http-backend (CGI) behind Node's HTTP server. Runs in the image
// `git` of src/images.ts.
//
//   GIT_PROJECT_ROOT   the folder with the bare repositories       PORT   8080 unless set
//   GIT_PASSWORD       the password of the user `git`: nobody pushes without it, and nobody else's password is good
//   GIT_PUBLIC         when 1, everybody may read, as from a public repository
//   TLS_NAMES          "github.com localhost": serves TLS, with a certificate for these names that is its own authority and
//                      that nobody else has; otherwise plain HTTP
//
// GET /healthz answers without a password.
import { execFileSync, spawn } from "node:child_process";
import { createHash, timingSafeEqual } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { GIT_PROJECT_ROOT, GIT_PASSWORD, GIT_PUBLIC, TLS_NAMES, PORT = "8080", PATH } = process.env;
if (!GIT_PROJECT_ROOT || !GIT_PASSWORD) throw new Error("GIT_PROJECT_ROOT and GIT_PASSWORD must be set");

const digest = (text) => createHash("sha256").update(text).digest();
const expected = digest(`Basic ${Buffer.from(`git:${GIT_PASSWORD}`).toString("base64")}`);
const knowsPassword = ({ headers }) => timingSafeEqual(digest(headers.authorization ?? ""), expected);

/** Whether a request only reads: the two of git's smart protocol that do. */
function isReading({ method, url }) {
  const { pathname, searchParams } = new URL(url, "http://git");
  if (method === "GET") return searchParams.get("service") === "git-upload-pack";
  return method === "POST" && pathname.endsWith("/git-upload-pack");
}

/** A wrong password is refused even where none is needed. */
const isAllowed = (request) =>
  knowsPassword(request) || (GIT_PUBLIC === "1" && !request.headers.authorization && isReading(request));

/** A key and a certificate that end with this process. */
function selfSigned(names) {
  const folder = mkdtempSync(join(tmpdir(), "tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const altNames = names.map((name) => `DNS:${name}`).join(",");
  try {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
    const subject = ["-subj", `/CN=${names[0]}`, "-addext", `subjectAltName=${altNames}`, "-days", "30"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-out", cert], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What http-backend wants to know of a request, as CGI says it. */
function environment(request) {
  const { pathname, search } = new URL(request.url, "http://git");
  const { headers } = request;
  return {
    PATH,
    GIT_PROJECT_ROOT,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_COUNT: "2",
    // The repositories may be another user's, and pushing is for everybody who knows the password.
    ...{ GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" },
    ...{ GIT_CONFIG_KEY_1: "http.receivepack", GIT_CONFIG_VALUE_1: "true" },
    GIT_PROTOCOL: headers["git-protocol"] ?? "",
    REMOTE_USER: "git",
    REMOTE_ADDR: request.socket.remoteAddress ?? "",
    REQUEST_METHOD: request.method,
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: search.slice(1),
    CONTENT_TYPE: headers["content-type"] ?? "",
    HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
    ...(headers["content-length"] ? { CONTENT_LENGTH: headers["content-length"] } : {}),
  };
}

/** Takes the head from a CGI answer's first bytes; undefined while there is no whole one. */
function headOf(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const lines = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const pairs = lines.map((line) => /^([^:]+): *(.*)$/.exec(line)?.slice(1)).filter((pair) => pair !== undefined);
  const { Status = "200", ...headers } = Object.fromEntries(pairs);
  return { status: Number.parseInt(Status, 10), headers, rest: bytes.subarray(end + 4) };
}

function serve(request, response) {
  const backend = spawn("git", ["http-backend"], { env: environment(request), stdio: ["pipe", "pipe", "inherit"] });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => {}); // It may end without having read all.
  response.on("close", () => backend.kill());
  let pending = Buffer.alloc(0);
  backend.stdout.on("data", function head(bytes) {
    pending = Buffer.concat([pending, bytes]);
    const found = headOf(pending);
    if (!found) return;
    backend.stdout.off("data", head);
    response.writeHead(found.status, found.headers);
    response.write(found.rest);
    backend.stdout.pipe(response);
  });
  backend.on("close", () => {
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
}

/** Whether a request's path is text: `/%zz` is none, and would end the server. */
function isText({ url }) {
  try {
    return decodeURIComponent(new URL(url, "http://git").pathname) !== "";
  } catch {
    return false;
  }
}

function answer(request, response) {
  if (request.url === "/healthz") return response.end("ok\n");
  if (!isText(request)) return response.writeHead(400).end("The path is no text.\n");
  if (isAllowed(request)) return serve(request, response);
  response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }).end("The user is git, with a password.\n");
}

const names = TLS_NAMES?.split(" ").filter(Boolean) ?? [];
const server = names.length > 0 ? createTlsServer(selfSigned(names), answer) : createPlainServer(answer);
server.listen(Number(PORT), () => console.log(`serves ${GIT_PROJECT_ROOT} on port ${PORT}`));
