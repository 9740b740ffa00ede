/** Who holds the lock of a Terraform state, as the lock itself says. */
export interface StateLock {
  readonly id: string;
  readonly path: string;
  readonly operation: string;
  readonly who: string;
  readonly created: string;
}

/** A lock id as Terraform makes it: a UUID. */
const LOCK_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Checks a lock id before anything is started.
 *
 * @throws Error that says what an id looks like and where it is found
 */
export function parseLockId(text: string): string {
  const id = text.trim().toLowerCase();
  if (LOCK_ID.test(id)) return id;
  throw new Error(
    `--lock-id ${JSON.stringify(text)} is no lock id: one looks like 6f0d2c3e-1b7a-4c55-9a3e-0f7d7f2b9c11. ` +
      "The error of the call that met the lock shows it.",
  );
}

/** The lock in Terraform's words, if they tell of one (`Lock Info:` and what follows). */
export function findStateLock(text: string): StateLock | undefined {
  const from = text.indexOf("Lock Info:");
  if (from < 0) return undefined;
  const field = (name: string) =>
    new RegExp(`^\\s*${name}:[ \\t]*(.*)$`, "m").exec(text.slice(from))?.[1]?.trim() ?? "";
  const id = field("ID");
  if (!id) return undefined;
  const operation = field("Operation").replace(/^OperationType/, "");
  return { id, path: field("Path"), operation, who: field("Who"), created: field("Created") };
}

/** The lock for a reader: owner, since when, and the call that frees it. */
export function describeStateLock(lock: StateLock, environment: string, now = new Date()): string {
  const since = new Date(lock.created.replace(/^(\S+ \S+).*$/, "$1Z").replace(" ", "T"));
  const age = Number.isNaN(since.getTime()) ? "" : `, ${ago(now.getTime() - since.getTime())}`;
  return [
    `The state of ${environment} is locked, so nothing was changed.`,
    `  lock id:   ${lock.id}`,
    `  owner:     ${lock.who || "unknown"}`,
    `  operation: ${lock.operation || "unknown"}`,
    `  since:     ${lock.created || "unknown"}${age}`,
    `  state:     ${lock.path}`,
    "If that run still works, wait for its end. If it is dead, free the lock, and plan again:",
    environment.startsWith("stacks/") // one that only an administrator applies
      ? `  terraform force-unlock ${lock.id}, in terraform/${environment}`
      : `  dagger call force-unlock --env ${environment} --lock-id ${lock.id}`,
  ].join("\n");
}

function ago(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return "less than a minute ago";
  if (minutes < 120) return `${minutes} minutes ago`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} hours ago` : `${Math.floor(minutes / 1440)} days ago`;
}
