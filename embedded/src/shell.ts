// zx, whose commands run in bash. One that no other shell has started, and that has a socket for its input, as Node gives
// it, takes itself for a remote log-in and reads ~/.bashrc (SSH_SOURCE_BASHRC, which Debian's bash is built with): what
// that puts on the PATH would go before what the caller has there. A bash below another shell doesn't.
process.env.SHLVL = String(Math.max(1, Number(process.env.SHLVL) || 0));

// Not all of zx: what else is in it takes a fifth of the time that daggerw needs for itself.
export { $, type ProcessPromise } from "zx/core";

/** The caller's PATH, and behind it where the system's commands are: `su` without `-` and cron leave these out. */
export const systemPath = () => `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin`;
