// A session with the engine that ./daggerw would use, for tests that call functions of pipeline/src themselves.
import { join } from "node:path";
import { connection } from "@dagger.io/dagger";
import { cacheFolder } from "../../wrapper/cache.js";
import { decide } from "../../wrapper/decide.js";
import { provide } from "../../wrapper/provide.js";
import { repository } from "./daggerw.js";

/**
 * Opens the session that the SDK's global `dag` works in.
 *
 * @returns what ends it
 */
export async function openSession(): Promise<() => Promise<void>> {
  const cache = cacheFolder(process.env);
  const context = { root: repository, cache, say: (line: string) => console.error(line) };
  const { choice } = await decide(context);
  const { path, env } = await provide(choice, {
    ...context,
    env: process.env,
    loadEmbedded: () => import(join(repository, "embedded/src/index.ts")),
  });
  // Only this file's own process sees them: other tests leave the choice to daggerw.
  Object.assign(process.env, env, { _EXPERIMENTAL_DAGGER_CLI_BIN: path });

  return await new Promise((opened, failed) => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const session = connection(async () => {
      opened(async () => {
        end();
        await session;
      });
      await ended;
    });
    session.catch(failed);
  });
}
