import { type Clock, realClock } from "./steps.js";

/** The kinds of trouble that a caller may want to tell apart. */
export type ProbeProblem =
  | "refused"
  | "no-address"
  | "unreachable"
  | "reset"
  | "timeout"
  | "tls"
  | "status"
  | "slow"
  | "version"
  | "body"
  | "other";

/** What a check expects. */
export interface HttpExpectation {
  /** 200 when not given. */
  readonly expectStatus?: number;
  /** A text that the body must hold; a version such as `v0.2.0` must be there as a whole, not as a part of `v0.2.01`. */
  readonly expectBody?: string;
  /** After so many milliseconds without a whole answer the request is given up; 5000 when not given. */
  readonly timeoutMs?: number;
  /** An answer that took longer, in milliseconds, is a failure although it is right. */
  readonly slowAfterMs?: number;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
}

/** What a check found. */
export interface HttpResult {
  readonly url: string;
  readonly ok: boolean;
  readonly status: number | undefined;
  /** Milliseconds until the whole answer was there, or until it was given up. */
  readonly ms: number;
  /** The start of the body. */
  readonly body: string;
  /** The versions that the body names. */
  readonly versions: readonly string[];
  /** None when all is as expected. */
  readonly problem: ProbeProblem | undefined;
  /** A sentence for a reader, in the good case too. */
  readonly message: string;
}

/** A failed check as an error. */
export class ProbeFailure extends Error {
  override name = "ProbeFailure";
  readonly result: HttpResult;
  /** @param evidence lines of who answered */
  constructor(result: HttpResult, evidence: readonly string[] = []) {
    super([result.message, ...evidence].join("\n"));
    this.result = result;
  }
}

const DEFAULT_TIMEOUT_MS = 5000;
const SNIPPET_LENGTH = 200;
const VERSION = /\bv\d+\.\d+\.\d+(?:-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?(?![0-9A-Za-z])/g;

/**
 * Makes one request on a connection of its own and compares the answer.
 *
 * @returns the result, failed or not
 * @throws Error when `url` is no http or https address
 */
export async function checkHttp(url: string, expectation: HttpExpectation = {}): Promise<HttpResult> {
  const clock = expectation.clock ?? realClock;
  const address = parseUrl(url);
  const started = clock.now();
  try {
    const { status, text } = await get(address, expectation);
    return judge({ url: address, status, text, ms: clock.now() - started }, expectation);
  } catch (error) {
    const ms = clock.now() - started;
    const { problem, message } = networkProblem(error, address, expectation.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    return { url: address, ok: false, status: undefined, ms, body: "", versions: [], problem, message };
  }
}

/**
 * As `checkHttp`, for a check that must succeed.
 *
 * @throws ProbeFailure whose message says what was wrong
 */
export async function requireHttp(url: string, expectation: HttpExpectation = {}): Promise<HttpResult> {
  const result = await checkHttp(url, expectation);
  if (!result.ok) throw new ProbeFailure(result);
  return result;
}

/** Every version (`vX.Y.Z`, with its pre-release part) in a text, each once. */
export function versionsIn(text: string): string[] {
  return [...new Set(text.match(VERSION) ?? [])];
}

/** The codes of a network that has no way to the host. */
const NO_WAY = /^E(?:NET|HOST)(?:UNREACH|DOWN)$/;
/** The codes of a connection that ended before its time. */
const BROKEN = ["ECONNRESET", "ECONNABORTED", "EPIPE", "UND_ERR_SOCKET", "ERR_STREAM_PREMATURE_CLOSE"];

/** Says in words why a request got no answer at all. */
export function networkProblem(
  error: unknown,
  url: string,
  timeoutMs?: number,
): { problem: ProbeProblem; message: string; code: string } {
  const host = hostOf(url);
  const { code, text } = rootCause(error);
  const as = (problem: ProbeProblem, message: string) => ({ problem, message, code });
  if (code === "TimeoutError" || /TIMEDOUT|TIMEOUT/.test(code))
    return as("timeout", `${url} gave no answer${timeoutMs ? ` within ${timeoutMs} ms` : " in time"}`);
  if (code === "ECONNREFUSED") return as("refused", `${host} refuses connections: nothing listens there`);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return as("no-address", `${host} has no address in the DNS (${code})`);
  if (NO_WAY.test(code)) return as("unreachable", `${host} can't be reached from here (${text})`);
  if (BROKEN.includes(code))
    return as("reset", `${host} broke the connection before its answer was complete (${text})`);
  if (/CERT|SELF_SIGNED|UNABLE_TO_|_TLS_|^ERR_SSL/.test(code))
    return as("tls", `${host} has a certificate that is not trusted (${text})`);
  if (code === "EPROTO") return as("tls", `${host} does not speak TLS as it should (${text})`);
  return as("other", `${url} can't be asked: ${text}`);
}

interface Answer {
  readonly url: string;
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

function judge(answer: Answer, expectation: HttpExpectation): HttpResult {
  const { url, status, text, ms } = answer;
  const versions = versionsIn(text);
  const found = whatIsWrong(answer, versions, expectation);
  const good = `${url} answers ${status} in ${Math.round(ms)} ms${versions.length > 0 ? ` as ${versions.join(", ")}` : ""}`;
  return {
    url,
    ok: found === undefined,
    status,
    ms,
    body: snippet(text),
    versions,
    problem: found?.problem,
    message: found?.message ?? good,
  };
}

function whatIsWrong(
  { url, status, text, ms }: Answer,
  versions: readonly string[],
  { expectStatus = 200, expectBody, slowAfterMs }: HttpExpectation,
): { problem: ProbeProblem; message: string } | undefined {
  const said = `body: ${JSON.stringify(snippet(text))}`;
  if (status !== expectStatus)
    return { problem: "status", message: `${url} answers ${status}, expected ${expectStatus}; ${said}` };
  if (expectBody !== undefined && versionsIn(expectBody)[0] === expectBody) {
    if (!versions.includes(expectBody))
      return versions.length > 0
        ? { problem: "version", message: `${url} answers as ${versions.join(", ")}, expected ${expectBody}` }
        : { problem: "version", message: `${url} answers without a version, expected ${expectBody}; ${said}` };
  } else if (expectBody !== undefined && !text.includes(expectBody))
    return { problem: "body", message: `${url} answers without ${JSON.stringify(expectBody)}; ${said}` };
  if (slowAfterMs !== undefined && ms > slowAfterMs)
    return {
      problem: "slow",
      message: `${url} is too slow: ${Math.round(ms)} ms for an answer, at most ${slowAfterMs} ms`,
    };
  return undefined;
}

async function get(url: string, expectation: HttpExpectation): Promise<{ status: number; text: string }> {
  const ask = expectation.fetch ?? fetch;
  const response = await ask(url, {
    // A kept connection would go on talking to the pod it was opened to, and say nothing about the ones after it.
    headers: { connection: "close" },
    redirect: "manual",
    signal: AbortSignal.timeout(expectation.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  });
  return { status: response.status, text: await response.text() };
}

/** How a load is made. */
export interface LoadOptions extends HttpExpectation {
  /** Requests a second, each sent at its time whether or not the ones before have been answered. */
  readonly perSecond: number;
}

/** What a load found; times in milliseconds. */
export interface LoadSummary {
  readonly seconds: number;
  readonly sent: number;
  readonly failed: number;
  /** The first different messages of failed requests, and how often each came. */
  readonly errors: readonly { readonly message: string; readonly count: number }[];
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Which versions answered, in the order of their first answer; seconds since the start. */
  readonly versions: readonly {
    readonly version: string;
    readonly answers: number;
    readonly first: number;
    readonly last: number;
  }[];
}

const DIFFERENT_ERRORS = 5;

/** Sends requests at a steady rate from `start` to `stop`, and sums up how they went. */
export class LoadProbe {
  private readonly url: string;
  private readonly options: LoadOptions;
  private readonly clock: Clock;
  private readonly results: { result: HttpResult; at: number }[] = [];
  private readonly pending = new Set<Promise<void>>();
  private started = 0;
  private loop: Promise<void> | undefined;
  private stopped = false;
  private sent = 0;

  /** @throws Error when `url` is no http or https address or the rate isn't above 0 */
  constructor(url: string, options: LoadOptions) {
    if (!(options.perSecond > 0))
      throw new Error(`a load needs a rate above 0 requests a second, not ${options.perSecond}`);
    this.url = parseUrl(url);
    this.options = options;
    this.clock = options.clock ?? realClock;
  }

  /** Begins to send; returns at once. */
  start(): void {
    if (this.loop) throw new Error("the load runs already");
    this.started = this.clock.now();
    this.loop = this.run();
  }

  /** Stops sending, waits for the answers that are still to come (at most `timeoutMs`), and sums up. */
  async stop(): Promise<LoadSummary> {
    this.stopped = true;
    const seconds = this.loop ? this.since(this.clock.now()) : 0;
    await this.loop;
    await Promise.all(this.pending);
    return summarise(this.results, this.sent, seconds);
  }

  private async run(): Promise<void> {
    const interval = 1000 / this.options.perSecond;
    for (let due = this.started; !this.stopped; due = Math.max(due + interval, this.clock.now() - interval)) {
      await this.clock.sleep(Math.max(0, due - this.clock.now()));
      if (!this.stopped) this.send();
    }
  }

  private send(): void {
    this.sent += 1;
    const request = checkHttp(this.url, this.options).then((result) => {
      this.results.push({ result, at: this.since(this.clock.now()) });
      this.pending.delete(request);
    });
    this.pending.add(request);
  }

  private since(moment: number): number {
    return (moment - this.started) / 1000;
  }
}

/** A load's summary in one line. */
export function formatLoad(load: LoadSummary): string {
  const versions = load.versions.map(
    ({ version, first, last }) => `${version} from ${first.toFixed(1)} s to ${last.toFixed(1)} s`,
  );
  const errors = load.errors.map(({ message, count }) => `${count} × ${message}`);
  return [
    `${load.sent} requests in ${load.seconds.toFixed(1)} s, ${load.failed} failed, p50 ${Math.round(load.p50)} ms, p95 ${Math.round(load.p95)} ms, max ${Math.round(load.max)} ms`,
    ...versions,
    ...errors,
  ].join("; ");
}

function summarise(results: readonly { result: HttpResult; at: number }[], sent: number, seconds: number): LoadSummary {
  const failures = results.filter(({ result }) => !result.ok);
  const times = results.map(({ result }) => result.ms).sort((a, b) => a - b);
  return {
    seconds,
    sent,
    failed: failures.length,
    errors: countErrors(failures.map(({ result }) => result.message)),
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    max: times.at(-1) ?? 0,
    versions: countVersions(results),
  };
}

function countErrors(messages: readonly string[]): LoadSummary["errors"] {
  const counts = new Map<string, number>();
  for (const message of messages) counts.set(message, (counts.get(message) ?? 0) + 1);
  return [...counts].slice(0, DIFFERENT_ERRORS).map(([message, count]) => ({ message, count }));
}

function countVersions(results: readonly { result: HttpResult; at: number }[]): LoadSummary["versions"] {
  const seen = new Map<string, { version: string; answers: number; first: number; last: number }>();
  for (const { result, at } of results)
    for (const version of result.versions) {
      const before = seen.get(version);
      seen.set(version, { version, answers: (before?.answers ?? 0) + 1, first: before?.first ?? at, last: at });
    }
  return [...seen.values()];
}

/** The nearest-rank percentile of sorted numbers. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/** What is underneath "fetch failed": undici's TypeError carries the reason as its cause. */
function rootCause(error: unknown): { code: string; text: string } {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  if (current instanceof AggregateError && !current.message) current = tellingOf(current.errors) ?? current;
  if (!(current instanceof Error)) return { code: "", text: String(current) };
  const code = codeOf(current);
  return { code, text: current.message || code };
}

/** A name with several addresses fails with one error for each: that there is no way to one, as without IPv6, says least. */
function tellingOf(errors: readonly unknown[]): unknown {
  return errors.find((error) => !NO_WAY.test(codeOf(error))) ?? errors[0];
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function parseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:")
    throw new Error(`${JSON.stringify(url)} is no http or https address, such as http://localhost:8080/`);
  return parsed.href;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

function snippet(text: string): string {
  const characters = [...text.trim()];
  return characters.length > SNIPPET_LENGTH ? `${characters.slice(0, SNIPPET_LENGTH).join("")}…` : characters.join("");
}
