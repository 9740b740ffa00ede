import { describeError } from "./steps.js";

/**
 * Waits for all of several works that run at the same time, so that one failure hides no other.
 *
 * @param next what to do about a failure: the last line of the error
 * @returns what each gave, in their order
 * @throws Error with the words of every failure, the same words once
 */
export async function together<T>(works: readonly Promise<T>[], next?: string): Promise<T[]> {
  const results = await Promise.allSettled(works);
  const values: T[] = [];
  const failures = new Set<string>();
  for (const result of results) {
    if (result.status === "fulfilled") values.push(result.value);
    else failures.add(describeError(result.reason));
  }
  if (failures.size === 0) return values;
  throw new Error([...failures, ...(next ? [`Next: ${next}`] : [])].join("\n"));
}
