/**
 * Checks the limit that a caller sets for waits (`--timeout`); none leaves each wait its own.
 *
 * @throws Error when it is no whole number of seconds above 0
 */
export function parseTimeout(seconds: number | undefined): number | undefined {
  if (seconds === undefined || (Number.isInteger(seconds) && seconds > 0)) return seconds;
  throw new Error(
    `--timeout ${seconds} is no limit: give whole seconds above 0, such as --timeout 600. Nothing was started.`,
  );
}

/** What the message of a wait that came to its limit says last. */
export const toWaitLonger = (seconds: number) => `To wait longer: --timeout with more than ${seconds} seconds`;
